//! Browser sessions: a cookie that scripts cannot read, and a CSRF token that other origins cannot read.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::bounds;
use super::sign_in::{Login, Verified, log_refusal, settle, verify};
use super::{COOKIE_SECONDS, SECOND_FACTOR_REQUIRED, identity, is_good, lacks_second_factor};
use crate::domain::identity::Services;
use crate::domain::identity::access::Call;
use crate::domain::identity::admission::Person;
use crate::error::{Code, Error, Result};
use crate::model::Identity;
use crate::model::{AuthMethods, Secret, SecretHash, SessionId, Timestamp, User};
use crate::store::sessions as store;
use crate::store::sessions::{Live, NewSession};
use crate::store::{Tx, settings, users};

/// CSRF headers of a changing request with a cookie.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The header `X-CSRF-Token`.
    pub csrf_token: Option<&'a str>,
    /// The header `Origin`.
    pub origin: Option<&'a str>,
}

/// A new browser session.
pub struct CookieSession {
    /// Value of the cookie.
    pub cookie: Secret,
    /// CSRF token for its requests.
    pub csrf_token: String,
    /// The person.
    pub user: User,
}

/// Signs a person in to the dashboard. The browser's previous session ends: the session id changes at sign-in.
///
/// # Errors
/// Those of every sign-in; `CSRF` when the page is of another origin.
pub async fn sign_in(
    call: &Arc<Call>,
    login: Login,
    origin: Option<&str>,
    former: Option<&str>,
) -> Result<CookieSession> {
    check_origin(&call.services, origin)?;
    let former = former.map(SecretHash::of);
    let (verified, code) = verify(call, login).await?;
    let (caller, user) = (call.clone(), verified.user.clone());
    let done = call.services.write(move |tx| open(tx, &caller, &verified, former.as_ref())).await;
    settle(code, done.is_ok());
    done.inspect_err(|error| {
        let _ = log_refusal(call, Some(&user), error);
    })
}

fn open(
    tx: &mut Tx<'_>,
    call: &Arc<Call>,
    verified: &Verified,
    former: Option<&SecretHash>,
) -> Result<CookieSession> {
    let amr = verified.admit(tx)?;
    if let Some(former) = former
        && let Some(live) = store::live_by_cookie(tx, former)?
    {
        store::revoke(tx, live.no, call.now)?;
    }
    begin(tx, call, &verified.user, Strength { amr, at: call.now })
}

/// Methods and time of the authentication in a session. It is copied from where they were used, never assumed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strength {
    /// Authentication methods.
    pub(crate) amr: AuthMethods,
    /// Time of the authentication.
    pub(crate) at: Timestamp,
}

/// Creates a session of an authenticated person.
pub(crate) fn begin(
    tx: &mut Tx<'_>,
    call: &Arc<Call>,
    user: &User,
    Strength { amr, at }: Strength,
) -> Result<CookieSession> {
    let services = &call.services;
    let cookie = Secret::new(BASE64URL.encode(services.random::<32>()));
    let hash = SecretHash::of(cookie.expose());
    let api_no = services.catalog.get().built_in().no;
    let session = NewSession {
        id: SessionId::new(call.now, services.random()),
        user_no: user.no,
        api_no,
        cookie: Some(hash),
        amr,
        authenticated_at: at,
        ip: call.request.ip,
        agent: call.request.agent.clone(),
        created_at: call.now,
        idle_seconds: Some(services.settings.session_idle_seconds),
        ends_at: call.now.plus_seconds(COOKIE_SECONDS),
    };
    bounds::insert(tx, call, &session)?;
    Ok(CookieSession { cookie, csrf_token: csrf_token(services, &hash), user: user.clone() })
}

/// Identity of a cookie. `change` is none for a request that changes nothing (GET, HEAD).
///
/// # Errors
/// `INVALID_TOKEN` when the session has ended; `CSRF` when a changing request lacks its headers.
pub fn from_cookie(
    services: &Services,
    cookie: &str,
    change: Option<Change<'_>>,
    now: Timestamp,
) -> Result<Identity> {
    let hash = SecretHash::of(cookie);
    let live = live(services, &hash, now)?;
    if let Some(change) = change {
        check_origin(services, change.origin)?;
        let expected = csrf_token(services, &hash);
        let given = change.csrf_token.unwrap_or_default();
        if verify_slices_are_equal(expected.as_bytes(), given.as_bytes()).is_err() {
            return Err(Error::new(Code::Csrf, "Send the session's CSRF token as X-CSRF-Token"));
        }
    }
    let apis = services.catalog.get();
    let own = apis.built_in();
    Ok(identity(services, own, &live, &own.all_scopes()))
}

/// The session of a person, for the pages.
pub struct CurrentSession {
    /// The person.
    pub user: User,
    /// CSRF token for changing requests; none for a session without a cookie.
    pub csrf_token: Option<String>,
    /// Scopes of the person on the built-in API.
    pub scopes: crate::model::ScopeSet,
    /// Whether a second factor must be set up, or used, before the session may do anything else.
    pub second_factor_missing: bool,
}

/// Describes the caller's session; `cookie` is its own, if it has one.
pub fn current(person: &Person, cookie: Option<&str>) -> Result<CurrentSession> {
    let services = &person.services;
    let user = services.db.lookup(|conn| Ok::<_, Error>(users::by_no(conn, person.user.0)?))?;
    Ok(CurrentSession {
        user: user.ok_or_else(ended)?,
        csrf_token: cookie.map(|cookie| csrf_token_of(services, cookie)),
        scopes: person.identity.scopes.clone(),
        second_factor_missing: second_factor_missing(services, &person.identity)?,
    })
}

/// Whether a second factor is demanded of the session's person and was not used in it.
pub fn second_factor_missing(services: &Services, session: &Identity) -> Result<bool> {
    let Some((.., role)) = session.user else { return Ok(false) };
    let demanded = services.db.lookup(|conn| settings::get(conn, SECOND_FACTOR_REQUIRED))?;
    Ok(lacks_second_factor(demanded.as_deref() == Some("true"), session.amr, role))
}

/// CSRF token of a cookie.
pub fn csrf_token_of(services: &Services, cookie: &str) -> String {
    csrf_token(services, &SecretHash::of(cookie))
}

fn live(services: &Services, hash: &SecretHash, now: Timestamp) -> Result<Live> {
    let live = services.db.lookup(|conn| Ok::<_, Error>(store::live_by_cookie(conn, hash)?))?;
    live.filter(|live| is_good(live, now)).ok_or_else(ended)
}

fn ended() -> Error {
    Error::new(Code::InvalidToken, "The session has ended; sign in again")
}

/// Derived from the cookie, so that nothing is stored and another session's token does not match.
fn csrf_token(services: &Services, cookie: &SecretHash) -> String {
    BASE64URL.encode(services.vault.mac("session.csrf", &[cookie.as_bytes()]))
}

/// Refuses pages of other origins; browsers send `Origin` with every changing request.
pub(crate) fn check_origin(services: &Services, origin: Option<&str>) -> Result<()> {
    let own = origin_of(&services.settings.public_url);
    if origin.is_some_and(|origin| origin.eq_ignore_ascii_case(own)) {
        return Ok(());
    }
    Err(Error::new(Code::Csrf, "Only a page of this instance may send this request").with("origin", own))
}

/// Origin of a URL: scheme, host and port (RFC 6454).
fn origin_of(url: &str) -> &str {
    let host_at = url.find("://").map_or(0, |at| at + 3);
    let end = url[host_at..].find('/').map_or(url.len(), |at| host_at + at);
    &url[..end]
}
