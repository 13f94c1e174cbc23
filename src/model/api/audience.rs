//! Comparison of audiences.

use percent_encoding::percent_decode_str;
use url::Url;

/// The form in which audiences and the `resource` of a request (RFC 8707) are compared: case of scheme and host,
/// default port, escapes and slashes at the end make no difference (RFC 3986, section 6.2). Audiences are unique in
/// this form.
pub fn audience_key(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return text.to_owned() };
    if url.cannot_be_a_base() {
        return opaque(&url);
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    let key = percent_decode_str(url.as_str()).decode_utf8_lossy().into_owned();
    if url.query().is_none() { key.trim_end_matches('/').to_owned() } else { key }
}

/// `urn:example:api`: the namespace is compared without case (RFC 8141, section 3.1).
fn opaque(url: &Url) -> String {
    match url.path().split_once(':') {
        Some((namespace, rest)) if url.scheme() == "urn" => {
            format!("urn:{}:{rest}", namespace.to_ascii_lowercase())
        }
        _ => url.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_audience_are_equal() {
        for (one, other) in [
            ("https://api.example.com", "https://api.example.com/"),
            ("https://api.example.com", "HTTPS://API.Example.COM"),
            ("https://api.example.com", "https://api.example.com:443//"),
            ("http://api.example.com/v1", "http://api.example.com:80/v1/"),
            ("https://api.example.com/v1", "https://api.example.com/%76%31"),
            ("https://api.example.com/v1", "https://api.example.com/v2/../v1/."),
            ("https://api.example.com?v=1", "https://api.example.com/?v=1"),
            ("https://127.0.0.1/a", "https://0x7f.1/a"),
            ("urn:example:api", "URN:Example:api"),
        ] {
            assert_eq!(audience_key(one), audience_key(other), "{one} {other}");
        }
    }

    #[test]
    fn different_audiences_stay_different() {
        for (one, other) in [
            ("https://api.example.com", "http://api.example.com"),
            ("https://api.example.com", "https://api.example.com:8443"),
            ("https://api.example.com/a", "https://api.example.com/A"),
            ("https://api.example.com/a", "https://api.example.com/a/b"),
            ("https://api.example.com?v=1", "https://api.example.com?v=2"),
            ("urn:example:api", "urn:example:API"),
            ("urn:example:a", "urn:example:b"),
            ("tag:Example:a", "tag:example:a"),
        ] {
            assert_ne!(audience_key(one), audience_key(other), "{one} {other}");
        }
    }
}
