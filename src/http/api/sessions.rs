//! One's own sessions.

use poem_openapi::param::{Path, Query};
use poem_openapi::{Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::Tag;
use crate::domain::identity::sessions;
use crate::error::Error;
use crate::http::Result;
use crate::http::auth::OwnAccount;
use crate::http::json::{Json, NoContent};
use crate::model::SessionId;

/// One's own sessions.
pub struct SessionsApi;

/// A session: a sign-in with a browser or an app.
#[derive(Serialize, Deserialize, Object)]
pub struct SessionView {
    /// `ses_…`.
    id: String,
    /// `browser` (a cookie) or `app` (tokens).
    kind: String,
    /// Slug of the API that its tokens are for.
    #[oai(nullable)]
    api: Option<String>,
    /// Whether it is the current session.
    current: bool,
    /// Whether a second factor was used.
    second_factor: bool,
    /// Where it began.
    #[oai(nullable)]
    ip: Option<String>,
    /// By which program.
    #[oai(nullable)]
    user_agent: Option<String>,
    /// When it began.
    created_at: String,
    /// When it was last renewed.
    last_used_at: String,
    /// When it ends by itself.
    expires_at: String,
}

/// A page of sessions.
#[derive(Serialize, Deserialize, Object)]
pub struct SessionList {
    /// The sessions, newest first.
    data: Vec<SessionView>,
    /// Give it back as `cursor` for the next page; null after the last one.
    #[oai(nullable)]
    next_cursor: Option<String>,
}

impl From<sessions::Session> for SessionView {
    fn from(session: sessions::Session) -> Self {
        let listed = session.listed;
        Self {
            id: listed.id.to_string(),
            kind: if listed.cookie { "browser" } else { "app" }.to_owned(),
            api: session.api,
            current: session.current,
            second_factor: listed.amr.is_multi_factor(),
            ip: listed.ip.map(|ip| ip.to_string()),
            user_agent: listed.agent,
            created_at: listed.created_at.to_string(),
            last_used_at: listed.last_used_at.to_string(),
            expires_at: listed.expires_at.to_string(),
        }
    }
}

#[OpenApi(tag = "Tag::SignIn")]
impl SessionsApi {
    /// List one's own sessions
    #[oai(path = "/v1/sessions", method = "get")]
    async fn list(
        &self,
        account: OwnAccount,
        #[doc = "Where the last page ended."] cursor: Query<Option<String>>,
        #[doc = "1 to 200, default 50."] limit: Query<Option<u32>>,
    ) -> Result<Json<SessionList>> {
        let page = sessions::list(&account.0, cursor.0.as_deref(), limit.0).await?;
        let next_cursor = page.next_cursor;
        Ok(Json(SessionList { data: page.data.into_iter().map(Into::into).collect(), next_cursor }))
    }

    /// Sign out everywhere
    #[oai(path = "/v1/sessions", method = "delete")]
    async fn revoke_all(&self, account: OwnAccount) -> Result<NoContent> {
        sessions::revoke_all(&account.0).await?;
        Ok(NoContent)
    }

    /// End one of one's own sessions
    #[oai(path = "/v1/sessions/:id", method = "delete")]
    async fn revoke(&self, account: OwnAccount, id: Path<String>) -> Result<NoContent> {
        let id: SessionId = id.0.parse().map_err(|_| Error::not_found("session"))?;
        sessions::revoke(&account.0, id).await?;
        Ok(NoContent)
    }
}
