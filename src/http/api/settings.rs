//! What an administrator changes while the server runs.

use poem_openapi::{Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::Tag;
use crate::domain::identity::access::SettingsManage;
use crate::domain::settings::{self, Changes, Settings};
use crate::http::Result;
use crate::http::auth::Allowed;
use crate::http::json::Json;

/// Settings.
pub struct SettingsApi;

/// Every setting that can be changed while the server runs.
#[derive(Serialize, Deserialize, Object)]
pub struct SettingsView {
    /// Whether owners and admins need a second factor: one without may only set it up.
    second_factor_required: bool,
}

/// A change of settings.
#[derive(Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct SettingsPatch {
    /// Whether owners and admins need a second factor.
    second_factor_required: Option<bool>,
}

impl From<Settings> for SettingsView {
    fn from(settings: Settings) -> Self {
        Self { second_factor_required: settings.second_factor_required }
    }
}

#[OpenApi(tag = "Tag::Instance")]
impl SettingsApi {
    /// See the settings
    #[oai(path = "/v1/settings", method = "get")]
    async fn get(&self, can: Allowed<SettingsManage>) -> Result<Json<SettingsView>> {
        Ok(Json(settings::get(&can.0)?.into()))
    }

    /// Change settings
    #[oai(path = "/v1/settings", method = "patch")]
    async fn update(
        &self,
        can: Allowed<SettingsManage>,
        body: Json<SettingsPatch>,
    ) -> Result<Json<SettingsView>> {
        let changes = Changes { second_factor_required: body.0.second_factor_required };
        Ok(Json(settings::update(&can.0, changes).await?.into()))
    }
}
