//! Whether this instance is well.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::payload::PlainText;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::Tag;
use crate::domain::identity::access::{ActivityRead, Can, SettingsManage};
use crate::domain::identity::admission::Recent;
use crate::domain::instance;
use crate::env::Disagreement;
use crate::http::Result;
use crate::http::auth::{Admitted, Allowed, Anyone};
use crate::http::json::Json;
use crate::http::metrics::Metrics;

/// Health checks and metrics.
pub struct InstanceApi;

/// State of the instance.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct Health {
    /// `ok`; other states are errors.
    pub status: String,
    /// Present while the wall clock and trusted time differ by more than an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub clock: Option<ClockDifference>,
}

/// A difference between the wall clock and trusted time. Nothing is deleted or retired while it lasts.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct ClockDifference {
    /// The wall clock.
    pub wall: String,
    /// Wall time as last agreed, plus the time since.
    pub trusted: String,
    /// Seconds that the wall clock is ahead; negative when it is behind.
    pub ahead_seconds: i64,
    /// Seconds until the wall clock is accepted, if the difference remains. `keywright clock accept` does it now.
    pub accepted_in_seconds: i64,
}

impl From<Disagreement> for ClockDifference {
    fn from(found: Disagreement) -> Self {
        Self {
            wall: found.wall.to_string(),
            trusted: found.trusted.to_string(),
            ahead_seconds: found.ahead_seconds(),
            accepted_in_seconds: found.accepted_in_seconds,
        }
    }
}

/// A wall clock that was accepted.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct AcceptedClock {
    /// Seconds that it was ahead of trusted time, negative when it was behind; 0 when they agreed within an hour.
    pub ahead_seconds: i64,
}

impl Health {
    fn ok() -> Json<Self> {
        Json(Self { status: "ok".to_owned(), clock: None })
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
    /// still work then. `clock` is present while the wall clock cannot be trusted; the service works then.
    #[oai(path = "/readyz", method = "get")]
    async fn readyz(&self, anyone: Anyone) -> Result<Json<Health>> {
        anyone.0.services.check().await?;
        let mut health = Health::ok();
        health.0.clock = anyone.0.services.clock.disagreement().map(Into::into);
        Ok(health)
    }

    /// Trust the wall clock as it is
    ///
    /// For a clock that was set on purpose, or a machine that was paused. Deletion and retirement follow it at once.
    #[oai(path = "/v1/clock/accept", method = "post")]
    async fn accept_clock(&self, can: Admitted<Recent<Can<SettingsManage>>>) -> Result<Json<AcceptedClock>> {
        Ok(Json(AcceptedClock { ahead_seconds: instance::accept_clock(&can.0).await? }))
    }

    /// Metrics in the OpenMetrics text format.
    ///
    /// `docs/metrics.md` describes each. Needs `activity:read`. To scrape without a key, give the metrics a listener of their own (`metrics_listen`).
    #[oai(path = "/metrics", method = "get")]
    async fn metrics(&self, allowed: Allowed<ActivityRead>, metrics: Data<&Arc<Metrics>>) -> Result<Page> {
        Ok(Page::Metrics(PlainText(metrics.page(&allowed.0.services))))
    }
}
