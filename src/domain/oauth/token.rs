//! The token endpoint (RFC 6749, section 3.2).

use std::sync::Arc;

use super::client_auth::{self, ClientCredentials};
use super::error::{ErrorCode, OAuthError, Result};
use super::params::Params;
use super::{IssuedTokens, authorization_code, client_credentials, log, refresh_token, scopes};
use crate::domain::identity::access::Call;
use crate::model::activity::Kind;
use crate::model::{Api, Client, GrantType};

/// Handles a token request.
///
/// # Errors
/// Those of RFC 6749, section 5.2.
pub async fn token(
    call: &Arc<Call>,
    header: Option<ClientCredentials>,
    params: &Params,
) -> Result<IssuedTokens> {
    let client = client_auth::authenticate(&call.services, header, params, call.now)
        .inspect_err(|error| log::refused(call, Kind::TokenIssued, None, error))?;
    let answer = by_grant(call, &client, params).await;
    answer.inspect_err(|error| log::refused(call, Kind::TokenIssued, Some(&client), error))
}

async fn by_grant(call: &Arc<Call>, client: &Client, params: &Params) -> Result<IssuedTokens> {
    let unsupported =
        |_| OAuthError::new(ErrorCode::UnsupportedGrantType, "This grant type is not supported");
    let grant: GrantType = params.need("grant_type")?.parse().map_err(unsupported)?;
    if !client.may(grant) {
        let text = "This client may not use this grant type";
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, text));
    }
    match grant {
        GrantType::AuthorizationCode => authorization_code::exchange(call, client, params).await,
        GrantType::RefreshToken => refresh_token::exchange(call, client, params).await,
        GrantType::ClientCredentials => client_credentials::issue(call, client, params).await,
    }
}

/// `resource` of a token request must be the authorized one (RFC 8707, section 2.2).
pub(super) fn same_target(api: &Api, params: &Params) -> Result<()> {
    match params.get("resource") {
        Some(resource) if !scopes::same_resource(&api.audience, resource) => {
            let text = "The resource is not the one that was authorized";
            Err(OAuthError::new(ErrorCode::InvalidTarget, text))
        }
        _ => Ok(()),
    }
}
