//! What people allowed apps.

use poem_openapi::param::{Path, Query};
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use super::Tag;
use crate::domain::identity::access::{TeamManage, TeamRead};
use crate::domain::oauth::grants::{self, Grant};
use crate::domain::policy::catalog::Apis;
use crate::error::Error;
use crate::http::Result;
use crate::http::auth::{Allowed, OwnAccount};
use crate::http::json::{Json, NoContent};
use crate::model::{GrantId, UserId};
use crate::platform::cursor::Page;

/// What people allowed apps.
pub struct GrantsApi;

/// The access that a person granted to an app.
#[derive(Debug, Serialize, Object)]
#[oai(rename = "Grant")]
pub struct GrantView {
    /// `grt_…`
    pub id: String,
    /// The person.
    pub user_id: String,
    /// The app.
    pub client_id: String,
    /// Its name.
    pub client_name: String,
    /// Slug of the API.
    pub api: String,
    /// What was allowed.
    pub scopes: Vec<String>,
    /// When it was first allowed.
    pub created_at: String,
    /// Time of the app's last request.
    pub last_used_at: String,
}

impl GrantView {
    fn of(apis: &Apis, grant: Grant) -> Self {
        Self {
            id: grant.id.to_string(),
            user_id: grant.user.1.to_string(),
            client_id: grant.client.1.to_string(),
            client_name: grant.client.2,
            api: apis.by_no(grant.api_no).map_or_else(String::new, |api| api.slug.clone()),
            scopes: grant.scopes.iter().map(ToString::to_string).collect(),
            created_at: grant.created_at.to_string(),
            last_used_at: grant.last_used_at.to_string(),
        }
    }
}

/// A part of the list.
#[derive(Debug, Serialize, Object)]
pub struct GrantPage {
    /// The grants, newest first.
    pub data: Vec<GrantView>,
    /// The `cursor` of the next page; null on the last one.
    #[oai(nullable)]
    pub next_cursor: Option<String>,
}

#[OpenApi(tag = "Tag::Grants")]
impl GrantsApi {
    /// List what you allowed
    #[oai(path = "/v1/grants", method = "get")]
    async fn list(
        &self,
        account: OwnAccount,
        /// Entries of a page, 1 to 200; default 50.
        limit: Query<Option<u32>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<GrantPage>> {
        let page = grants::list(&account.0, limit.0, cursor.0.as_deref()).await?;
        Ok(Json(GrantPage::of(&account.0.services.catalog.get(), page)))
    }

    /// Revoke a grant
    ///
    /// Every token under it fails from the next request on.
    #[oai(path = "/v1/grants/:id", method = "delete")]
    async fn revoke(&self, account: OwnAccount, id: Path<String>) -> Result<NoContent> {
        grants::revoke(&account.0, grant_id(&id.0)?).await?;
        Ok(NoContent)
    }

    /// List what a person allowed
    #[oai(path = "/v1/users/:id/grants", method = "get")]
    async fn list_for(
        &self,
        allowed: Allowed<TeamRead>,
        /// `usr_…`
        id: Path<String>,
        /// Entries of a page, 1 to 200; default 50.
        limit: Query<Option<u32>>,
        /// Where the last page ended.
        cursor: Query<Option<String>>,
    ) -> Result<Json<GrantPage>> {
        let page = grants::list_for(&allowed.0, user_id(&id.0)?, limit.0, cursor.0.as_deref()).await?;
        Ok(Json(GrantPage::of(&allowed.0.services.catalog.get(), page)))
    }

    /// Take a person's grant back
    ///
    /// Every token under it fails from the next request on.
    #[oai(path = "/v1/users/:id/grants/:grant_id", method = "delete")]
    async fn revoke_for(
        &self,
        allowed: Allowed<TeamManage>,
        /// `usr_…`
        id: Path<String>,
        /// `grt_…`
        grant_id: Path<String>,
    ) -> Result<NoContent> {
        grants::revoke_for(&allowed.0, user_id(&id.0)?, self::grant_id(&grant_id.0)?).await?;
        Ok(NoContent)
    }
}

impl GrantPage {
    fn of(apis: &Apis, page: Page<Grant>) -> Self {
        let data = page.data.into_iter().map(|grant| GrantView::of(apis, grant)).collect();
        Self { data, next_cursor: page.next_cursor }
    }
}

fn grant_id(text: &str) -> std::result::Result<GrantId, Error> {
    text.parse().map_err(|_| Error::not_found("grant"))
}

fn user_id(text: &str) -> std::result::Result<UserId, Error> {
    text.parse().map_err(|_| Error::not_found("user"))
}
