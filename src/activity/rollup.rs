//! Counts over time, for charts: computed asynchronously from committed rows, in windows, so that an insert costs
//! nothing more. The progress is written in the same transaction, so every row counts once.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::activity::Services;
use crate::error::{Error, Result};
use crate::store::activity as log;
use crate::store::activity_counts as table;
use crate::store::activity_counts::Slot;
use crate::store::{Conn, Error as DbError, Extent, jobs};

/// Name of the job, under which it stores its progress.
pub const JOB: &str = "activity.counts";

/// Progress of the counts.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Rows up to this one are counted.
    done: i64,
    /// The window that is being written.
    window: Option<Window>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Window {
    /// Its last row.
    last: i64,
    /// Slots up to this one are written.
    written: Slot,
}

/// Counts the rows that are not counted yet. It can be interrupted anywhere and continues later.
pub async fn count_rows(services: &Services) -> Result<()> {
    let rows = services.log.options.steps.counted_rows;
    loop {
        let (progress, last, counts) =
            services.read_as(Extent::Log, move |reader| Ok::<_, Error>(next_window(reader, rows)?)).await?;
        if last <= progress.done {
            return Ok(());
        }
        write_window(services, progress, last, counts).await?;
    }
}

type Counts = Vec<(Slot, i64)>;

/// The last row of the next window, of at most `rows` rows, and its counts, without those that are written.
fn next_window(conn: &Conn<'_>, rows: i64) -> std::result::Result<(Progress, i64, Counts), DbError> {
    let progress: Progress = jobs::state(conn, JOB)?.unwrap_or_default();
    let first = progress.done + 1;
    let last = match progress.window {
        Some(window) => window.last,
        None => log::last(conn)?.min(progress.done + rows),
    };
    let mut counts: Counts = count(conn, (first, last))?.into_iter().collect();
    counts.sort_unstable_by_key(|(slot, _)| *slot);
    if let Some(window) = progress.window {
        let done = counts.partition_point(|(slot, _)| *slot <= window.written);
        counts.drain(..done);
    }
    Ok((progress, last, counts))
}

fn count(conn: &Conn<'_>, range: (i64, i64)) -> std::result::Result<HashMap<Slot, i64>, DbError> {
    let mut counts = HashMap::new();
    table::each_row(conn, range, |slot, count| *counts.entry(slot).or_insert(0) += count)?;
    Ok(counts)
}

async fn write_window(services: &Services, progress: Progress, last: i64, counts: Counts) -> Result<()> {
    let counts = Arc::new(counts);
    let per_step = services.log.options.steps.counts;
    let steps = counts.len().div_ceil(per_step).max(1);
    for step in 0..steps {
        let counts = counts.clone();
        let write = move |tx: &mut crate::store::Tx<'_>| {
            let part = &counts[step * per_step..counts.len().min((step + 1) * per_step)];
            table::add(tx, part)?;
            let next = match part.last() {
                Some(&(written, _)) if step + 1 < steps => {
                    Progress { window: Some(Window { last, written }), ..progress }
                }
                _ => Progress { done: last, window: None },
            };
            jobs::set_state(tx, JOB, &next)
        };
        services.write(move |tx| Ok::<_, Error>(write(tx)?)).await?;
    }
    Ok(())
}

/// Visits the counts that are not written yet, `rows` rows at a time.
pub(super) fn each_uncounted(
    conn: &Conn<'_>,
    rows: i64,
    mut visit: impl FnMut(Slot, i64),
) -> std::result::Result<(), DbError> {
    let (progress, last, counts) = next_window(conn, rows)?;
    counts.into_iter().for_each(|(slot, count)| visit(slot, count));
    let mut next = last.max(progress.done) + 1;
    let newest = log::last(conn)?;
    while next <= newest {
        let end = newest.min(next + rows - 1);
        count(conn, (next, end))?.into_iter().for_each(|(slot, count)| visit(slot, count));
        next = end + 1;
    }
    Ok(())
}
