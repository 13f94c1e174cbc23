//! Whole configurations for the proxy in front of an API: nginx' `auth_request`, Caddy's `forward_auth`.
//!
//! They are files in this folder with a few places to fill in, so that they can be read, and run, as what they are.

pub mod stripped;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use http::Uri;

use crate::domain::apis;
use crate::domain::identity::access::{ApisRead, Can};
use crate::error::{Error, Result};
use crate::model::Proxy;

const NGINX: &str = include_str!("nginx.conf");
const CADDY: &str = include_str!("Caddyfile");
/// Certificate authorities of Debian and most other systems, since nginx has no default.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The values of placeholders.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Which proxy.
    pub proxy: Proxy,
    /// The service behind it: `http://127.0.0.1:3000`.
    pub upstream: &'a str,
    /// Where the proxy takes requests: `127.0.0.1:8000`.
    pub listen: &'a str,
    /// Where the proxy reaches Keywright; none means on this machine, where it listens.
    pub keywright: Option<&'a str>,
}

/// The configuration for an API.
///
/// # Errors
/// `NOT_FOUND`; `INVALID_REQUEST` naming the parameter that is not an address.
pub fn write(can: &Can<ApisRead>, slug_or_id: &str, wanted: &Wanted<'_>) -> Result<String> {
    let api = apis::find(&can.services, slug_or_id)?;
    let settings = &can.services.settings;
    let keywright = Place::of("keywright", wanted.keywright.unwrap_or(&settings.local_url))?;
    // A certificate is for the name that people use, not for the address on this machine.
    let name = match (wanted.keywright, settings.public_url.parse::<Uri>()) {
        (None, Ok(public)) => public.host().unwrap_or(keywright.host()).to_owned(),
        _ => keywright.host().to_owned(),
    };
    let upstream = Place::of("upstream", wanted.upstream)?;
    let listen: SocketAddr = wanted.listen.parse().map_err(|_| {
        Error::invalid("listen", "Use an IP address and a port, for example 127.0.0.1:8000 or [::]:8000")
    })?;
    let public_host = settings.public_url.split_once("://").map_or("", |(_, host)| host);
    let warning: String = apis::warnings(&api).iter().map(|text| format!("# WARNING: {text}\n")).collect();
    let stripped = stripped_lines(wanted.proxy);
    let filled = match wanted.proxy {
        Proxy::Nginx => fill(
            NGINX,
            &[
                ("SLUG", &api.slug),
                ("WARNING", &warning),
                ("STRIPPED", &stripped),
                ("LISTEN", &listen.to_string()),
                ("KEYWRIGHT_SCHEME", keywright.scheme()),
                ("KEYWRIGHT_ADDRESS", &keywright.address()),
                ("KEYWRIGHT_TLS", &keywright.nginx_tls(&name)),
                ("UPSTREAM_SCHEME", upstream.scheme()),
                ("UPSTREAM_ADDRESS", &upstream.address()),
                ("UPSTREAM_TLS", &upstream.nginx_tls(upstream.host())),
                ("PUBLIC_URL", &settings.public_url),
                ("PUBLIC_HOST", public_host),
            ],
        ),
        Proxy::Caddy => fill(
            CADDY,
            &[
                ("SLUG", &api.slug),
                ("WARNING", &warning),
                ("STRIPPED", &stripped),
                ("LISTEN_PORT", &listen.port().to_string()),
                ("LISTEN_IP", &listen.ip().to_string()),
                ("KEYWRIGHT_URL", &keywright.url()),
                ("KEYWRIGHT_TLS_NAME", &keywright.caddy_tls_name(&name)),
                ("KEYWRIGHT_TLS", &keywright.caddy_tls(&name)),
                ("UPSTREAM_URL", &upstream.url()),
                ("PUBLIC_URL", &settings.public_url),
                ("PUBLIC_HOST", public_host),
            ],
        ),
    };
    Ok(filled)
}

/// The lines that remove the headers of [`stripped`], group by group.
fn stripped_lines(proxy: Proxy) -> String {
    let mut lines = Vec::new();
    for group in stripped::STRIPPED {
        let indent = if proxy == Proxy::Nginx { "        " } else { "\t" };
        lines.push(format!("{indent}# {}.", group.purpose));
        lines.extend(group.names.iter().map(|name| match proxy {
            Proxy::Nginx => format!("{indent}proxy_set_header {name} \"\";"),
            Proxy::Caddy => format!("{indent}request_header -{name}"),
        }));
    }
    lines.join("\n")
}

/// `%NAME%` is the placeholder of `NAME`.
fn fill(template: &str, places: &[(&str, &str)]) -> String {
    places.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("%{name}%"), value))
}

/// Somewhere that a proxy connects to.
struct Place(Uri);

impl Place {
    fn of(field: &str, url: &str) -> Result<Self> {
        let wrong = || Error::invalid(field, "Use http or https, a host and a port: http://127.0.0.1:3000");
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let scheme = uri.scheme_str().ok_or_else(wrong)?;
        let authority = uri.authority().ok_or_else(wrong)?.as_str();
        let bare = url.trim_end_matches('/') == format!("{scheme}://{authority}");
        // Characters with a meaning in the configuration file.
        let plain = authority.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte));
        if matches!(scheme, "http" | "https") && bare && plain { Ok(Self(uri)) } else { Err(wrong()) }
    }

    fn scheme(&self) -> &str {
        self.0.scheme_str().unwrap_or_default()
    }

    fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    fn is_tls(&self) -> bool {
        self.scheme() == "https"
    }

    fn address(&self) -> String {
        let port = self.0.port_u16().unwrap_or(if self.is_tls() { 443 } else { 80 });
        format!("{}:{port}", self.host())
    }

    fn url(&self) -> String {
        format!("{}://{}", self.scheme(), self.address())
    }

    fn nginx_tls(&self, name: &str) -> String {
        if !self.is_tls() {
            return String::new();
        }
        let name = format!("proxy_ssl_name {name};");
        let authorities = format!("proxy_ssl_trusted_certificate {AUTHORITIES};");
        let lines = ["proxy_ssl_server_name on;", &name, "proxy_ssl_verify on;", &authorities];
        lines.map(|line| format!("\n            {line}")).concat()
    }

    /// The name that Caddy expects in the certificate, as a line of a `transport http`.
    fn caddy_tls_name(&self, name: &str) -> String {
        if self.is_tls() { format!("\n\t\t\t\ttls_server_name {name}") } else { String::new() }
    }

    /// The same as the whole block of a `reverse_proxy` that needs no other.
    fn caddy_tls(&self, name: &str) -> String {
        let line = self.caddy_tls_name(name);
        if line.is_empty() { line } else { format!(" {{\n\t\t\ttransport http {{{line}\n\t\t\t}}\n\t\t}}") }
    }
}
