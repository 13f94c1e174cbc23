//! Settings that the rules use.

use super::string_enum::string_enum;

/// Values of the configuration that the rules use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// URL at which users and programs reach this instance; the issuer of its tokens, byte for byte.
    pub public_url: String,
    /// URL at which programs on this machine reach it.
    pub local_url: String,
    /// Display name of the organization.
    pub organization: String,
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
    /// Whether browsers use https for every subdomain of the host too.
    pub hsts_subdomains: bool,
    /// Slug of the API that self-registered clients get access to; none disables registration.
    pub registration_api: Option<String>,
}

string_enum! {
    /// Who may create an account.
    #[derive(Default)]
    Signup {
        /// Every visitor.
        Open = "open",
        /// Invited people.
        #[default]
        Invite = "invite",
        /// Only administrators create accounts.
        Off = "off",
    }
}

string_enum! {
    /// Signature algorithm of tokens (RFC 7518, section 3.1; RFC 8037).
    #[derive(Default)]
    SigningAlg {
        /// RSASSA-PKCS1-v1_5 with SHA-256, 3,072 bits.
        #[default]
        Rs256 = "RS256",
        /// ECDSA over P-256 with SHA-256.
        Es256 = "ES256",
        /// Ed25519.
        EdDsa = "EdDSA",
    }
}

string_enum! {
    /// Format of log lines.
    #[derive(Default)]
    LogFormat {
        /// Text.
        #[default]
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }
}

string_enum! {
    /// Minimum level of log lines.
    #[derive(Default)]
    LogLevel {
        /// Errors.
        Error = "error",
        /// Warnings too.
        Warn = "warn",
        /// Normal operation too.
        #[default]
        Info = "info",
        /// Details of decisions too.
        Debug = "debug",
    }
}
