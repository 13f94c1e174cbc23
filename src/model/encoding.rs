//! Percent-encoding (RFC 3986, section 2.1) and forms, read strictly: a `%` without two hexadecimal digits is an error.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode, utf8_percent_encode};

/// Everything except the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes all but unreserved characters.
pub fn percent_encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

/// Percent-decodes text; none for a broken escape and for invalid UTF-8.
pub fn percent_decoded(text: &[u8]) -> Option<Cow<'_, str>> {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        let digits = rest.get(at + 1..at + 3)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        rest = &rest[at + 3..];
    }
    match Cow::from(percent_decode(text)) {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// Decodes a name or value of a form, where `+` is a space.
pub fn form_decoded(text: &[u8]) -> Option<Cow<'_, str>> {
    if !text.contains(&b'+') {
        return percent_decoded(text);
    }
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decoded(&spaced).map(|text| Cow::Owned(text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_escapes_are_refused() {
        for wrong in ["%", "%4", "a%zz", "%ff", "100%", "%+1", "%e2%82"] {
            assert_eq!(percent_decoded(wrong.as_bytes()), None, "{wrong}");
            assert_eq!(form_decoded(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_plus_is_a_space_in_forms_alone() {
        assert_eq!(form_decoded(b"a+b%2Bc").as_deref(), Some("a b+c"));
        assert_eq!(percent_decoded(b"a+b%2Bc").as_deref(), Some("a+b+c"));
        assert!(matches!(form_decoded(b"plain"), Some(Cow::Borrowed("plain"))));
    }

    #[test]
    fn what_is_encoded_is_read_back() {
        let text = "ü & %~._-/";
        let encoded = percent_encoded(text).to_string();
        assert_eq!(encoded, "%C3%BC%20%26%20%25~._-%2F");
        assert_eq!(percent_decoded(encoded.as_bytes()).as_deref(), Some(text));
    }
}
