//! Whether this instance is well.

use std::fmt::Write as _;

use poem_openapi::payload::PlainText;
use poem_openapi::{Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::Tag;
use crate::domain::identity::Services;
use crate::domain::identity::access::ActivityRead;
use crate::http::Result;
use crate::http::auth::{Allowed, Anyone};
use crate::http::json::Json;
use crate::platform::metric::Metric;

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

    /// Metrics in Prometheus' text format.
    ///
    /// Needs `activity:read`. To scrape without a key, give the metrics a listener of their own (`metrics_listen`).
    #[oai(path = "/metrics", method = "get")]
    async fn metrics(&self, allowed: Allowed<ActivityRead>) -> Result<PlainText<String>> {
        Ok(PlainText(exposition(&allowed.0.services)))
    }
}

/// The metrics as text (Prometheus exposition format 0.0.4).
pub fn exposition(services: &Services) -> String {
    let mut text = String::new();
    for Metric { name, kind, help, value } in services.metrics() {
        let _ = writeln!(
            text,
            "# HELP keywright_{name} {help}\n# TYPE keywright_{name} {kind}\nkeywright_{name} {value}"
        );
    }
    text
}
