//! Every setting, and how the values become a [`Config`].

use std::net::SocketAddr;

use super::parse::{self, Parsed};
use super::smtp::SmtpUrl;
use super::source::{Mistake, Origin, Sources, Values};
use super::{Activity, Config, Http, Loaded, Mail, Mistakes, OAuth, SignIn, Tls};
use crate::model::api::BUILT_IN_SLUG;
use crate::model::setting::{LogFormat, LogLevel, SigningAlg, Signup};

/// A setting's name and meaning. Its variable is `KEYWRIGHT_` and the name in upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The key in `keywright.toml`.
    pub name: &'static str,
    /// What counts where nothing is said, for people.
    pub default: &'static str,
    /// What it decides, for people.
    pub about: &'static str,
    /// Whether its value must not be shown, and so cannot be a flag.
    pub secret: bool,
}

const fn setting(name: &'static str, default: &'static str, about: &'static str) -> Setting {
    Setting { name, default, about, secret: false }
}

/// Every setting, in the order of the manual.
pub const SETTINGS: &[Setting] = &[
    setting("listen", "127.0.0.1:8080", "Address and port to take requests on"),
    setting(
        "public_url",
        "http on the listen address",
        "Where people and programs reach it; issuer of its tokens",
    ),
    setting(
        "trusted_proxies",
        "none",
        "Networks (CIDR, comma-separated) whose forwarded headers are believed",
    ),
    setting("max_connections", "10000", "Open connections at most; more wait"),
    setting("metrics_listen", "none", "A listener of its own for /metrics"),
    setting("tls_cert", "none", "Certificate chain (PEM), to end TLS here"),
    setting("tls_key", "none", "Its private key (PEM)"),
    setting("organization", "Keywright", "Shown name of whoever runs this instance"),
    setting("signup", "invite", "Who may make an account: open, invite or off"),
    setting("default_api", "keywright", "Slug of the API that a login means which names none"),
    setting("access_token_seconds", "3600", "Lifetime of access tokens"),
    setting("signing_alg", "RS256", "What tokens are signed with: RS256, ES256 or EdDSA"),
    setting("dynamic_registration", "false", "Whether /oauth/register takes clients from anybody"),
    setting("registration_api", "none", "Slug of the API that such clients get"),
    setting("activity_retention_days", "90", "Activity older than this goes"),
    setting("activity_max_bytes", "none", "The oldest activity goes when the log is larger, such as 20GiB"),
    Setting {
        secret: true,
        ..setting("smtp_url", "none", "Mail server: smtp://user:password@host:587 or smtps://")
    },
    setting("smtp_from", "keywright@ the public host", "Sender of its mail"),
    setting("cache_bytes", "64MiB", "Memory for the verification cache"),
    setting("log_format", "text", "Log lines for people (text) or programs (json)"),
    setting("log_level", "info", "Log lines of this weight and heavier: error, warn, info or debug"),
];

/// The values while they are read; collects what is wrong with them.
struct Reading(Values);

impl Reading {
    /// The value of a setting; `None` when it was not given or is wrong.
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
        tls: tls(reading),
        public_url,
    };
    if http.listen.ip().is_unspecified() && !reading.given("public_url") {
        let sentence = format!("set it, since {} does not tell where people reach this", http.listen);
        reading.mistake("public_url", sentence);
    }
    if http.metrics_listen == Some(http.listen) && http.listen.port() != 0 {
        reading.mistake("metrics_listen", "this is where requests are taken: choose another port");
    }
    let url = http.public_url.as_deref().unwrap_or_default();
    if http.tls.is_some() && url.starts_with("http://") {
        reading.mistake("public_url", "this is plain http although tls_cert is set: write https://");
    } else if !url.is_empty() && !parse::is_private(url) {
        reading.0.warnings.push(format!(
            "public_url is {url}: without https, keys and passwords travel readable, and browsers will not keep a \
             sign-in; put a proxy with TLS in front, or set tls_cert and tls_key, and write https://"
        ));
    }
    http
}

fn tls(reading: &mut Reading) -> Option<Tls> {
    match (reading.given("tls_cert"), reading.given("tls_key")) {
        (true, false) => reading.mistake("tls_key", "set it too: tls_cert is of no use without its key"),
        (false, true) => {
            reading.mistake("tls_cert", "set it too: tls_key is of no use without its certificate");
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
        reading.mistake("registration_api", "registered clients never get Keywright's own API: name another");
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
