//! The APIs that this instance protects.

mod route_match;
mod types;

pub use route_match::{RouteTest, RouteTested};
pub use types::{ApiApplied, ApiPage};

use std::sync::Arc;

use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::PlainText;

use super::Tag;
use crate::domain::apis;
use crate::domain::idempotency::{Answer, IdempotentRequest};
use crate::domain::identity::access::{ApisRead, ApisWrite};
use crate::error::Error;
use crate::http::Result;
use crate::http::auth::{Allowed, Within};
use crate::http::context::method;
use crate::http::json::{Created, Json, NoContent};
use crate::http::proxy_config;
use crate::http::proxy_config::Wanted;
use crate::model::api::{ApiChange, ApiDescription};
use crate::model::{Api, Proxy};

/// Operations on APIs.
pub struct ApisApi;

#[OpenApi(tag = "Tag::Apis")]
impl ApisApi {
    /// List APIs
    ///
    /// With scopes, presets, tiers and routes. Needs `apis:read`; a person without it sees the APIs on which
    /// their role holds a scope, reduced to what they need for keys of their own.
    #[oai(path = "/v1/apis", method = "get")]
    async fn list(
        &self,
        within: Within<ApisRead>,
        /// APIs per page, 1 to 200; 50 by default.
        limit: Query<Option<u32>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ApiPage>> {
        Ok(Json(apis::list(&within.0, limit.0, cursor.0.as_deref())?.into()))
    }

    /// Add an API
    ///
    /// Slug, audience and prefix are unique: a 409 names the one that is taken. Needs `apis:write`.
    #[oai(path = "/v1/apis", method = "post")]
    async fn create(
        &self,
        allowed: Allowed<ApisWrite>,
        /// The same key and body again, within 24 hours, returns the same response instead of a second API.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Json<ApiDescription>,
    ) -> Result<Created<Api>> {
        let can = allowed.0;
        let once = IdempotentRequest {
            route: "POST /v1/apis",
            key: idempotency_key.0.as_deref(),
            answer: Answer::Plain,
        };
        let (call, new) = ((*can).clone(), body.0.clone());
        Ok(Created(call.once(once, &body.0, move |tx| apis::create(tx, &can, new.clone())).await?))
    }

    /// Get an API
    ///
    /// By its slug or its id. Needs `apis:read`, or what the list needs.
    #[oai(path = "/v1/apis/:api", method = "get")]
    async fn get(
        &self,
        within: Within<ApisRead>,
        /// Slug or `api_…`
        api: Path<String>,
    ) -> Result<Json<Arc<Api>>> {
        Ok(Json(apis::get(&within.0, &api.0)?))
    }

    /// Change an API
    ///
    /// A member replaces its former value, lists as a whole; members that are left out stay. A scope that is removed
    /// must not be held by a key that is not revoked, nor named by a preset, a role or a route; a tier that is removed
    /// must not be in use: a 409 names the uses. Tokens that were issued for an audience before are refused, keys
    /// keep the prefix that they were made with, and the change that removes the last route must set `open`. A
    /// change takes effect with the next request. Needs `apis:write`.
    #[oai(path = "/v1/apis/:api", method = "patch")]
    async fn change(
        &self,
        allowed: Allowed<ApisWrite>,
        /// Slug or `api_…`
        api: Path<String>,
        body: Json<ApiChange>,
    ) -> Result<Json<Api>> {
        let can = allowed.0;
        let services = can.services.clone();
        let changed =
            services.write(move |tx| apis::change(tx, &can, &api.0, |api| body.0.clone().onto(api)));
        Ok(Json(changed.await?))
    }

    /// Apply a description of an API
    ///
    /// Makes the instance match the description: adds the API, or changes what differs. Members that are left out
    /// take their default. Applying the same description again changes nothing. `keywright api apply FILE` sends it.
    /// The errors are those of changing an API. Needs `apis:write`.
    #[oai(path = "/v1/apis/:api", method = "put")]
    async fn apply(
        &self,
        allowed: Allowed<ApisWrite>,
        /// The slug of the description.
        api: Path<String>,
        body: Json<ApiDescription>,
    ) -> Result<Json<ApiApplied>> {
        if body.0.slug != api.0 {
            return Err(Error::invalid("slug", "Name the same slug in the path and in the body.").into());
        }
        let can = allowed.0;
        let services = can.services.clone();
        let applied = services.write(move |tx| apis::apply(tx, &can, body.0.clone()));
        Ok(Json(applied.await?.into()))
    }

    /// Remove an API
    ///
    /// Only when all its keys are revoked; they are removed with it, and their activity is kept. Needs `apis:write`.
    #[oai(path = "/v1/apis/:api", method = "delete")]
    async fn delete(
        &self,
        allowed: Allowed<ApisWrite>,
        /// Slug or `api_…`
        api: Path<String>,
    ) -> Result<NoContent> {
        let can = allowed.0;
        let services = can.services.clone();
        services.write(move |tx| apis::delete(tx, &can, &api.0)).await?;
        Ok(NoContent)
    }

    /// Test a request against the routes
    ///
    /// Shows which route matches a request at `/v1/forward-auth`, and why the others do not. The request is neither
    /// counted nor logged as a decision. Needs `apis:read`.
    #[oai(path = "/v1/apis/:api/test-route", method = "post")]
    async fn test_route(
        &self,
        allowed: Allowed<ApisRead>,
        /// Slug or `api_…`
        api: Path<String>,
        body: Json<RouteTest>,
    ) -> Result<Json<RouteTested>> {
        let asked = method(&body.0.method.to_ascii_uppercase());
        Ok(Json(apis::explain_route(&allowed.0, &api.0, asked, &body.0.uri)?.into()))
    }

    /// Get a proxy's configuration
    ///
    /// A complete file for nginx or Caddy: it calls `/v1/forward-auth` for every request, passes the identity headers
    /// to the service, and routes sign-in and OAuth to Keywright. Needs `apis:read`.
    #[oai(path = "/v1/apis/:api/proxy-config", method = "get")]
    async fn proxy_config(
        &self,
        allowed: Allowed<ApisRead>,
        /// Slug or `api_…`
        api: Path<String>,
        /// Which proxy.
        proxy: Query<Proxy>,
        /// The service behind it, such as `http://127.0.0.1:3000`.
        upstream: Query<String>,
        /// The address on which the proxy listens, such as `127.0.0.1:8000`.
        listen: Query<String>,
        /// The address of Keywright for the proxy; by default the listen address of this instance.
        keywright: Query<Option<String>>,
    ) -> Result<PlainText<String>> {
        let (upstream, listen, keywright) = (&upstream.0, &listen.0, keywright.0.as_deref());
        let wanted = Wanted { proxy: proxy.0, upstream, listen, keywright };
        Ok(PlainText(proxy_config::write(&allowed.0, &api.0, &wanted)?))
    }
}
