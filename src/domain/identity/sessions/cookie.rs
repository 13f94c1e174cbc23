//! Sessions of browsers: a cookie that scripts cannot read, and a CSRF token that other origins cannot.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::bounds;
use super::sign_in::{Login, Verified, log_refusal, verify};
use super::{COOKIE_SECONDS, SECOND_FACTOR_REQUIRED, identity, is_good, lacks_second_factor};
use crate::activity;
use crate::domain::identity::Services;
use crate::domain::identity::access::Call;
use crate::domain::identity::admission::Person;
use crate::error::{Code, Error, Result};
use crate::model::Identity;
use crate::model::activity::{Entry, Kind, Outcome};
use crate::model::{AuthMethods, Secret, SecretHash, SessionId, Timestamp, User};
use crate::store::sessions as store;
use crate::store::sessions::{Live, NewSession};
use crate::store::{Tx, settings, users};

/// What a request with a cookie that changes anything must bring besides.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The header `X-CSRF-Token`.
    pub csrf_token: Option<&'a str>,
    /// The header `Origin`.
    pub origin: Option<&'a str>,
}

/// A new session of a browser.
pub struct CookieSession {
    /// The cookie's value.
    pub cookie: Secret,
    /// What its requests send along.
    pub csrf_token: String,
    /// Who signed in.
    pub user: User,
}

/// Signs a person in to the dashboard. The session that the browser had before ends: the session id changes at
/// sign-in.
///
/// # Errors
/// As for every sign-in; `CSRF` when the page that asks is of another origin.
pub async fn sign_in(
    call: &Arc<Call>,
    login: Login,
    origin: Option<&str>,
    former: Option<&str>,
) -> Result<CookieSession> {
    check_origin(&call.services, origin)?;
    let former = former.map(SecretHash::of);
    let mut verified = verify(call, login).await?;
    bounds::take_sign_in(&call.services, verified.user.no).inspect_err(|error| {
        let _ = log_refusal(call, Some(&verified.user), error);
    })?;
    let (caller, user) = (call.clone(), verified.user.clone());
    call.services
        .write(move |tx| {
            let done = open(tx, &caller, &verified, former.as_ref());
            verified.settle(done.is_ok());
            done
        })
        .await
        .inspect_err(|error| {
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

/// What was shown in a session, and when. It is carried from where it was shown, never assumed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strength {
    /// How the person proved who they are.
    pub(crate) amr: AuthMethods,
    /// When they did.
    pub(crate) at: Timestamp,
}

/// Begins a session for a person who proved who they are.
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
    let session_no = bounds::insert(tx, call, &session)?;
    let detail = Some(Box::new(serde_json::json!({"amr": amr.to_string()})));
    let entry = Entry {
        user_no: Some(user.no),
        session_no: Some(session_no),
        api_no: Some(api_no),
        outcome: Outcome::Allowed,
        detail,
        ..call.entry(Kind::SignIn)
    };
    activity::record(tx, &entry)?;
    Ok(CookieSession { cookie, csrf_token: csrf_token(services, &hash), user: user.clone() })
}

/// Whom a cookie stands for. `change` is none for a request that changes nothing (GET, HEAD).
///
/// # Errors
/// `INVALID_TOKEN` when the session has ended; `CSRF` when a change comes without its proof.
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

/// The session of a person, as a page shows it.
pub struct Current {
    /// The person.
    pub user: User,
    /// What changing requests of a browser send along; none for a session without a cookie.
    pub csrf_token: Option<String>,
    /// What the person may do on Keywright's own API.
    pub scopes: crate::model::ScopeSet,
    /// Whether a second factor must be set up, or shown, before the session may do anything else.
    pub second_factor_missing: bool,
}

/// Describes the session that asks; `cookie` is its own, if it has one.
pub fn current(person: &Person, cookie: Option<&str>) -> Result<Current> {
    let services = &person.services;
    let user = services.db.lookup(|conn| Ok::<_, Error>(users::by_no(conn, person.user.0)?))?;
    Ok(Current {
        user: user.ok_or_else(ended)?,
        csrf_token: cookie.map(|cookie| csrf_token_of(services, cookie)),
        scopes: person.identity.scopes.clone(),
        second_factor_missing: second_factor_missing(services, &person.identity)?,
    })
}

/// Whether a second factor is demanded of the person of a session and was not shown in it.
pub fn second_factor_missing(services: &Services, session: &Identity) -> Result<bool> {
    let Some((.., role)) = session.user else { return Ok(false) };
    let demanded = services.db.lookup(|conn| settings::get(conn, SECOND_FACTOR_REQUIRED))?;
    Ok(lacks_second_factor(demanded.as_deref() == Some("true"), session.amr, role))
}

/// The CSRF token that belongs to a cookie.
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

/// Follows from the cookie, so that nothing needs storing and no other session's fits.
fn csrf_token(services: &Services, cookie: &SecretHash) -> String {
    BASE64URL.encode(services.vault.mac("session.csrf", &[cookie.as_bytes()]))
}

/// Refuses pages of other origins; browsers send `Origin` with every request that changes anything.
pub(crate) fn check_origin(services: &Services, origin: Option<&str>) -> Result<()> {
    let own = origin_of(&services.settings.public_url);
    if origin.is_some_and(|origin| origin.eq_ignore_ascii_case(own)) {
        return Ok(());
    }
    Err(Error::new(Code::Csrf, "This can only be asked by a page of this instance").with("origin", own))
}

/// Scheme, host and port of a URL, as browsers write an origin (RFC 6454).
fn origin_of(url: &str) -> &str {
    let host_at = url.find("://").map_or(0, |at| at + 3);
    let end = url[host_at..].find('/').map_or(url.len(), |at| host_at + at);
    &url[..end]
}
