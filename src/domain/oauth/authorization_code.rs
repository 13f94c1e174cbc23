//! The grant type `authorization_code` (RFC 6749, section 4.1.3; RFC 7636, section 4.5).

use std::sync::Arc;

use super::error::{OAuthError, Result};
use super::{CODE_SECONDS, IssuedTokens, REFRESH_SECONDS, issue, log, new_name, new_secret, pkce};
use crate::activity;
use crate::domain::identity::access::Call;
use crate::domain::identity::token_states;
use crate::model::activity::{Kind, Outcome, Reason};
use crate::model::{Client, GrantType, ScopeSet, Secret, SecretHash};
use crate::store;
use crate::store::Tx;
use crate::store::oauth_tokens;
use crate::store::oauth_tokens::Authorization;

use super::params::Params;

/// Prefix of refresh tokens, as for sessions.
const REFRESH_PREFIX: &str = "kwr_";

/// Result of an exchange.
enum Redeemed {
    /// Exchanged.
    Now { of: Box<Authorization>, granted: ScopeSet, refresh_token: Option<Secret> },
    /// Exchanged before; its tokens are revoked.
    Before,
}

/// Exchanges a code.
///
/// # Errors
/// `invalid_grant` for a code that is unknown, another client's, exchanged before (which revokes its tokens), expired,
/// sent with another redirect URI or verifier, or whose person may not sign in any more.
pub(super) async fn exchange(call: &Arc<Call>, client: &Client, params: &Params) -> Result<IssuedTokens> {
    let services = &call.services;
    let code = SecretHash::of(params.need_secret("code")?.expose());
    let (this, asking, sent) = (call.clone(), client.clone(), params.clone());
    let redeemed = services.write(move |tx| redeem(tx, &this, &asking, &code, &sent)).await?;
    let Redeemed::Now { of, granted, refresh_token } = redeemed else {
        return Err(OAuthError::invalid_grant("The code was used before; its tokens are revoked"));
    };
    let api = services.catalog.get().by_no(of.api_no).cloned();
    let api = api.ok_or_else(|| OAuthError::invalid_grant("The API is gone"))?;
    issue::for_person(services, client, &api, &of, granted, (call.now, new_name(services)), refresh_token)
        .await
}

fn redeem(
    tx: &mut Tx<'_>,
    call: &Call,
    client: &Client,
    code: &SecretHash,
    params: &Params,
) -> Result<Redeemed> {
    let unknown = || OAuthError::invalid_grant("The code is unknown, or was issued to another client");
    let of = oauth_tokens::by_code(tx, code, call.now)?
        .filter(|of| of.client.0 == client.no)
        .ok_or_else(unknown)?;
    if of.redeemed_at.is_some() {
        return replayed(tx, call, &of);
    }
    check(call, &of, params)?;
    let api = call.services.catalog.get().by_no(of.api_no).cloned().ok_or_else(unknown)?;
    super::token::same_target(&api, params)?;
    let granted = token_states::current_scopes(&api, &of.scopes, &of.access, Some(of.user.2));
    if granted.is_empty() {
        return Err(OAuthError::invalid_scope());
    }
    if !oauth_tokens::redeem(tx, of.no, call.now)? {
        return replayed(tx, call, &of);
    }
    let refresh_token =
        client.may(GrantType::RefreshToken).then(|| new_secret(&call.services, REFRESH_PREFIX));
    let mut ends = call.now.plus_seconds(86_400);
    if let Some(token) = &refresh_token {
        store::sessions::insert_refresh(tx, of.family_no, &SecretHash::of(token.expose()), call.now)?;
        ends = call.now.plus_seconds(i64::from(client.refresh_token_seconds.unwrap_or(REFRESH_SECONDS)));
    }
    oauth_tokens::extend_family(tx, of.family_no, ends)?;
    store::clients::touch(tx, client.no, call.now.utc_day_start())?;
    let entry = log::about(call, Kind::TokenIssued, Outcome::Allowed, Reason::Valid, &of);
    activity::record(tx, &log::issued(entry, "authorization_code", &granted))?;
    Ok(Redeemed::Now { of: Box::new(of), granted, refresh_token })
}

/// A second exchange of one code: it was copied, and either caller may be the attacker (RFC 6749, section 4.1.2).
fn replayed(tx: &mut Tx<'_>, call: &Call, of: &Authorization) -> Result<Redeemed> {
    if store::sessions::revoke_family(tx, of.family_no, call.now)? {
        let entry = log::about(call, Kind::TokenRevoked, Outcome::Refused, Reason::Replayed, of);
        activity::record(tx, &entry)?;
    }
    Ok(Redeemed::Before)
}

/// Checks the bindings of the code.
fn check(call: &Call, of: &Authorization, params: &Params) -> Result<()> {
    let given_at = of.code_expires_at.minus_seconds(CODE_SECONDS);
    if of.code_expires_at <= call.now || !given_at.has_started(call.now) {
        return Err(OAuthError::invalid_grant("The code has expired"));
    }
    if !of.stands || !of.session_stands {
        return Err(OAuthError::invalid_grant("The session or the grant of the code has ended"));
    }
    match params.get("redirect_uri") {
        Some(uri) if uri == of.redirect_uri => {}
        Some(_) => return Err(OAuthError::invalid_grant("The redirect_uri is not the one of the code")),
        // OAuth 2.1 omits the redirect URI where PKCE binds the code; without PKCE it is the only binding.
        None if of.redirect_uri_sent && of.challenge.is_none() => {
            return Err(OAuthError::invalid_grant("The redirect_uri is missing"));
        }
        None => {}
    }
    pkce::verify(of.challenge.as_deref(), params.get("code_verifier"))
}
