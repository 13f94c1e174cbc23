//! `application/x-www-form-urlencoded`: parameters in a query or a body, and in redirects.

use std::fmt::Write as _;

use crate::domain::oauth::authorize::Redirect;
use crate::domain::oauth::{OAuthError, Params, Result};
use crate::model::encoding::{form_decoded, percent_encoded};

/// Reads the parameters of a query or a form.
///
/// # Errors
/// `invalid_request` for broken encoding, characters that no parameter holds, and what [`Params::collect`] refuses.
pub(in crate::http) fn parse(text: &[u8]) -> Result<Params> {
    Params::collect(text.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let at = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
        let name = decode(&pair[..at])?;
        let value = decode(pair.get(at + 1..).unwrap_or_default()).map_err(|error| named(&name, error))?;
        Ok((name, value))
    }))
}

/// `error` with the parameter's name, where that is one of the names of OAuth.
fn named(name: &str, error: OAuthError) -> OAuthError {
    let plain = (1..=40).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'));
    if !plain {
        return error;
    }
    OAuthError::invalid_request(format!("{}: {name}", error.description))
}

/// The URI of a redirect: the registered one, with the answer added to its query.
pub(in crate::http) fn location(redirect: &Redirect) -> String {
    append(&redirect.uri, redirect.params.iter().map(|(name, value)| (*name, value.expose())))
}

/// Undoes the encoding of a name or a value; also that of the two halves of HTTP Basic (RFC 6749, section 2.3.1).
///
/// # Errors
/// `invalid_request` for broken escapes, text that is no UTF-8, and control characters.
pub(super) fn decode(text: &[u8]) -> Result<String> {
    let text = form_decoded(text).ok_or_else(|| {
        OAuthError::invalid_request("A parameter is not encoded as application/x-www-form-urlencoded")
    })?;
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !plain && text.chars().any(char::is_control) {
        return Err(OAuthError::invalid_request("A parameter holds a control character"));
    }
    Ok(text.into_owned())
}

/// Adds parameters to the query of a URI, encoded.
fn append<'p>(uri: &str, params: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let mut text = uri.to_owned();
    for (name, value) in params {
        let separator = if text.contains('?') { '&' } else { '?' };
        let _ = write!(text, "{separator}{}={}", percent_encoded(name), percent_encoded(value));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_are_read_strictly() {
        let params = parse(b"grant_type=authorization_code&scope=a+b%20c&state=&code=%C3%BC&flag").unwrap();
        assert_eq!(params.get("grant_type"), Some("authorization_code"));
        assert_eq!(params.get("scope"), Some("a b c"));
        assert_eq!(params.get("code"), Some("ü"));
        assert_eq!((params.get("state"), params.get("flag"), params.get("none")), (None, None, None));
        assert!(!format!("{params:?}").contains("authorization_code"));
        for wrong in [
            &b"a=1&a=2"[..],
            b"a=1&a=1",
            b"a=&a=1",
            b"a=%",
            b"a=%4",
            b"a=%zz",
            b"a=%ff",
            b"a=%0d%0aX",
            b"a=\0",
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
        let many = (0..65).map(|no| format!("p{no}=1")).collect::<Vec<_>>().join("&");
        assert!(parse(many.as_bytes()).is_err());
    }

    #[test]
    fn a_redirect_keeps_the_query_that_was_registered() {
        assert_eq!(append("https://a.example/cb", [("code", "x y")]), "https://a.example/cb?code=x%20y");
        assert_eq!(
            append("https://a.example/cb?t=1", [("state", "&=")]),
            "https://a.example/cb?t=1&state=%26%3D"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in "\\PC{0,40}") {
            let query = append("", [("v", value.as_str())]);
            let params = parse(query.trim_start_matches('?').as_bytes()).unwrap();
            prop_assert_eq!(params.get("v").unwrap_or_default(), value);
        }
    }
}
