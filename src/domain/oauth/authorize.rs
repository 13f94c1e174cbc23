//! The authorization endpoint (RFC 6749, section 3.1; OpenID Connect Core, section 3.1.2).
//!
//! A request passes these checks in order. Until client and redirect URI are verified, an error is a page, never a
//! redirect (RFC 9700, section 4.11.2); after that the client gets it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::{ErrorCode, OAuthError, Result};
use super::params::Params;
use super::{REQUEST_SECONDS, code, id_token, limits, log, new_secret, pkce, scopes};
use crate::domain::identity::Services;
use crate::domain::identity::access::Call;
use crate::domain::identity::sessions;
use crate::model::activity::Kind;
use crate::model::{
    Api, AuthMethods, Client, ClientId, GrantType, RateLimit, RedirectUri, Role, ScopeSet, Secret,
    SecretHash, SessionId, Timestamp, UserId,
};
use crate::store;
use crate::store::clients;
use crate::store::oauth_requests;
use crate::store::oauth_requests::PendingAuthorization;

/// Maximum length of `state`, `nonce` and `login_hint`, in bytes.
const MAX_ECHO: usize = 2_048;

/// Maximum size of the waiting requests of one network, in KiB: enough for an office behind one address.
const PER_NETWORK: RateLimit = RateLimit { limit: Some(100), window_seconds: 60, burst: Some(200) };

/// Browser of an authorization request, by its cookies.
#[derive(Debug, Clone, Copy, Default)]
pub struct Browser<'a> {
    /// Cookie that identifies the browser.
    pub id: Option<&'a str>,
    /// Cookie of its session.
    pub session: Option<&'a str>,
}

/// Sign-in of the person who authorizes.
#[derive(Debug, Clone, Copy)]
pub struct SignIn {
    /// Number, id and role of the person.
    pub user: (i64, UserId, Role),
    /// Number and id of the session.
    pub session: (i64, SessionId),
    /// `auth_time` of the session.
    pub at: Timestamp,
    /// Authentication methods.
    pub amr: AuthMethods,
    /// Whether a second factor must be used before the person may do anything else.
    pub second_factor_missing: bool,
}

impl SignIn {
    /// Sign-in of a session cookie; none if the session does not exist or has ended.
    pub fn of(services: &Services, cookie: Option<&str>, now: Timestamp) -> Option<Self> {
        let cookie = cookie?;
        let identity = sessions::from_cookie(services, cookie, None, now).ok()?;
        Some(Self {
            user: identity.user?,
            session: identity.session?,
            at: identity.auth_time?,
            amr: identity.amr,
            second_factor_missing: sessions::second_factor_missing(services, &identity).ok()?,
        })
    }
}

/// Outcome of an authorization request.
#[derive(Debug)]
pub enum Outcome {
    /// The browser is redirected to the client, with a code or an error.
    Redirect(Redirect),
    /// The person must act first.
    Ask {
        /// The page.
        page: Page,
        /// Token in the URL of the page.
        request: Secret,
        /// The browser's cookie, if it is new.
        browser: Option<Secret>,
    },
}

/// A redirect of the browser to a client: a registered URI, and the parameters added to its query.
#[derive(Debug)]
pub struct Redirect {
    /// The registered URI.
    pub uri: String,
    /// Parameters; their values may be secrets.
    pub params: Vec<(&'static str, Secret)>,
}

/// Page for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// Sign-in.
    SignIn,
    /// Consent.
    Consent,
}

/// A validated authorization request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct AuthzRequest {
    /// Redirect URI.
    pub(super) redirect_uri: String,
    /// Whether the request contained it.
    pub(super) redirect_uri_sent: bool,
    /// `state`, which the response repeats.
    pub(super) state: Option<String>,
    /// Requested scopes that can be granted.
    pub(super) scopes: ScopeSet,
    /// The PKCE challenge.
    pub(super) challenge: Option<String>,
    /// `nonce`, which the ID token repeats.
    pub(super) nonce: Option<String>,
    /// Whether the sign-in must be later than the request.
    pub(super) sign_in_again: bool,
    /// Whether consent is required even if it was given before.
    pub(super) ask_consent: bool,
    /// Maximum age of the sign-in, in seconds.
    pub(super) max_age: Option<u32>,
    /// The person that the client expects.
    pub(super) subject: Option<String>,
    /// Address to fill in at sign-in.
    pub(super) login_hint: Option<String>,
}

