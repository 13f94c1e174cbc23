//! How long activity is kept, and how much of it. The oldest goes first, by whole links of the chain: what is left
//! still proves itself.

use super::CHAIN;
use super::chain::sign_anchor;
use super::counts::MAX_DAYS;
use crate::activity::Services;
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::store::activity as rows;
use crate::store::activity::segment;
use crate::store::activity_links as links;
use crate::store::activity_links::Link;
use crate::store::{
    Error as DbError, Reader, Tx, activity_counts as counts, activity_retention as table, file,
};

/// Rows to a step: a few milliseconds of the writer's time.
const PER_STEP: i64 = if cfg!(test) { 30 } else { 2_000 };
const DAY_SECONDS: i64 = 86_400;

/// How much activity is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Rows older than this many days go.
    pub days: u32,
    /// The oldest rows go when the log is larger than this; none is no limit.
    pub max_bytes: Option<u64>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 90, max_bytes: None }
    }
}

/// Removes what is kept no longer. May be cut off anywhere: it goes on where it stopped.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn apply_retention(services: &Services) -> Result<()> {
    services.log.flush(&services.db).await?;
    let (now, retention) = (services.now(), services.log.options.retention);
    if let Some(link) =
        services.read(move |reader| Ok::<_, Error>(last_to_go(reader, now, retention)?)).await?
    {
        let signature = sign_anchor(&services.vault.signer(CHAIN), &link);
        services.write(move |tx| Ok::<_, Error>(links::set_anchor(tx, link.no, &signature)?)).await?;
    }
    if let Some(anchor) = services.read(|reader| Ok::<_, Error>(links::anchor(reader)?)).await? {
        let last = anchor.no;
        step(services, move |tx| table::remove_rows(tx, last, PER_STEP)).await?;
        step(services, move |tx| table::remove_links(tx, last, PER_STEP)).await?;
        remove_segments_before(services, segment(last + 1)).await?;
        services.write(move |tx| Ok::<_, Error>(table::remove_runs(tx, last)?)).await?;
    }
    let until = now.minus_seconds(MAX_DAYS * DAY_SECONDS);
    step(services, move |tx| counts::remove(tx, until, PER_STEP)).await?;
    step(services, file::shrink).await
}

/// The last of the links that are too old or too much; never the newest, for the numbers go on after its last row.
fn last_to_go(
    reader: &Reader<'_>,
    now: Timestamp,
    retention: Retention,
) -> std::result::Result<Option<Link>, DbError> {
    let oldest = now.minus_seconds(i64::from(retention.days) * DAY_SECONDS);
    let start = links::anchor(reader)?.map_or(0, |link| link.no);
    let newest = rows::last(reader)?;
    let mut surplus = match retention.max_bytes {
        Some(most) => links::bytes_after(reader, start)? - i64::try_from(most).unwrap_or(i64::MAX),
        None => 0,
    };
    let mut last = None;
    links::each(reader, start, |link| {
        let goes = link.no < newest && (link.max_at < oldest || surplus > 0);
        surplus -= link.bytes;
        if goes {
            last = Some(link);
        }
        Ok(goes)
    })?;
    Ok(last)
}

async fn remove_segments_before(services: &Services, segment: i64) -> Result<()> {
    step(services, move |tx| table::remove_index(tx, segment, PER_STEP)).await?;
    step(services, move |tx| table::remove_strings(tx, segment, PER_STEP)).await?;
    services.write(move |tx| Ok::<_, Error>(table::remove_segments(tx, segment)?)).await?;
    Ok(())
}

/// Repeats `work`, each time in a transaction of its own, until nothing is left to remove.
async fn step(
    services: &Services,
    work: impl Fn(&mut Tx<'_>) -> std::result::Result<usize, DbError> + Copy + Send + 'static,
) -> Result<()> {
    while services.write(move |tx| Ok::<_, Error>(work(tx)?)).await? > 0 {}
    Ok(())
}
