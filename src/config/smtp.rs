//! The address of a mail server: `smtp[s]://[user[:password]@]host[:port]`.

use std::borrow::Cow;
use std::fmt;

use crate::model::Secret;
use crate::model::encoding::percent_decoded;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// STARTTLS, required (RFC 3207): `smtp://`.
    StartTls,
    /// TLS from the first byte (RFC 8314): `smtps://`.
    Tls,
    /// None; only for a server on this machine.
    Loopback,
}

/// A mail server. Its `Debug` and `Display` omit the password.
#[derive(Clone, PartialEq)]
pub struct SmtpUrl {
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// Host name or address.
    pub host: String,
    /// Port; by default 587 for `smtp`, 465 for `smtps`.
    pub port: u16,
    /// User name and password.
    pub login: Option<(String, Secret)>,
}

impl SmtpUrl {
    /// Parses the URL. Errors do not repeat it, because it may contain a password.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str =
            "write smtp://user:password@mail.example.com:587, or smtps:// for TLS from the start";
        let wrong = |what: &str| format!("{what}: {FORM}");
        let uri: http::Uri = text.parse().map_err(|_| wrong("this is not a URL"))?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("this has a path or a query"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("this is not a URL"))?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let tls = match uri.scheme_str() {
            Some("smtps") => true,
            Some("smtp") => false,
            _ => return Err(wrong("this is not an smtp URL")),
        };
        let login = match authority.as_str().rsplit_once('@') {
            None => None,
            Some((login, _)) => {
                let (user, password) =
                    login.split_once(':').ok_or_else(|| wrong("the password is missing"))?;
                let decode = |text: &str| {
                    let text = percent_decoded(text.as_bytes());
                    text.map(Cow::into_owned).ok_or_else(|| wrong("a % is not followed by two digits"))
                };
                Some((decode(user)?, Secret::new(decode(password)?)))
            }
        };
        let security = match tls {
            true => SmtpSecurity::Tls,
            false if is_loopback(&host) => SmtpSecurity::Loopback,
            false => SmtpSecurity::StartTls,
        };
        Ok(Self { security, host, port: authority.port_u16().unwrap_or(if tls { 465 } else { 587 }), login })
    }
}

/// Whether `host` can only mean this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.security == SmtpSecurity::Tls { "smtps" } else { "smtp" };
        match &self.login {
            Some((user, _)) => write!(f, "{scheme}://{user}:…@{}:{}", self.host, self.port),
            None => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpUrl({self})")
    }
}
