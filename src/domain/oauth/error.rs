//! Protocol errors as data: code, sentence, and the internal cause. `http::oauth` renders them.

use std::borrow::Cow;
use std::fmt;

use crate::error::{Code, Error};
use crate::store;

/// Result of an OAuth call.
pub type Result<T> = std::result::Result<T, OAuthError>;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// The registered error codes (RFC 6749, section 11.4, and the documents that add to it).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $name),+ }

        impl ErrorCode {
            /// Registered name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

codes! {
    /// A parameter is missing, repeated, or malformed (RFC 6749, section 5.2).
    InvalidRequest = "invalid_request",
    /// Client authentication failed (RFC 6749, section 5.2).
    InvalidClient = "invalid_client",
    /// The code or refresh token is invalid, or another client's (RFC 6749, section 5.2).
    InvalidGrant = "invalid_grant",
    /// The client may not use this grant type (RFC 6749, section 5.2).
    UnauthorizedClient = "unauthorized_client",
    /// The grant type is not supported (RFC 6749, section 5.2).
    UnsupportedGrantType = "unsupported_grant_type",
    /// No requested scope can be granted (RFC 6749, section 5.2).
    InvalidScope = "invalid_scope",
    /// The resource is unknown, or not for this client (RFC 8707, section 2).
    InvalidTarget = "invalid_target",
    /// The person or a rule denied it (RFC 6749, section 4.1.2.1).
    AccessDenied = "access_denied",
    /// Only `code` is supported (RFC 6749, section 4.1.2.1).
    UnsupportedResponseType = "unsupported_response_type",
    /// Internal error (RFC 6749, section 4.1.2.1).
    ServerError = "server_error",
    /// Temporarily unavailable (RFC 6749, section 4.1.2.1).
    TemporarilyUnavailable = "temporarily_unavailable",
    /// The limit of this caller is reached (RFC 6585, section 4). No registered code is more exact.
    TooManyRequests = "temporarily_unavailable",
    /// Interaction is required, and `prompt=none` forbids it (OpenID Connect Core, section 3.1.2.6).
    InteractionRequired = "interaction_required",
    /// Sign-in is required, and `prompt=none` forbids it (OpenID Connect Core, section 3.1.2.6).
    LoginRequired = "login_required",
    /// Consent is required, and `prompt=none` forbids it (OpenID Connect Core, section 3.1.2.6).
    ConsentRequired = "consent_required",
    /// Request objects are not supported (OpenID Connect Core, section 3.1.2.6).
    RequestNotSupported = "request_not_supported",
    /// Request objects by reference are not supported (OpenID Connect Core, section 3.1.2.6).
    RequestUriNotSupported = "request_uri_not_supported",
    /// Registration in an authorization request is not supported (OpenID Connect Core, section 3.1.2.6).
    RegistrationNotSupported = "registration_not_supported",
    /// The bearer token is invalid (RFC 6750, section 3.1).
    InvalidToken = "invalid_token",
    /// The bearer token lacks a scope (RFC 6750, section 3.1).
    InsufficientScope = "insufficient_scope",
    /// A redirect URI is not acceptable (RFC 7591, section 3.2.2).
    InvalidRedirectUri = "invalid_redirect_uri",
    /// Another member of a registration is not acceptable (RFC 7591, section 3.2.2).
    InvalidClientMetadata = "invalid_client_metadata",
}

/// A refusal or a failure, without internal details.
#[derive(Clone)]
pub struct OAuthError {
    /// Error code.
    pub code: ErrorCode,
    /// One sentence for developers, in the characters that RFC 6749, section 5.2, allows.
    pub description: Cow<'static, str>,
    /// Seconds after which the same request may succeed.
    pub retry_after_seconds: Option<u64>,
    /// Cause for the server's log; never sent.
    cause: Option<String>,
}

impl OAuthError {
    /// An error with a sentence.
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: printable(description.into()), retry_after_seconds: None, cause: None }
    }

    /// `invalid_request`.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// `invalid_client`, with the same sentence for every cause.
    pub fn invalid_client() -> Self {
        Self::new(ErrorCode::InvalidClient, "The client is unknown or disabled, or its authentication failed")
    }

    /// `invalid_grant`, with a sentence.
    pub fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }

    /// `invalid_scope`.
    pub fn invalid_scope() -> Self {
        Self::new(ErrorCode::InvalidScope, "This client may have none of the requested scopes")
    }

    /// Cause for the server's log, beside the sentence.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}

/// RFC 6749, section 5.2: printable ASCII without `"` and `\`.
fn printable(text: Cow<'static, str>) -> Cow<'static, str> {
    let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    if text.chars().all(allowed) { text } else { text.replace(|c| !allowed(c), "?").into() }
}

impl From<Error> for OAuthError {
    fn from(error: Error) -> Self {
        let (code, description) = match error.code {
            Code::Internal => (ErrorCode::ServerError, error.message.clone()),
            Code::Unavailable => (ErrorCode::TemporarilyUnavailable, error.message.clone()),
            Code::RateLimited => (ErrorCode::TooManyRequests, error.message.clone()),
            Code::InvalidToken | Code::ExpiredToken => (ErrorCode::InvalidToken, error.message.clone()),
            _ => (ErrorCode::InvalidRequest, error.message.clone()),
        };
        Self {
            retry_after_seconds: error.retry_after_seconds,
            cause: error.cause().map(str::to_owned),
            ..Self::new(code, description)
        }
    }
}

impl From<store::Error> for OAuthError {
    fn from(error: store::Error) -> Self {
        Error::from(error).into()
    }
}

impl fmt::Debug for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.description)?;
        if let Some(cause) = &self.cause {
            write!(f, " (cause: {cause})")?;
        }
        Ok(())
    }
}

impl fmt::Display for OAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}

impl std::error::Error for OAuthError {}
