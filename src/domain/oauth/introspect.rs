//! Introspection (RFC 7662).

use std::sync::Arc;

use super::client_auth::{self, ClientCredentials};
use super::error::{OAuthError, Result};
use super::log;
use super::params::Params;
use crate::domain::identity::access::{Call, Capability as _, KeysVerify};
use crate::domain::identity::{authenticate, token_states};
use crate::domain::policy::Bearer;
use crate::model::Identity;
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::{Client, ClientType, Secret, SecretHash};
use crate::store;
use crate::store::oauth_tokens;

/// Introspection response (RFC 7662, section 2.2).
#[derive(Debug, Default)]
pub struct Introspection {
    /// Whether it is live. If not, there are no other members.
    pub active: bool,
    /// Its current scopes.
    pub scope: Option<String>,
    /// The client that it was issued to.
    pub client_id: Option<String>,
    /// The email address of its person.
    pub username: Option<Arc<str>>,
    /// `Bearer`, `refresh_token` or `api_key`.
    pub token_type: Option<&'static str>,
    /// Expiry, in seconds since 1970.
    pub exp: Option<i64>,
    /// Time of issue, in seconds since 1970.
    pub iat: Option<i64>,
    /// Id of the person, of the client that acts for itself, or of the key.
    pub sub: Option<String>,
    /// Audience of the API.
    pub aud: Option<String>,
    /// Issuer.
    pub iss: Option<String>,
    /// Id of the token.
    pub jti: Option<String>,
    /// For a key: its `owner`.
    pub owner: Option<String>,
    /// For a key: `live` or `test`.
    pub environment: Option<&'static str>,
}

/// Introspects a token for a client: tokens of its own APIs, and keys if it holds `keys:verify`.
///
/// # Errors
/// `invalid_client` without client authentication; `invalid_request`.
pub async fn introspect(
    call: &Arc<Call>,
    header: Option<ClientCredentials>,
    params: &Params,
) -> Result<Introspection> {
    let client = client_auth::authenticate(&call.services, header, params, call.now)
        // A public client, which sends only its id, could test stolen tokens (RFC 7662, section 2.1).
        .and_then(|client| match client.kind {
            ClientType::Confidential => Ok(client),
            ClientType::Public => Err(OAuthError::invalid_client()),
        })
        .inspect_err(|error| log::refused(call, Kind::TokenIntrospected, None, error))?;
    let token = params.need_secret("token")?;
    let describe = describe(call, &client, &token)?;
    let (describe, identity) = describe.unwrap_or_else(|| (Introspection::default(), Identity::anonymous()));
    let good = describe.active;
    call.services.log.push(Entry {
        outcome: if good { Outcome::Allowed } else { Outcome::Refused },
        reason: if good { Reason::Valid } else { Reason::InvalidToken },
        identified: true,
        api_no: identity.api_no,
        client_no: Some(client.no),
        key_no: identity.key.map(|(no, _)| no),
        user_no: identity.user.map(|(no, _, _)| no),
        grant_no: identity.grant.map(|(no, _)| no),
        session_no: identity.session.map(|(no, _)| no),
        ..call.entry(Kind::TokenIntrospected)
    })?;
    Ok(describe)
}

fn describe(call: &Call, client: &Client, token: &Secret) -> Result<Option<(Introspection, Identity)>> {
    if let Some(describe) = access_token(call, client, token.expose()) {
        return Ok(Some(describe));
    }
    if let Some(describe) = refresh_token(call, client, token)? {
        return Ok(Some((describe, Identity::anonymous())));
    }
    key(call, client, token)
}

fn access_token(call: &Call, client: &Client, token: &str) -> Option<(Introspection, Identity)> {
    let services = &call.services;
    let (claims, identity) = authenticate::examine(services, token, call.now).ok()?;
    client.access_to(identity.api_no?)?;
    // A self-registered client is not a resource server: it can introspect its own tokens only.
    if client.dynamic && claims.client_id != client.id.to_string() {
        return None;
    }
    let knows_email = !client.dynamic || identity.scopes.contains("email");
    let known = identity.user.filter(|_| knows_email);
    let email = known.and_then(|(no, ..)| services.emails.of(services, no).ok()?);
    let describe = Introspection {
        active: true,
        scope: Some(identity.scopes.to_string()),
        client_id: Some(claims.client_id.clone()),
        username: email,
        token_type: Some("Bearer"),
        exp: i64::try_from(claims.exp).ok(),
        iat: i64::try_from(claims.iat).ok(),
        sub: Some(claims.sub.clone()),
        aud: Some(claims.aud.clone()),
        iss: Some(claims.iss.clone()),
        jti: Some(claims.jti.clone()),
        ..Introspection::default()
    };
    Some((describe, identity))
}

/// Only its own client can introspect a refresh token.
fn refresh_token(call: &Call, client: &Client, token: &Secret) -> Result<Option<Introspection>> {
    let services = &call.services;
    let found = services.db.lookup(|conn| {
        let hash = SecretHash::of(token.expose());
        let Some(found) = store::sessions::refresh(conn, &hash)? else { return Ok(None) };
        let of = oauth_tokens::by_family(conn, found.family_no, call.now)?;
        Ok::<_, store::Error>(of.map(|of| (found, of)))
    })?;
    let Some((found, of)) = found.filter(|(_, of)| of.client.0 == client.no) else { return Ok(None) };
    let good = of.stands && found.used_at.is_none() && found.expires_at > call.now;
    let Some(api) = services.catalog.get().by_no(of.api_no).cloned().filter(|_| good) else {
        return Ok(None);
    };
    Ok(Some(Introspection {
        active: true,
        scope: Some(token_states::current_scopes(&api, &of.scopes, &of.access, Some(of.user.2)).to_string()),
        client_id: Some(client.id.to_string()),
        token_type: Some("refresh_token"),
        exp: Some(found.expires_at.seconds()),
        sub: Some(of.user.1.to_string()),
        aud: Some(api.audience.clone()),
        iss: Some(services.settings.public_url.clone()),
        ..Introspection::default()
    }))
}

/// Clients that hold `keys:verify` can introspect keys, as with `POST /v1/keys/verify`; nothing is counted.
fn key(call: &Call, client: &Client, token: &Secret) -> Result<Option<(Introspection, Identity)>> {
    let services = &call.services;
    let apis = services.catalog.get();
    let own = apis.built_in();
    let may = client.access_to(own.no).is_some_and(|scopes| own.satisfies(scopes, KeysVerify::SCOPE));
    if !may {
        return Ok(None);
    }
    let Some(key) = services.engine.find_any(services, token.expose())? else { return Ok(None) };
    let bearer = Bearer::Key(key.clone());
    let live = bearer.ended(call.now).is_none();
    let Some(api) = apis.by_no(key.api_no).filter(|_| live) else { return Ok(None) };
    let describe = Introspection {
        active: true,
        scope: Some(bearer.holds(api).text.to_string()),
        token_type: Some("api_key"),
        exp: key.expires_at.map(crate::model::Timestamp::seconds),
        iat: Some(key.id.at().seconds()),
        sub: Some(key.id.to_string()),
        aud: Some(api.audience.clone()),
        iss: Some(services.settings.public_url.clone()),
        owner: key.owner.as_deref().map(str::to_owned),
        environment: Some(key.environment.as_str()),
        ..Introspection::default()
    };
    let identity = Identity { key: Some((key.no, key.id)), api_no: Some(api.no), ..Identity::anonymous() };
    Ok(Some((describe, identity)))
}
