//! One error shape for every answer: the envelope.

use poem::error::ResponseError;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Code, Error};
use crate::model::RequestId;

/// The status of a code.
pub const fn status(code: Code) -> StatusCode {
    match code {
        Code::InvalidRequest | Code::InvalidCursor => StatusCode::BAD_REQUEST,
        Code::MissingApiKey
        | Code::InvalidApiKey
        | Code::ExpiredApiKey
        | Code::RevokedApiKey
        | Code::DisabledApiKey
        | Code::InvalidToken
        | Code::ExpiredToken
        | Code::InvalidCredentials
        | Code::MfaRequired => StatusCode::UNAUTHORIZED,
        Code::InsufficientScope
        | Code::WrongEnvironment
        | Code::WrongApi
        | Code::IpNotAllowed
        | Code::Forbidden
        | Code::ReauthenticationRequired
        | Code::Csrf => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::Conflict => StatusCode::CONFLICT,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Code::RateLimited | Code::QuotaExceeded | Code::LockedOut => StatusCode::TOO_MANY_REQUESTS,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl ResponseError for Error {
    fn status(&self) -> StatusCode {
        status(self.code)
    }
}

/// The one shape of an error's body.
#[derive(Serialize)]
struct Envelope<'e> {
    success: bool,
    error: Body<'e>,
}

#[derive(Serialize)]
struct Body<'e> {
    code: &'static str,
    message: &'e str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    details: &'e Map<String, Value>,
    request_id: RequestId,
}

/// The envelope as JSON text.
pub fn envelope(error: &Error, id: RequestId) -> String {
    let body =
        Body { code: error.code.as_str(), message: &error.message, details: &error.details, request_id: id };
    serde_json::to_string(&Envelope { success: false, error: body }).expect("maps with text keys become JSON")
}

/// The response for an error, with the headers that its status needs.
pub fn response(error: &Error, id: RequestId) -> Response {
    if let Some(cause) = error.cause() {
        tracing::error!(request_id = %id, code = error.code.as_str(), cause, "request failed");
    }
    let status = status(error.code);
    let mut response = envelope(error, id).with_status(status).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = error.retry_after_seconds {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(challenge) = challenge(error) {
        headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// `WWW-Authenticate` (RFC 6750, section 3): no `error` when no credential was sent.
pub fn challenge(error: &Error) -> Option<HeaderValue> {
    let text = match (status(error.code), error.code) {
        (StatusCode::UNAUTHORIZED, Code::MissingApiKey) => r#"Bearer realm="keywright""#.to_owned(),
        // A wrong password is not a bad bearer credential.
        (StatusCode::UNAUTHORIZED, Code::InvalidCredentials | Code::MfaRequired) => {
            r#"Bearer realm="keywright""#.to_owned()
        }
        (StatusCode::UNAUTHORIZED, _) => {
            format!(
                r#"Bearer realm="keywright", error="invalid_token", error_description="{}""#,
                error.message
            )
        }
        (_, Code::InsufficientScope) => {
            let scope = error.details.get("required").and_then(|value| value.as_str());
            let scope = scope.map_or(String::new(), |scope| format!(r#", scope="{scope}""#));
            format!(r#"Bearer realm="keywright", error="insufficient_scope"{scope}"#)
        }
        _ => return None,
    };
    HeaderValue::from_str(&text).ok()
}

/// The error that poem or a handler returned, as one of ours; a response where a handler made one.
#[expect(clippy::result_large_err, reason = "neither side is an error here, and both are moved once")]
pub fn from_poem(error: poem::Error) -> Result<Error, Response> {
    if error.is_from_response() {
        return Err(error.into_response());
    }
    if let Some(own) = error.downcast_ref::<Error>() {
        return Ok(own.clone());
    }
    Ok(match error.status() {
        StatusCode::NOT_FOUND => Error::new(Code::NotFound, "There is nothing at this path"),
        StatusCode::PAYLOAD_TOO_LARGE => Error::new(Code::TooLarge, "The body is too large"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Error::new(Code::UnsupportedMediaType, "Send the body as application/json")
        }
        status if status.is_client_error() => poem_parse_error(&error),
        _ => Error::internal(error),
    })
}

/// A path or query parameter that poem could not read; its message names the parameter.
fn poem_parse_error(error: &poem::Error) -> Error {
    let text = error.to_string();
    let field = text.split('`').nth(1).unwrap_or("request").to_owned();
    Error::invalid(&field, text)
}

/// `Allow` for 405 (RFC 9110, section 10.2.1).
pub fn method_not_allowed(allow: &HeaderValue) -> poem::Error {
    let mut error: poem::Error = Error::new(
        Code::MethodNotAllowed,
        format!("This path answers {} only", allow.to_str().unwrap_or_default()),
    )
    .into();
    error.set_data(ExtraHeader(header::ALLOW, allow.clone()));
    error
}

/// A header that an error's answer carries besides the usual ones.
#[derive(Clone)]
pub struct ExtraHeader(pub HeaderName, pub HeaderValue);
