//! Rows of the log in JSON.

use poem_openapi::Object;
use serde::Serialize;
use serde_json::Value;

use crate::activity::{Activity, KeyName, UserName};
use crate::model::activity::Outcome;
use crate::platform::cursor::Page;

/// One decision or change.
#[derive(Debug, Default, Serialize, Object)]
#[oai(rename = "Activity")]
pub struct ActivityItem {
    /// `act_…`
    pub id: String,
    /// When.
    pub at: String,
    /// What happened: `key.verify`, `request.authorize`, `api.call` for decisions; `key.created` and the like for
    /// changes.
    pub kind: String,
    /// `allowed`, `refused`, `limited`, or `changed` for a change.
    pub outcome: String,
    /// Why: `VALID`, `EXPIRED`, `INSUFFICIENT_SCOPE` and so on.
    pub code: String,
    /// The code in a sentence, for refusals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Slug of the API that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// The key that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<ActivityKey>,
    /// The person that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<ActivityUser>,
    /// The OAuth app that it came through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ActivityClient>,
    /// The actor, where it differs from the person above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<ActivityBy>,
    /// The address that the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The request's method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The request's path, without query; its first 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The request's User-Agent; its first 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// How long the answer took, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_us: Option<u32>,
    /// The `X-Request-Id` of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// How many refusals without a known key this row stands for; 1 for every other row.
    pub count: u32,
    /// What a change changed, or what a refusal saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Value>,
}

/// A key, as far as the log tells.
#[derive(Debug, Serialize, Object)]
pub struct ActivityKey {
    /// `key_…`
    pub id: String,
    /// Its name now.
    pub name: String,
    /// `live` or `test`.
    pub environment: String,
    /// First characters of the random part of its newest secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Last characters of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
}

/// A person, as far as the log tells.
#[derive(Debug, Serialize, Object)]
pub struct ActivityUser {
    /// `usr_…`
    pub id: String,
    /// Their email address now.
    pub email: String,
    /// Their name now.
    pub name: String,
}

/// An OAuth app, as far as the log tells.
#[derive(Debug, Serialize, Object)]
pub struct ActivityClient {
    /// `app_…`
    pub id: String,
    /// Its name now.
    pub name: String,
}

/// Who asked for something or changed it.
#[derive(Debug, Serialize, Object)]
pub struct ActivityBy {
    /// The key that they used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<ActivityKey>,
    /// The person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<ActivityUser>,
}

/// A part of the log.
#[derive(Debug, Serialize, Object)]
pub struct ActivityPage {
    /// The rows, newest first.
    pub data: Vec<ActivityItem>,
    /// Give it back as `cursor` to go on; null after the last row.
    #[oai(nullable)]
    pub next_cursor: Option<String>,
}

impl From<Page<Activity>> for ActivityPage {
    fn from(page: Page<Activity>) -> Self {
        let page = page.map(ActivityItem::from);
        Self { data: page.data, next_cursor: page.next_cursor }
    }
}

impl From<Activity> for ActivityItem {
    fn from(row: Activity) -> Self {
        let why = matches!(row.outcome, Outcome::Refused | Outcome::Limited).then(|| row.code.about());
        let by = ActivityBy { key: row.by_key.map(Into::into), user: row.by_user.map(Into::into) };
        Self {
            id: row.id.to_string(),
            at: row.at.to_string(),
            kind: row.kind.as_str().to_owned(),
            outcome: row.outcome.as_str().to_owned(),
            code: row.code.as_str().to_owned(),
            why: why.map(str::to_owned),
            api: row.api,
            key: row.key.map(Into::into),
            user: row.user.map(Into::into),
            client: row.client.map(|client| ActivityClient { id: client.id.to_string(), name: client.name }),
            by: Some(by).filter(|by| by.key.is_some() || by.user.is_some()),
            ip: row.ip.map(|ip| ip.to_string()),
            method: row.method.map(|method| method.as_str().to_owned()),
            path: row.path,
            user_agent: row.user_agent,
            took_us: row.took_us,
            request_id: row.request_id.map(|id| id.to_string()),
            count: row.count,
            detail: row.detail.and_then(|detail| serde_json::from_str(detail.get()).ok()),
        }
    }
}

impl From<KeyName> for ActivityKey {
    fn from(key: KeyName) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            environment: key.environment.to_string(),
            start: key.start,
            end: key.end,
        }
    }
}

impl From<UserName> for ActivityUser {
    fn from(user: UserName) -> Self {
        Self { id: user.id.to_string(), email: user.email, name: user.name }
    }
}
