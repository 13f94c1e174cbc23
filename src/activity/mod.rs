//! The log of every decision and every change.
//!
//! ```text
//! decisions ── Log::push ─┬─▶ buffer ── Appender, every 50 ms ──▶ activity
//! refusals ───────────────┴─▶ refusals, counted by the minute ──┘   ▲
//! changes ─── record, in their own transaction ─────────────────────┘
//! ```
//!
//! Fields of a row:
//!
//! | field | present | reason |
//! | --- | --- | --- |
//! | `at`, `kind`, `outcome`, `code` | always | event and result |
//! | `api`, `key` | when known | subject of the decision |
//! | `user`, `client`, `grant`, `session` | when the credential has them | finds the actions of an app for a person |
//! | `by_key`, `by_user` | the caller, when it is not the subject | a gateway asks about keys of its clients |
//! | `ip` | address of the client | detection of abuse |
//! | `method`, `path` | as described, without query | a query may contain secrets |
//! | `user_agent` | first 256 characters | distinguishes programs from people |
//! | `took_us` | duration of the request | latency analysis |
//! | `request_id` | `X-Request-Id` of the response | support requests name it |
//! | `count` | refusals beyond the first few | a flood of guesses is one row per minute and network |
//! | `detail` | refusals only | values that the failed rule compared |
//!
//! Never stored: the credential, any part of it except the key's row number, bodies, queries, other headers.

mod append;
mod chain;
mod counts;
mod decisions;
mod export;
mod index;
mod log;
mod options;
mod recent;
mod record;
mod refusals;
mod retention;
mod rollup;
mod search;
mod services;
mod strings;
mod tail;
mod times;
mod verify;
mod view;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use append::Appender;
pub use counts::{Counts, CountsFilter, Tally, counts, top_keys};
pub use decisions::Decision;
pub use export::Export;
pub use index::index_segments;
pub use log::{Log, Stats};
pub use options::{Options, Steps};
pub use record::{record, record_request};
pub use refusals::Bounds as RefusalBounds;
pub use retention::{Retention, apply_retention};
pub use rollup::{JOB as COUNTS_JOB, count_rows};
pub use search::Filter;
pub use services::Services;
pub use strings::MAX_CHARS;
pub use tail::{Tail, TailEvent};
pub use verify::{BadLink, ChainReport, Fault, verify_chain};

use crate::env::TrustedClock;
use crate::error::{Error, Result};
use crate::model::ActivityId;
use crate::model::activity::{Activity, Stream};
use crate::platform::cursor;
use crate::platform::cursor::Page;
use crate::platform::vault::Vault;
use crate::store::activity as table;

/// The log, and its drain for [`crate::store::Db::open`].
pub fn open(vault: &Vault, clock: Arc<TrustedClock>, options: Options) -> (Arc<Log>, Appender) {
    let log = Arc::new(Log::new(clock, options));
    (log.clone(), Appender::new(log, vault.signer(CHAIN)))
}

/// Purpose of the chain's key.
const CHAIN: &str = "activity.chain";
/// Name of the list in its cursors.
const LIST: &str = "activity";

/// The newest rows that match `filter`, `limit` at most, from `cursor` on.
///
/// It includes every response that was sent before the call. A filter without an index scans a bounded number of rows
/// and returns the matches, possibly none, with a cursor that continues: only a page without a cursor is the last.
///
/// # Errors
/// `INVALID_CURSOR`.
pub async fn list(
    services: &Services,
    filter: Filter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page<Activity>> {
    let before = match cursor {
        Some(cursor) => cursor::decode::<(Stream, i64)>(&services.vault, LIST, &filter, cursor)?.1,
        None => i64::MAX,
    };
    services.log.settled(&services.db).await?;
    let (log, asked) = (services.log.clone(), filter.clone());
    let (data, rest_below) = services
        .read_as(filter.extent(), move |reader| {
            let found = search::search(reader, &log, &asked, before, limit, search::BUDGET)?;
            let mut names = view::Names::default();
            let shown = found.rows.into_iter().map(|row| names.show(reader, row));
            Ok::<_, Error>((shown.collect::<std::result::Result<Vec<_>, _>>()?, found.rest_below))
        })
        .await?;
    let next_cursor =
        rest_below.map(|below| cursor::encode(&services.vault, LIST, &filter, &(Stream::ONLY, below)));
    Ok(Page { data, next_cursor })
}

/// One row.
///
/// # Errors
/// `NOT_FOUND` for unknown ids and for rows that retention removed.
pub async fn get(services: &Services, id: ActivityId) -> Result<Activity> {
    services.log.settled(&services.db).await?;
    services
        .read(move |reader| {
            let row = table::get(reader, id.no())?.filter(|row| ActivityId::of(row.at, row.no) == id);
            let row = row.ok_or_else(|| Error::not_found("activity"))?;
            Ok(view::Names::default().show(reader, row)?)
        })
        .await
}
