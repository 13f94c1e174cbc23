//! What can go wrong, as data. Knows no HTTP: `http::error` gives each code its status.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value, json};

use crate::model::{KeyId, ScopeSet, Timestamp};

/// The result of a rule.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What a caller can tell apart; the names are public and fixed.
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
    /// The request does not say what it must, or says what it must not; details name each field.
    InvalidRequest = "INVALID_REQUEST",
    /// A cursor that this server did not make.
    InvalidCursor = "INVALID_CURSOR",
    /// No credential was sent.
    MissingApiKey = "MISSING_API_KEY",
    /// The credential is not a key of this instance.
    InvalidApiKey = "INVALID_API_KEY",
    /// The key's expiry has passed.
    ExpiredApiKey = "EXPIRED_API_KEY",
    /// The key was revoked.
    RevokedApiKey = "REVOKED_API_KEY",
    /// The key is switched off.
    DisabledApiKey = "DISABLED_API_KEY",
    /// The token is not one of this instance, or was revoked.
    InvalidToken = "INVALID_TOKEN",
    /// The token's time has passed.
    ExpiredToken = "EXPIRED_TOKEN",
    /// Email and password do not fit together.
    InvalidCredentials = "INVALID_CREDENTIALS",
    /// The password is right; a second factor is needed.
    MfaRequired = "MFA_REQUIRED",
    /// The credential lacks a scope.
    InsufficientScope = "INSUFFICIENT_SCOPE",
    /// A test key where a live one is asked for, or the reverse.
    WrongEnvironment = "WRONG_ENVIRONMENT",
    /// The key belongs to another API.
    WrongApi = "WRONG_API",
    /// The key may not be used from this address.
    IpNotAllowed = "IP_NOT_ALLOWED",
    /// The caller may not do this.
    Forbidden = "FORBIDDEN",
    /// The act needs a more recent sign-in; details say how recent and by which methods.
    ReauthenticationRequired = "REAUTHENTICATION_REQUIRED",
    /// A cookie request without its CSRF token or from a foreign origin.
    Csrf = "CSRF",
    /// No such thing, or not the caller's.
    NotFound = "NOT_FOUND",
    /// The path exists, the method does not.
    MethodNotAllowed = "METHOD_NOT_ALLOWED",
    /// The change contradicts what is stored.
    Conflict = "CONFLICT",
    /// The body is too large.
    TooLarge = "TOO_LARGE",
    /// The body is not of a type that this route takes.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE",
    /// Understood, well-formed, and still impossible.
    Unprocessable = "UNPROCESSABLE",
    /// Too many requests in the window.
    RateLimited = "RATE_LIMITED",
    /// The quota of the period is used up.
    QuotaExceeded = "QUOTA_EXCEEDED",
    /// Too many failed attempts; wait.
    LockedOut = "LOCKED_OUT",
    /// Our fault; the cause is in the server's log under the request id.
    Internal = "INTERNAL",
    /// Cannot answer just now; try again after a while.
    Unavailable = "UNAVAILABLE",
}

/// A refusal or a failure, with what the caller may know about it.
#[derive(Clone)]
pub struct Error {
    /// Which one.
    pub code: Code,
    /// One sentence for people.
    pub message: Cow<'static, str>,
    /// What a program can use.
    pub details: Map<String, Value>,
    /// Seconds after which the same request may pass.
    pub retry_after_seconds: Option<u64>,
    /// For the server's log only; never sent.
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

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// `INVALID_REQUEST` about one field: what is wrong and what to do.
    pub fn invalid(field: &str, reason: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, "The request is not valid").with(field, reason.into())
    }

    /// `INVALID_REQUEST` about several fields; `Ok` when there is nothing to say.
    pub fn invalid_fields(fields: Map<String, Value>) -> Result<()> {
        if fields.is_empty() {
            return Ok(());
        }
        Err(Self { details: fields, ..Self::new(Code::InvalidRequest, "The request is not valid") })
    }

    /// `NOT_FOUND`, the same for what does not exist and for what is somebody else's.
    pub fn not_found(what: &'static str) -> Self {
        Self::new(Code::NotFound, format!("There is no such {what}"))
    }

    /// `INVALID_TOKEN`, the same whatever is wrong with an access token.
    pub fn invalid_token() -> Self {
        Self::new(Code::InvalidToken, "The access token is invalid")
    }

    /// `CONFLICT` with a sentence that says with what.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Conflict, message)
    }

    /// `FORBIDDEN` with a sentence that says why.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Forbidden, message)
    }

    /// `INSUFFICIENT_SCOPE`, naming what was required and what is held.
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

    /// `INTERNAL`; `cause` goes to the server's log and nowhere else.
    pub fn internal(cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            ..Self::new(
                Code::Internal,
                "Something went wrong on our side; the request id finds it in the log",
            )
        }
    }

    /// `UNAVAILABLE`; `cause` goes to the server's log and nowhere else.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        Self {
            cause: Some(cause.to_string()),
            retry_after_seconds: Some(1),
            ..Self::new(Code::Unavailable, "The server cannot answer just now; try again shortly")
        }
    }

    /// What the server's log may say beyond the message.
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
