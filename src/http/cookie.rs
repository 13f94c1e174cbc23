//! The cookie of a browser's session.

use poem::Request;
use poem::http::{HeaderMap, HeaderValue, Method, header};

use crate::domain::identity::Services;
use crate::domain::identity::sessions::{COOKIE_SECONDS, Change};
use crate::model::Secret;

/// Its name: `__Host-` binds it to this host over HTTPS. Plain `http` is taken only on this machine, where a browser
/// would refuse the other one.
pub fn name(services: &Services) -> &'static str {
    if is_loopback(&services.settings.public_url) { "keywright" } else { "__Host-keywright" }
}

fn is_loopback(public_url: &str) -> bool {
    let Some(rest) = public_url.strip_prefix("http://") else { return false };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The session's cookie in a request (RFC 6265, section 5.4). Sent twice, it is none: another host planted one.
pub fn get<'r>(services: &Services, headers: &'r HeaderMap) -> Option<&'r str> {
    named(headers, name(services))
}

/// The one cookie of this name; sent twice, it is none.
pub(super) fn named<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r str> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(given, _)| *given == name)
        .map(|(_, value)| value);
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// What a request needs beside its cookie; none for a safe method.
pub fn change(request: &Request) -> Option<Change<'_>> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    Some(Change { csrf_token: request.header("x-csrf-token"), origin: request.header(header::ORIGIN) })
}

/// `Set-Cookie` for a new session.
pub fn set(services: &Services, cookie: &Secret) -> HeaderValue {
    line(services, cookie.expose(), COOKIE_SECONDS)
}

/// `Set-Cookie` that removes it.
pub fn clear(services: &Services) -> HeaderValue {
    line(services, "", 0)
}

fn line(services: &Services, value: &str, seconds: i64) -> HeaderValue {
    let name = name(services);
    let secure = if name.starts_with("__Host-") { "; Secure" } else { "" };
    let line = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    let mut value = HeaderValue::from_str(&line).expect("base64url is ASCII");
    value.set_sensitive(true);
    value
}
