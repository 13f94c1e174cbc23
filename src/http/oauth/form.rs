//! Bodies of OAuth requests: forms, and nothing else.

use std::marker::PhantomData;

use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::answer::{Tried, refuse};
use super::urlencoded;
use crate::domain::oauth::{OAuthError, Params};
use crate::http::json::read_capped;

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";
/// Largest form, in bytes: the longest token and a page of scopes fit many times over.
const BODY_BYTES: usize = 64 << 10;

/// The parameters of a form that is documented as a `T`.
pub(super) struct Form<T> {
    pub(super) params: Params,
    documented: PhantomData<fn() -> T>,
}

impl<'a, T: Type> ApiExtractor<'a> for Form<T> {
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
        let params = read(request, body).await.map_err(|error| refuse(&error, Tried::Nothing))?;
        Ok(Self { params, documented: PhantomData })
    }
}

/// Reads a form.
///
/// # Errors
/// `invalid_request` for another content type, a body that is too large, and whatever [`urlencoded::parse`] refuses.
async fn read(request: &Request, body: &mut RequestBody) -> Result<Params, OAuthError> {
    let essence = request.header(header::CONTENT_TYPE).unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(CONTENT_TYPE) {
        return Err(OAuthError::invalid_request("Send the body as application/x-www-form-urlencoded"));
    }
    let body = body.take().map_err(|_| OAuthError::invalid_request("A body is needed"))?;
    let bytes = read_capped(body, BODY_BYTES).await.map_err(OAuthError::from)?;
    urlencoded::parse(&bytes)
}
