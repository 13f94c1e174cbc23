//! Retention of activity, by age and size. Rows of unidentified callers are removed first, then the oldest rows by
//! whole links of the chain. The remaining chain still verifies.

use super::CHAIN;
use super::chain::{Row, hash, sign_anchor, sign_removal};
use super::counts::MAX_DAYS;
use crate::activity::Services;
use crate::env::Settled;
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::store::activity as rows;
use crate::store::activity::segment;
use crate::store::activity_links as links;
use crate::store::activity_links::Link;
use crate::store::{
    Conn, Error as DbError, Extent, Reader, Tx, activity_counts as counts, activity_retention as table, file,
};

const DAY_SECONDS: u32 = 86_400;
/// Bytes of the rows of unidentified callers if the log has no bound.
const UNIDENTIFIED_BYTES: u64 = 1 << 30;

/// Bounds of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Rows older than this many days are removed.
    pub days: u32,
    /// Maximum size in bytes; rows of unidentified callers are removed first. None is unlimited.
    pub max_bytes: Option<u64>,
}

impl Retention {
    /// Maximum size of the rows of unidentified callers, in bytes.
    fn max_unidentified_bytes(&self) -> i64 {
        i64::try_from(self.max_bytes.unwrap_or(UNIDENTIFIED_BYTES)).unwrap_or(i64::MAX)
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 90, max_bytes: None }
    }
}

/// Removes rows beyond the bounds. It can be interrupted anywhere and continues later.
pub async fn apply_retention(services: &Services) -> Result<()> {
    services.log.flush(&services.db).await?;
    let (times, retention) = ((services.settled(), services.now()), services.log.options.retention);
    let per_step = services.log.options.steps.removed_rows;
    while remove_unidentified(services, retention).await? {}
    if let Some(link) = services
        .read_as(Extent::Log, move |reader| Ok::<_, Error>(last_to_go(reader, times, retention)?))
        .await?
    {
        let signature = sign_anchor(&services.vault.signer(CHAIN), &link);
        services.write(move |tx| Ok::<_, Error>(links::set_anchor(tx, link.no, &signature)?)).await?;
    }
    if let Some(anchor) = services.read(|reader| Ok::<_, Error>(links::anchor(reader)?)).await? {
        let last = anchor.no;
        step(services, move |tx| table::remove_rows(tx, last, per_step)).await?;
        step(services, move |tx| table::remove_links(tx, last, per_step)).await?;
        remove_segments_before(services, segment(last + 1)).await?;
        services.write(move |tx| Ok::<_, Error>(table::remove_runs(tx, last)?)).await?;
    }
    let until = times.0.minus_seconds(MAX_DAYS as u32 * DAY_SECONDS);
    step(services, move |tx| counts::remove(tx, until, per_step)).await?;
    step(services, file::shrink).await
}

/// Removes the unidentified rows of the oldest link that has any while the log is too large; false when there is
/// nothing to do.
async fn remove_unidentified(services: &Services, retention: Retention) -> Result<bool> {
    let signer = services.vault.signer(CHAIN);
    let remove = move |tx: &mut Tx<'_>| {
        let start = links::anchor(tx)?.map_or(0, |link| link.no);
        let (all, unidentified) = links::bytes_after(tx, start)?;
        let most = retention.max_unidentified_bytes();
        if unidentified <= most && retention.max_bytes.is_none_or(|_| all <= most) {
            return Ok(false);
        }
        let newest = rows::last(tx)?;
        let Some((before, link)) = links::first_unidentified(tx, start)?.filter(|(_, link)| link.no < newest)
        else {
            return Ok::<_, Error>(false);
        };
        let mut removed = hash();
        let conn: &Conn<'_> = tx;
        rows::each(conn, before + 1, link.no, |stored| {
            if !stored.identified {
                Row::read(conn, &stored)?.digest(&mut removed);
            }
            Ok(true)
        })?;
        table::remove_unidentified(tx, (before + 1, link.no))?;
        links::set_removed(tx, link.no, &sign_removal(&signer, &link, removed.finish().as_ref()))?;
        Ok(true)
    };
    services.write(remove).await
}

/// The last link that is too old or too large; never the newest, because numbers continue after its last row. A link
/// with a future time was written under a wrong clock: it is removed with the link after it.
fn last_to_go(
    reader: &Reader<'_>,
    (settled, now): (Settled, Timestamp),
    retention: Retention,
) -> std::result::Result<Option<Link>, DbError> {
    let oldest = settled.minus_seconds(retention.days.saturating_mul(DAY_SECONDS)).at();
    let start = links::anchor(reader)?.map_or(0, |link| link.no);
    let newest = rows::last(reader)?;
    let mut surplus = match retention.max_bytes {
        Some(most) => links::bytes_after(reader, start)?.0 - i64::try_from(most).unwrap_or(i64::MAX),
        None => 0,
    };
    let mut last = None;
    links::each(reader, start, |link| {
        let goes = link.no < newest && (link.max_at < oldest || surplus > 0);
        let from_future = link.max_at > now;
        surplus -= link.bytes - link.removed.as_ref().map_or(0, |_| link.unidentified_bytes);
        if goes {
            last = Some(link);
        }
        Ok(goes || from_future)
    })?;
    Ok(last)
}

async fn remove_segments_before(services: &Services, segment: i64) -> Result<()> {
    let per_step = services.log.options.steps.removed_rows;
    step(services, move |tx| table::remove_index(tx, segment, per_step)).await?;
    step(services, move |tx| table::remove_strings(tx, segment, per_step)).await?;
    services.write(move |tx| Ok::<_, Error>(table::remove_segments(tx, segment)?)).await?;
    Ok(())
}

/// Repeats `work`, each time in its own transaction, until there is nothing to remove.
async fn step(
    services: &Services,
    work: impl Fn(&mut Tx<'_>) -> std::result::Result<usize, DbError> + Copy + Send + 'static,
) -> Result<()> {
    while services.write(move |tx| Ok::<_, Error>(work(tx)?)).await? > 0 {}
    Ok(())
}
