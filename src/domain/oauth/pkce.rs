//! Proof Key for Code Exchange (RFC 7636).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use super::error::{OAuthError, Result};
use super::params::Params;

/// Length of an S256 challenge: a SHA-256 in base64url.
const CHALLENGE: usize = 43;
/// Minimum and maximum length of a verifier (RFC 7636, section 4.1).
const VERIFIER: std::ops::RangeInclusive<usize> = 43..=128;

/// Challenge of an authorization request (RFC 7636, section 4.3). `plain` does not protect against a reader of the
/// request, so only `S256` is accepted; a challenge without a method means `plain`.
///
/// # Errors
/// `invalid_request`.
pub fn challenge(params: &Params, required: bool) -> Result<Option<String>> {
    let wrong = |text: &'static str| Err(OAuthError::invalid_request(text));
    match (params.get("code_challenge"), params.get("code_challenge_method")) {
        (None, None) if required => wrong("This client must send a code_challenge (PKCE)"),
        (None, None) => Ok(None),
        (None, Some(_)) => wrong("There is a code_challenge_method without a code_challenge"),
        (Some(_), method) if method != Some("S256") => wrong("code_challenge_method must be S256"),
        (Some(challenge), _) => {
            if challenge.len() != CHALLENGE || BASE64URL.decode(challenge).is_err() {
                return wrong("code_challenge is not the SHA-256 of a verifier in base64url");
            }
            Ok(Some(challenge.to_owned()))
        }
    }
}

/// Compares the verifier of a token request with the challenge of the authorization request (RFC 7636, section 4.6). A
/// verifier without a challenge is refused too: an attacker may have removed the challenge (RFC 9700, section 4.8.2).
///
/// # Errors
/// `invalid_grant`, or `invalid_request` for a malformed verifier.
pub fn verify(challenge: Option<&str>, verifier: Option<&str>) -> Result<()> {
    let (challenge, verifier) = match (challenge, verifier) {
        (None, None) => return Ok(()),
        (Some(_), None) => return Err(OAuthError::invalid_grant("The code_verifier is missing")),
        (None, Some(_)) => {
            return Err(OAuthError::invalid_grant(
                "There is a code_verifier, but the request had no challenge",
            ));
        }
        (Some(challenge), Some(verifier)) => (challenge, verifier),
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !VERIFIER.contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
        return Err(OAuthError::invalid_grant(
            "The code_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~",
        ));
    }
    let hash = BASE64URL.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    verify_slices_are_equal(hash.as_bytes(), challenge.as_bytes())
        .map_err(|_| OAuthError::invalid_grant("The code_verifier does not match the code_challenge"))
}

#[cfg(test)]
mod tests {
    use super::super::error::ErrorCode;
    use super::*;

    /// The pair of RFC 7636, appendix B.
    const PAIR: (&str, &str) =
        ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");

    fn asked(query: &str, required: bool) -> Result<Option<String>> {
        challenge(&Params::plain(query), required)
    }

    #[test]
    fn only_s256_is_taken() {
        let good = format!("code_challenge={}&code_challenge_method=S256", PAIR.1);
        assert_eq!(asked(&good, true).unwrap().as_deref(), Some(PAIR.1));
        assert_eq!(asked("", false).unwrap(), None);
        for wrong in [
            String::new(),
            format!("code_challenge={}", PAIR.1),
            format!("code_challenge={}&code_challenge_method=plain", PAIR.1),
            format!("code_challenge={}&code_challenge_method=s256", PAIR.1),
            "code_challenge=short&code_challenge_method=S256".to_owned(),
            "code_challenge_method=S256".to_owned(),
        ] {
            assert_eq!(asked(&wrong, true).unwrap_err().code, ErrorCode::InvalidRequest, "{wrong}");
        }
    }

    #[test]
    fn a_verifier_must_fit_and_neither_side_may_be_missing() {
        assert!(verify(Some(PAIR.1), Some(PAIR.0)).is_ok());
        assert!(verify(None, None).is_ok());
        let other = PAIR.0.replace('d', "e");
        for (challenge, verifier) in [
            (Some(PAIR.1), None),
            (None, Some(PAIR.0)),
            (Some(PAIR.1), Some(other.as_str())),
            (Some(PAIR.1), Some("short")),
            (Some(PAIR.1), Some(PAIR.1)),
        ] {
            assert_eq!(verify(challenge, verifier).unwrap_err().code, ErrorCode::InvalidGrant);
        }
    }
}
