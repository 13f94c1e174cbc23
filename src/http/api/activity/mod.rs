//! The log of every decision and every change.

mod body;
mod csv;
mod filter;
mod live;
mod rows;

use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

pub use rows::ActivityPage;

use super::Tag;
use crate::activity::{ChainReport, Counts, CountsFilter, Fault, Tally};
use crate::domain::activity_log;
use crate::domain::identity::access::ActivityRead;
use crate::error::{Error, Result as Checked};
use crate::http::Result;
use crate::http::auth::{Allowed, Within};
use crate::http::json::Json;
use crate::http::schema::Unparsed;
use crate::model::activity::{Activity, KeyName, Kind, Outcome};
use crate::model::{ActivityId, KeyId, Timestamp};
use crate::platform::cursor;
use body::{Events, ExportBody, Format};
use filter::RawFilter;
use live::StreamCredential;

/// The activity log.
pub struct ActivityApi;

/// Counts over time.
#[derive(Debug, Serialize, Object)]
pub struct ActivityCounts {
    /// How long each bucket is: 300, 900, 3600, 21600 or 86400.
    pub bucket_seconds: u32,
    /// The buckets, in order and without a gap.
    pub data: Vec<ActivityBucket>,
}

/// What happened in one bucket.
#[derive(Debug, Serialize, Object)]
pub struct ActivityBucket {
    /// When it begins.
    pub at: String,
    /// Requests that were allowed.
    pub allowed: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Requests beyond a limit.
    pub limited: u64,
    /// Changes.
    pub changed: u64,
}

/// Keys and what was decided about them.
#[derive(Debug, Serialize, Object)]
pub struct TopKeys {
    /// The busiest first.
    pub data: Vec<TopKey>,
}

/// A key and what was decided about it.
#[derive(Debug, Serialize, Object)]
pub struct TopKey {
    /// The key.
    pub key: KeyName,
    /// Requests that were allowed.
    pub allowed: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Requests beyond a limit.
    pub limited: u64,
}

/// Whether the log is as it was written.
#[derive(Debug, Serialize, Object)]
pub struct ActivityChain {
    /// Whether every link of the chain holds.
    pub intact: bool,
    /// Links that hold.
    pub links: u64,
    /// Rows under them.
    pub rows: u64,
    /// Rows after the last link: those of the last second.
    pub unlinked_rows: u64,
    /// The fault of the first link that does not hold, and its rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
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
        /// About the API with this slug or id; with `!` before it, about anything else.
        api: Query<Option<String>>,
        /// `allowed`, `refused`, `limited` or `changed`.
        outcome: Query<Option<Unparsed<Outcome>>>,
        /// `key.verify`, `key.created` and so on.
        kind: Query<Option<Unparsed<Kind>>>,
        /// An address, or a network in CIDR form.
        ip: Query<Option<String>>,
        /// A part of the path, the user agent, the request id, the kind or the code.
        q: Query<Option<String>>,
        /// The request with this id.
        request_id: Query<Option<String>>,
        /// Rows per page, 1 to 200; 50 by default.
        limit: Query<Option<u32>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ActivityPage>> {
        let (from, to, key, user, client, api) = (from.0, to.0, key.0, user.0, client.0, api.0);
        let (outcome, kind, ip, q, request_id) = (outcome.0, kind.0, ip.0, q.0, request_id.0);
        let filter = RawFilter { from, to, key, user, client, api, outcome, kind, ip, q, request_id };
        let limit = cursor::limit(limit.0)?;
        let page = activity_log::list(&allowed.0, filter.parse()?, cursor.0.as_deref(), limit).await?;
        Ok(Json(page.into()))
    }

    /// Get one row
    #[oai(path = "/v1/activity/:id", method = "get")]
    async fn get(
        &self,
        allowed: Allowed<ActivityRead>,
        /// `act_…`
        id: Path<String>,
    ) -> Result<Json<Activity>> {
        let id: ActivityId = id.0.parse().map_err(|_| Error::not_found("activity"))?;
        Ok(Json(activity_log::get(&allowed.0, id).await?))
    }

