//! Sign-out requested by an app (OpenID Connect RP-Initiated Logout 1.0).

use std::sync::Arc;

use serde_json::json;

use super::authorize::Redirect;
use super::error::{OAuthError, Result};
use super::id_token::{self, Hint};
use super::params::Params;
use crate::activity;
use crate::domain::identity::access::Call;
use crate::domain::identity::sessions;
use crate::domain::identity::sessions::Change;
use crate::error::{Code, Error};
use crate::model::activity::{Entry, Kind};
use crate::model::{Client, ClientId, Secret, SessionId, UserId};
use crate::store;
use crate::store::{Tx, oauth_tokens};

/// Outcome of a sign-out request.
#[derive(Debug)]
pub enum Outcome {
    /// The person is signed out: the browser is redirected, and its cookie removed.
    Done {
        /// Redirect to the client, or none for our own page.
        redirect_to: Option<Redirect>,
    },
    /// The person must confirm it (section 2).
    Confirm {
        /// Token that the confirmation form sends.
        csrf_token: String,
        /// Name of the client.
        client: Option<String>,
    },
}

/// Signs the browser's session out. An ID token of that session shows that the person's app requests it; otherwise the
/// person is asked, and `confirmed` is the token of the form.
///
/// # Errors
/// `invalid_request` if there is no valid redirect.
pub async fn logout(
    call: &Arc<Call>,
    params: &Params,
    cookie: Option<&str>,
    confirmed: Option<Change<'_>>,
) -> Result<Outcome> {
    let services = &call.services;
    let hint = match params.get("id_token_hint") {
        Some(text) => Some(id_token::read(services, text).ok_or_else(|| {
            OAuthError::invalid_request("The id_token_hint is not an ID token of this instance")
        })?),
        None => None,
    };
    let client = client(call, params, hint.as_ref())?;
    let redirect_to = redirect_to(params, client.as_ref())?;
    let Some(cookie) = cookie else { return Ok(Outcome::Done { redirect_to }) };
    let identity = match sessions::from_cookie(services, cookie, confirmed, call.now) {
        Ok(identity) => identity,
        Err(error) if error.code == Code::Csrf => return Err(error.into()),
        Err(_) => return Ok(Outcome::Done { redirect_to }),
    };
    let (Some((user_no, user, _)), Some((session_no, session))) = (identity.user, identity.session) else {
        return Ok(Outcome::Done { redirect_to });
    };
    if confirmed.is_none() && !hint.as_ref().is_some_and(|hint| is_of(hint, user, session)) {
        let csrf_token = sessions::csrf_token_of(services, cookie);
        return Ok(Outcome::Confirm { csrf_token, client: client.map(|client| client.name) });
    }
    let (this, client_no) = (call.clone(), client.map(|client| client.no));
    services.write(move |tx| end(tx, &this, user_no, session_no, client_no)).await?;
    Ok(Outcome::Done { redirect_to })
}

fn is_of(hint: &Hint, user: UserId, session: SessionId) -> bool {
    hint.sub == user.to_string() && hint.sid.as_ref().is_some_and(|sid| *sid == session.to_string())
}

/// The client: the one that the hint was issued to, which must agree with `client_id`.
fn client(call: &Call, params: &Params, hint: Option<&Hint>) -> Result<Option<Client>> {
    let named = params.get("client_id").or(hint.map(|hint| hint.aud.as_str()));
    let Some(named) = named else { return Ok(None) };
    if hint.is_some_and(|hint| hint.aud != named) {
        return Err(OAuthError::invalid_request("The id_token_hint was issued to another client"));
    }
    let Ok(id) = named.parse::<ClientId>() else {
        return Err(OAuthError::invalid_request("There is no such client"));
    };
    Ok(call.services.db.lookup(|conn| store::clients::find(conn, id))?)
}

/// Redirect URI of the client; only a registered one (section 3).
fn redirect_to(params: &Params, client: Option<&Client>) -> Result<Option<Redirect>> {
    let Some(uri) = params.get("post_logout_redirect_uri") else { return Ok(None) };
    let registered = client.is_some_and(|client| {
        client.post_logout_redirect_uris.iter().any(|registered| registered.matches(uri))
    });
    if !registered {
        let text = "The post_logout_redirect_uri is not one that the client registered";
        return Err(OAuthError::invalid_request(text));
    }
    let state = params.get("state").map(|state| ("state", Secret::new(state.to_owned())));
    Ok(Some(Redirect { uri: uri.to_owned(), params: state.into_iter().collect() }))
}

/// Ends the session, and the grants that last as long as it does.
fn end(
    tx: &mut Tx<'_>,
    call: &Call,
    user_no: i64,
    session_no: i64,
    client_no: Option<i64>,
) -> std::result::Result<(), Error> {
    let tokens = oauth_tokens::end_with_session(tx, session_no, call.now)?;
    if store::sessions::revoke(tx, session_no, call.now)? {
        let entry = Entry {
            user_no: Some(user_no),
            session_no: Some(session_no),
            client_no,
            detail: Some(Box::new(json!({ "authorizations": tokens }))),
            ..call.entry(Kind::SignOut)
        };
        activity::record(tx, &entry)?;
    }
    Ok(())
}
