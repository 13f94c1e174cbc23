//! The HTTP face: every route is on this screen.

pub mod api;
pub mod auth;
pub mod context;
pub mod edge;
pub mod error;
pub mod json;
mod routes;
pub mod server;

use std::sync::Arc;

use ipnet::IpNet;
use poem::Endpoint;
use poem_openapi::OpenApiService;

use crate::domain::Core;
use routes::Routes;

/// What a handler answers.
pub type Result<T> = poem::Result<T>;

/// What the HTTP face needs to know of the configuration.
#[derive(Debug, Clone)]
pub struct Options {
    /// Networks whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether `public_url` is https.
    pub https: bool,
}

/// Everything that is answered, ready for [`server::serve`].
pub fn endpoint(core: &Arc<Core>, options: Options) -> impl Endpoint + 'static {
    let routes = Routes::default().api(api::all());
    edge::Edge::new(routes.build(), core.clone(), options.trusted_proxies, options.https)
}

/// The OpenAPI document of [`endpoint`], as JSON.
pub fn openapi() -> String {
    OpenApiService::new(api::all(), "Keywright", env!("CARGO_PKG_VERSION"))
        .description("API keys, OAuth 2.1 and sign-in for any API, in one binary and one file.")
        .spec()
}
