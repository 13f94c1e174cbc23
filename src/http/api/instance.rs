//! Whether this instance is well.

use poem_openapi::{Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::Tag;
use crate::http::Result;
use crate::http::auth::Anyone;
use crate::http::json::Json;

/// Health checks.
pub struct InstanceApi;

/// How the instance fares.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct Health {
    /// `ok`.
    pub status: String,
}

#[OpenApi(tag = "Tag::Instance")]
impl InstanceApi {
    /// Is the process alive?
    ///
    /// Answers without touching the database; restart the process when it does not.
    #[oai(path = "/healthz", method = "get")]
    async fn healthz(&self, _anyone: Anyone) -> Result<Json<Health>> {
        Ok(Json(Health { status: "ok".to_owned() }))
    }
}
