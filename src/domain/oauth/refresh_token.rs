//! The grant type `refresh_token` (RFC 6749, section 6; RFC 9700, section 4.14). Rotation of tokens is in
//! [`crate::domain::identity::sessions::refresh`].

use std::sync::Arc;

use super::error::{OAuthError, Result};
use super::params::Params;
use super::{IssuedTokens, REFRESH_SECONDS, issue, log, scopes};
use crate::activity;
use crate::domain::identity::access::Call;
use crate::domain::identity::sessions::refresh::{Exchange, Exchanged};
use crate::domain::identity::sessions::{bounds, refresh};
use crate::domain::identity::token_states;
use crate::model::activity::{Kind, Outcome, Reason};
use crate::model::{Client, ScopeSet, Secret};
use crate::store;
use crate::store::Tx;
use crate::store::oauth_tokens;
use crate::store::oauth_tokens::Authorization;

/// Exchanges a refresh token for new tokens.
///
/// # Errors
/// `invalid_grant` for a token that is unknown, another client's, used before (which revokes its whole family), or
/// whose person or grant is gone; `invalid_scope` for more scopes than were granted.
pub(super) async fn exchange(call: &Arc<Call>, client: &Client, params: &Params) -> Result<IssuedTokens> {
    let services = &call.services;
    let token = params.need_secret("refresh_token")?;
    let (this, asking, sent) = (call.clone(), client.clone(), params.clone());
    let done = services.write(move |tx| rotate(tx, &this, &asking, &token, &sent)).await?;
    let (of, granted, Exchanged { successor, at, jti, .. }) = done.ok_or_else(unknown)?;
    let api = services.catalog.get().by_no(of.api_no).cloned().ok_or_else(unknown)?;
    issue::for_person(services, client, &api, &of, granted, (at, jti), Some(successor)).await
}

fn unknown() -> OAuthError {
    OAuthError::invalid_grant("The refresh token is unknown, was used before, or has ended")
}

/// None if the token was used before: the family has ended, and the transaction must be committed.
fn rotate(
    tx: &mut Tx<'_>,
    call: &Call,
    client: &Client,
    token: &Secret,
    params: &Params,
) -> Result<Option<(Authorization, ScopeSet, Exchanged)>> {
    let now = call.now;
    let found = refresh::find(tx, token)?.ok_or_else(unknown)?;
    let of = oauth_tokens::by_family(tx, found.family_no, now)?.filter(|of| of.client.0 == client.no);
    let of = of.filter(|of| of.stands).ok_or_else(unknown)?;
    let api = call.services.catalog.get().by_no(of.api_no).cloned().ok_or_else(unknown)?;
    super::token::same_target(&api, params)?;
    let asked = narrowed(&of.scopes, params.get("scope"))?;
    let granted = token_states::current_scopes(&api, &asked, &of.access, Some(of.user.2));
    if granted.is_empty() {
        return Err(OAuthError::invalid_scope());
    }
    match refresh::exchange(
        tx,
        &call.services.vault,
        token,
        call.services.settings.refresh_grace_seconds,
        now,
    )? {
        Exchange::Good(exchanged) => {
            if exchanged.first {
                bounds::take_token(&call.services, of.user.0)?;
                let seconds = client.refresh_token_seconds.unwrap_or(REFRESH_SECONDS);
                oauth_tokens::extend_family(tx, of.family_no, now.plus_seconds(i64::from(seconds)))?;
                store::clients::touch(tx, client.no, now.utc_day_start())?;
                let entry = log::about(call, Kind::TokenIssued, Outcome::Allowed, Reason::Valid, &of);
                activity::record(tx, &log::issued(entry, "refresh_token", &granted))?;
            }
            Ok(Some((of, granted, exchanged)))
        }
        Exchange::Replayed { .. } => {
            let entry = log::about(call, Kind::TokenRevoked, Outcome::Refused, Reason::Replayed, &of);
            activity::record(tx, &entry)?;
            Ok(None)
        }
        Exchange::Unknown => Err(unknown()),
    }
}

/// A refresh may request fewer scopes than were granted, never more. The refresh token keeps its scopes.
fn narrowed(allowed: &ScopeSet, asked: Option<&str>) -> Result<ScopeSet> {
    let Some(text) = asked else { return Ok(allowed.clone()) };
    let asked = scopes::parse(text);
    let malformed = text.split(' ').filter(|name| !name.is_empty()).count() > asked.len();
    if malformed || asked.is_empty() || !asked.is_subset(allowed) {
        return Err(OAuthError::invalid_scope());
    }
    Ok(asked)
}