    /// Count activity over time
    ///
    /// For charts, over at most 400 days. The length of the buckets follows from the span: about two hundred at most,
    /// five minutes or longer, an hour or longer for one key. Refusals without a known key count as often as they
    /// happened. Needs `activity:read`; a person without it may ask about a key of their own.
    #[oai(path = "/v1/activity/counts", method = "get")]
    async fn counts(
        &self,
        within: Within<ActivityRead>,
        /// From this time on (RFC 3339).
        from: Query<String>,
        /// Until this time (RFC 3339); now by default.
        to: Query<Option<String>>,
        /// About this key.
        key: Query<Option<String>>,
        /// About the API with this slug or id; with `!` before it, about anything else.
        api: Query<Option<String>>,
    ) -> Result<Json<ActivityCounts>> {
        let (from, to) = span(within.0.call().now, from.0, to.0)?;
        let filter = RawFilter { key: key.0, ..RawFilter::default() }.parse()?;
        let of = CountsFilter { from, to, key: filter.key, api: api.0 };
        Ok(Json(activity_log::counts(&within.0, of).await?.into()))
    }

    /// Find the busiest keys
    #[oai(path = "/v1/activity/top-keys", method = "get")]
    async fn top_keys(
        &self,
        allowed: Allowed<ActivityRead>,
        /// From the hour of this time on (RFC 3339).
        from: Query<String>,
        /// Until the hour of this time (RFC 3339), at most 31 days later; now by default.
        to: Query<Option<String>>,
        /// Keys, 1 to 200; 50 by default.
        limit: Query<Option<u32>>,
    ) -> Result<Json<TopKeys>> {
        let (from, to) = span(allowed.0.now, from.0, to.0)?;
        let found = activity_log::top_keys(&allowed.0, from, to, cursor::limit(limit.0)?).await?;
        Ok(Json(TopKeys { data: found.into_iter().map(TopKey::from).collect() }))
    }

    /// Export activity
    ///
    /// Every row that fits, newest first, as it is read: `csv` for spreadsheets, `ndjson` (or `jsonl`) with one JSON
    /// object a line. A response that ends early is not complete.
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    #[oai(path = "/v1/activity/export", method = "get")]
    async fn export(
        &self,
        allowed: Allowed<ActivityRead>,
        /// `csv` or `ndjson`.
        format: Query<String>,
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
        /// About the API with this slug or id; with `!` before it, about anything else.
        api: Query<Option<String>>,
        /// `allowed`, `refused`, `limited` or `changed`.
        outcome: Query<Option<Unparsed<Outcome>>>,
        /// `key.verify`, `key.created` and so on.
        kind: Query<Option<Unparsed<Kind>>>,
        /// An address, or a network in CIDR form.
        ip: Query<Option<String>>,
        /// A part of the path, the user agent, the request id, the kind or the code.
        q: Query<Option<String>>,
    ) -> Result<ExportBody> {
        let (from, to, key, user, client, api) = (from.0, to.0, key.0, user.0, client.0, api.0);
        let (outcome, kind, ip, q) = (outcome.0, kind.0, ip.0, q.0);
        let filter = RawFilter { from, to, key, user, client, api, outcome, kind, ip, q, request_id: None };
        let format = Format::parse(&format.0)?;
        Ok(ExportBody::new(activity_log::export(&allowed.0, filter.parse()?).await?, format))
    }

