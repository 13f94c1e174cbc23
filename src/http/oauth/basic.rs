//! HTTP Basic as clients use it (RFC 6749, section 2.3.1; RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::urlencoded::decode;
use crate::domain::oauth::client_auth::ClientCredentials;
use crate::domain::oauth::{OAuthError, Result};
use crate::model::Secret;

/// Reads a header `Authorization`. Both halves are form-encoded before they are base64-encoded.
///
/// # Errors
/// `invalid_client` for anything but HTTP Basic.
pub(super) fn read(header: &str) -> Result<ClientCredentials> {
    let wrong = OAuthError::invalid_client;
    let (scheme, encoded) = header.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let bytes = BASE64.decode(encoded.trim()).map_err(|_| wrong())?;
    let at = bytes.iter().position(|&byte| byte == b':').ok_or_else(wrong)?;
    let half = |bytes| decode(bytes).map_err(|_| wrong());
    Ok(ClientCredentials { id: half(&bytes[..at])?, secret: Secret::new(half(&bytes[at + 1..])?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::oauth::ErrorCode;

    #[test]
    fn basic_is_decoded_twice() {
        let header = format!("Basic {}", BASE64.encode("app%5F1:s%2Be+c%3Aret"));
        let basic = read(&header).unwrap();
        assert_eq!((basic.id.as_str(), basic.secret.expose()), ("app_1", "s+e c:ret"));
    }

    #[test]
    fn any_other_header_is_no_client() {
        let broken = format!("Basic {}", BASE64.encode("no colon"));
        let escape = format!("Basic {}", BASE64.encode("a%zz:b"));
        for header in ["", "Basic", "Bearer abc", "Basic ***", &broken, &escape] {
            assert_eq!(read(header).err().unwrap().code, ErrorCode::InvalidClient, "{header}");
        }
    }
}
