//! Pending authorization requests: the content of the sign-in and consent pages, and the decision of the person.

use std::sync::Arc;

use super::authorize::{AuthzRequest, Browser, Redirect, SignIn};
use super::error::OAuthError;
use super::scopes;
use super::{code, log};
use crate::activity;
use crate::domain::identity::access::Call;
use crate::domain::identity::admission::{Admission as _, Person};
use crate::error::{Code, Error, Result};
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::openid::{OPENID_SCOPES, is_openid};
use crate::model::{Api, Client, RedirectUri, Scope, ScopeSet, SecretHash, Timestamp};
use crate::store;
use crate::store::oauth_requests;
use crate::store::oauth_requests::PendingAuthorization;
use crate::store::{Conn, Tx};

/// A pending request, for its page.
#[derive(Debug)]
pub struct PendingView {
    /// The client.
    pub client: Client,
    /// The API.
    pub api: Arc<Api>,
    /// Requested scopes with their descriptions. After sign-in, only those that the person can grant.
    pub scopes: Vec<(Scope, String)>,
    /// Host of the redirect URI.
    pub redirect_host: String,
    /// Whether other programs on the person's machine could receive the response.
    pub redirect_is_local: bool,
    /// Address to fill in on the sign-in page.
    pub login_hint: Option<String>,
    /// Whether the person must sign in, perhaps again, before the decision.
    pub sign_in_required: bool,
    /// Whether a decision is needed; otherwise the page allows at once.
    pub consent_required: bool,
    /// Expiry.
    pub expires_at: Timestamp,
}

/// Decision of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Allows all scopes, or these.
    Allow(Option<ScopeSet>),
    /// Denies the request.
    Deny,
}

/// A pending request, for the browser that sent it.
///
/// # Errors
/// `NOT_FOUND` when it does not exist or has expired; `FORBIDDEN` in another browser.
pub async fn show(call: &Arc<Call>, id: &str, browser: Browser<'_>) -> Result<PendingView> {
    let (hash, this) = (SecretHash::of(id), call.clone());
    let waiting = browser_hash(browser);
    let sign_in = SignIn::of(&call.services, browser.session, call.now);
    call.services
        .read(move |conn| {
            let open = Pending::find(conn, &this, &hash, waiting.as_ref())?;
            let sign_in = sign_in.filter(|sign_in| open.accepts(sign_in, this.now));
            let given = match &sign_in {
                Some(sign_in) => scopes::for_person(&open.api, sign_in.user.2, &open.asked.scopes),
                None => open.asked.scopes.clone(),
            };
            let role = sign_in.as_ref().map(|sign_in| sign_in.user.2);
            let live_grant = sign_in
                .map(|sign_in| store::grants::standing(conn, sign_in.user.0, open.client.no, open.api.no))
                .transpose()?
                .flatten();
            let live_grant = live_grant.map(|grant| grant.scopes);
            Ok(PendingView {
                scopes: described(&open.api, &given),
                redirect_host: redirect(&open).map_or_else(String::new, |uri| uri.host().to_owned()),
                redirect_is_local: redirect(&open).is_none_or(RedirectUri::is_local),
                login_hint: open.asked.login_hint.clone(),
                sign_in_required: sign_in.is_none(),
                consent_required: open.asked.needs_consent(&open.client, &given, live_grant.as_ref(), role),
                expires_at: open.waiting.expires_at,
                client: open.client,
                api: open.api,
            })
        })
        .await
}

/// Carries out the decision of the person; returns the redirect of the browser.
///
/// # Errors
/// Those of [`show`]; `FORBIDDEN` when the person must sign in again or set up a second factor first; `INVALID_REQUEST`
/// when no scope is allowed.
pub async fn decide(person: &Person, id: &str, browser: Browser<'_>, decision: Decision) -> Result<Redirect> {
    let hash = SecretHash::of(id);
    let call = person.call();
    // The session must be the browser's own: the person on the consent page decides.
    let sign_in = SignIn::of(&call.services, browser.session, call.now)
        .filter(|sign_in| sign_in.session == person.session);
    let (this, browser) = (call.clone(), browser_hash(browser));
    call.services
        .write(move |tx| {
            let open = Pending::find(tx, &this, &hash, browser.as_ref())?;
            let location = match &decision {
                Decision::Deny => deny(tx, &this, &open, sign_in.as_ref())?,
                Decision::Allow(chosen) => allow(tx, &this, &open, sign_in, chosen.as_ref())?,
            };
            oauth_requests::delete(tx, &hash)?;
            Ok(location)
        })
        .await
}

