//! Registration of a client.

use serde_json::Value;

use super::draft::{self, RequestedAccess};
use super::{Issued, LoggedClient, add_secret, ensure_no_escalation, finish, require_recent_sign_in, view};
use crate::domain::identity::access::{Call, Can, ClientsWrite};
use crate::domain::identity::key_bound;
use crate::error::{Error, Result};
use crate::model::activity::Kind;
use crate::model::{Client, ClientId, ClientType, GrantType, text};
use crate::platform::changes;
use crate::platform::input::Problems;
use crate::store;
use crate::store::Tx;

/// Members of a new client.
#[derive(Debug, Clone, Default)]
pub struct NewClient {
    /// Display name.
    pub name: String,
    /// Confidential or public.
    pub kind: ClientType,
    /// Scopes that it may request, by API.
    pub access: Vec<RequestedAccess>,
    /// Redirect URIs.
    pub redirect_uris: Vec<String>,
    /// Redirect URIs after sign-out.
    pub post_logout_redirect_uris: Vec<String>,
    /// Grant types; none derives them from the other members.
    pub grant_types: Option<Vec<GrantType>>,
    /// Whether a code flow without PKCE is refused; by default yes.
    pub require_pkce: Option<bool>,
    /// Whether it is a first-party client.
    pub first_party: bool,
    /// Home page.
    pub home_page: Option<String>,
    /// Lifetime of its access tokens, in seconds.
    pub access_token_seconds: Option<u32>,
    /// Lifetime of an unused refresh token, in seconds.
    pub refresh_token_seconds: Option<u32>,
}

/// Registers a client and returns its secret, which is shown once.
///
/// # Errors
/// `INVALID_REQUEST` with every wrong member; `FORBIDDEN` for an escalation.
pub fn create(tx: &mut Tx<'_>, can: &Can<ClientsWrite>, new: NewClient) -> Result<Issued> {
    let client = drafted(can, new, false)?;
    ensure_no_escalation(can, &client)?;
    require_recent_sign_in(can, &client)?;
    key_bound::refuse_bound(tx, can)?;
    insert(tx, can, client, None)?
        .ok_or_else(|| Error::internal("an insert without a condition added no row"))
}

/// A self-registered client (RFC 7591): never first-party, always with PKCE.
pub(crate) fn register(call: &Call, new: NewClient) -> Result<Client> {
    drafted(call, NewClient { first_party: false, require_pkce: Some(true), ..new }, true)
}

/// Stores a drafted client with its first secret; none when `most_unused` clients that registered
/// themselves were never used.
pub(crate) fn insert(
    tx: &mut Tx<'_>,
    call: &Call,
    mut client: Client,
    most_unused: Option<i64>,
) -> Result<Option<Issued>> {
    let Some(no) = store::clients::insert(tx, &client, most_unused)? else { return Ok(None) };
    client.no = no;
    let secret = match client.kind {
        ClientType::Confidential => Some(add_secret(tx, &call.services, client.no, call.now)?),
        ClientType::Public => None,
    };
    let detail = changes::between(&Value::Null, &LoggedClient::of(&call.services, &client));
    finish(tx, call, Kind::ClientCreated, &client, detail)?;
    Ok(Some(Issued { view: view(tx, client, call.now)?, secret }))
}

fn drafted(call: &Call, new: NewClient, dynamic: bool) -> Result<Client> {
    let apis = call.services.catalog.get();
    let mut problems = Problems::default();
    let redirect_uris = draft::uris(&mut problems, "redirect_uris", &new.redirect_uris);
    let usual = || draft::usual_grants(new.kind, !new.redirect_uris.is_empty());
    let mut grant_types = new.grant_types.unwrap_or_else(usual);
    grant_types.sort_unstable();
    grant_types.dedup();
    let client = Client {
        no: 0,
        id: ClientId::new(call.now, call.services.random()),
        name: problems.take("name", text::client_name(&new.name)).unwrap_or_default(),
        kind: new.kind,
        access: draft::access(&mut problems, &apis, &new.access),
        post_logout_redirect_uris: draft::uris(
            &mut problems,
            "post_logout_redirect_uris",
            &new.post_logout_redirect_uris,
        ),
        grant_types,
        require_pkce: new.require_pkce.unwrap_or(true),
        trusted_by: new.first_party.then(|| call.role()),
        dynamic,
        home_page: new.home_page.map(|text| draft::home_page(&mut problems, &text)),
        logo_at: None,
        access_token_seconds: new.access_token_seconds,
        refresh_token_seconds: new.refresh_token_seconds,
        disabled_at: None,
        created_at: call.now,
        updated_at: call.now,
        redirect_uris,
    };
    draft::whole(&mut problems, &client);
    problems.check()?;
    Ok(client)
}
