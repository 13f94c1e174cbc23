//! Runtime settings, changed by administrators.

use serde::Serialize;

use crate::activity;
use crate::domain::identity::access::{Can, SettingsManage};
use crate::domain::identity::sessions::SECOND_FACTOR_REQUIRED;
use crate::error::{Error, Result};
use crate::model::activity::{Entry, Kind};
use crate::platform::changes;
use crate::store::{Conn, settings as store};

/// All runtime settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// Whether owners and admins need a second factor: without one they may only set it up.
    pub second_factor_required: bool,
}

/// Changed settings; none leaves a setting unchanged.
#[derive(Debug, Clone, Copy, Default)]
pub struct Changes {
    /// Whether owners and admins need a second factor.
    pub second_factor_required: Option<bool>,
}

fn read(conn: &Conn<'_>) -> Result<Settings> {
    let required = store::get(conn, SECOND_FACTOR_REQUIRED)?;
    Ok(Settings { second_factor_required: required.as_deref() == Some("true") })
}

/// The current settings.
pub fn get(can: &Can<SettingsManage>) -> Result<Settings> {
    can.services.db.lookup(read)
}

/// Changes settings; the next request is judged by them.
///
/// # Errors
/// `FORBIDDEN` or `REAUTHENTICATION_REQUIRED` for lifting a protection.
pub async fn update(can: &Can<SettingsManage>, changes: Changes) -> Result<Settings> {
    let can = can.clone();
    let services = can.services.clone();
    services
        .write(move |tx| {
            let before = read(tx)?;
            let required = changes.second_factor_required.unwrap_or(before.second_factor_required);
            let after = Settings { second_factor_required: required };
            if before.second_factor_required && !after.second_factor_required {
                can.may_lift_protection()?;
            }
            if let Some(detail) = changes::between(&before, &after) {
                store::set(tx, SECOND_FACTOR_REQUIRED, if required { "true" } else { "false" }, can.now)?;
                let entry = can.entry(Kind::SettingChanged);
                activity::record(tx, &Entry { detail: Some(detail), ..entry })?;
            }
            Ok::<_, Error>(after)
        })
        .await
}
