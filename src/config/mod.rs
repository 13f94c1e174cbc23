//! What the operator decides: built-in defaults, then `keywright.toml`, then `KEYWRIGHT_*` variables, then flags.
//!
//! Every mistake is reported at once, each with where it came from and what to do about it.

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

/// The data directory where nothing else is said.
pub const DEFAULT_DATA_DIR: &str = "./keywright-data";

/// Everything that is fixed while the program runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where the database, `master.key` and `control.sock` live.
    pub data_dir: PathBuf,
    /// Name of the organization that runs this instance.
    pub organization: String,
    /// The listeners and what is known about the network.
    pub http: Http,
    /// People and their tokens.
    pub sign_in: SignIn,
    /// OAuth clients.
    pub oauth: OAuth,
    /// The activity log.
    pub activity: Activity,
    /// Outgoing mail; none means that mail is written to files in the data directory.
    pub mail: Option<Mail>,
    /// Memory for the verification cache, in bytes.
    pub cache_bytes: u64,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Which log lines are written.
    pub log_level: LogLevel,
}

/// The listeners and what is known about the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    /// Where requests are taken.
    pub listen: SocketAddr,
    /// As the operator wrote it; [`Config::public_url`] knows the default.
    pub public_url: Option<String>,
    /// Proxies whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Connections beyond this many wait.
    pub max_connections: usize,
    /// A listener of its own for `/metrics`; none means that metrics need a scope.
    pub metrics_listen: Option<SocketAddr>,
    /// Whether browsers use https for every subdomain of the host too (HSTS, RFC 6797).
    pub hsts_subdomains: bool,
    /// Set when this process ends TLS itself.
    pub tls: Option<Tls>,
}

/// Files in PEM form.
#[derive(Debug, Clone, PartialEq)]
pub struct Tls {
    /// The certificate chain, leaf first.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// People and their tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct SignIn {
    /// Who may make an account.
    pub signup: Signup,
    /// Slug of the API used for logins that do not specify one.
    pub default_api: String,
    /// Lifetime of access tokens, in seconds.
    pub access_token_seconds: u32,
    /// How long a used refresh token of an OAuth client is answered again while its successor is unused, in seconds.
    pub refresh_grace_seconds: u32,
    /// Seconds after which a family of refresh tokens ends, however often it is used.
    pub refresh_max_seconds: u32,
    /// Seconds without a request after which a session of a browser ends.
    pub session_idle_seconds: u32,
    /// What tokens are signed with.
    pub signing_alg: SigningAlg,
}

/// OAuth clients.
#[derive(Debug, Clone, PartialEq)]
pub struct OAuth {
    /// Whether `/oauth/register` accepts clients without authentication (RFC 7591).
    pub dynamic_registration: bool,
    /// Slug of the API that such clients get; set whenever `dynamic_registration` is on.
    pub registration_api: Option<String>,
}

/// The activity log.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// Rows older than this many days go.
    pub retention_days: u32,
    /// The oldest rows go when the log is larger than this; none is no limit.
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

/// A configuration that can be used, and what its operator should still hear.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Sentences about what works but is likely not meant.
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
    /// Reads `sources` in order, later ones winning.
    ///
    /// # Errors
    /// Every mistake in every source, not only the first.
    pub fn load(sources: Sources<'_>) -> Result<Loaded, Mistakes> {
        settings::load(sources)
    }

    /// The built-in defaults, for a data directory.
    pub fn defaults(data_dir: impl AsRef<Path>) -> Self {
        Self::load(Sources::none(data_dir.as_ref())).expect("the defaults hold no mistake").config
    }

    /// Where people and programs reach this instance, and the issuer of its tokens, byte for byte. `bound` is the
    /// address that was really taken, for when `listen` left the port open.
    pub fn public_url(&self, bound: Option<SocketAddr>) -> String {
        self.http.public_url.clone().unwrap_or_else(|| {
            let scheme = if self.http.tls.is_some() { "https" } else { "http" };
            format!("{scheme}://{}", bound.unwrap_or(self.http.listen))
        })
    }

    /// Where programs on this machine reach it; `bound` is the address that the system gave for port 0.
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

    /// The file that holds the key for everything sealed.
    pub fn master_key_path(&self) -> PathBuf {
        self.data_dir.join("master.key")
    }

    /// The lock that its one server holds.
    pub fn lock_path(&self) -> PathBuf {
        self.data_dir.join("keywright.lock")
    }

    /// The socket through which the command line speaks to the server.
    pub fn control_socket_path(&self) -> PathBuf {
        self.data_dir.join("control.sock")
    }
}

#[cfg(test)]
mod tests;
