//! The one place that turns a credential into an identity: an API key, an OAuth access token, the access token of a
//! session, a session cookie, or the operator on `control.sock`. No other code inspects the form of a credential.

use std::net::IpAddr;
use std::sync::Arc;

use super::sessions::Change;
use super::tokens::{AccessClaims, SIGN_IN_CLIENT, verify};
use super::{Services, sessions, token_states};
use crate::domain::policy::{self, Entry, Question, Verdict};
use crate::error::{Error, Result};
use crate::model::{Api, Identity, IdentityKind, RequestedEnvironment, Timestamp};

/// A presented credential.
#[derive(Clone, Copy)]
pub enum Credential<'r> {
    /// The peer of `control.sock`: the command line of the user of the server process.
    Operator,
    /// `Authorization: Bearer` (RFC 6750, section 2.1).
    Bearer(&'r str),
    /// A session cookie, with the CSRF headers of a changing request.
    Cookie(&'r str, Option<Change<'r>>),
}

/// The API that a credential must be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The built-in API. A token for another API is invalid here (RFC 9068, section 4).
    BuiltIn,
    /// Any API of this instance.
    Any,
}

/// A credential with the context of its request.
#[derive(Clone, Copy)]
pub struct Presented<'r> {
    /// The credential.
    pub credential: Credential<'r>,
    /// Address of the client.
    pub ip: Option<IpAddr>,
    /// Time of the request.
    pub now: Timestamp,
}

/// Whether a request counts against the rate limit and quota of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charge {
    Yes,
    No,
}

/// Identity of a valid credential. Charges the rate limit and quota of a key.
///
/// # Errors
/// 401, 403 or 429, depending on the credential.
pub fn authenticate(services: &Services, presented: Presented<'_>, audience: Audience) -> Result<Identity> {
    identify(services, presented, audience, Charge::Yes)
}

/// The same for a response that continues, such as a stream: charges nothing.
///
/// # Errors
/// Those of [`authenticate`], except for limits.
pub fn authenticate_again(services: &Services, presented: Presented<'_>) -> Result<Identity> {
    identify(services, presented, Audience::BuiltIn, Charge::No)
}

fn identify(
    services: &Services,
    presented: Presented<'_>,
    audience: Audience,
    charge: Charge,
) -> Result<Identity> {
    match presented.credential {
        Credential::Operator => Ok(operator(services)),
        Credential::Cookie(cookie, change) => sessions::from_cookie(services, cookie, change, presented.now),
        Credential::Bearer(token) if is_jwt(token) => {
            let identity = self::token(services, token, presented.now)?;
            let own = services.catalog.get().built_in().no;
            match audience {
                Audience::BuiltIn if identity.api_no != Some(own) => Err(Error::invalid_token()),
                Audience::BuiltIn | Audience::Any => Ok(identity),
            }
        }
        Credential::Bearer(key) => self::key(services, key, &presented, audience, charge),
    }
}

/// Identity of an access token, with its current scopes.
///
/// # Errors
/// `EXPIRED_TOKEN`, or `INVALID_TOKEN` for a token that is not ours or whose session, user or API is gone.
pub fn token(services: &Services, bearer: &str, now: Timestamp) -> Result<Identity> {
    examine(services, bearer, now).map(|(_, identity)| identity)
}

/// The same, with the claims of the token.
///
/// # Errors
/// Those of [`token`].
pub fn examine(services: &Services, bearer: &str, now: Timestamp) -> Result<(Arc<AccessClaims>, Identity)> {
    let claims = verify(services, bearer, now)?;
    let apis = services.catalog.get();
    let api = apis.iter().find(|api| api.audience == claims.aud).ok_or_else(Error::invalid_token)?;
    let identity = if claims.client_id == SIGN_IN_CLIENT {
        sessions::of_token(services, api, &claims, now)?
    } else {
        token_states::of_token(services, api, &claims)?
    };
    Ok((claims, identity))
}

/// API keys never have the form of a JWT: three parts.
fn is_jwt(bearer: &str) -> bool {
    bearer.bytes().filter(|&byte| byte == b'.').count() == 2
}

fn key(
    services: &Services,
    key: &str,
    presented: &Presented<'_>,
    audience: Audience,
    charge: Charge,
) -> Result<Identity> {
    let apis = services.catalog.get();
    let (api, environment) = match audience {
        Audience::BuiltIn => (apis.built_in(), RequestedEnvironment::Live),
        Audience::Any => {
            let known = services.engine.find_any(services, key)?;
            let api = known.and_then(|entry| apis.by_no(entry.api_no));
            (api.unwrap_or_else(|| apis.built_in()), RequestedEnvironment::Any)
        }
    };
    let question = Question { api, scopes: None, environment, cost: 1, ip: presented.ip };
    match charge {
        Charge::Yes => policy::authenticate(services, key, &question, presented.now),
        Charge::No => policy::authenticate_again(services, key, &question, presented.now),
    }
}

/// The user of the server process holds every scope, because the data directory is theirs.
pub fn operator(services: &Services) -> Identity {
    let apis = services.catalog.get();
    let own = apis.built_in();
    Identity {
        kind: IdentityKind::Operator,
        api_no: Some(own.no),
        scopes: own.all_scopes(),
        ..Identity::anonymous()
    }
}

/// Judges a bearer credential for a request to `question.api`, and charges its limits.
///
/// # Errors
/// When too many limits are in use.
pub fn decide(services: &Services, bearer: &str, question: &Question<'_>, now: Timestamp) -> Result<Verdict> {
    if is_jwt(bearer) {
        return services.engine.ask_token(services, token(services, bearer, now), question, now);
    }
    services.engine.ask(services, bearer, question, now)
}

/// Owner of a bearer credential of `api`, for the log of a request that is refused anyway. Judges and charges nothing.
pub fn recognise(services: &Services, bearer: &str, api: &Api, now: Timestamp) -> Result<Option<Identity>> {
    if !is_jwt(bearer) {
        return Ok(services.engine.known(services, bearer, api)?.map(|entry| of_key(&entry)));
    }
    let identity = self::token(services, bearer, now).ok();
    Ok(identity.filter(|identity| identity.api_no == Some(api.no)))
}

fn of_key(entry: &Arc<Entry>) -> Identity {
    Identity {
        kind: IdentityKind::Key,
        key: Some((entry.no, entry.id)),
        user: entry.user.map(|user| (user.no, user.id, user.role)),
        api_no: Some(entry.api_no),
        scopes: entry.given.set.clone(),
        ..Identity::anonymous()
    }
}
