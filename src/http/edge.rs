//! The outermost endpoint: gives every request its id, turns every failure into the envelope, and sets the
//! headers that every answer carries.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response};
use tracing::Instrument as _;

use super::context::{RequestContext, RequestIds, Trust};
use super::hot::{Hot, Path};
use super::metrics::{Matched, Metrics};
use super::{error, json};
use crate::domain::identity::Services;
use crate::error::Error;
use crate::model::activity::{Kind, Reason};
use crate::model::{RequestId, holds_key};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// For answers that are no page: nothing may be loaded, framed or sent from them.
const API_CSP: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
/// The default: responses hold secrets or are for one caller, and must not be stored. Others set the header themselves.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// A year (RFC 6797, section 6.1).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");
const HSTS_SUBDOMAINS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// Wraps the routes.
pub struct Edge<E> {
    inner: E,
    services: Arc<Services>,
    trust: Trust,
    hsts: Option<HeaderValue>,
    ids: RequestIds,
    hot: Hot,
    metrics: Arc<Metrics>,
}

impl<E> Edge<E> {
    /// `https`: whether `public_url` is https, so that browsers get Strict-Transport-Security.
    pub fn new(inner: E, services: Arc<Services>, trust: Trust, https: bool, metrics: Arc<Metrics>) -> Self {
        let ids = RequestIds::new(&services);
        let hsts = if services.settings.hsts_subdomains { HSTS_SUBDOMAINS } else { HSTS };
        let hsts = https.then_some(hsts);
        Self { inner, services, trust, hsts, ids, hot: Hot::default(), metrics }
    }
}

impl<E: Endpoint> Endpoint for Edge<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let context = RequestContext::of(&request, &self.services, &self.ids, &self.trust);
        let hot = Hot::path(&request);
        let matched = Matched::default();
        let refused =
            super::host::check(&request).and_then(|()| key_in_url(&self.services, &request, &context));
        let outcome = match (refused, hot) {
            (Err(error), _) => Ok(Err(error.into())),
            (Ok(()), Some(path)) => {
                let answer = self.hot.answer(path, &self.services, &mut request, &context);
                AssertUnwindSafe(answer).catch_unwind().await
            }
            (Ok(()), None) => {
                // The log lines of a request carry its id. The hot paths log none but errors, which name theirs.
                let span = tracing::info_span!("request", request_id = %context.id);
                let answer = self.routed(request, context, matched.clone()).instrument(span);
                AssertUnwindSafe(answer).catch_unwind().await
            }
        };
        let mut response = match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => failure(error, context.id),
            Err(_) => error::response(&Error::internal("a handler panicked"), context.id),
        };
        // A request that may pass: the proxy reads this answer, without a body, and no browser ever does.
        let for_proxy = hot == Some(Path::ForwardAuth) && response.status() == StatusCode::OK;
        self.finish(response.headers_mut(), context.id, for_proxy);
        let took = self.services.clock.monotonic().saturating_sub(context.started);
        match hot {
            Some(path) => self.metrics.hot(path, response.status(), took),
            None => self.metrics.routed(&matched, response.status(), took),
        }
        Ok(response)
    }
}

impl<E: Endpoint> Edge<E> {
    async fn routed(
        &self,
        mut request: Request,
        context: RequestContext,
        matched: Matched,
    ) -> poem::Result<Response> {
        refuse_nul(&request)?;
        request.extensions_mut().insert(matched);
        request.extensions_mut().insert(self.metrics.clone());
        request.extensions_mut().insert(context);
        request.extensions_mut().insert(self.services.clone());
        self.inner.call(request).await.map(IntoResponse::into_response)
    }
}

impl<E> Edge<E> {
    fn finish(&self, headers: &mut HeaderMap, id: RequestId, for_proxy: bool) {
        let id = HeaderValue::from_str(id.encode().as_str()).expect("an id is ASCII");
        headers.insert(REQUEST_ID, id);
        if for_proxy {
            return;
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        headers.insert(header::REFERRER_POLICY, NO_REFERRER);
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(API_CSP);
        headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
        if let Some(hsts) = &self.hsts {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
    }
}

/// Refuses a request with a key in its URL, where logs on the way have kept it already.
fn key_in_url(services: &Services, request: &Request, context: &RequestContext) -> Result<(), Error> {
    if !request.uri().path_and_query().is_some_and(|uri| holds_key(uri.as_str())) {
        return Ok(());
    }
    services.log.push(super::auth::refusal(request, context, Kind::ApiCall, Reason::InvalidRequest))?;
    Err(super::auth::key_in_url())
}

/// Refuses U+0000 in the path and the query of API calls, as [`json::refuse_nul`] does in bodies.
fn refuse_nul(request: &Request) -> Result<(), Error> {
    let uri = request.uri();
    let path = uri.path();
    if !path.starts_with("/v1/") || !uri.path_and_query().is_some_and(|all| all.as_str().contains("%00")) {
        return Ok(());
    }
    let pairs = uri.query().unwrap_or_default().split('&');
    let pair = pairs.into_iter().find(|pair| pair.contains("%00")).and_then(|pair| pair.split('=').next());
    let field = pair.filter(|name| !name.contains('%')).unwrap_or(if path.contains("%00") {
        "path"
    } else {
        "query"
    });
    Err(Error::invalid(field, json::NUL))
}

fn failure(error: poem::Error, id: RequestId) -> Response {
    let extra = error.data::<error::ExtraHeader>().cloned();
    let mut response = match error::from_poem(error) {
        Ok(own) => error::response(&own, id),
        Err(response) => response,
    };
    if let Some(error::ExtraHeader(name, value)) = extra {
        response.headers_mut().insert(name, value);
    }
    response
}
