//! The grant type `client_credentials` (RFC 6749, section 4.4): a client acts for itself.

use std::sync::Arc;

use super::error::{ErrorCode, OAuthError, Result};
use super::issue::{AccessTokenRequest, access_token};
use super::params::Params;
use super::{IssuedTokens, log, new_name, scopes};
use crate::domain::identity::access::Call;
use crate::model::activity::{Entry, Kind};
use crate::model::openid::api_part;
use crate::model::{Client, ClientType};

/// Issues a token for the client itself. Nothing is stored: the token is valid as long as its client is.
///
/// # Errors
/// `unauthorized_client` for public clients; `invalid_target`; `invalid_scope`.
pub(super) async fn issue(call: &Arc<Call>, client: &Client, params: &Params) -> Result<IssuedTokens> {
    let services = &call.services;
    if client.kind == ClientType::Public {
        let text = "A public client cannot act for itself";
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, text));
    }
    let api = scopes::api(services, client, params.get("resource"))?;
    let granted = api_part(&scopes::for_client(client, &api, params.get("scope"))?);
    if granted.is_empty() {
        return Err(OAuthError::invalid_scope());
    }
    let entry = Entry {
        identified: true,
        client_no: Some(client.no),
        api_no: Some(api.no),
        ..call.entry(Kind::TokenIssued)
    };
    services.log.push(log::issued(entry, "client_credentials", &granted))?;
    let wanted = AccessTokenRequest {
        api: &api,
        client,
        // RFC 9068, section 2.2: without a person, the client is the subject.
        subject: client.id.to_string(),
        scopes: granted,
        grant: None,
        at: call.now,
        jti: new_name(services),
    };
    access_token(services, wanted).await
}