    /// Follow activity
    ///
    /// Server-sent events: `activity` with a row in JSON for each new row that fits, oldest first, and `lagged` with
    /// `{"missed": …}` when rows came faster than they were read. Reconnecting with `Last-Event-ID` continues after
    /// that row. The stream ends when the credential ends.
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    #[oai(path = "/v1/activity/stream", method = "get")]
    async fn stream(
        &self,
        allowed: Allowed<ActivityRead>,
        credential: StreamCredential,
        /// The last row that was seen.
        #[oai(name = "Last-Event-ID")]
        last_event_id: Header<Option<String>>,
        /// About this key, or changes that it made.
        key: Query<Option<String>>,
        /// About this person, or changes that they made.
        user: Query<Option<String>>,
        /// Through this OAuth app.
        client: Query<Option<String>>,
        /// About the API with this slug or id; with `!` before it, about anything else.
        api: Query<Option<String>>,
        /// `allowed`, `refused`, `limited` or `changed`.
        outcome: Query<Option<Unparsed<Outcome>>>,
        /// `key.verify`, `key.created` and so on.
        kind: Query<Option<Unparsed<Kind>>>,
        /// An address, or a network in CIDR form.
        ip: Query<Option<String>>,
        /// A part of the path, the user agent, the request id, the kind or the code.
        q: Query<Option<String>>,
    ) -> Result<Events> {
        let (key, user, client, api) = (key.0, user.0, client.0, api.0);
        let (outcome, kind, ip, q) = (outcome.0, kind.0, ip.0, q.0);
        let filter = RawFilter { key, user, client, api, outcome, kind, ip, q, ..RawFilter::default() };
        let after = last_event_id.0.and_then(|id| id.parse().ok());
        let tail = activity_log::follow(&allowed.0, filter.parse()?, after).await?;
        Ok(Events::new(tail, credential))
    }

    /// Check the log
    ///
    /// Checks the whole chain: a second or two for a million rows.
    #[oai(path = "/v1/activity/verify", method = "get")]
    async fn verify(&self, allowed: Allowed<ActivityRead>) -> Result<Json<ActivityChain>> {
        Ok(Json(activity_log::verify_chain(&allowed.0).await?.into()))
    }

    /// List a key's activity
    ///
    /// What was decided about the key, and the changes of it and by it, newest first. Needs `activity:read`; a person
    /// without it sees the activity of their own keys, without other actors.
    #[oai(path = "/v1/keys/:id/activity", method = "get")]
    async fn of_key(
        &self,
        within: Within<ActivityRead>,
        /// `key_…`
        id: Path<String>,
        /// `allowed`, `refused`, `limited` or `changed`.
        outcome: Query<Option<Unparsed<Outcome>>>,
        /// Rows per page, 1 to 200; 50 by default.
        limit: Query<Option<u32>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Json<ActivityPage>> {
        let id: KeyId = id.0.parse().map_err(|_| Error::not_found("key"))?;
        let filter = RawFilter { outcome: outcome.0, ..RawFilter::default() }.parse()?;
        let limit = cursor::limit(limit.0)?;
        let page = activity_log::list_of_key(&within.0, id, filter, cursor.0.as_deref(), limit).await?;
        Ok(Json(page.into()))
    }
}

/// The interval; `to` is now by default.
fn span(now: Timestamp, from: String, to: Option<String>) -> Checked<(Timestamp, Timestamp)> {
    let filter = RawFilter { from: Some(from), to, ..RawFilter::default() }.parse()?;
    // A request of this very moment is in it.
    Ok((filter.from.unwrap_or(now), filter.to.unwrap_or(now.plus_millis(1))))
}

impl From<Counts> for ActivityCounts {
    fn from(counts: Counts) -> Self {
        let bucket = |(at, tally): (Timestamp, Tally)| {
            let Tally { allowed, refused, limited, changed } = tally;
            ActivityBucket { at: at.to_string(), allowed, refused, limited, changed }
        };
        Self { bucket_seconds: counts.bucket_seconds, data: counts.buckets.into_iter().map(bucket).collect() }
    }
}

impl From<(KeyName, Tally)> for TopKey {
    fn from((key, tally): (KeyName, Tally)) -> Self {
        let Tally { allowed, refused, limited, .. } = tally;
        Self { key, allowed, refused, limited }
    }
}

impl From<ChainReport> for ActivityChain {
    fn from(report: ChainReport) -> Self {
        let reason = report.bad.map(|bad| {
            let rows = format!("rows {} to {}", bad.first_no, bad.last_no);
            match bad.fault {
                Fault::Changed => format!("{rows} are not as they were written"),
                Fault::RowsMissing(missing) => format!("{missing} of {rows} are missing"),
                Fault::Unreadable => format!("{rows} hold what Keywright never writes"),
                Fault::NotRetention => format!("{rows} are gone, and it was not retention that removed them"),
            }
        });
        Self {
            intact: reason.is_none(),
            links: report.links,
            rows: report.rows,
            unlinked_rows: report.unlinked_rows,
            reason,
        }
    }
}