impl AuthzRequest {
    /// Whether `sign_in` is recent enough, and of the person that the client expects.
    pub(super) fn accepts(&self, sign_in: &SignIn, asked_at: Timestamp, now: Timestamp) -> bool {
        let again = !self.sign_in_again || sign_in.at >= asked_at;
        let age = now.millis_since(sign_in.at);
        let young = self.max_age.is_none_or(|most| age <= i64::from(most) * 1_000 || sign_in.at >= asked_at);
        let expected = self.subject.as_ref().is_none_or(|subject| *subject == sign_in.user.1.to_string());
        again && young && expected
    }

    /// Whether consent is required although the person gave `live_grant` before. A client on the person's own machine
    /// cannot be distinguished from other programs there (RFC 8252, section 8.6), so its consent is never remembered.
    /// Trust in a client is limited to the role that declared it.
    pub(super) fn needs_consent(
        &self,
        client: &Client,
        scopes: &ScopeSet,
        live_grant: Option<&ScopeSet>,
        role: Option<Role>,
    ) -> bool {
        let local = client.redirect_uri(&self.redirect_uri).is_none_or(RedirectUri::is_local);
        let trusted = role.is_some_and(|role| client.is_trusted_for(role));
        let remembered = trusted || live_grant.is_some_and(|given| scopes.is_subset(given));
        self.ask_consent || local || !remembered
    }

