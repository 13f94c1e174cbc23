//! The one place that turns a credential into an identity: an API key, an OAuth access token, the access token of a
//! session, a session cookie, or the operator on `control.sock`. No other code looks at the form of a credential.

use std::net::IpAddr;
use std::sync::Arc;

use super::sessions::Change;
use super::tokens::{AccessClaims, SIGN_IN_CLIENT, verify};
use super::{Services, sessions, standing};
use crate::domain::policy::{self, Entry, Question, Verdict};
use crate::error::{Error, Result};
use crate::model::{Api, Identity, IdentityKind, RequestedEnvironment, Timestamp};

/// A credential as a request presents it.
#[derive(Clone, Copy)]
pub enum Credential<'r> {
    /// The peer of `control.sock`: the command line of the user that runs the server.
    Operator,
    /// `Authorization: Bearer` (RFC 6750, section 2.1).
    Bearer(&'r str),
    /// A session cookie, and what a request that changes anything brings besides.
    Cookie(&'r str, Option<Change<'r>>),
}

/// The APIs whose credentials an endpoint takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Keywright's own API only. A token for another API is invalid here (RFC 9068, section 4).
    BuiltIn,
    /// Every API of this instance.
    Any,
}

/// A credential with the circumstances that it is judged by.
#[derive(Clone, Copy)]
pub struct Presented<'r> {
    /// The credential.
    pub credential: Credential<'r>,
    /// Address of the client.
    pub ip: Option<IpAddr>,
    /// When the request arrived.
    pub now: Timestamp,
}

/// Whether a request counts against the rate limit and quota of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charge {
    Yes,
    No,
}

/// The identity behind a credential that is good at this moment. A key's rate limit and quota count the request.
///
/// # Errors
/// 401, 403 or 429 as the credential deserves.
pub fn authenticate(services: &Services, presented: Presented<'_>, audience: Audience) -> Result<Identity> {
    identify(services, presented, audience, Charge::Yes)
}

/// The same for an answer that goes on, such as a stream: nothing is counted.
///
/// # Errors
/// As [`authenticate`], but for limits.
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

/// The identity of an access token, with what it may do at this moment.
///
/// # Errors
/// `EXPIRED_TOKEN`, or `INVALID_TOKEN` when it is not ours, or its session, user or API is gone.
pub fn token(services: &Services, bearer: &str, now: Timestamp) -> Result<Identity> {
    examine(services, bearer, now).map(|(_, identity)| identity)
}

/// The same, with the token's claims.
///
/// # Errors
/// As [`token`].
pub fn examine(services: &Services, bearer: &str, now: Timestamp) -> Result<(Arc<AccessClaims>, Identity)> {
    let claims = verify(services, bearer, now)?;
    let apis = services.catalog.get();
    let api = apis.iter().find(|api| api.audience == claims.aud).ok_or_else(Error::invalid_token)?;
    let identity = if claims.client_id == SIGN_IN_CLIENT {
        sessions::of_token(services, api, &claims, now)?
    } else {
        standing::of_token(services, api, &claims)?
    };
    Ok((claims, identity))
}

/// None of our keys has the form of a JWT: three parts.
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

/// The user that runs the server holds everything, as the data directory is theirs.
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

/// Answers whether a bearer credential is valid for a request to `question.api`, and charges its limits.
///
/// # Errors
/// When too many limits are in use at once.
pub fn decide(services: &Services, bearer: &str, question: &Question<'_>, now: Timestamp) -> Result<Verdict> {
    if is_jwt(bearer) {
        return services.engine.ask_token(services, token(services, bearer, now), question, now);
    }
    services.engine.ask(services, bearer, question, now)
}

/// The owner of a bearer credential of `api`, for the log of a request that is refused whatever it presents. Nothing
/// is judged or counted.
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
