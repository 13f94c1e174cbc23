//! Sessions of apps: `POST /v1/auth/login` and `/refresh`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::bounds;
use super::refresh::{self, Exchange, Exchanged};
use super::sign_in::{Login, Verified, log_refusal, settle, verify};
use super::{SESSION_SECONDS, is_good};
use crate::activity;
use crate::domain::identity::Services;
use crate::domain::identity::access::Call;
use crate::domain::identity::tokens::{NewToken, SIGN_IN_CLIENT, mint};
use crate::error::{Code, Error, Result};
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::{Api, Role, Secret, SessionId, Timestamp, UserId};
use crate::store::Tx;
use crate::store::sessions as store;
use crate::store::sessions::NewSession;

/// Seconds in which a used refresh token of a session gets the same answer again.
const GRACE_SECONDS: u32 = 10;

/// Tokens of an app session.
#[derive(Debug)]
pub struct Tokens {
    /// A JWT for the API.
    pub access_token: Secret,
    /// Refresh token, to be used once.
    pub refresh_token: Secret,
    /// Lifetime of the access token, in seconds.
    pub expires_in: u32,
}

/// Signs an app in to the API `slug`, or to the configured default.
///
/// # Errors
/// Those of every sign-in; `INVALID_REQUEST` for an unknown API.
pub async fn login(call: &Arc<Call>, login: Login, slug: Option<&str>) -> Result<Tokens> {
    let services = call.services.clone();
    let api = api(&services, slug)?;
    let (verified, code) = verify(call, login).await?;
    let (id, now) = (SessionId::new(call.now, services.random()), call.now);
    let (shared, caller, by, api_no) = (services.clone(), call.clone(), verified.clone(), api.no);
    let done = services.write(move |tx| open(tx, &shared, &caller, &by, (id, api_no))).await;
    settle(code, done.is_ok());
    let refresh_token = done.inspect_err(|error| {
        let _ = log_refusal(call, Some(&verified.user), error);
    })?;
    let jti = BASE64URL.encode(services.random::<16>());
    let user = (verified.user.id, verified.user.role);
    let access_token = access_token(&services, &api, id, user, now, jti).await?;
    Ok(Tokens { access_token, refresh_token, expires_in: services.settings.access_token_seconds })
}

/// Adds the session `id` for the API `api_no`, with its first refresh token.
fn open(
    tx: &mut Tx<'_>,
    services: &Services,
    call: &Call,
    verified: &Verified,
    (id, api_no): (SessionId, i64),
) -> Result<Secret> {
    let amr = verified.admit(tx)?;
    let (now, user_no) = (call.now, verified.user.no);
    let ends_at = now.plus_seconds(SESSION_SECONDS);
    let session_no = bounds::insert(
        tx,
        call,
        &NewSession {
            id,
            user_no,
            api_no,
            cookie: None,
            amr,
            authenticated_at: now,
            ip: call.request.ip,
            agent: call.request.agent.clone(),
            created_at: now,
            idle_seconds: None,
            ends_at,
        },
    )?;
    let (_, token) = refresh::begin(tx, services, Some(user_no), Some(session_no), now, ends_at)?;
    Ok(token)
}

/// Exchanges a refresh token of a session.
///
/// # Errors
/// `INVALID_TOKEN` when it is unknown, was used before, or its person may not sign in any more; `RATE_LIMITED` when the
/// person refreshes too often.
pub async fn refresh_tokens(call: &Arc<Call>, token: Secret) -> Result<Tokens> {
    let services = call.services.clone();
    let (shared, caller, now) = (services.clone(), call.clone(), call.now);
    let exchanged = services
        .write(move |tx| match refresh::exchange(tx, &shared.vault, &token, GRACE_SECONDS, now)? {
            Exchange::Good(exchanged) => {
                let live = exchanged.session_no.map(|no| store::live_by_no(tx, no)).transpose()?.flatten();
                let Some(live) = live.filter(|live| is_good(live, now)) else { return Err(invalid()) };
                if exchanged.first {
                    bounds::take_token(&shared, live.user.0)?;
                    store::touch(tx, live.no, now)?;
                    let entry =
                        about(&caller, Kind::SessionRefreshed, &live, Outcome::Allowed, Reason::Valid);
                    activity::record(tx, &entry)?;
                }
                Ok(Some((exchanged, live)))
            }
            Exchange::Replayed { session_no: Some(no), .. } => {
                store::revoke(tx, no, now)?;
                if let Some(live) = store::live_by_no(tx, no)? {
                    let entry =
                        about(&caller, Kind::SessionRevoked, &live, Outcome::Refused, Reason::Replayed);
                    activity::record(tx, &entry)?;
                }
                Ok(None)
            }
            Exchange::Replayed { session_no: None, .. } | Exchange::Unknown => Ok(None),
        })
        .await?;
    let (Exchanged { successor, at, jti, .. }, live) = exchanged.ok_or_else(invalid)?;
    let apis = services.catalog.get();
    let api = apis.by_no(live.api_no).ok_or_else(invalid)?;
    let access_token = access_token(&services, api, live.id, (live.user.1, live.user.2), at, jti).await?;
    Ok(Tokens { access_token, refresh_token: successor, expires_in: services.settings.access_token_seconds })
}

fn about(call: &Call, kind: Kind, live: &store::Live, outcome: Outcome, reason: Reason) -> Entry {
    Entry {
        user_no: Some(live.user.0),
        session_no: Some(live.no),
        api_no: Some(live.api_no),
        outcome,
        reason,
        ..call.entry(kind)
    }
}

fn invalid() -> Error {
    Error::new(Code::InvalidToken, "The refresh token is invalid")
}

fn api(services: &Services, slug: Option<&str>) -> Result<Arc<Api>> {
    let apis = services.catalog.get();
    let named = apis.by_slug(slug.unwrap_or(&services.settings.default_api));
    match (named, slug) {
        (Some(api), _) => Ok(api.clone()),
        (None, Some(_)) => Err(Error::invalid("api", "There is no API of this slug.")),
        // If the configured API does not exist, the built-in one is used, which always does.
        (None, None) => Ok(apis.built_in().clone()),
    }
}

async fn access_token(
    services: &Services,
    api: &Api,
    session: SessionId,
    (user, role): (UserId, Role),
    issued_at: Timestamp,
    jti: String,
) -> Result<Secret> {
    let token = NewToken {
        audience: api.audience.clone(),
        subject: user.to_string(),
        client_id: SIGN_IN_CLIENT.to_owned(),
        scopes: api.scopes_of(role),
        issued_at,
        lifetime_seconds: services.settings.access_token_seconds,
        jti,
        session: Some(session),
        grant: None,
    };
    mint(services, token).await
}
