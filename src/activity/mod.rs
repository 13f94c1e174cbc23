//! The log of every decision and every change.
//!
//! ```text
//! decisions ── Log::push ─┬─▶ buffer ── Appender, every 50 ms ──▶ activity
//! refusals ───────────────┴─▶ refusals, counted by the minute ──┘   ▲
//! changes ─── record, in their own transaction ─────────────────────┘
//! ```
//!
//! What a row says, and why a decision says it:
//!
//! | field | decision | why |
//! | --- | --- | --- |
//! | `at`, `kind`, `outcome`, `code` | always | what happened and why |
//! | `api`, `key` | when known | whom it is about |
//! | `user`, `client`, `grant`, `session` | when the credential acts for one | so that "what did this app do for this person" has an answer |
//! | `by_key`, `by_user` | who asked, when it is somebody else | a gateway asks for everybody: its key must not be taken for the caller's |
//! | `ip` | the end client's address | abuse comes from somewhere |
//! | `method`, `path` | as asked about, without query | a query may hold secrets |
//! | `user_agent` | first 256 characters | tells programs from people |
//! | `took_us` | how long the answer took | slow is a kind of wrong |
//! | `request_id` | the answer's `X-Request-Id` | support starts with it |
//! | `count` | refusals beyond the first few | a flood of guesses is one row a minute and network |
//! | `detail` | refusals only | what the refusing rule saw; an allowed request needs no explanation |
//!
//! Never stored: the credential, any part of it beyond the key's number, bodies, queries, other headers.

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

pub use crate::store::activity_names::{KeyName, UserName};
pub use append::Appender;
pub use counts::{Counts, CountsOf, Tally, counts, top_keys};
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
pub use tail::{Followed, Tail};
pub use verify::{BadLink, ChainReport, Fault, verify_chain};
pub use view::Activity;

use crate::env::TrustedClock;
use crate::error::{Error, Result};
use crate::model::ActivityId;
use crate::platform::cursor;
use crate::platform::cursor::Page;
use crate::platform::vault::Vault;
use crate::store::activity as table;

/// The log, and its side that [`crate::store::Db::open`] takes.
pub fn open(vault: &Vault, clock: Arc<TrustedClock>, options: Options) -> (Arc<Log>, Appender) {
    let log = Arc::new(Log::new(clock, options));
    (log.clone(), Appender::new(log, vault.signer(CHAIN)))
}

/// What the key of the chain is for.
const CHAIN: &str = "activity.chain";
/// The list's name in its cursors.
const LIST: &str = "activity";

/// The newest rows that fit `filter`, `limit` at most, from `cursor` on.
///
/// Everything that was answered before the call is in it. A filter that no index serves looks at a bounded number of
/// rows and returns what it found there, perhaps nothing, with a cursor that goes on: only a page without a cursor is
/// the last.
///
/// # Errors
/// `INVALID_CURSOR`, or when the store cannot be read or written.
pub async fn list(
    services: &Services,
    filter: Filter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page<Activity>> {
    let before = match cursor {
        Some(cursor) => cursor::decode(&services.vault, LIST, &filter, cursor)?,
        None => i64::MAX,
    };
    services.log.flush(&services.db).await?;
    let (log, asked) = (services.log.clone(), filter.clone());
    let (data, rest_below) = services
        .read(move |reader| {
            let found = search::search(reader, &log, &asked, before, limit, search::BUDGET)?;
            let mut names = view::Names::default();
            let shown = found.rows.into_iter().map(|row| names.show(reader, row));
            Ok::<_, Error>((shown.collect::<std::result::Result<Vec<_>, _>>()?, found.rest_below))
        })
        .await?;
    let next_cursor = rest_below.map(|below| cursor::encode(&services.vault, LIST, &filter, &below));
    Ok(Page { data, next_cursor })
}

/// One row.
///
/// # Errors
/// `NOT_FOUND` for ids that never existed and for rows that retention has removed.
pub async fn get(services: &Services, id: ActivityId) -> Result<Activity> {
    services.log.flush(&services.db).await?;
    services
        .read(move |reader| {
            let row = table::get(reader, id.no())?.filter(|row| ActivityId::of(row.at, row.no) == id);
            let row = row.ok_or_else(|| Error::not_found("activity"))?;
            Ok(view::Names::default().show(reader, row)?)
        })
        .await
}
