//! The log of every decision and every change.

use std::net::IpAddr;

use ipnet::IpNet;
use poem_openapi::param::{Path, Query};
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::Value;

use super::Tag;
use crate::domain::access::ActivityRead;
use crate::domain::activity::{self, Activity, Filter, KeyName, UserName};
use crate::domain::cursor::{self, Page};
use crate::error::{Error, Result as Checked};
use crate::http::Result;
use crate::http::auth::Allowed;
use crate::http::json::Json;
use crate::model::activity::Outcome;
use crate::model::{ActivityId, KeyId};

/// Characters of a text that is searched for.
const MAX_Q: usize = 200;

/// The activity log.
pub struct ActivityApi;

/// One decision or change.
#[derive(Debug, Serialize, Object)]
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
    /// Who asked for it or changed it, where that is somebody else.
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
    pub next_cursor: Option<String>,
}

#[OpenApi(tag = "Tag::Activity")]
impl ActivityApi {
    /// List activity
    ///
    /// Newest first, with everything that was answered before this call. All filters must fit. A call looks at a
    /// bounded number of rows: with a rare filter a page may hold few rows or none and still have a `next_cursor`;
    /// only a page without one is the last. Rows of one key are found through an index.
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    #[oai(path = "/v1/activity", method = "get")]
    async fn list(
        &self,
        allowed: Allowed<ActivityRead>,
        /// At this time or later (RFC 3339).
        from: Query<Option<String>>,
        /// Before this time (RFC 3339).
        to: Query<Option<String>>,
        /// About this key, or changes that it made.
        key: Query<Option<String>>,
        /// About this person, or changes that they made.
        user: Query<Option<String>>,
        /// Through this OAuth app.
        client: Query<Option<String>>,
        /// About the API with this slug or id.
        api: Query<Option<String>>,
        /// `allowed`, `refused`, `limited` or `changed`.
        outcome: Query<Option<String>>,
        /// `key.verify`, `key.created` and so on.
        kind: Query<Option<String>>,
        /// An address, or a network in CIDR form.
        ip: Query<Option<String>>,
        /// A part of the path, the user agent, the request id, the kind or the code.
        q: Query<Option<String>>,
        /// The request with this id.
        request_id: Query<Option<String>>,
        /// Rows per page, 1 to 200; 50 if not said.
        limit: Query<Option<u32>>,
        /// Where to go on.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ActivityPage>> {
        let asked = Asked {
            from: from.0,
            to: to.0,
            key: key.0,
            user: user.0,
            client: client.0,
            api: api.0,
            outcome: outcome.0,
            kind: kind.0,
            ip: ip.0,
            q: q.0,
            request_id: request_id.0,
        };
        let limit = cursor::limit(limit.0)?;
        let page = activity::list(&allowed.0, asked.filter()?, cursor.0.as_deref(), limit).await?;
        Ok(Json(page.into()))
    }

    /// Get one row
    #[oai(path = "/v1/activity/:id", method = "get")]
    async fn get(
        &self,
        allowed: Allowed<ActivityRead>,
        /// `act_…`
        id: Path<String>,
    ) -> Result<Json<ActivityItem>> {
        let id: ActivityId = id.0.parse().map_err(|_| Error::not_found("activity"))?;
        Ok(Json(activity::get(&allowed.0, id).await?.into()))
    }

    /// List a key's activity
    ///
    /// What was decided about the key, and the changes of it and by it, newest first.
    #[oai(path = "/v1/keys/:id/activity", method = "get")]
    async fn of_key(
        &self,
        allowed: Allowed<ActivityRead>,
        /// `key_…`
        id: Path<String>,
        /// `allowed`, `refused`, `limited` or `changed`.
        outcome: Query<Option<String>>,
        /// Rows per page, 1 to 200; 50 if not said.
        limit: Query<Option<u32>>,
        /// Where to go on.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ActivityPage>> {
        let id: KeyId = id.0.parse().map_err(|_| Error::not_found("key"))?;
        let asked = Asked { outcome: outcome.0, ..Asked::default() };
        let limit = cursor::limit(limit.0)?;
        let page = activity::list_of_key(&allowed.0, id, asked.filter()?, cursor.0.as_deref(), limit).await?;
        Ok(Json(page.into()))
    }
}

/// A filter as it was written.
#[derive(Default)]
struct Asked {
    from: Option<String>,
    to: Option<String>,
    key: Option<String>,
    user: Option<String>,
    client: Option<String>,
    api: Option<String>,
    outcome: Option<String>,
    kind: Option<String>,
    ip: Option<String>,
    q: Option<String>,
    request_id: Option<String>,
}

impl Asked {
    /// # Errors
    /// `INVALID_REQUEST`, naming every parameter that cannot be read.
    fn filter(&self) -> Checked<Filter> {
        let mut wrong = serde_json::Map::new();
        let wrong = &mut wrong;
        let filter = Filter {
            from: read(wrong, "from", self.from.as_deref(), str::parse),
            to: read(wrong, "to", self.to.as_deref(), str::parse),
            key: read(wrong, "key", self.key.as_deref(), str::parse),
            user: read(wrong, "user", self.user.as_deref(), str::parse),
            client: read(wrong, "client", self.client.as_deref(), str::parse),
            api: self.api.clone(),
            outcome: read(wrong, "outcome", self.outcome.as_deref(), |text| {
                text.parse().map_err(|()| "Use one of: allowed, refused, limited, changed.")
            }),
            kind: read(wrong, "kind", self.kind.as_deref(), |text| {
                text.parse().map_err(|()| "Use a kind of activity, such as key.verify or key.created.")
            }),
            ip: read(wrong, "ip", self.ip.as_deref(), network),
            q: read(wrong, "q", self.q.as_deref(), |text| match text.chars().count() {
                1..=MAX_Q => Ok(text.to_owned()),
                _ => Err("Search for 1 to 200 characters."),
            }),
            request_id: read(wrong, "request_id", self.request_id.as_deref(), str::parse),
        };
        Error::invalid_fields(std::mem::take(wrong))?;
        Ok(filter)
    }
}

fn read<T, E: std::fmt::Display>(
    wrong: &mut serde_json::Map<String, Value>,
    field: &str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> std::result::Result<T, E>,
) -> Option<T> {
    match parse(text?) {
        Ok(value) => Some(value),
        Err(reason) => {
            wrong.insert(field.to_owned(), reason.to_string().into());
            None
        }
    }
}

fn network(text: &str) -> std::result::Result<IpNet, &'static str> {
    let address = || text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
    text.parse().or_else(|_| address()).map_err(|_| "Use an address or a network, such as 192.0.2.0/24.")
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
