//! The list of settings, and their conversion to a [`Config`].

use std::net::SocketAddr;

use super::parse::{self, Parsed};
use super::smtp::SmtpUrl;
use super::source::{Mistake, Origin, Sources, Values};
use super::{Activity, Config, Http, Loaded, Mail, Mistakes, OAuth, SignIn, Tls};
use crate::model::api::BUILT_IN_SLUG;
use crate::model::setting::{LogFormat, LogLevel, SigningAlg, Signup};

/// Name and meaning of a setting. Its variable is `KEYWRIGHT_` and the name in upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The key in `keywright.toml`.
    pub name: &'static str,
    /// Default, for people.
    pub default: &'static str,
    /// Description, for people.
    pub about: &'static str,
    /// Whether its value is secret, and so cannot be a flag.
    pub secret: bool,
}

const fn setting(name: &'static str, default: &'static str, about: &'static str) -> Setting {
    Setting { name, default, about, secret: false }
}

/// All settings, in the order of the manual.
pub const SETTINGS: &[Setting] = &[
    setting("listen", "127.0.0.1:8080", "Address and port of the public listener"),
    setting("public_url", "http on the listen address", "Public URL; the issuer of tokens"),
    setting(
        "trusted_proxies",
        "none",
        "Networks (CIDR, comma-separated) whose forwarded headers are trusted",
    ),
    setting("max_connections", "10000", "Maximum number of open connections; further ones wait"),
    setting("metrics_listen", "none", "Address of a separate listener for /metrics"),
    setting("hsts_subdomains", "false", "Whether HSTS covers subdomains too"),
    setting("tls_cert", "none", "Certificate chain (PEM) for TLS"),
    setting("tls_key", "none", "Private key (PEM) of the certificate"),
    setting("organization", "Keywright", "Name of the organization that runs this instance, shown to people"),
    setting("signup", "invite", "Who may create an account: open, invite or off"),
    setting("default_api", "keywright", "API used for logins that do not specify one"),
    setting("access_token_seconds", "3600", "Lifetime of access tokens, in seconds"),
    setting(
        "refresh_grace_seconds",
        "30",
        "Seconds in which a used refresh token gets the same answer again",
    ),
    setting("refresh_max_seconds", "2592000", "Lifetime of a chain of refresh tokens, in seconds"),
    setting("session_idle_seconds", "86400", "Seconds without a request after which a browser session ends"),
    setting("signing_alg", "RS256", "Signature algorithm of tokens: RS256, ES256 or EdDSA"),
    setting(
        "dynamic_registration",
        "false",
        "Whether /oauth/register accepts clients without authentication",
    ),
    setting("registration_api", "none", "API that dynamically registered clients may access"),
    setting("activity_retention_days", "90", "Days until activity is deleted"),
    setting(
        "activity_max_bytes",
        "none",
        "Largest size of the activity log, such as 20GiB; the oldest rows are deleted first",
    ),
    Setting {
        secret: true,
        ..setting("smtp_url", "none", "Mail server: smtp://user:password@host:587 or smtps://")
    },
    setting("smtp_from", "keywright@ the public host", "Sender address of mail"),
    setting("cache_bytes", "64MiB", "Memory for the verification cache"),
    setting("log_format", "text", "Format of log lines: text or json"),
    setting("log_level", "info", "Minimum log level: error, warn, info or debug"),
];

/// Values with the mistakes found so far.
struct Reading(Values);

impl Reading {
    /// Value of a setting; `None` if it is missing or wrong.
    fn get<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Parsed<T>) -> Option<T> {
        let (text, origin) = self.0.given.get(name)?;
        match parse(text.trim()) {
            Ok(value) => Some(value),
            Err(sentence) => {
                self.0.mistakes.push(Mistake::new(name, origin, sentence));
                None
            }
        }
    }

    fn given(&self, name: &str) -> bool {
        self.0.given.contains_key(name)
    }

    fn mistake(&mut self, name: &str, sentence: impl Into<String>) {
        let origin = self.0.given.get(name).map_or(Origin::Default, |(_, origin)| origin.clone());
        self.0.mistakes.push(Mistake::new(name, &origin, sentence));
    }
}

pub(super) fn load(sources: Sources<'_>) -> Result<Loaded, Mistakes> {
    let data_dir = sources.data_dir.to_owned();
    let mut reading = Reading(Values::read(sources));
    let http = http(&mut reading);
    let config = Config {
        data_dir,
        organization: reading.get("organization", parse::name).unwrap_or_else(|| "Keywright".to_owned()),
        sign_in: sign_in(&mut reading),
        oauth: oauth(&mut reading),
        activity: activity(&mut reading),
        mail: mail(&mut reading, http.public_url.as_deref()),
        cache_bytes: reading.get("cache_bytes", |text| parse::bytes(text, 1 << 20)).unwrap_or(64 << 20),
        log_format: reading.get("log_format", parse::word).unwrap_or(LogFormat::Text),
        log_level: reading.get("log_level", parse::word).unwrap_or(LogLevel::Info),
        http,
    };
    let Values { mistakes, warnings, .. } = reading.0;
    if mistakes.is_empty() { Ok(Loaded { config, warnings }) } else { Err(Mistakes(mistakes)) }
}