/// A pending request with its client and API.
struct Pending {
    waiting: PendingAuthorization,
    asked: AuthzRequest,
    client: Client,
    api: Arc<Api>,
}

impl Pending {
    fn find(conn: &Conn<'_>, call: &Call, hash: &SecretHash, browser: Option<&SecretHash>) -> Result<Self> {
        let gone = || Error::not_found("request; start again from the app");
        let waiting = oauth_requests::find(conn, hash)?
            .filter(|waiting| waiting.expires_at > call.now && waiting.created_at.has_started(call.now))
            .ok_or_else(gone)?;
        if browser != Some(&waiting.browser) {
            return Err(Error::forbidden(
                "This request was opened in another browser; start again from the app",
            ));
        }
        let client = store::clients::by_no(conn, waiting.client_no)?;
        let client = client.filter(|client| client.disabled_at.is_none()).ok_or_else(gone)?;
        let api = call.services.catalog.get().by_no(waiting.api_no).cloned().ok_or_else(gone)?;
        let asked: AuthzRequest = serde_json::from_str(&waiting.asked).map_err(Error::internal)?;
        // The client may have changed since.
        client.redirect_uri(&asked.redirect_uri).ok_or_else(gone)?;
        Ok(Self { waiting, asked, client, api })
    }

    fn accepts(&self, sign_in: &SignIn, now: Timestamp) -> bool {
        self.asked.accepts(sign_in, self.waiting.created_at, now)
    }
}

fn browser_hash(browser: Browser<'_>) -> Option<SecretHash> {
    browser.id.map(SecretHash::of)
}

fn redirect(open: &Pending) -> Option<&RedirectUri> {
    open.client.redirect_uri(&open.asked.redirect_uri)
}

fn described(api: &Api, scopes: &ScopeSet) -> Vec<(Scope, String)> {
    let of_api = |scope: &Scope| api.scopes.iter().find(|known| known.name == *scope);
    let openid = |scope: &Scope| OPENID_SCOPES.iter().find(|(name, _)| *name == scope.as_str());
    let text = |scope: &Scope| match (is_openid(scope), of_api(scope), openid(scope)) {
        (true, _, Some((_, text))) => (*text).to_owned(),
        (_, Some(known), _) => known.description.clone(),
        _ => String::new(),
    };
    scopes.iter().map(|scope| (scope.clone(), text(scope))).collect()
}

fn deny(tx: &mut Tx<'_>, call: &Call, open: &Pending, sign_in: Option<&SignIn>) -> Result<Redirect> {
    let entry = Entry {
        outcome: Outcome::Refused,
        reason: Reason::Denied,
        api_no: Some(open.api.no),
        client_no: Some(open.client.no),
        user_no: sign_in.map(|sign_in| sign_in.user.0),
        identified: sign_in.is_some(),
        ..call.entry(Kind::Authorization)
    };
    activity::record_request(tx, &entry)?;
    let answer = [("error", "access_denied"), ("error_description", "The person denied it")];
    Ok(open.asked.redirect(&call.services, &answer))
}

fn allow(
    tx: &mut Tx<'_>,
    call: &Call,
    open: &Pending,
    sign_in: Option<SignIn>,
    chosen: Option<&ScopeSet>,
) -> Result<Redirect> {
    let sign_in = sign_in.ok_or_else(|| Error::new(Code::InvalidToken, "Sign in first"))?;
    if !open.accepts(&sign_in, call.now) {
        return Err(Error::forbidden("The app asks you to sign in again").with("sign_in_required", true));
    }
    if sign_in.second_factor_missing {
        return Err(Error::forbidden("Set up a second factor first").with("second_factor_required", true));
    }
    let mut given = scopes::for_person(&open.api, sign_in.user.2, &open.asked.scopes);
    if let Some(chosen) = chosen {
        given = given.intersection(chosen);
    }
    if given.is_empty() {
        return Err(Error::invalid("scopes", "Allow at least one scope, or deny the request."));
    }
    let done = code::allow(tx, call, &open.client, open.api.no, &open.asked, &sign_in, &given);
    done.map_err(|error: OAuthError| {
        log::refused(call, Kind::Authorization, Some(&open.client), &error);
        Error::internal(error)
    })
}
