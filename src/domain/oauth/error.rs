//! Protocol errors as data: code, sentence, and for us alone the cause. `http::oauth` gives them their form.

use std::borrow::Cow;
use std::fmt;

use crate::error::{Code, Error};
use crate::store;

/// What an OAuth call ends with.
pub type Result<T> = std::result::Result<T, OAuthError>;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// The registered error codes (RFC 6749, section 11.4, and the documents that add to it).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $name),+ }

        impl ErrorCode {
            /// The registered name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

codes! {
    /// Something is missing, twice there, or malformed (RFC 6749, section 5.2).
    InvalidRequest = "invalid_request",
    /// The client did not prove who it is (RFC 6749, section 5.2).
    InvalidClient = "invalid_client",
    /// The code or refresh token is not good, or not this client's (RFC 6749, section 5.2).
    InvalidGrant = "invalid_grant",
    /// The client may not use this grant type (RFC 6749, section 5.2).
    UnauthorizedClient = "unauthorized_client",
    /// There is no such grant type here (RFC 6749, section 5.2).
    UnsupportedGrantType = "unsupported_grant_type",
    /// Nothing of the scope can be given (RFC 6749, section 5.2).
    InvalidScope = "invalid_scope",
    /// The resource is unknown, or not for this client (RFC 8707, section 2).
    InvalidTarget = "invalid_target",
    /// The person or a rule refused (RFC 6749, section 4.1.2.1).
    AccessDenied = "access_denied",
    /// Only `code` is answered (RFC 6749, section 4.1.2.1).
    UnsupportedResponseType = "unsupported_response_type",
    /// Our fault (RFC 6749, section 4.1.2.1).
    ServerError = "server_error",
    /// Not just now (RFC 6749, section 4.1.2.1).
    TemporarilyUnavailable = "temporarily_unavailable",
    /// The limit of this caller is reached (RFC 6585, section 4). No registered code says more.
    TooManyRequests = "temporarily_unavailable",
    /// The person would have to do something, and `prompt=none` forbids it (OpenID Connect Core, section 3.1.2.6).
    InteractionRequired = "interaction_required",
    /// The person would have to sign in, and `prompt=none` forbids it (OpenID Connect Core, section 3.1.2.6).
    LoginRequired = "login_required",
    /// The person would have to consent, and `prompt=none` forbids it (OpenID Connect Core, section 3.1.2.6).
    ConsentRequired = "consent_required",
    /// Request objects are not read (OpenID Connect Core, section 3.1.2.6).
    RequestNotSupported = "request_not_supported",
    /// Request objects are not fetched (OpenID Connect Core, section 3.1.2.6).
    RequestUriNotSupported = "request_uri_not_supported",
    /// Clients do not register in an authorization request (OpenID Connect Core, section 3.1.2.6).
    RegistrationNotSupported = "registration_not_supported",
    /// The bearer token is not good (RFC 6750, section 3.1).
    InvalidToken = "invalid_token",
    /// The bearer token lacks a scope (RFC 6750, section 3.1).
    InsufficientScope = "insufficient_scope",
    /// A redirect URI cannot be registered (RFC 7591, section 3.2.2).
    InvalidRedirectUri = "invalid_redirect_uri",
    /// Another member of a registration cannot be taken (RFC 7591, section 3.2.2).
    InvalidClientMetadata = "invalid_client_metadata",
}

/// A refusal or a failure, with what the caller may know about it.
#[derive(Clone)]
pub struct OAuthError {
    /// Which one.
    pub code: ErrorCode,
    /// One sentence for developers, in the characters that RFC 6749, section 5.2, allows.
    pub description: Cow<'static, str>,
    /// Seconds after which the same request may pass.
    pub retry_after_seconds: Option<u64>,
    /// For the server's log only; never sent.
    cause: Option<String>,
}

impl OAuthError {
    /// An error with its sentence.
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: printable(description.into()), retry_after_seconds: None, cause: None }
    }

    /// `invalid_request`.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// `invalid_client`, the same whatever is wrong with it.
    pub fn invalid_client() -> Self {
        Self::new(ErrorCode::InvalidClient, "The client is unknown, switched off, or did not prove who it is")
    }

    /// `invalid_grant`, with what is wrong with it.
    pub fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }

    /// `invalid_scope`.
    pub fn invalid_scope() -> Self {
        Self::new(ErrorCode::InvalidScope, "This client may have none of the requested scopes")
    }

    /// What the server's log may say beyond the sentence.
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
