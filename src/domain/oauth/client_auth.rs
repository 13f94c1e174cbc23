//! Client authentication (RFC 6749, sections 2.3 and 3.2.1).

use std::sync::Arc;

use super::error::{OAuthError, Result};
use super::params::Params;
use crate::domain::identity::{Services, clients};
use crate::model::{Client, ClientId, Secret, SecretHash, Timestamp};

/// Supported methods, in the order of preference: several clients use the first that they know.
pub const METHODS: [&str; 3] = ["none", "client_secret_post", "client_secret_basic"];

/// Id and secret of a client in the header.
pub struct ClientCredentials {
    /// The client's id, as sent.
    pub id: String,
    /// Its secret.
    pub secret: Secret,
}

/// The authenticated client. A confidential client sends its secret, in the header or in the body; a public client
/// sends only its id.
///
/// # Errors
/// `invalid_request` for two methods at once (RFC 6749, section 2.3); `invalid_client` for all other errors.
pub fn authenticate(
    services: &Services,
    header: Option<ClientCredentials>,
    params: &Params,
    now: Timestamp,
) -> Result<Arc<Client>> {
    let (id, secret) = presented(header, params)?;
    let id: ClientId = id.parse().map_err(|_| OAuthError::invalid_client())?;
    let secret = secret.map(|secret| SecretHash::of(secret.expose()));
    clients::authenticate(services, id, secret.as_ref(), now)?.ok_or_else(OAuthError::invalid_client)
}

fn presented(header: Option<ClientCredentials>, params: &Params) -> Result<(String, Option<Secret>)> {
    if params.has_any(&["client_assertion", "client_assertion_type"]) {
        return Err(OAuthError::invalid_client());
    }
    let (id, secret) = (params.get("client_id"), params.get("client_secret"));
    match header {
        Some(_) if secret.is_some() => {
            Err(OAuthError::invalid_request("The client authenticated in two ways at once"))
        }
        Some(sent) if id.is_some_and(|id| id != sent.id) => {
            Err(OAuthError::invalid_request("The header Authorization and client_id name different clients"))
        }
        Some(sent) => Ok((sent.id, Some(sent.secret))),
        None => {
            let id = id.ok_or_else(OAuthError::invalid_client)?;
            Ok((id.to_owned(), secret.map(|secret| Secret::new(secret.to_owned()))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::ErrorCode;
    use super::*;

    #[test]
    fn two_ways_at_once_are_refused() {
        let header = || {
            let secret = Secret::new("secret".to_owned());
            Some(ClientCredentials { id: "app".to_owned(), secret })
        };
        let refused = |body: &str| presented(header(), &Params::plain(body)).err();
        assert!(refused("client_id=app").is_none());
        assert_eq!(refused("client_secret=secret").unwrap().code, ErrorCode::InvalidRequest);
        assert_eq!(refused("client_id=other").unwrap().code, ErrorCode::InvalidRequest);
        assert_eq!(refused("client_assertion=x").unwrap().code, ErrorCode::InvalidClient);
    }
}
