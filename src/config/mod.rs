//! Configuration: built-in defaults, then `keywright.toml`, then `KEYWRIGHT_*` variables, then flags.
//!
//! All mistakes are reported together, each with its origin and its remedy.

mod parse;
mod settings;
mod smtp;
mod source;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::model::setting::{LogFormat, LogLevel, SigningAlg, Signup};

pub use settings::{SETTINGS, Setting};
pub use smtp::{SmtpSecurity, SmtpUrl};
pub use source::{Mistake, Origin, Sources};

/// Default data directory.
pub const DEFAULT_DATA_DIR: &str = "./keywright-data";

/// Settings that are fixed while the program runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Directory of the database, `master.key` and `control.sock`.
    pub data_dir: PathBuf,
    /// Name of the organization that runs this instance.
    pub organization: String,
    /// Listeners and network.
    pub http: Http,
    /// Sign-in and tokens.
    pub sign_in: SignIn,
    /// OAuth clients.
    pub oauth: OAuth,
    /// The activity log.
    pub activity: Activity,
    /// Outgoing mail; none means that mail is written to files in the data directory.
    pub mail: Option<Mail>,
    /// Memory for the verification cache, in bytes.
    pub cache_bytes: u64,
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Minimum level of log lines.
    pub log_level: LogLevel,
}

/// Listeners and network.
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    /// Address of the public listener.
    pub listen: SocketAddr,
    /// As configured; [`Config::public_url`] adds the default.
    pub public_url: Option<String>,
    /// Proxies whose forwarded headers are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Maximum number of open connections; further ones wait.
    pub max_connections: usize,
    /// Address of the metrics listener; without it, metrics require a scope.
    pub metrics_listen: Option<SocketAddr>,
    /// Whether browsers use https for every subdomain of the host too (HSTS, RFC 6797).
    pub hsts_subdomains: bool,
    /// Set if this process terminates TLS.
    pub tls: Option<Tls>,
}

/// PEM files.
#[derive(Debug, Clone, PartialEq)]
pub struct Tls {
    /// The certificate chain, leaf first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Sign-in and tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct SignIn {
    /// Who may create an account.
    pub signup: Signup,
    /// Slug of the API used for logins that do not specify one.
    pub default_api: String,
    /// Lifetime of access tokens, in seconds.
    pub access_token_seconds: u32,
    /// Seconds in which a used refresh token of an OAuth client gets the same answer while its successor is unused.
    pub refresh_grace_seconds: u32,
    /// Seconds after which a family of refresh tokens ends, whatever its use.
    pub refresh_max_seconds: u32,
    /// Seconds without a request after which a session of a browser ends.
    pub session_idle_seconds: u32,
    /// Signature algorithm of tokens.
    pub signing_alg: SigningAlg,
}

/// OAuth clients.
#[derive(Debug, Clone, PartialEq)]
pub struct OAuth {
    /// Whether `/oauth/register` accepts clients without authentication (RFC 7591).
    pub dynamic_registration: bool,
    /// Slug of the API that such clients may access; set if `dynamic_registration` is.
    pub registration_api: Option<String>,
}

/// The activity log.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// Rows older than this many days are removed.
    pub retention_days: u32,
    /// Maximum size of the log in bytes; the oldest rows are removed first. None is unlimited.
    pub max_bytes: Option<u64>,
}

/// Outgoing mail.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// The mail server.
    pub server: SmtpUrl,
    /// The sender's address.
    pub from: String,
}

/// A valid configuration with its warnings.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Warnings: valid settings that are likely mistakes.
    pub warnings: Vec<String>,
}

/// Every mistake that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

impl Config {
    /// Reads `sources` in order; later ones override earlier ones.
    ///
    /// # Errors
    /// All mistakes of all sources.
    pub fn load(sources: Sources<'_>) -> Result<Loaded, Mistakes> {
        settings::load(sources)
    }

    /// The defaults, for a data directory.
    pub fn defaults(data_dir: impl AsRef<Path>) -> Self {
        Self::load(Sources::none(data_dir.as_ref())).expect("the defaults hold no mistake").config
    }

    /// Public URL: the issuer of tokens, byte for byte. `bound` is the actual address of the listener, for a `listen`
    /// with port 0.
    pub fn public_url(&self, bound: Option<SocketAddr>) -> String {
        self.http.public_url.clone().unwrap_or_else(|| {
            let scheme = if self.http.tls.is_some() { "https" } else { "http" };
            format!("{scheme}://{}", bound.unwrap_or(self.http.listen))
        })
    }

    /// URL for programs on this machine; `bound` is the actual address of the listener.
    pub fn local_url(&self, bound: Option<SocketAddr>) -> String {
        let scheme = if self.http.tls.is_some() { "https" } else { "http" };
        let mut address = bound.unwrap_or(self.http.listen);
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                Ipv4Addr::LOCALHOST.into()
            } else {
                Ipv6Addr::LOCALHOST.into()
            });
        }
        format!("{scheme}://{address}")
    }

    /// The database file.
    pub fn database_path(&self) -> PathBuf {
        self.data_dir.join("keywright.db")
    }

    /// The file of the master key.
    pub fn master_key_path(&self) -> PathBuf {
        self.data_dir.join("master.key")
    }

    /// The lock of the running server.
    pub fn lock_path(&self) -> PathBuf {
        self.data_dir.join("keywright.lock")
    }

    /// The socket between the command line and the server.
    pub fn control_socket_path(&self) -> PathBuf {
        self.data_dir.join("control.sock")
    }
}

#[cfg(test)]
mod tests;
