//! Origins: scheme, host and port of a URL (RFC 6454).

use std::fmt;
use std::str::FromStr;

use url::Url;

/// An http or https origin as browsers write it in `Origin`: lower case, without the default port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Origin of a URL; none unless it is an http or https URL.
    pub fn of(url: &Url) -> Option<Self> {
        let web = matches!(url.scheme(), "http" | "https");
        let named = url.host_str().is_some_and(|host| !host.is_empty() && !host.contains('*'));
        (web && named && url.port() != Some(0)).then(|| Self(url.origin().ascii_serialization()))
    }

    /// The text, as browsers write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    /// Accepts an origin only in the form of [`Origin::as_str`].
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let origin = Url::parse(text).ok().as_ref().and_then(Self::of);
        origin.filter(|origin| origin.0 == text).ok_or(OriginError)
    }
}

/// A text that is not an origin in the form of browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginError;

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Use an origin as browsers send it: http or https, the host in lower case, no path, no default port.")
    }
}

impl std::error::Error for OriginError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for right in ["https://app.example.com", "http://localhost:5173", "https://[::1]:8443"] {
            let origin: Origin = right.parse().unwrap();
            assert_eq!((origin.as_str(), origin.to_string()), (right, right.to_owned()));
        }
        for wrong in [
            "*",
            "null",
            "app.example.com",
            "https://",
            "https://app.example.com/",
            "https://App.example.com",
            "https://app.example.com:443",
            "http://x:80",
            "http://x:0",
            "https://a@b",
            "https://a:b@c",
            "ftp://x",
            "https://*.example.com",
            "https://x?y",
            "https://x#y",
            "https://x:",
            "https://bücher.example",
            " https://x",
            "https://x\n",
            "https://0x7f.1",
        ] {
            assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
        }
        assert!(OriginError.to_string().starts_with("Use an origin as browsers send it"));
    }
}
