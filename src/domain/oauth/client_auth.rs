//! Which client is calling (RFC 6749, sections 2.3 and 3.2.1).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::error::{OAuthError, Result};
use super::params::{Params, decode};
use crate::domain::identity::{Services, clients};
use crate::model::{Client, ClientId, Secret, SecretHash, Timestamp};

/// How clients may prove who they are, in the order that real clients rely on: several take the first that they know.
pub const METHODS: [&str; 3] = ["none", "client_secret_post", "client_secret_basic"];

/// What a header `Authorization: Basic` holds.
pub struct Basic {
    id: String,
    secret: Secret,
}

/// Reads a header `Authorization` (RFC 6749, section 2.3.1: both halves are form-encoded first, RFC 7617).
///
/// # Errors
/// `invalid_client` for anything but HTTP Basic.
pub fn basic(header: &str) -> Result<Basic> {
    let wrong = OAuthError::invalid_client;
    let (scheme, encoded) = header.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let bytes = BASE64.decode(encoded.trim()).map_err(|_| wrong())?;
    let at = bytes.iter().position(|&byte| byte == b':').ok_or_else(wrong)?;
    let half = |bytes| decode(bytes).map_err(|_| wrong());
    Ok(Basic { id: half(&bytes[..at])?, secret: Secret::new(half(&bytes[at + 1..])?) })
}

/// The client that calls. A confidential one proves itself by its secret, in the header or in the body; a public one
/// only says its name.
///
/// # Errors
/// `invalid_request` for two methods at once (RFC 6749, section 2.3); `invalid_client` for everything else.
pub fn authenticate(
    services: &Services,
    basic: Option<Basic>,
    params: &Params,
    now: Timestamp,
) -> Result<Arc<Client>> {
    let (id, secret) = presented(basic, params)?;
    let id: ClientId = id.parse().map_err(|_| OAuthError::invalid_client())?;
    let secret = secret.map(|secret| SecretHash::of(secret.expose()));
    clients::authenticate(services, id, secret.as_ref(), now)?.ok_or_else(OAuthError::invalid_client)
}

fn presented(basic: Option<Basic>, params: &Params) -> Result<(String, Option<Secret>)> {
    if params.has_any(&["client_assertion", "client_assertion_type"]) {
        return Err(OAuthError::invalid_client());
    }
    let (id, secret) = (params.get("client_id"), params.get("client_secret"));
    match basic {
        Some(_) if secret.is_some() => {
            Err(OAuthError::invalid_request("The client authenticated in two ways at once"))
        }
        Some(basic) if id.is_some_and(|id| id != basic.id) => {
            Err(OAuthError::invalid_request("The header Authorization and client_id name different clients"))
        }
        Some(basic) => Ok((basic.id, Some(basic.secret))),
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
    fn basic_is_decoded_twice() {
        let header = format!("Basic {}", BASE64.encode("app%5F1:s%2Be+c%3Aret"));
        let basic = basic(&header).unwrap();
        assert_eq!((basic.id.as_str(), basic.secret.expose()), ("app_1", "s+e c:ret"));
    }

    #[test]
    fn any_other_header_is_no_client() {
        let broken = format!("Basic {}", BASE64.encode("no colon"));
        let escape = format!("Basic {}", BASE64.encode("a%zz:b"));
        for header in ["", "Basic", "Bearer abc", "Basic ***", &broken, &escape] {
            assert_eq!(basic(header).err().unwrap().code, ErrorCode::InvalidClient, "{header}");
        }
    }

    #[test]
    fn two_ways_at_once_are_refused() {
        let header = || Some(basic(&format!("Basic {}", BASE64.encode("app:secret"))).unwrap());
        let refused = |body: &str| presented(header(), &Params::parse(body.as_bytes()).unwrap()).err();
        assert!(refused("client_id=app").is_none());
        assert_eq!(refused("client_secret=secret").unwrap().code, ErrorCode::InvalidRequest);
        assert_eq!(refused("client_id=other").unwrap().code, ErrorCode::InvalidRequest);
        assert_eq!(refused("client_assertion=x").unwrap().code, ErrorCode::InvalidClient);
    }
}
