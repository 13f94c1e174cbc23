//! Turns OpenAPI descriptions and plain endpoints into poem routes. Each path is one endpoint with all its methods.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Route};
use poem_openapi::__private::UrlQuery;
use poem_openapi::OpenApi;

use super::cors::{self, Cors, Origins, Preflight};
use super::error;
use super::metrics::{Matched, Metrics, RouteCount};

/// Routes being collected.
#[derive(Default)]
pub(super) struct Routes(BTreeMap<String, HashMap<Method, BoxEndpoint<'static>>>);

impl Routes {
    /// Adds every operation of `api`.
    #[must_use]
    pub(super) fn api(mut self, api: impl OpenApi) -> Self {
        let mut table = HashMap::new();
        api.add_routes(&mut table);
        for (path, methods) in table {
            self.0.entry(path).or_default().extend(methods);
        }
        self
    }

    /// Adds a plain endpoint under one method.
    #[must_use]
    pub(super) fn at<E>(mut self, method: Method, path: &str, endpoint: E) -> Self
    where
        E: Endpoint + 'static,
    {
        self.0.entry(path.to_owned()).or_default().insert(method, endpoint.map_to_response().boxed());
        self
    }

    /// Allows pages of other origins to call these paths.
    #[must_use]
    pub(super) fn cors(mut self, origins: Origins, paths: &[&str]) -> Self {
        for path in paths {
            let Some(methods) = self.0.get_mut(*path) else { continue };
            let known: Vec<Method> = methods.keys().cloned().collect();
            let wrapped = methods.drain().map(|(method, inner)| (method, Cors { inner, origins }.boxed()));
            let mut wrapped: HashMap<Method, BoxEndpoint<'static>> = wrapped.collect();
            let preflight = Preflight { origins, methods: cors::methods(&known) };
            wrapped.insert(Method::OPTIONS, preflight.boxed());
            *methods = wrapped;
        }
        self
    }

    /// The route table. Each route is counted in `metrics`; the files of a folder are counted together.
    pub(super) fn build(self, metrics: &Metrics) -> Route {
        let mut counts: HashMap<String, Arc<RouteCount>> = HashMap::new();
        self.0.into_iter().fold(Route::new(), |route, (path, methods)| {
            let template = template(&path);
            let count = counts.entry(template).or_insert_with_key(|template| metrics.route(template)).clone();
            route.at(path, Methods::new(methods, count))
        })
    }
}

/// How metrics name a path. A parameter is `{id}`, whatever its name: poem-openapi registers it as `:param0`. The files of
/// the pages have one name.
fn template(path: &str) -> String {
    if path.rsplit('/').next().is_some_and(|file| file.contains('.')) && !path.starts_with("/.well-known/") {
        return "files".to_owned();
    }
    let parts = path.split('/').map(|part| if part.starts_with(':') { "{id}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// One path: dispatches on the method, answers HEAD from GET (hyper drops the body) and everything else with 405.
struct Methods {
    count: Arc<RouteCount>,
    endpoints: HashMap<Method, BoxEndpoint<'static>>,
    allow: HeaderValue,
}

impl Methods {
    fn new(endpoints: HashMap<Method, BoxEndpoint<'static>>, count: Arc<RouteCount>) -> Self {
        let mut names: Vec<&str> = endpoints.keys().map(Method::as_str).collect();
        if endpoints.contains_key(&Method::GET) {
            names.push("HEAD");
        }
        names.sort_unstable();
        names.dedup();
        let allow = HeaderValue::from_str(&names.join(", ")).expect("method names are ASCII");
        Self { count, endpoints, allow }
    }
}

impl Endpoint for Methods {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        if let Some(matched) = request.extensions().get::<Matched>() {
            matched.set(&self.count);
        }
        let wanted = if *request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
        let endpoint = self
            .endpoints
            .get(request.method())
            .or_else(|| self.endpoints.get(&wanted))
            .ok_or_else(|| error::method_not_allowed(&self.allow))?;
        // poem-openapi's extractors read the query from here.
        let query: Vec<(String, String)> = request.params().unwrap_or_default();
        request.extensions_mut().insert(UrlQuery(query));
        endpoint.call(request).await.map(IntoResponse::into_response)
    }
}
