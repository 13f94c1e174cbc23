//! CORS (the Fetch standard, section 3.2) for the few routes that pages of other origins may call, without cookies.

use poem::http::{HeaderMap, HeaderValue, Method, header};
use poem::{Endpoint, IntoResponse, Request, Response};

use super::context::RequestContext;
use super::error::{self, from_poem};
use crate::domain::identity::Services;

/// The origins that a route allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origins {
    /// The `allowed_origins` of any API of this instance.
    OfApis,
    /// Every origin: the response is public, or needs a credential that browsers do not add by themselves.
    All,
}

/// Adds the CORS headers to the answers of `inner`, its errors too.
pub(super) struct Cors<E> {
    /// The route.
    pub(super) inner: E,
    /// The origins that it allows.
    pub(super) origins: Origins,
}

impl<E: Endpoint> Endpoint for Cors<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let allowed = allowed(&request, self.origins);
        let id = RequestContext::get(&request).id;
        let mut response = match self.inner.call(request).await {
            Ok(output) => output.into_response(),
            Err(error) if allowed.is_none() => return Err(error),
            Err(error) => match from_poem(error) {
                Ok(own) => error::response(&own, id),
                Err(response) => response,
            },
        };
        let headers = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            let exposed = HeaderValue::from_static("Retry-After, WWW-Authenticate, X-Request-Id");
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        Ok(response)
    }
}

/// Answers `OPTIONS`: which origin may send what.
pub(super) struct Preflight {
    /// The origins that the route allows.
    pub(super) origins: Origins,
    /// The methods of the route, separated by commas.
    pub(super) methods: HeaderValue,
}

impl Endpoint for Preflight {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let mut response = poem::http::StatusCode::NO_CONTENT.into_response();
        let headers: &mut HeaderMap = response.headers_mut();
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = allowed(&request, self.origins) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
            let wanted = HeaderValue::from_static("Authorization, Content-Type");
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        }
        Ok(response)
    }
}

/// `OPTIONS` beside these methods.
pub(super) fn methods(of: &[Method]) -> HeaderValue {
    let names: Vec<&str> = of.iter().map(Method::as_str).collect();
    HeaderValue::from_str(&names.join(", ")).expect("method names are ASCII")
}

fn allowed(request: &Request, origins: Origins) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    if origins == Origins::All {
        return Some(HeaderValue::from_static("*"));
    }
    let services = request.extensions().get::<std::sync::Arc<Services>>()?;
    let text = origin.to_str().ok()?;
    let apis = services.catalog.get();
    let listed = apis.iter().any(|api| api.allowed_origins.iter().any(|allowed| allowed == text));
    listed.then(|| origin.clone())
}
