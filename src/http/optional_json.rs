//! A JSON body that may be left out.

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;

use super::json::{self, BODY_BYTES, Json};
use crate::error::Error;

/// What [`Json`] reads, or the default where no body was sent.
#[derive(Debug)]
pub struct OptionalJson<T>(pub T);

impl<'a, T: DeserializeOwned + Type + Default> ApiExtractor<'a> for OptionalJson<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest { required: false, ..Json::<T>::request_meta()? })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        if request.content_type().is_some() {
            return Ok(Self(json::parse(&json::read(request, body, BODY_BYTES).await?)?));
        }
        let bytes = match body.take() {
            Ok(body) => json::read_capped(body, BODY_BYTES).await?,
            Err(_) => Vec::new(),
        };
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        // What has no type is not guessed at.
        Err(Error::new(crate::error::Code::UnsupportedMediaType, "Send the body as application/json").into())
    }
}
