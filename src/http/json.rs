//! The JSON payload. Unlike poem-openapi's own it has a size limit, refuses duplicate and unknown members by serde's
//! rules, names the wrong field in `details`, and parses without a `Value` in between.

use poem::http::header;
use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{
    MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, ResponseContent};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Code, Error};

/// Largest body of an ordinary request, in bytes.
pub const BODY_BYTES: usize = 256 << 10;
/// The media type.
pub const CONTENT_TYPE: &str = "application/json";

/// A body in JSON, in either direction.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: Type> Payload for Json<T> {
    const CONTENT_TYPE: &'static str = CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<'a, T: DeserializeOwned + Type> ApiExtractor<'a> for Json<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType { content_type: CONTENT_TYPE, schema: T::schema_ref() }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let bytes = read(request, body, BODY_BYTES).await?;
        Ok(Self(parse(&bytes)?))
    }
}

impl<T: Serialize + Send> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => Response::builder().header(header::CONTENT_TYPE, CONTENT_TYPE).body(bytes),
            Err(error) => poem::Error::from(Error::internal(error)).into_response(),
        }
    }
}

impl<T: Serialize + Type + Send> ApiResponse for Json<T> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![meta(200, "", <Self as ResponseContent>::media_types())] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// `201 Created` with the new resource.
#[derive(Debug)]
pub struct Created<T>(pub T);

impl<T: Serialize + Send> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        Json(self.0).with_status(poem::http::StatusCode::CREATED).into_response()
    }
}

impl<T: Serialize + Type + Send> ApiResponse for Created<T> {
    fn meta() -> MetaResponses {
        let media = <Json<T> as ResponseContent>::media_types();
        MetaResponses { responses: vec![meta(201, "Created", media)] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// `204 No Content`.
#[derive(Debug)]
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        poem::http::StatusCode::NO_CONTENT.into_response()
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![meta(204, "Done", vec![])] }
    }

    fn register(_: &mut Registry) {}
}

/// `200 OK` without a body.
#[derive(Debug)]
pub struct Empty;

impl IntoResponse for Empty {
    fn into_response(self) -> Response {
        poem::http::StatusCode::OK.into_response()
    }
}

impl ApiResponse for Empty {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![meta(200, "Allowed", vec![])] }
    }

    fn register(_: &mut Registry) {}
}

/// One response in the OpenAPI document.
pub(super) fn meta(status: u16, description: &'static str, content: Vec<MetaMediaType>) -> MetaResponse {
    MetaResponse { description, status: Some(status), status_range: None, content, headers: vec![] }
}

/// Reads a JSON body of at most `cap` bytes.
///
/// # Errors
/// `UNSUPPORTED_MEDIA_TYPE`, `TOO_LARGE`, or `INVALID_REQUEST` when it ends early.
pub async fn read(request: &Request, body: &mut RequestBody, cap: usize) -> Result<Vec<u8>, Error> {
    check_content_type(request)?;
    let body = body.take().map_err(|_| Error::invalid("body", "A JSON body is needed"))?;
    read_capped(body, cap).await
}

/// Refuses a body without the media type of JSON.
///
/// # Errors
/// `UNSUPPORTED_MEDIA_TYPE`.
pub fn check_content_type(request: &Request) -> Result<(), Error> {
    if is_json(request.header(header::CONTENT_TYPE)) {
        return Ok(());
    }
    Err(Error::new(Code::UnsupportedMediaType, "Send the body as application/json")
        .with("content_type", CONTENT_TYPE))
}

/// Reads any body of at most `cap` bytes.
///
/// # Errors
/// `TOO_LARGE`, or `INVALID_REQUEST` when it ends early.
pub async fn read_capped(body: poem::Body, cap: usize) -> Result<Vec<u8>, Error> {
    body.into_bytes_limit(cap).await.map(Vec::from).map_err(|error| match error {
        poem::error::ReadBodyError::PayloadTooLarge => {
            Error::new(Code::TooLarge, format!("The body may have at most {cap} bytes"))
                .with("limit_bytes", cap)
        }
        _ => Error::invalid("body", "The body ended early"),
    })
}

/// Reads `T` out of JSON text.
///
/// # Errors
/// `INVALID_REQUEST`, naming the field.
pub fn parse<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, Error> {
    refuse_nul(bytes)?;
    let reader = &mut serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut *reader).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, error.inner())
    })?;
    reader.end().map_err(|error| explain(".", &error))?;
    Ok(value)
}

/// Refuses text with the character U+0000, which not every database can store.
///
/// # Errors
/// `INVALID_REQUEST`, naming the field.
pub fn refuse_nul(bytes: &[u8]) -> Result<(), Error> {
    // Most bodies have no escape at all, and `contains` finds that fast.
    if !bytes.contains(&b'\\') || !bytes.windows(6).any(|part| part == b"\\u0000") {
        return Ok(());
    }
    // The escape may itself be escaped, so the text is read. What is no JSON gets its own error.
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return Ok(()) };
    match nul_in(&value, "") {
        Some(path) => Err(Error::invalid(if path.is_empty() { "body" } else { &path }, NUL)),
        None => Ok(()),
    }
}

/// What is wrong with text that holds U+0000.
pub const NUL: &str = "Remove the character U+0000.";

/// The path of the first text or name with U+0000.
fn nul_in(value: &Value, path: &str) -> Option<String> {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::String(text) if text.contains('\0') => Some(path.to_owned()),
        Value::Array(values) => {
            values.iter().enumerate().find_map(|(at, value)| nul_in(value, &format!("{path}[{at}]")))
        }
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            if name.contains('\0') { Some(path.to_owned()) } else { nul_in(value, &below(name)) }
        }),
        _ => None,
    }
}

/// The message of serde under the name of its field.
fn explain(path: &str, error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let sentence = text.split(" at line ").next().unwrap_or(&text);
    let named = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|start| sentence.strip_prefix(start)?.split('`').next());
    let field = match (path, named) {
        (".", Some(name)) => name.to_owned(),
        (".", None) => "body".to_owned(),
        (path, Some(name)) if path.rsplit('.').next() != Some(name) => format!("{path}.{name}"),
        (path, _) => path.to_owned(),
    };
    Error::invalid(&field, sentence)
}

fn is_json(content_type: Option<&str>) -> bool {
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(CONTENT_TYPE)
}