    /// Response to the client, with `state` (RFC 6749, section 4.1.2) and `iss` (RFC 9207).
    pub(super) fn redirect(&self, services: &Services, answer: &[(&'static str, &str)]) -> Redirect {
        redirect(services, &self.redirect_uri, self.state.as_deref(), answer)
    }
}

fn redirect(
    services: &Services,
    uri: &str,
    state: Option<&str>,
    answer: &[(&'static str, &str)],
) -> Redirect {
    let mut params = answer.to_vec();
    params.extend(state.map(|state| ("state", state)));
    params.push(("iss", &services.settings.public_url));
    let params = params.into_iter().map(|(name, value)| (name, Secret::new(value.to_owned()))).collect();
    Redirect { uri: uri.to_owned(), params }
}

/// Answers an authorization request.
///
/// # Errors
/// Errors that are shown as a page, because there is no verified redirect URI.
pub async fn authorize(call: &Arc<Call>, params: &Params, browser: Browser<'_>) -> Result<Outcome> {
    let (client, uri) =
        target(call, params).inspect_err(|error| log::refused(call, Kind::Authorization, None, error))?;
    let done = match check(call, &client, &uri, params) {
        Ok((api, asked, silent)) => decide(call, &client, &api, asked, silent, browser).await,
        Err(error) => Err(error),
    };
    done.or_else(|error| {
        log::refused(call, Kind::Authorization, Some(&client), &error);
        // A self-registered URI is not trusted: no redirect to it before the person agreed (RFC 9700, section 4.11.2).
        if client.dynamic && !agreed(call, &client, browser)? {
            return Err(error);
        }
        let answer = [("error", error.code.as_str()), ("error_description", &*error.description)];
        let state = params.get("state").filter(|state| state.len() <= MAX_ECHO);
        Ok(Outcome::Redirect(redirect(&call.services, &uri.0, state, &answer)))
    })
}

/// Whether the signed-in person has a live grant for the client.
fn agreed(call: &Call, client: &Client, browser: Browser<'_>) -> Result<bool> {
    let Some(sign_in) = SignIn::of(&call.services, browser.session, call.now) else { return Ok(false) };
    Ok(call.services.db.lookup(|conn| store::grants::any(conn, sign_in.user.0, client.no))?)
}

/// Verifies client and redirect URI (RFC 6749, section 3.1.2).
fn target(call: &Call, params: &Params) -> Result<(Client, (String, bool))> {
    let unknown = || OAuthError::invalid_request("There is no such client");
    let id: ClientId = params.need("client_id")?.parse().map_err(|_| unknown())?;
    let found = call.services.db.lookup(|conn| clients::find(conn, id))?;
    let client = found.filter(|client| client.disabled_at.is_none()).ok_or_else(unknown)?;
    let uri = match (params.get("redirect_uri"), client.redirect_uris.as_slice()) {
        (Some(presented), _) => {
            let registered = client.redirect_uri(presented);
            registered.ok_or_else(|| {
                OAuthError::invalid_request("The redirect_uri is not one that this client registered")
            })?;
            (presented.to_owned(), true)
        }
        (None, [only]) => (only.as_str().to_owned(), false),
        (None, _) => return Err(OAuthError::invalid_request("The parameter redirect_uri is missing")),
    };
    Ok((client, uri))
}

/// Validates the other parameters; true for `prompt=none`.
fn check(
    call: &Call,
    client: &Client,
    (uri, uri_sent): &(String, bool),
    params: &Params,
) -> Result<(Arc<Api>, AuthzRequest, bool)> {
    refuse_unsupported(params)?;
    match params.need("response_type")? {
        "code" => {}
        _ => {
            let text = "Only response_type=code is supported";
            return Err(OAuthError::new(ErrorCode::UnsupportedResponseType, text));
        }
    }
    if !client.may(GrantType::AuthorizationCode) {
        let text = "This client may not use the authorization code flow";
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, text));
    }
    let prompt = Prompt::parse(params.get("prompt"))?;
    let max_age = params.get("max_age").map(str::parse).transpose();
    let api = scopes::api(&call.services, client, params.get("resource"))?;
    let asked = AuthzRequest {
        redirect_uri: uri.clone(),
        redirect_uri_sent: *uri_sent,
        state: echo(params, "state")?,
        challenge: pkce::challenge(params, client.require_pkce)?,
        scopes: scopes::for_client(client, &api, params.get("scope"))?,
        nonce: echo(params, "nonce")?,
        sign_in_again: prompt.sign_in,
        ask_consent: prompt.consent,
        max_age: max_age.map_err(|_| OAuthError::invalid_request("max_age is not a number of seconds"))?,
        subject: subject(call, client, params)?,
        login_hint: echo(params, "login_hint")?,
    };
    Ok((api, asked, prompt.none))
}

/// Unsupported parameters with errors of OpenID Connect Core, section 3.1.2.6, and response modes other than the query.
fn refuse_unsupported(params: &Params) -> Result<()> {
    for (name, code) in [
        ("request", ErrorCode::RequestNotSupported),
        ("request_uri", ErrorCode::RequestUriNotSupported),
        ("registration", ErrorCode::RegistrationNotSupported),
    ] {
        if params.get(name).is_some() {
            return Err(OAuthError::new(code, format!("The parameter {name} is not supported")));
        }
    }
    if params.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(OAuthError::invalid_request("Only response_mode=query is supported"));
    }
    Ok(())
}

fn echo(params: &Params, name: &'static str) -> Result<Option<String>> {
    match params.get(name) {
        Some(value) if value.len() > MAX_ECHO => {
            Err(OAuthError::invalid_request(format!("The parameter {name} is longer than {MAX_ECHO} bytes")))
        }
        value => Ok(value.map(str::to_owned)),
    }
}

/// The person that `id_token_hint` names (OpenID Connect Core, section 3.1.2.1).
fn subject(call: &Call, client: &Client, params: &Params) -> Result<Option<String>> {
    let Some(hint) = params.get("id_token_hint") else { return Ok(None) };
    let claims = id_token::read(&call.services, hint).filter(|claims| claims.aud == client.id.to_string());
    let wrong = || OAuthError::invalid_request("The id_token_hint is not an ID token of this client");
    claims.map(|claims| Some(claims.sub)).ok_or_else(wrong)
}

/// `prompt` (OpenID Connect Core, section 3.1.2.1).
#[derive(Debug, Clone, Copy, Default)]
struct Prompt {
    none: bool,
    sign_in: bool,
    consent: bool,
}

impl Prompt {
    fn parse(text: Option<&str>) -> Result<Self> {
        let mut prompt = Self::default();
        for word in text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()) {
            match word {
                "none" => prompt.none = true,
                "login" | "select_account" => prompt.sign_in = true,
                "consent" => prompt.consent = true,
                _ => {}
            }
        }
        if prompt.none && (prompt.sign_in || prompt.consent) {
            return Err(OAuthError::invalid_request("prompt=none cannot be combined with another value"));
        }
        Ok(prompt)
    }
}

