//! OAuth clients, "OAuth apps" on screen: registration, change, rotation of secrets, removal. Their tokens are in
//! [`crate::domain::oauth`].

mod change;
mod create;
mod draft;
mod logo;
mod rotate;

#[cfg(test)]
mod tests;

pub use change::{ClientChange, change, delete};
pub use create::{NewClient, create};
pub(crate) use create::{insert, register};
pub use draft::RequestedAccess;
pub use logo::{MAX_LOGO_BYTES, logo, logo_type, set_logo};
pub use rotate::rotate;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::Serialize;
use serde_json::{Value, json};

use crate::activity;
use crate::domain::identity::Services;
use crate::domain::identity::access::{Call, Can, ClientsRead};
use crate::error::{Error, Result};
use crate::model::activity::Kind;
use crate::model::client::ClientSecretInfo;
use crate::model::{Client, ClientId, Secret, SecretHash, Timestamp};
use crate::platform::cursor::{List, Page};
use crate::store;
use crate::store::{Conn, Tx};

/// Prefix of client secrets, for secret scanners.
const SECRET_PREFIX: &str = "kwcs_";
/// Visible characters of a secret, for recognition.
const SHOWN: usize = SECRET_PREFIX.len() + 4;
/// A client with its secrets, without the secrets themselves.
#[derive(Debug)]
pub struct ClientView {
    /// The client.
    pub client: Client,
    /// Its secrets, newest first.
    pub secrets: Vec<ClientSecretInfo>,
}

/// A client with a new secret, shown once; public clients have none.
#[derive(Debug)]
pub struct Issued {
    /// The client after the change.
    pub view: ClientView,
    /// The secret.
    pub secret: Option<Secret>,
}

/// The client of this id.
///
/// # Errors
/// `NOT_FOUND`.
pub fn find(conn: &Conn<'_>, id: ClientId) -> Result<Client> {
    store::clients::find(conn, id)?.ok_or_else(|| Error::not_found("client"))
}

/// A client with its secrets, without the secrets themselves.
pub fn view(conn: &Conn<'_>, client: Client, now: Timestamp) -> Result<ClientView> {
    let secrets = store::clients::secrets(conn, client.no)?;
    let live = |info: &ClientSecretInfo| info.expires_at.is_none_or(|end| end > now);
    Ok(ClientView { secrets: secrets.into_iter().map(|(_, info)| info).filter(live).collect(), client })
}

/// Every client, newest first.
///
/// # Errors
/// `INVALID_REQUEST` or `INVALID_CURSOR`.
pub fn list(
    conn: &Conn<'_>,
    can: &Can<ClientsRead>,
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<Page<ClientView>> {
    let list = List::new(&can.services.vault, "clients", (), limit)?;
    let found = store::clients::list(conn, list.position(after)?.unwrap_or(i64::MAX), list.rows())?;
    let page = list.page(found, |last| last.no);
    let data = page.data.into_iter().map(|client| view(conn, client, can.now));
    Ok(Page { data: data.collect::<Result<_>>()?, next_cursor: page.next_cursor })
}

/// **No escalation**: a caller that creates, changes or rotates a client must hold all scopes that it may request on
/// the built-in API, and all scopes of that API if the change removes a protection of others.
fn ensure_no_escalation(call: &Call, client: &Client) -> Result<()> {
    let own = call.services.catalog.get().built_in().clone();
    if lacks_protection(client) {
        call.ensure_no_escalation(&own.all_scopes())?;
    }
    client.access_to(own.no).map_or(Ok(()), |scopes| call.ensure_no_escalation(scopes))
}

/// Whether people are not asked for consent, or codes are not bound by PKCE.
fn lacks_protection(client: &Client) -> bool {
    client.is_first_party() || !client.require_pkce
}

/// Requires a recent sign-in of a person who removes a protection of a client, or gives it rights that change what
/// others may do.
fn require_recent_sign_in(call: &Call, client: &Client) -> Result<()> {
    if lacks_protection(client) {
        return call.require_recent_sign_in();
    }
    let apis = call.services.catalog.get();
    client.access.iter().try_for_each(|access| match apis.by_no(access.api_no) {
        Some(api) => call.require_recent_sign_in_for(api, &access.scopes),
        None => Ok(()),
    })
}

/// A new secret of 256 random bits, stored.
fn add_secret(tx: &mut Tx<'_>, services: &Services, client_no: i64, now: Timestamp) -> Result<Secret> {
    let secret = Secret::new(format!("{SECRET_PREFIX}{}", BASE64URL.encode(services.random::<32>())));
    let info =
        ClientSecretInfo { start: secret.expose()[..SHOWN].to_owned(), created_at: now, expires_at: None };
    store::clients::insert_secret(tx, client_no, &SecretHash::of(secret.expose()), &info)?;
    Ok(secret)
}

/// Logs a change of a client, in its transaction.
fn finish(
    tx: &mut Tx<'_>,
    call: &Call,
    kind: Kind,
    client: &Client,
    detail: Option<Box<Value>>,
) -> Result<()> {
    let mut entry = call.entry(kind);
    entry.client_no = Some(client.no);
    entry.detail = detail;
    activity::record_request(tx, &entry)
}

/// Members of a client in the log.
#[derive(Serialize)]
struct LoggedClient<'c> {
    name: &'c str,
    #[serde(rename = "type")]
    kind: &'static str,
    access: Value,
    redirect_uris: &'c [crate::model::RedirectUri],
    post_logout_redirect_uris: &'c [crate::model::RedirectUri],
    grant_types: &'c [crate::model::GrantType],
    require_pkce: bool,
    first_party: bool,
    home_page: &'c Option<String>,
    access_token_seconds: Option<u32>,
    refresh_token_seconds: Option<u32>,
    disabled: bool,
}

impl<'c> LoggedClient<'c> {
    fn of(services: &Services, client: &'c Client) -> Self {
        let apis = services.catalog.get();
        let slug = |no| apis.by_no(no).map(|api| api.slug.clone());
        let access = client.access.iter();
        let access = access.map(|access| json!({"api": slug(access.api_no), "scopes": access.scopes}));
        Self {
            name: &client.name,
            kind: client.kind.as_str(),
            access: access.collect(),
            redirect_uris: &client.redirect_uris,
            post_logout_redirect_uris: &client.post_logout_redirect_uris,
            grant_types: &client.grant_types,
            require_pkce: client.require_pkce,
            first_party: client.is_first_party(),
            home_page: &client.home_page,
            access_token_seconds: client.access_token_seconds,
            refresh_token_seconds: client.refresh_token_seconds,
            disabled: client.disabled_at.is_some(),
        }
    }
}
