//! The HTTP interface: every route is on this screen.

pub mod api;
mod assets;
pub mod auth;
pub mod context;
pub mod cookie;
mod cors;
mod dashboard;
mod declared;
mod docs;
pub mod edge;
pub mod error;
#[doc(hidden)]
pub mod fuzzing;
mod host;
mod hot;
pub mod json;
pub mod metrics;
pub mod oauth;
mod object;
pub mod optional_json;
pub mod proxy_config;
mod qr;
mod routes;
pub mod schema;
pub mod server;

use std::sync::{Arc, LazyLock};

use poem::http::Method;
use poem::{Endpoint, IntoResponse as _};
use poem_openapi::OpenApiService;

use crate::domain::identity::Services;
pub use declared::Declaration;
use declared::Declared;
use metrics::Metrics;
use routes::Routes;

/// The result of a handler.
pub type Result<T> = poem::Result<T>;

/// The configuration of the HTTP interface.
#[derive(Debug, Clone)]
pub struct Options {
    /// Trusted peers.
    pub trust: context::Trust,
    /// Whether `public_url` is https.
    pub https: bool,
}

/// Everything that is answered, ready for [`server::serve`]. `/v1/keys/verify` and `/v1/forward-auth` are not in the
/// table: the edge hands them to `hot` at once.
pub fn endpoint(
    services: &Arc<Services>,
    options: Options,
    metrics: &Arc<Metrics>,
) -> impl Endpoint + 'static {
    let mut routes = Routes::default().api(Declared(api::all()));
    routes = routes
        .cors(cors::Origins::OfApis, &["/v1/auth/login", "/v1/auth/refresh", "/v1/auth/logout"])
        .cors(cors::Origins::All, &oauth::CORS);
    for (path, page) in assets::pages(&services.settings) {
        routes = routes.at(Method::GET, &path, page);
    }
    for (path, file) in docs::large_files() {
        routes = routes.at(Method::GET, path, file);
    }
    let document = assets::Later::new(|| assets::Asset::new("application/json", openapi().as_bytes()));
    routes = routes.at(Method::GET, "/openapi.json", document);
    edge::Edge::new(routes.build(metrics), services.clone(), options.trust, options.https, metrics.clone())
}

/// What every documented endpoint takes, as the type of its handler declares it.
pub fn declarations() -> Vec<Declaration> {
    declared::declarations(&api::documented())
}

/// `/metrics` and nothing else, for a listener that only a scraper reaches.
pub fn metrics_endpoint(services: &Arc<Services>, metrics: &Arc<Metrics>) -> impl Endpoint + 'static {
    let (services, metrics) = (services.clone(), metrics.clone());
    poem::Route::new().at(
        "/metrics",
        poem::endpoint::make_sync(move |_| metrics.page(&services).with_content_type(metrics::CONTENT_TYPE)),
    )
}

/// The OpenAPI document of [`endpoint`], as JSON.
pub fn openapi() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        OpenApiService::new(Declared(api::documented()), "Keywright", env!("CARGO_PKG_VERSION"))
            .description("API keys, OAuth 2.1 and sign-in for any API, in one binary and one file.")
            .spec()
    });
    &DOCUMENT
}
