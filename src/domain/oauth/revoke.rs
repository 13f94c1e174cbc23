//! Revocation (RFC 7009), by a client or by a holder of a key.

use std::sync::Arc;

use super::client_auth::{self, ClientCredentials};
use super::error::{ErrorCode, OAuthError, Result};
use super::log;
use super::params::Params;
use crate::activity;
use crate::domain::identity::access::Call;
use crate::domain::identity::sessions::refresh;
use crate::domain::identity::tokens;
use crate::domain::identity::tokens::AccessClaims;
use crate::domain::keys;
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::{Client, Secret, SecretHash, Timestamp};
use crate::store;
use crate::store::Tx;
use crate::store::oauth_tokens;

/// Revokes a token: a refresh token with all tokens of its authorization (section 2.1), an access token alone, a key as
/// a leaked one. Unknown and expired tokens are not an error (section 2.2).
///
/// # Errors
/// `invalid_client`; `invalid_request`; `unauthorized_client` for another client's token.
pub async fn revoke(call: &Arc<Call>, header: Option<ClientCredentials>, params: &Params) -> Result<()> {
    let client = client_auth::authenticate(&call.services, header, params, call.now)
        .inspect_err(|error| log::refused(call, Kind::TokenRevoked, None, error))?;
    let token = params.need_secret("token")?;
    let done = match tokens::verify(&call.services, token.expose(), call.now) {
        Ok(claims) => access_token(call, &client, claims).await,
        Err(_) => other(call, &client, &token).await,
    };
    done.inspect_err(|error| log::refused(call, Kind::TokenRevoked, Some(&client), error))
}

fn not_yours() -> OAuthError {
    OAuthError::new(ErrorCode::UnauthorizedClient, "The token was issued to another client")
}

async fn access_token(call: &Arc<Call>, client: &Client, claims: Arc<AccessClaims>) -> Result<()> {
    if claims.client_id != client.id.to_string() {
        return Err(not_yours());
    }
    let (this, client_no) = (call.clone(), client.no);
    call.services.write(move |tx| end_one(tx, &this, client_no, &claims)).await
}

fn end_one(tx: &mut Tx<'_>, call: &Call, client_no: i64, claims: &AccessClaims) -> Result<()> {
    let ends = Timestamp::from_seconds(i64::try_from(claims.exp).unwrap_or(i64::MAX));
    if oauth_tokens::revoke_token(tx, &claims.jti, ends)? {
        let entry = Entry { client_no: Some(client_no), ..call.entry(Kind::TokenRevoked) };
        activity::record(tx, &entry)?;
    }
    Ok(())
}

async fn other(call: &Arc<Call>, client: &Client, token: &Secret) -> Result<()> {
    let (this, client_no, asked) = (call.clone(), client.no, token.clone());
    let found = call
        .services
        .write(move |tx| {
            let Some(found) = refresh::find(tx, &asked)? else { return Ok::<_, OAuthError>(false) };
            let Some(of) = oauth_tokens::by_family(tx, found.family_no, this.now)? else { return Ok(true) };
            if of.client.0 != client_no {
                return Err(not_yours());
            }
            if store::sessions::revoke_family(tx, of.family_no, this.now)? {
                let entry = log::about(&this, Kind::TokenRevoked, Outcome::Changed, Reason::Valid, &of);
                activity::record(tx, &entry)?;
            }
            Ok(true)
        })
        .await?;
    if found {
        return Ok(());
    }
    // Only an existing key is charged to the limit of leaked keys: revoking an unknown token is always allowed.
    let hash = SecretHash::of(token.expose());
    if call.services.db.lookup(|conn| store::key_lookup::find(conn, &hash))?.is_some() {
        keys::revoke_leaked(call, token).await?;
    }
    Ok(())
}