/// Responds at once if the person need not act, otherwise asks them.
async fn decide(
    call: &Arc<Call>,
    client: &Client,
    api: &Arc<Api>,
    asked: AuthzRequest,
    silent: bool,
    browser: Browser<'_>,
) -> Result<Outcome> {
    let sign_in = SignIn::of(&call.services, browser.session, call.now);
    let sign_in = sign_in.filter(|sign_in| asked.accepts(sign_in, call.now, call.now));
    let Some(sign_in) = sign_in else {
        if silent {
            return Err(OAuthError::new(ErrorCode::LoginRequired, "No session, or the sign-in is too old"));
        }
        return ask(call, client, api, &asked, Page::SignIn, browser).await;
    };
    let given = scopes::for_person(api, sign_in.user.2, &asked.scopes);
    if given.is_empty() {
        return Err(code::nothing_to_give());
    }
    let key = (sign_in.user.0, client.no, api.no);
    let live_grant = call.services.db.lookup(|conn| store::grants::standing(conn, key.0, key.1, key.2))?;
    let needs_consent = asked.needs_consent(
        client,
        &given,
        live_grant.as_ref().map(|grant| &grant.scopes),
        Some(sign_in.user.2),
    );
    if !needs_consent && !sign_in.second_factor_missing {
        return code::issue(call, client, api, asked, sign_in, given).await.map(Outcome::Redirect);
    }
    if silent {
        return Err(OAuthError::new(ErrorCode::ConsentRequired, "The person must give consent"));
    }
    ask(call, client, api, &asked, Page::Consent, browser).await
}

async fn ask(
    call: &Arc<Call>,
    client: &Client,
    api: &Api,
    asked: &AuthzRequest,
    page: Page,
    browser: Browser<'_>,
) -> Result<Outcome> {
    let services = &call.services;
    let (browser, fresh) = match browser.id {
        Some(known) => (SecretHash::of(known), None),
        None => {
            let fresh = new_secret(services, "");
            (SecretHash::of(fresh.expose()), Some(fresh))
        }
    };
    let request = new_secret(services, "");
    let hash = SecretHash::of(request.expose());
    let asked = serde_json::to_string(asked).map_err(crate::error::Error::internal)?;
    limits::take(call, "oauth.authorize", &PER_NETWORK, 1 + (asked.len() >> 10) as u32)?;
    let waiting = PendingAuthorization {
        browser,
        client_no: client.no,
        api_no: api.no,
        asked,
        created_at: call.now,
        expires_at: call.now.plus_seconds(REQUEST_SECONDS),
    };
    let most = services.bounds.waiting_authorizations;
    let insert = move |tx: &mut store::Tx<'_>| {
        if oauth_requests::count(tx, most)? >= most {
            let error = crate::error::Error::unavailable("too many authorization requests are pending");
            return Err(OAuthError::from(error));
        }
        Ok(oauth_requests::insert(tx, &hash, &waiting)?)
    };
    services.write(insert).await?;
    Ok(Outcome::Ask { page, request, browser: fresh })
}
