//! The APIs that this instance protects.

mod trial;
mod types;

pub use trial::{RouteTest, RouteTested};
pub use types::{ApiApplied, ApiPage};

use std::sync::Arc;

use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::payload::PlainText;

use super::Tag;
use crate::domain::apis;
use crate::domain::idempotency::{Answer, Once};
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
    /// With scopes, presets, tiers and routes. Needs `apis:read`; who signed in without it sees the APIs on which
    /// their role holds something, reduced to what they need for keys of their own.
    #[oai(path = "/v1/apis", method = "get")]
    async fn list(
        &self,
        within: Within<ApisRead>,
        /// APIs per page, 1 to 200; 50 if not said.
        limit: Query<Option<u32>>,
        /// Where to go on.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ApiPage>> {
        Ok(Json(apis::list(&within.0, limit.0, cursor.0.as_deref())?.into()))
    }

    /// Add an API
    ///
    /// Slug, audience and prefix are each of one API alone: a 409 names which one is taken. Needs `apis:write`.
    #[oai(path = "/v1/apis", method = "post")]
    async fn create(
        &self,
        allowed: Allowed<ApisWrite>,
        /// The same key and body again, within 24 hours, gives the same answer again instead of a second API.
        #[oai(name = "Idempotency-Key")]
        idempotency_key: Header<Option<String>>,
        body: Json<ApiDescription>,
    ) -> Result<Created<Api>> {
        let can = allowed.0;
        let once = Once { route: "POST /v1/apis", key: idempotency_key.0.as_deref(), answer: Answer::Plain };
        let (call, new) = ((*can).clone(), body.0.clone());
        Ok(Created(call.once(once, &body.0, move |tx| apis::create(tx, &can, new)).await?))
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
    /// Each member that is named replaces the one before, lists included; the others stay. A scope that goes must
    /// not be held by a key that is not revoked, nor named by a preset, a role or a route; a tier that goes must not
    /// be in use either: a 409 says by what it is. Tokens that were issued for an audience before are refused, keys
    /// keep the prefix that they were made with, and the change that removes the last route must set `open`. Every
    /// change counts from the next request on. Needs `apis:write`.
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
        let changed = services.write(move |tx| apis::change(tx, &can, &api.0, |api| body.0.onto(api)));
        Ok(Json(changed.await?))
    }

    /// Apply a description of an API
    ///
    /// Makes the instance match the description: adds the API, or changes what differs. What the description leaves
    /// out takes its default. Applying the same again changes nothing. It is what `keywright api apply FILE` sends,
    /// and refuses what changing an API refuses. Needs `apis:write`.
    #[oai(path = "/v1/apis/:api", method = "put")]
    async fn apply(
        &self,
        allowed: Allowed<ApisWrite>,
        /// The slug that the description names.
        api: Path<String>,
        body: Json<ApiDescription>,
    ) -> Result<Json<ApiApplied>> {
        if body.0.slug != api.0 {
            return Err(Error::invalid("slug", "Name the same slug in the path and in the body.").into());
        }
        let can = allowed.0;
        let services = can.services.clone();
        let applied = services.write(move |tx| apis::apply(tx, &can, body.0));
        Ok(Json(applied.await?.into()))
    }

    /// Remove an API
    ///
    /// Only when all its keys are revoked; they go with it, their activity stays. Needs `apis:write`.
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
    /// Tells which route a request would meet at `/v1/forward-auth`, and why not another. Nothing is let in, counted
    /// or logged as a decision. Needs `apis:read`.
    #[oai(path = "/v1/apis/:api/test-route", method = "post")]
    async fn test_route(
        &self,
        allowed: Allowed<ApisRead>,
        /// Slug or `api_…`
        api: Path<String>,
        body: Json<RouteTest>,
    ) -> Result<Json<RouteTested>> {
        let asked = method(&body.0.method.to_ascii_uppercase());
        Ok(Json(apis::try_route(&allowed.0, &api.0, asked, &body.0.uri)?.into()))
    }

    /// Get a proxy's configuration
    ///
    /// A whole file that nginx or Caddy runs as it is: it asks `/v1/forward-auth` about every request, passes on who
    /// it is, and sends signing in and OAuth to Keywright. Needs `apis:read`.
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
        /// Where the proxy takes requests, such as `127.0.0.1:8000`.
        listen: Query<String>,
        /// Where the proxy reaches Keywright; where this instance listens if not said.
        keywright: Query<Option<String>>,
    ) -> Result<PlainText<String>> {
        let (upstream, listen, keywright) = (&upstream.0, &listen.0, keywright.0.as_deref());
        let wanted = Wanted { proxy: proxy.0, upstream, listen, keywright };
        Ok(PlainText(proxy_config::write(&allowed.0, &api.0, &wanted)?))
    }
}
