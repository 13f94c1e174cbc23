//! Whether this instance is well.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::payload::PlainText;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::Tag;
use crate::domain::identity::access::ActivityRead;
use crate::http::Result;
use crate::http::auth::{Allowed, Anyone};
use crate::http::json::Json;
use crate::http::metrics::Metrics;

/// Health checks and metrics.
pub struct InstanceApi;

/// How the instance fares.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct Health {
    /// `ok`; anything else comes as an error.
    pub status: String,
}

impl Health {
    fn ok() -> Json<Self> {
        Json(Self { status: "ok".to_owned() })
    }
}

/// The page of metrics.
#[derive(ApiResponse)]
enum Page {
    /// Metrics as OpenMetrics text 1.0.
    #[oai(status = 200, content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8")]
    Metrics(PlainText<String>),
}

#[OpenApi(tag = "Tag::Instance")]
impl InstanceApi {
    /// Is the process alive?
    ///
    /// Answers without touching the database. Restart the process when it does not answer.
    #[oai(path = "/healthz", method = "get")]
    async fn healthz(&self, _anyone: Anyone) -> Result<Json<Health>> {
        Ok(Health::ok())
    }

    /// Can it answer and write?
    ///
    /// 503 while the database cannot be read or written, for example on a full disk. Verification of cached keys may
    /// still work then.
    #[oai(path = "/readyz", method = "get")]
    async fn readyz(&self, anyone: Anyone) -> Result<Json<Health>> {
        anyone.0.services.check().await?;
        Ok(Health::ok())
    }

    /// Metrics in the OpenMetrics text format.
    ///
    /// `docs/metrics.md` describes each. Needs `activity:read`. To scrape without a key, give the metrics a listener of their own (`metrics_listen`).
    #[oai(path = "/metrics", method = "get")]
    async fn metrics(&self, allowed: Allowed<ActivityRead>, metrics: Data<&Arc<Metrics>>) -> Result<Page> {
        Ok(Page::Metrics(PlainText(metrics.page(&allowed.0.services))))
    }
}
