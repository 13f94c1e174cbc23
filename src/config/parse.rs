//! Parsers of setting values: text in, value or an error sentence out.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;
use url::Url;

use super::smtp::is_loopback;
use crate::model::string_enum::UnknownValue;
use crate::model::{Email, Origin};

pub(super) type Parsed<T> = Result<T, String>;

pub(super) fn address(text: &str) -> Parsed<SocketAddr> {
    let spelled = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    spelled.as_deref().unwrap_or(text).parse().map_err(|_| {
        format!(
            "\"{text}\" is not an address: write an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080"
        )
    })
}

/// An absolute http or https URL that is an origin, in the spelling of browsers.
pub(super) fn public_url(text: &str) -> Parsed<String> {
    let wrong = |what: &str| Err(format!("\"{text}\" {what}: write it like https://auth.example.com"));
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => return wrong("is not an absolute URL"),
        Err(url::ParseError::InvalidPort) => return wrong("has no usable port"),
        Err(_) => return wrong("is not a URL"),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return wrong("is neither http nor https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must hold a host and an optional port only");
    }
    let Some(origin) = Origin::of(&url) else { return wrong("has no usable host or port") };
    let rest = text.get(origin.as_str().len()..).unwrap_or_default();
    if text == origin.as_str() {
        Ok(text.to_owned())
    } else if text.eq_ignore_ascii_case(origin.as_str()) {
        wrong("must be lower case")
    } else if text.ends_with(":80") || text.ends_with(":443") {
        wrong("must not include the default port")
    } else if rest.starts_with(['/', '?', '#']) {
        wrong("must not have a path, a query or a trailing slash")
    } else {
        wrong(&format!("is not in the form {origin} that browsers use"))
    }
}

/// Whether a URL from [`public_url`] uses TLS or stays on this machine.
pub(super) fn is_private(url: &str) -> bool {
    let url = Url::parse(url).ok();
    url.is_some_and(|url| url.scheme() == "https" || url.host_str().is_some_and(is_loopback))
}

/// Networks or single addresses, separated by commas or spaces.
pub(super) fn networks(text: &str) -> Parsed<Vec<IpNet>> {
    let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    parts.map(network).collect()
}

fn network(text: &str) -> Parsed<IpNet> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse()
        .or_else(|_| address())
        .map_err(|_| format!("\"{text}\" is not a network: write CIDR, such as 10.0.0.0/8 or ::1/128"))
}

pub(super) fn boolean(text: &str) -> Parsed<bool> {
    match text {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(format!("\"{text}\" is neither true nor false: write one of them")),
    }
}

pub(super) fn word<T: FromStr<Err = UnknownValue>>(text: &str) -> Parsed<T> {
    text.parse().map_err(|unknown: UnknownValue| {
        format!("\"{text}\" is not known: write one of {}", unknown.expected.join(", "))
    })
}

/// A whole number within bounds; `unit` is what it counts.
pub(super) fn number<T>(text: &str, least: T, most: T, unit: &str) -> Parsed<T>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    let fits = text.parse().ok().filter(|number: &T| *number >= least && *number <= most);
    fits.ok_or_else(|| {
        format!("\"{text}\" is not valid: write a whole number of {unit} from {least} to {most}")
    })
}

/// Bytes, as a number or with KiB, MiB, GiB or TiB.
pub(super) fn bytes(text: &str, least: u64) -> Parsed<u64> {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let shift = match text[digits.len()..].trim() {
        "" => Some(0),
        "KiB" => Some(10),
        "MiB" => Some(20),
        "GiB" => Some(30),
        "TiB" => Some(40),
        _ => None,
    };
    let size =
        shift.zip(digits.parse::<u64>().ok()).and_then(|(shift, number)| number.checked_mul(1 << shift));
    size.filter(|size| *size >= least && i64::try_from(*size).is_ok()).ok_or_else(|| {
        format!(
            "\"{text}\" is not valid: write a number of bytes, or such as 64MiB, of at least {least} bytes"
        )
    })
}

/// An existing file.
pub(super) fn file(text: &str) -> Parsed<PathBuf> {
    match std::fs::File::open(text) {
        Ok(_) => Ok(PathBuf::from(text)),
        Err(error) => Err(format!("cannot read {text} ({error}): name a readable PEM file")),
    }
}

pub(super) fn slug(text: &str) -> Parsed<String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !text.is_empty() && text.len() <= 64 && fits {
        return Ok(text.to_owned());
    }
    Err(format!("\"{text}\" is not the slug of an API: write its short name, such as afdb"))
}

/// A display name, under the same rule as every other name.
pub(super) fn name(text: &str) -> Parsed<String> {
    crate::model::text::name(text)
}

pub(super) fn mail_address(text: &str) -> Parsed<String> {
    if text.is_ascii() && text.parse::<Email>().is_ok() {
        return Ok(text.trim().to_owned());
    }
    Err(format!("\"{text}\" is not an email address: write one such as keywright@example.com"))
}
