//! Verification and forward-auth in the OpenAPI document. The hot path answers both before any route is looked up, so
//! these operations are described and never routed.

use std::marker::PhantomData;
use std::sync::Arc;

use poem::{IntoResponse, Request, RequestBody, Response};
use poem_openapi::param::Query;
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions, OpenApi};

use super::verify_request::VerifyRequest;
use super::verify_response::VerifyResponse;
use crate::domain::identity::access::{Call, KeysVerify};
use crate::domain::identity::admission::{Accepts, Admission};
use crate::error::Error;
use crate::http::Result;
use crate::http::api::Tag;
use crate::http::auth::{Admitted, Allowed};
use crate::http::json;
use crate::http::json::Empty;
use crate::model::RequestedEnvironment;

/// The operations of the hot path.
pub(in crate::http) struct HotApi;

/// A body that the hot path reads or writes: only its description is used.
struct Described<T>(PhantomData<T>);

impl<'a, T: Type> ApiExtractor<'a> for Described<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest { description: None, content: vec![media::<T>()], required: true })
    }

    async fn from_request(
        _: &'a Request,
        _: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        Err(elsewhere())
    }
}

impl<T: Send> IntoResponse for Described<T> {
    fn into_response(self) -> Response {
        elsewhere().into_response()
    }
}

impl<T: Type> ApiResponse for Described<T> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![json::meta(200, "", vec![media::<T>()])] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

fn media<T: Type>() -> MetaMediaType {
    MetaMediaType { content_type: json::CONTENT_TYPE, schema: T::schema_ref() }
}

/// The request that a proxy forwards: its credential is judged, not one of the proxy.
struct Proxied(Arc<Call>);

impl Admission for Proxied {
    const ACCEPTS: Accepts = Accepts::DescribedRequest;

    fn admit(call: &Arc<Call>) -> crate::error::Result<Self> {
        Ok(Self(call.clone()))
    }

    fn call(&self) -> &Arc<Call> {
        &self.0
    }
}

fn elsewhere() -> poem::Error {
    Error::internal("the hot path answers this before the routes").into()
}

#[OpenApi(tag = "Tag::Keys")]
impl HotApi {
    /// Verify a key
    ///
    /// Needs `keys:verify`. Answers 200 whenever the request is valid; the rules are checked in the order of
    /// the codes, the first failure wins, and a refused request consumes nothing. A key that was revoked, disabled
    /// or narrowed is refused by every call that starts after the change was answered.
    #[oai(path = "/v1/keys/verify", method = "post")]
    async fn verify(
        &self,
        _allowed: Allowed<KeysVerify>,
        _body: Described<VerifyRequest<'static>>,
    ) -> Result<Described<VerifyResponse<'static>>> {
        Err(elsewhere())
    }

    /// Authorize a proxied request
    ///
    /// For nginx' `auth_request`, Caddy's and Traefik's `forward_auth`; any method. The credential is that of the forwarded
    /// request. 200 lets it pass and sets every `X-Auth-*` header, to the empty value where it has none or
    /// was not selected. 400, 401, 403 and 429 refuse it, with the error as one line in `X-Auth-Error` too.
    ///
    /// The routes of the API define what the request needs. For an API without routes, `scope` does; without `scope`
    /// the request is refused unless the API is `open`.
    #[oai(path = "/v1/forward-auth", method = "get")]
    async fn forward_auth(
        &self,
        _proxied: Admitted<Proxied>,
        /// Slug of the API.
        Query(_api): Query<String>,
        /// What the credential must hold: scope names, `AND`, `OR` and parentheses.
        Query(_scope): Query<Option<String>>,
        /// `live` (the default), `test` or `any`.
        Query(_environment): Query<Option<RequestedEnvironment>>,
        /// Which identity headers are filled: `subject`, `kind`, `key_id`, `user_id`, `client_id`, `owner`,
        /// `environment` and `scopes`, with commas between them. All, if it is left out; the others are empty.
        Query(_headers): Query<Option<String>>,
        /// `1` answers every 4xx but 401 as 403, which nginx can pass on, with the status in `X-Auth-Status`.
        Query(_nginx): Query<Option<u8>>,
    ) -> Result<Empty> {
        Err(elsewhere())
    }
}
