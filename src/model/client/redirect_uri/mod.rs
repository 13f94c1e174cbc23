//! Redirect URIs. An open redirect gives authorization codes to attackers, so URIs are compared character by character,
//! without normalisation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::string_enum::FromText;

/// Maximum length, in bytes.
const MAX_LENGTH: usize = 1_000;
/// Loopback hosts (RFC 8252, section 7.3).
const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// A registered URI: `https://app.example.com/callback`, `http://127.0.0.1/callback` (any port) or
/// `com.example.app:/callback`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// The URI as it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `presented` is this URI: the same text, except for the port of a loopback URI, which an app gets anew
    /// each time it listens (RFC 9700, section 4.1.3; RFC 8252, section 7.3).
    pub fn matches(&self, presented: &str) -> bool {
        if self.0 == presented {
            return true;
        }
        match (loopback(&self.0), loopback(presented)) {
            (Some(registered), Some(presented)) => registered == presented,
            _ => false,
        }
    }

    /// Whether other programs on the person's machine could receive the response: loopback, and schemes that any app
    /// may claim (RFC 8252, section 8.6). Consent is then asked each time.
    pub fn is_local(&self) -> bool {
        !self.0.starts_with("https://")
    }

    /// Whether it is a loopback URI.
    pub fn is_loopback(&self) -> bool {
        loopback(&self.0).is_some()
    }

    /// Part that is shown to people: the host, or the scheme of an app.
    pub fn host(&self) -> &str {
        match self.0.split_once("://") {
            Some(("http" | "https", rest)) => authority(rest).0,
            _ => self.0.split(':').next().unwrap_or_default(),
        }
    }

    /// Origin of an https or loopback URI: `scheme://host:port`, as browsers write it.
    pub fn origin(&self) -> Option<&str> {
        let (scheme @ ("http" | "https"), rest) = self.0.split_once("://")? else { return None };
        Some(&self.0[..scheme.len() + 3 + authority(rest).0.len()])
    }
}

/// The authority and the rest after it.
fn authority(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()))
}

/// Host and the rest after the port of a loopback http URI.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let host = LOOPBACK.into_iter().find(|host| rest.starts_with(host))?;
    let rest = &rest[host.len()..];
    let rest = match rest.strip_prefix(':') {
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            // A missing or invalid port makes it another URI.
            rest[..digits].parse::<u16>().ok().filter(|port| *port != 0)?;
            &rest[digits..]
        }
        None => rest,
    };
    matches!(rest.as_bytes().first(), None | Some(b'/' | b'?')).then_some((host, rest))
}

/// Reason why a text is not a redirect URI: a sentence with the remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedirectUriError(&'static str);

impl fmt::Display for RedirectUriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for RedirectUriError {}

impl FromStr for RedirectUri {
    type Err = RedirectUriError;

    fn from_str(text: &str) -> Result<Self, RedirectUriError> {
        if text.is_empty() || text.len() > MAX_LENGTH {
            return Err(RedirectUriError("Use an absolute URI of at most 1,000 characters."));
        }
        let allowed = |byte: u8| byte.is_ascii_graphic() && !b"#\\\"<>^`{|}".contains(&byte);
        if !text.bytes().all(allowed) {
            return Err(RedirectUriError(
                "Use an absolute URI without fragment, spaces or other characters that URIs do not have.",
            ));
        }
        match text.split_once(':') {
            Some(("https", rest)) => check_https(rest)?,
            Some(("http", _)) if loopback(text).is_some() => {}
            Some(("http", _)) => {
                return Err(RedirectUriError(
                    "Use https; plain http is for 127.0.0.1, [::1] and localhost only.",
                ));
            }
            Some((scheme, rest)) => check_private_use(scheme, rest)?,
            None => {
                return Err(RedirectUriError(
                    "Use an absolute URI, such as https://app.example.com/callback.",
                ));
            }
        }
        Ok(Self(text.to_owned()))
    }
}

fn check_https(rest: &str) -> Result<(), RedirectUriError> {
    let wrong =
        RedirectUriError("Use https:// and a host name in lower case, without user name or wildcard.");
    let (authority, _) = authority(rest.strip_prefix("//").ok_or(wrong)?);
    let parsed: http::uri::Authority = authority.parse().map_err(|_| wrong)?;
    let host = parsed.host();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.[]:".contains(&byte);
    if authority.contains('@') || host.is_empty() || host.starts_with('.') || !host.bytes().all(plain) {
        return Err(wrong);
    }
    let port = &authority[host.len()..];
    let digits = port.strip_prefix(':').unwrap_or("1");
    digits.parse::<u16>().ok().filter(|port| *port != 0).map(drop).ok_or(wrong)
}

/// A scheme that is the reversed host name of the app's maker (RFC 8252, section 7.1). The required dot excludes
/// `javascript:`, `data:` and other schemes that browsers handle themselves.
fn check_private_use(scheme: &str, rest: &str) -> Result<(), RedirectUriError> {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-+".contains(&byte);
    let good = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(letters)
        && scheme.split('.').count() > 1
        && scheme.split('.').all(|label| !label.is_empty())
        && rest.starts_with('/')
        && !rest.contains('@');
    if good {
        return Ok(());
    }
    Err(RedirectUriError(
        "Use https, or for an app on a device a scheme that is a domain in reverse, such as \
         com.example.app:/callback.",
    ))
}

impl Serialize for RedirectUri {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RedirectUri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText::new("https://app.example.com/callback"))
    }
}

#[cfg(test)]
mod tests;
