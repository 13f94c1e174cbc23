//! What people allowed clients: seen and taken back.

use std::sync::Arc;

use serde_json::json;

use crate::activity;
use crate::domain::identity::access::{Call, Capability as _, TeamManage, TeamRead};
use crate::error::{Code, Error, Result};
use crate::model::activity::{Entry, Kind};
use crate::model::{GrantId, UserId};
use crate::platform::cursor;
use crate::platform::cursor::Page;
use crate::store::grants as store;

pub use crate::store::grants::Grant;

/// The list's name in its cursors.
const LIST: &str = "grants";

/// The standing grants of a person, newest first: one's own, or with `team:read` another's.
///
/// # Errors
/// `FORBIDDEN` for callers who are no person and name none; `INSUFFICIENT_SCOPE`; `INVALID_CURSOR`.
pub async fn list(
    call: &Arc<Call>,
    user: Option<UserId>,
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<Page<Grant>> {
    let own = call.principal.user.map(|(_, id, _)| id);
    let user = user.or(own).ok_or_else(|| {
        Error::new(Code::InvalidRequest, "Name the person").with("user_id", "A key is no person: name one.")
    })?;
    if own != Some(user) && !call.holds(TeamRead::SCOPE) {
        return Err(Error::insufficient_scope(TeamRead::SCOPE, &call.principal.scopes));
    }
    let vault = &call.services.vault;
    let limit = cursor::limit(limit)?;
    let before = match after {
        Some(cursor) => cursor::decode(vault, LIST, &user, cursor)?,
        None => i64::MAX,
    };
    let found = call
        .services
        .read(move |conn| {
            let Some(person) = crate::store::users::by_id(conn, user)? else { return Ok(Vec::new()) };
            Ok::<_, Error>(store::list(conn, person.no, before, limit + 1)?)
        })
        .await?;
    Ok(Page::cut(found, limit, |last| cursor::encode(vault, LIST, &user, &last.no)))
}

/// Takes a grant back: every token under it fails from the next request on.
///
/// # Errors
/// `NOT_FOUND` for what is not one's own, unless the caller holds `team:manage`.
pub async fn revoke(call: &Arc<Call>, id: GrantId) -> Result<()> {
    let this = call.clone();
    call.services
        .write(move |tx| {
            let own = this.principal.user.map(|(no, ..)| no);
            let grant = store::find(tx, id)?;
            let grant = grant.filter(|grant| own == Some(grant.user.0) || this.holds(TeamManage::SCOPE));
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
