//! Responses of OAuth endpoints: JSON that is not stored, and errors of RFC 6749, section 5.2.

use std::marker::PhantomData;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;

use crate::domain::oauth::{ErrorCode, OAuthError};

/// An error (RFC 6749, section 5.2).
#[derive(Serialize, Object)]
pub(super) struct OAuthErrorBody {
    /// A registered code, such as `invalid_grant`.
    error: String,
    /// What is wrong, for developers.
    error_description: String,
}

/// How the caller tried to prove itself, which a 401 must match (RFC 6749, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    /// In the body, or not at all.
    Nothing,
    /// By a header `Authorization: Basic`.
    Basic,
    /// By a header `Authorization: Bearer`.
    Bearer,
}

/// The whole answer for an error.
pub(super) fn error(error: &OAuthError, tried: Tried) -> Response {
    let code = error.code;
    if let Some(cause) = error.cause() {
        tracing::error!(code = code.as_str(), cause, "an OAuth request failed");
    }
    let body =
        OAuthErrorBody { error: code.as_str().to_owned(), error_description: error.description.to_string() };
    let mut response = json(status_of(code), &body);
    let headers = response.headers_mut();
    if let Some(seconds) = error.retry_after_seconds {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(challenge) = challenge(error, tried) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The status of an error that is an answer of its own and not a redirect.
pub(super) const fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidClient | ErrorCode::InvalidToken => StatusCode::UNAUTHORIZED,
        ErrorCode::AccessDenied | ErrorCode::InsufficientScope => StatusCode::FORBIDDEN,
        ErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// RFC 6750, section 3, and RFC 7617.
fn challenge(error: &OAuthError, tried: Tried) -> Option<HeaderValue> {
    let text = match (error.code, tried) {
        (ErrorCode::InvalidClient, Tried::Basic) => r#"Basic realm="keywright""#.to_owned(),
        (ErrorCode::InvalidToken, Tried::Nothing) => r#"Bearer realm="keywright""#.to_owned(),
        (code @ (ErrorCode::InvalidToken | ErrorCode::InsufficientScope), _) => format!(
            r#"Bearer realm="keywright", error="{}", error_description="{}""#,
            code.as_str(),
            error.description
        ),
        _ => return None,
    };
    HeaderValue::from_str(&text).ok()
}

/// [`error`] as what a handler or an extractor ends with.
pub(super) fn refuse(refused: &OAuthError, tried: Tried) -> poem::Error {
    poem::Error::from_response(error(refused, tried))
}

/// JSON that no cache keeps (RFC 6749, section 5.1).
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::PRAGMA, "no-cache")
        .body(bytes)
}

/// An answer that is documented as a `T` with this status.
pub(super) struct Answer<T, const STATUS: u16 = 200> {
    response: Response,
    documented: PhantomData<fn() -> T>,
}

impl<T, const STATUS: u16> Answer<T, STATUS> {
    pub(super) fn new(response: Response) -> Self {
        Self { response, documented: PhantomData }
    }

    pub(super) fn ok(body: &impl Serialize) -> Self {
        Self::new(json(StatusCode::OK, body))
    }
}

impl<T: Send, const STATUS: u16> IntoResponse for Answer<T, STATUS> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<T: Type + Send, const STATUS: u16> ApiResponse for Answer<T, STATUS> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![
                described(STATUS, "The answer", T::schema_ref()),
                described(400, "What is wrong (RFC 6749, section 5.2)", OAuthErrorBody::schema_ref()),
                described(401, "The client or the token is not known", OAuthErrorBody::schema_ref()),
            ],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
        OAuthErrorBody::register(registry);
    }
}

fn described(status: u16, description: &'static str, schema: MetaSchemaRef) -> MetaResponse {
    let content = vec![MetaMediaType { content_type: "application/json", schema }];
    MetaResponse { description, status: Some(status), status_range: None, content, headers: vec![] }
}

/// An answer that sends the browser on, or a page.
pub(super) struct Browsing(pub(super) Response);

impl IntoResponse for Browsing {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Browsing {
    fn meta() -> MetaResponses {
        let plain = |status, description| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![],
            headers: vec![],
        };
        MetaResponses {
            responses: vec![
                plain(200, "A page"),
                plain(303, "A redirect"),
                plain(400, "A page with the error"),
            ],
        }
    }

    fn register(_: &mut Registry) {}
}

/// Sends the browser on with GET (RFC 9700, section 4.12).
pub(super) fn see_other(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    match HeaderValue::from_str(location) {
        Ok(location) => headers.insert(header::LOCATION, location),
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
