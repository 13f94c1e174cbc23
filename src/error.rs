//! Errors as data. Independent of HTTP: `http::error` maps each code to a status.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value, json};

use crate::model::{KeyId, ScopeSet, Timestamp};

/// The result of a rule.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// Error codes; the names are public and fixed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name),+ }

        impl Code {
            /// Every code, for documentation and tests.
            pub const ALL: &[Code] = &[$(Code::$name),+];

            /// The public name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text),+ }
            }
        }
    };
}

codes! {
    /// The request lacks something required or has something invalid; details name each field.
    InvalidRequest = "INVALID_REQUEST",
    /// A cursor that this server did not issue.
    InvalidCursor = "INVALID_CURSOR",
    /// No credential was sent.
    MissingApiKey = "MISSING_API_KEY",
    /// The credential is not a key of this instance.
    InvalidApiKey = "INVALID_API_KEY",
    /// The key has expired.
    ExpiredApiKey = "EXPIRED_API_KEY",
    /// The key was revoked.
    RevokedApiKey = "REVOKED_API_KEY",
    /// The key is disabled.
    DisabledApiKey = "DISABLED_API_KEY",
    /// The token is not of this instance, or was revoked.
    InvalidToken = "INVALID_TOKEN",
    /// The token has expired.
    ExpiredToken = "EXPIRED_TOKEN",
    /// Wrong email address or password.
    InvalidCredentials = "INVALID_CREDENTIALS",
    /// The password is right; a second factor is required.
    MfaRequired = "MFA_REQUIRED",
    /// The credential lacks a scope.
    InsufficientScope = "INSUFFICIENT_SCOPE",
    /// A test key where a live one is required, or the reverse.
    WrongEnvironment = "WRONG_ENVIRONMENT",
    /// The key belongs to another API.
    WrongApi = "WRONG_API",
    /// The key may not be used from this address.
    IpNotAllowed = "IP_NOT_ALLOWED",
    /// The caller may not do this.
    Forbidden = "FORBIDDEN",
    /// The act needs a more recent sign-in; details give its maximum age and the methods.
    ReauthenticationRequired = "REAUTHENTICATION_REQUIRED",
    /// A cookie request without its CSRF token or from another origin.
    Csrf = "CSRF",
    /// The resource does not exist, or is not the caller's.
    NotFound = "NOT_FOUND",
    /// The path exists, but not with this method.
    MethodNotAllowed = "METHOD_NOT_ALLOWED",
    /// The change conflicts with the stored state.
    Conflict = "CONFLICT",
    /// The body is too large.
    TooLarge = "TOO_LARGE",
    /// The media type of the body is not supported.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE",
    /// Well-formed, but impossible.
    Unprocessable = "UNPROCESSABLE",
    /// Too many requests in the window.
    RateLimited = "RATE_LIMITED",
    /// The quota of the period is exhausted.
    QuotaExceeded = "QUOTA_EXCEEDED",
    /// Too many failed attempts; wait.
    LockedOut = "LOCKED_OUT",
    /// An internal error; the cause is in the server's log under the request id.
    Internal = "INTERNAL",
    /// Temporarily unavailable.
    Unavailable = "UNAVAILABLE",
}

/// A refusal or a failure, without internal details.
#[derive(Clone)]
pub struct Error {
    /// Code.
    pub code: Code,
    /// One sentence for people.
    pub message: Cow<'static, str>,
    /// Details for programs.
    pub details: Map<String, Value>,
    /// Seconds after which the same request may pass.
    pub retry_after_seconds: Option<u64>,
    /// Cause for the server's log; never sent.
    cause: Option<String>,
}

impl Error {
    /// An error with a message and no details.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), details: Map::new(), retry_after_seconds: None, cause: None }
    }

    /// Adds one detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the wait before a retry.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// `INVALID_REQUEST` for one field: the problem and the remedy.
    pub fn invalid(field: &str, reason: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, "The request is not valid").with(field, reason.into())
    }

    /// `INVALID_REQUEST` for several fields; `Ok` if there are none.
    pub fn invalid_fields(fields: Map<String, Value>) -> Result<()> {
        if fields.is_empty() {
            return Ok(());
        }
        Err(Self { details: fields, ..Self::new(Code::InvalidRequest, "The request is not valid") })
    }

    /// `NOT_FOUND`, the same for a resource that does not exist and for one of another owner.
    pub fn not_found(what: &'static str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}"))
    }

    /// `INVALID_TOKEN`, the same for every defect of an access token.
    pub fn invalid_token() -> Self {
        Self::new(Code::InvalidToken, "The access token is invalid")
    }

    /// `CONFLICT` with the reason.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Conflict, message)
    }

    /// `FORBIDDEN` with the reason.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Forbidden, message)
    }

    /// `INSUFFICIENT_SCOPE` with the required and the granted scopes.
    pub fn insufficient_scope(required: &str, granted: &ScopeSet) -> Self {
        Self::new(Code::InsufficientScope, format!("This needs the scope {required}"))
            .with("required", required)
            .with("granted", json!(granted))
    }

    /// `EXPIRED_API_KEY`.
    pub fn expired_key(id: KeyId, at: Timestamp) -> Self {
        Self::new(Code::ExpiredApiKey, "The API key has expired")
            .with("key_id", id.to_string())
            .with("expired_at", at.to_string())
    }

    /// `REVOKED_API_KEY`.
    pub fn revoked_key(id: KeyId, at: Timestamp) -> Self {
        Self::new(Code::RevokedApiKey, "The API key has been revoked")
            .with("key_id", id.to_string())
            .with("revoked_at", at.to_string())
    }

    /// `INTERNAL`; `cause` is only logged.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(Code::Internal, "Internal error; the server's log has the cause under the request id")
        }
    }

    /// `UNAVAILABLE`; `cause` is only logged.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            retry_after_seconds: Some(1),
            ..Self::new(Code::Unavailable, "The server is temporarily unavailable; try again shortly")
        }
    }

    /// Cause for the server's log, beside the message.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)?;
        if !self.details.is_empty() {
            write!(f, " {}", Value::Object(self.details.clone()))?;
        }
        if let Some(cause) = &self.cause {
            write!(f, " (cause: {cause})")?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