fn http(reading: &mut Reading) -> Http {
    let listen = reading.get("listen", parse::address);
    let public_url = reading.get("public_url", parse::public_url);
    let http = Http {
        listen: listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
        trusted_proxies: reading.get("trusted_proxies", parse::networks).unwrap_or_default(),
        max_connections: reading
            .get("max_connections", |text| parse::number(text, 16, 1_000_000, "connections"))
            .unwrap_or(10_000),
        metrics_listen: reading.get("metrics_listen", parse::address),
        hsts_subdomains: reading.get("hsts_subdomains", parse::boolean).unwrap_or(false),
        tls: tls(reading),
        public_url,
    };
    if http.listen.ip().is_unspecified() && !reading.given("public_url") {
        let sentence = format!("set it: {} is not an address that clients can reach", http.listen);
        reading.mistake("public_url", sentence);
    }
    if http.metrics_listen == Some(http.listen) && http.listen.port() != 0 {
        reading.mistake("metrics_listen", "listen uses this port: choose another");
    }
    let url = http.public_url.as_deref().unwrap_or_default();
    if http.tls.is_some() && url.starts_with("http://") {
        reading.mistake("public_url", "this is plain http although tls_cert is set: write https://");
    } else if !url.is_empty() && !parse::is_private(url) {
        reading.0.warnings.push(format!(
            "public_url is {url}: without https, keys and passwords are sent unencrypted, and browsers reject the \
             session cookie; put a proxy with TLS in front, or set tls_cert and tls_key, and write https://"
        ));
    }
    http
}

fn tls(reading: &mut Reading) -> Option<Tls> {
    match (reading.given("tls_cert"), reading.given("tls_key")) {
        (true, false) => reading.mistake("tls_key", "set it too: tls_cert needs it"),
        (false, true) => {
            reading.mistake("tls_cert", "set it too: tls_key needs it");
        }
        _ => {}
    }
    let (cert, key) = (reading.get("tls_cert", parse::file), reading.get("tls_key", parse::file));
    Some(Tls { cert: cert?, key: key? })
}

fn sign_in(reading: &mut Reading) -> SignIn {
    SignIn {
        signup: reading.get("signup", parse::word).unwrap_or(Signup::Invite),
        default_api: reading.get("default_api", parse::slug).unwrap_or_else(|| BUILT_IN_SLUG.to_owned()),
        access_token_seconds: reading
            .get("access_token_seconds", |text| parse::number(text, 60, 86_400, "seconds"))
            .unwrap_or(3_600),
        refresh_grace_seconds: reading
            .get("refresh_grace_seconds", |text| parse::number(text, 0, 300, "seconds"))
            .unwrap_or(30),
        refresh_max_seconds: reading
            .get("refresh_max_seconds", |text| parse::number(text, 3_600, 31_536_000, "seconds"))
            .unwrap_or(2_592_000),
        session_idle_seconds: reading
            .get("session_idle_seconds", |text| parse::number(text, 300, 604_800, "seconds"))
            .unwrap_or(86_400),
        signing_alg: reading.get("signing_alg", parse::word).unwrap_or(SigningAlg::Rs256),
    }
}

fn oauth(reading: &mut Reading) -> OAuth {
    let oauth = OAuth {
        dynamic_registration: reading.get("dynamic_registration", parse::boolean).unwrap_or(false),
        registration_api: reading.get("registration_api", parse::slug),
    };
    if oauth.dynamic_registration && !reading.given("registration_api") {
        reading.mistake("registration_api", "set it to the slug of the API that registered clients may use");
    }
    if oauth.registration_api.as_deref() == Some(BUILT_IN_SLUG) {
        reading
            .mistake("registration_api", "registered clients cannot access the built-in API: name another");
    }
    oauth
}

fn activity(reading: &mut Reading) -> Activity {
    Activity {
        retention_days: reading
            .get("activity_retention_days", |text| parse::number(text, 1, 36_500, "days"))
            .unwrap_or(90),
        max_bytes: reading.get("activity_max_bytes", |text| parse::bytes(text, 16 << 20)),
    }
}

fn mail(reading: &mut Reading, public_url: Option<&str>) -> Option<Mail> {
    let from = reading.get("smtp_from", parse::mail_address);
    let server = reading.get("smtp_url", SmtpUrl::parse)?;
    let host = public_url.and_then(|url| url.parse::<http::Uri>().ok()?.host().map(str::to_owned));
    let from = from.unwrap_or_else(|| format!("keywright@{}", host.as_deref().unwrap_or("localhost")));
    Some(Mail { server, from })
}
