//! Who is calling: the same question for a key, a token and a session, of any API of this instance.

use std::net::IpAddr;
use std::sync::Arc;

use super::manage::record;
use super::name;
use crate::domain::identity::Services;
use crate::domain::identity::access::Call;
use crate::domain::identity::authenticate;
use crate::domain::identity::sessions::person;
use crate::domain::identity::tokens;
use crate::domain::policy;
use crate::domain::policy::Question;
use crate::error::{Code, Error, Result};
use crate::model::activity::Kind;
use crate::model::{AskedEnvironment, KeyId, ScopeSet, SecretHash, SessionId, Timestamp, User};
use crate::model::{Principal, PrincipalKind};
use crate::store::{key_lookup, users as store};

/// A caller, described.
pub struct Profile {
    /// How they proved who they are.
    pub kind: PrincipalKind,
    /// The person, when the credential acts for one.
    pub user: Option<User>,
    /// The key, when it is one.
    pub key_id: Option<KeyId>,
    /// The OAuth client, when a token came from one.
    pub client_id: Option<crate::model::ClientId>,
    /// The session, when there is one.
    pub session_id: Option<SessionId>,
    /// Slug of the API that the credential is for.
    pub api: Option<String>,
    /// What it may do there at this moment.
    pub scopes: ScopeSet,
}

/// Whom a bearer credential of any API stands for.
///
/// # Errors
/// 401, 403 or 429 as the credential deserves.
pub fn identify(services: &Services, credential: &str, ip: IpAddr, now: Timestamp) -> Result<Principal> {
    if tokens::looks_like_jwt(credential) {
        return authenticate::token(services, credential, now);
    }
    let apis = services.catalog.get();
    let hash = SecretHash::of(credential);
    let row = services.db.lookup(|conn| Ok::<_, Error>(key_lookup::find(conn, &hash)?))?;
    let api = row.and_then(|row| apis.by_no(row.api_no)).unwrap_or_else(|| apis.built_in());
    let question = Question {
        key: credential,
        api,
        scopes: None,
        environment: AskedEnvironment::Any,
        cost: 1,
        ip: Some(ip),
    };
    policy::authenticate(services, &question, now)
}

/// Describes `principal`.
///
/// # Errors
/// When the store cannot be read.
pub fn describe(services: &Services, principal: &Principal) -> Result<Profile> {
    let user = match principal.user {
        Some((no, _, _)) => services.db.lookup(|conn| Ok::<_, Error>(store::by_no(conn, no)?))?,
        None => None,
    };
    let apis = services.catalog.get();
    Ok(Profile {
        kind: principal.kind,
        user,
        key_id: principal.key.map(|(_, id)| id),
        client_id: principal.client.map(|(_, id)| id),
        session_id: principal.session.map(|(_, id)| id),
        api: principal.api_no.and_then(|no| apis.by_no(no)).map(|api| api.slug.clone()),
        scopes: principal.scopes.clone(),
    })
}

/// Changes the caller's own name.
///
/// # Errors
/// `FORBIDDEN` for callers who are no person, or whose credential is for another API.
pub async fn rename(call: &Arc<Call>, new: Option<String>) -> Result<User> {
    let (user_no, _, _) = person(call)?;
    if !call.holds("profile:read") {
        return Err(Error::new(Code::Forbidden, "This credential is for another API"));
    }
    let caller = call.clone();
    call.services
        .write(move |tx| {
            let before = store::by_no(tx, user_no)?.ok_or_else(|| Error::not_found("user"))?;
            let mut after = before.clone();
            after.name = match &new {
                Some(new) => name(Some(new), &before.email)?,
                None => before.name.clone(),
            };
            if after == before {
                return Ok(before);
            }
            after.updated_at = caller.now;
            store::update(tx, &after)?;
            let detail = serde_json::json!({"before": {"name": before.name}, "after": {"name": after.name}});
            record(tx, &caller, Kind::UserUpdated, &after, Some(detail))?;
            Ok(after)
        })
        .await
}
