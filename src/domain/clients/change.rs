//! Change and removal of a client.

use serde_json::json;

use super::draft::{self, RequestedAccess};
use super::{ClientView, LoggedClient, ensure_no_escalation, find, finish, require_recent_sign_in, view};
use crate::domain::identity::access::{Call, Can, ClientsWrite};
use crate::error::Result;
use crate::model::activity::Kind;
use crate::model::{Client, ClientId, GrantType, text};
use crate::platform::changes;
use crate::platform::changes::Edit;
use crate::platform::input::Problems;
use crate::store;
use crate::store::Tx;

/// Changed members of a client; none leaves a member unchanged. Its type never changes.
#[derive(Debug, Clone, Default)]
pub struct ClientChange {
    /// New name.
    pub name: Option<String>,
    /// New access, which replaces the previous one.
    pub access: Option<Vec<RequestedAccess>>,
    /// New redirect URIs, which replace the previous ones.
    pub redirect_uris: Option<Vec<String>>,
    /// New redirect URIs after sign-out, which replace the previous ones.
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// New grant types, which replace the previous ones.
    pub grant_types: Option<Vec<GrantType>>,
    /// Whether a code flow without PKCE is refused.
    pub require_pkce: Option<bool>,
    /// Whether it is a first-party client.
    pub first_party: Option<bool>,
    /// New home page.
    pub home_page: Edit<String>,
    /// New lifetime of access tokens, in seconds.
    pub access_token_seconds: Edit<u32>,
    /// New lifetime of unused refresh tokens, in seconds.
    pub refresh_token_seconds: Edit<u32>,
    /// Disables or enables it.
    pub disabled: Option<bool>,
}

/// Changes a client. The next request with one of its tokens is judged by the new state.
///
/// # Errors
/// `NOT_FOUND`; `INVALID_REQUEST` with every wrong member; `FORBIDDEN` for an escalation.
pub fn change(
    tx: &mut Tx<'_>,
    can: &Can<ClientsWrite>,
    id: ClientId,
    change: ClientChange,
) -> Result<ClientView> {
    let before = find(tx, id)?;
    ensure_no_escalation(can, &before)?;
    let mut after = edited(can, &before, change)?;
    ensure_no_escalation(can, &after)?;
    let shown = |client| LoggedClient::of(&can.services, client);
    if let Some(detail) = changes::between(&shown(&before), &shown(&after)) {
        let only_disabled = Client { disabled_at: after.disabled_at, ..before.clone() } == after;
        if !only_disabled || after.disabled_at.is_none() {
            require_recent_sign_in(can, &after)?;
        }
        after.updated_at = can.now;
        store::clients::update(tx, &after)?;
        finish(tx, can, Kind::ClientUpdated, &after, Some(detail))?;
    }
    view(tx, after, can.now)
}

fn edited(call: &Call, before: &Client, change: ClientChange) -> Result<Client> {
    let apis = call.services.catalog.get();
    let mut problems = Problems::default();
    let mut client = before.clone();
    if let Some(name) = change.name {
        client.name = problems.take("name", text::client_name(&name)).unwrap_or_default();
    }
    if let Some(asked) = change.access {
        client.access = draft::access(&mut problems, &apis, &asked);
    }
    if let Some(uris) = change.redirect_uris {
        client.redirect_uris = draft::uris(&mut problems, "redirect_uris", &uris);
    }
    if let Some(uris) = change.post_logout_redirect_uris {
        client.post_logout_redirect_uris = draft::uris(&mut problems, "post_logout_redirect_uris", &uris);
    }
    if let Some(mut grants) = change.grant_types {
        grants.sort_unstable();
        grants.dedup();
        client.grant_types = grants;
    }
    if let Some(home_page) = change.home_page {
        client.home_page = home_page.map(|text| draft::home_page(&mut problems, &text));
    }
    client.require_pkce = change.require_pkce.unwrap_or(client.require_pkce);
    // Trust is limited to the least role of those who declared and changed the client.
    client.trusted_by = match (change.first_party, client.trusted_by) {
        (Some(false), _) | (None, None) => None,
        (Some(true), None) => Some(call.role()),
        (Some(true) | None, Some(before)) => Some(before.max(call.role())),
    };
    client.access_token_seconds = change.access_token_seconds.unwrap_or(client.access_token_seconds);
    client.refresh_token_seconds = change.refresh_token_seconds.unwrap_or(client.refresh_token_seconds);
    match change.disabled {
        Some(true) => client.disabled_at = client.disabled_at.or(Some(call.now)),
        Some(false) => client.disabled_at = None,
        None => {}
    }
    draft::whole(&mut problems, &client);
    problems.check()?;
    Ok(client)
}

/// Removes a client with its secrets, grants and tokens.
///
/// # Errors
/// `NOT_FOUND`; `FORBIDDEN` for a client that may request more than the caller holds.
pub fn delete(tx: &mut Tx<'_>, can: &Can<ClientsWrite>, id: ClientId) -> Result<()> {
    let client = find(tx, id)?;
    ensure_no_escalation(can, &client)?;
    store::clients::delete(tx, client.no, can.now)?;
    // The log keeps the name after the row is removed.
    let detail = json!({ "client_id": client.id, "name": client.name });
    finish(tx, can, Kind::ClientDeleted, &client, Some(Box::new(detail)))
}
