//! Grants of people to clients: listing and revocation.

use std::sync::Arc;

use serde_json::json;

use crate::activity;
use crate::domain::identity::access::{Call, Can, TeamManage, TeamRead};
use crate::domain::identity::admission::Person;
use crate::error::{Error, Result};
use crate::model::activity::{Entry, Kind};
use crate::model::{GrantId, UserId};
use crate::platform::cursor::{List, Page};
use crate::store::grants as store;

pub use crate::store::grants::Grant;

/// Live grants of the person, newest first.
///
/// # Errors
/// `INVALID_CURSOR`.
pub async fn list(person: &Person, limit: Option<u32>, after: Option<&str>) -> Result<Page<Grant>> {
    list_of(person, person.user.1, limit, after).await
}

/// Live grants of another person.
///
/// # Errors
/// `INVALID_CURSOR`.
pub async fn list_for(
    can: &Can<TeamRead>,
    user: UserId,
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<Page<Grant>> {
    list_of(can, user, limit, after).await
}

async fn list_of(
    call: &Arc<Call>,
    user: UserId,
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<Page<Grant>> {
    let list = List::new(&call.services.vault, "grants", user, limit)?;
    let (before, count) = (list.position(after)?.unwrap_or(i64::MAX), list.rows());
    let found = call
        .services
        .read(move |conn| {
            let Some(person) = crate::store::users::by_id(conn, user)? else { return Ok(Vec::new()) };
            Ok::<_, Error>(store::list(conn, person.no, before, count)?)
        })
        .await?;
    Ok(list.page(found, |last| last.no))
}

/// Revokes a grant of the person: every token under it fails from the next request on.
///
/// # Errors
/// `NOT_FOUND` for a grant of another person.
pub async fn revoke(person: &Person, id: GrantId) -> Result<()> {
    take_back(person, person.user.1, id).await
}

/// Revokes a grant of another person.
///
/// # Errors
/// `NOT_FOUND` for a grant that is not that person's.
pub async fn revoke_for(can: &Can<TeamManage>, user: UserId, id: GrantId) -> Result<()> {
    take_back(can, user, id).await
}

async fn take_back(call: &Arc<Call>, user: UserId, id: GrantId) -> Result<()> {
    let this = call.clone();
    call.services
        .write(move |tx| {
            let grant = store::find(tx, id)?.filter(|grant| grant.user.1 == user);
            let grant = grant.ok_or_else(|| Error::not_found("grant"))?;
            store::revoke(tx, grant.no, this.now)?;
            let detail = json!({ "client_id": grant.client.1, "scopes": grant.scopes });
            let entry = Entry {
                api_no: Some(grant.api_no),
                client_no: Some(grant.client.0),
                grant_no: Some(grant.no),
                user_no: Some(grant.user.0),
                detail: Some(Box::new(detail)),
                ..this.entry(Kind::GrantRevoked)
            };
            activity::record(tx, &entry)
        })
        .await
}
