//! Authorization codes (RFC 6749, section 4.1.2).

use std::sync::Arc;

use serde_json::json;

use super::authorize::{AuthzRequest, Redirect, SignIn};
use super::error::{ErrorCode, OAuthError, Result};
use super::{CODE_SECONDS, new_name, new_secret};
use crate::activity;
use crate::domain::identity::access::Call;
use crate::domain::identity::sessions::{bounds, refresh};
use crate::model::activity::{Entry, Kind, Outcome};
use crate::model::{Api, Client, GrantId, ScopeSet, SecretHash};
use crate::store;
use crate::store::Tx;
use crate::store::oauth_tokens;
use crate::store::oauth_tokens::NewAuthorization;

/// Prefix of codes, for secret scanners.
const PREFIX: &str = "kwac_";

/// `access_denied`: the person holds none of the requested scopes.
pub(super) fn nothing_to_give() -> OAuthError {
    OAuthError::new(ErrorCode::AccessDenied, "This person holds none of the requested scopes")
}

/// Issues a code; returns the redirect of the browser.
pub(super) async fn issue(
    call: &Arc<Call>,
    client: &Client,
    api: &Api,
    asked: AuthzRequest,
    sign_in: SignIn,
    scopes: ScopeSet,
) -> Result<Redirect> {
    let (this, client, api_no) = (call.clone(), client.clone(), api.no);
    call.services.write(move |tx| allow(tx, &this, &client, api_no, &asked, &sign_in, &scopes)).await
}

/// [`issue`] within a transaction: stores the authorization and the code.
pub(super) fn allow(
    tx: &mut Tx<'_>,
    call: &Call,
    client: &Client,
    api_no: i64,
    asked: &AuthzRequest,
    sign_in: &SignIn,
    scopes: &ScopeSet,
) -> Result<Redirect> {
    let services = &call.services;
    let now = call.now;
    bounds::take_token(services, sign_in.user.0)?;
    let entry = Entry {
        api_no: Some(api_no),
        client_no: Some(client.no),
        user_no: Some(sign_in.user.0),
        session_no: Some(sign_in.session.0),
        ..call.entry(Kind::Authorization)
    };
    let grant_no = grant(tx, call, client.no, api_no, sign_in, scopes, &entry)?;
    let code = new_secret(services, PREFIX);
    let ends = now.plus_seconds(CODE_SECONDS);
    let family_no = refresh::begin_family(tx, services, Some(sign_in.user.0), None, now, ends)?;
    oauth_tokens::insert(
        tx,
        &NewAuthorization {
            id: &new_name(services),
            grant_no,
            family_no,
            session_no: sign_in.session.0,
            authenticated_at: sign_in.at,
            amr: sign_in.amr,
            scopes,
            code: &SecretHash::of(code.expose()),
            code_expires_at: ends,
            redirect_uri: &asked.redirect_uri,
            redirect_uri_sent: asked.redirect_uri_sent,
            challenge: asked.challenge.as_deref(),
            nonce: asked.nonce.as_deref(),
            created_at: now,
        },
    )?;
    let detail = json!({ "scope": scopes.to_string() });
    let entry = Entry {
        grant_no: Some(grant_no),
        outcome: Outcome::Allowed,
        detail: Some(Box::new(detail)),
        ..entry
    };
    activity::record(tx, &entry)?;
    Ok(asked.redirect(services, &[("code", code.expose())]))
}

/// The live grant, created or extended.
fn grant(
    tx: &mut Tx<'_>,
    call: &Call,
    client_no: i64,
    api_no: i64,
    sign_in: &SignIn,
    scopes: &ScopeSet,
    about: &Entry,
) -> Result<i64> {
    let user_no = sign_in.user.0;
    let (no, scopes_before) = match store::grants::standing(tx, user_no, client_no, api_no)? {
        Some(live_grant) if scopes.is_subset(&live_grant.scopes) => {
            store::grants::touch(tx, live_grant.no, call.now)?;
            return Ok(live_grant.no);
        }
        Some(live_grant) => {
            store::grants::widen(tx, live_grant.no, &live_grant.scopes.union(scopes), call.now)?;
            store::grants::touch(tx, live_grant.no, call.now)?;
            (live_grant.no, live_grant.scopes)
        }
        None => {
            let id = GrantId::new(call.now, call.services.random());
            (
                store::grants::insert(tx, id, (user_no, client_no, api_no), scopes, call.now)?,
                ScopeSet::empty(),
            )
        }
    };
    let detail = json!({ "scopes": { "from": scopes_before, "to": scopes_before.union(scopes) } });
    let entry = Entry {
        kind: Kind::GrantCreated,
        outcome: Outcome::Changed,
        grant_no: Some(no),
        detail: Some(Box::new(detail)),
        ..about.clone()
    };
    activity::record(tx, &entry)?;
    Ok(no)
}
