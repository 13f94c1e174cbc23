//! The index of closed segments: sorted and appended once a segment is full, so that no insert searches for a place.

use std::sync::Arc;

use crate::activity::Services;
use crate::error::{Error, Result};
use crate::locks::lock;
use crate::store::activity as rows;
use crate::store::activity::{SEGMENT_ROWS, segment};
use crate::store::{Error as DbError, Extent, Reader, activity_index as table};

/// Indexes every closed segment that has no index yet. It can be interrupted anywhere and continues later.
pub async fn index_segments(services: &Services) -> Result<()> {
    while let Some(segment) = services.read_as(Extent::Log, |reader| Ok::<_, Error>(next(reader)?)).await? {
        index(services, segment).await?;
    }
    lock(&services.log.recent).tidy();
    Ok(())
}

/// The first closed segment without an index.
fn next(reader: &Reader<'_>) -> std::result::Result<Option<i64>, DbError> {
    let Some((first, last)) = rows::ends(reader)? else { return Ok(None) };
    for candidate in segment(first)..segment(last) {
        if !table::is_indexed(reader, candidate)? {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

async fn index(services: &Services, segment: i64) -> Result<()> {
    let per_step = services.log.options.steps.index_entries;
    let pairs =
        Arc::new(services.read_as(Extent::Log, move |reader| Ok::<_, Error>(pairs(reader, segment)?)).await?);
    for start in (0..pairs.len()).step_by(per_step) {
        let pairs = pairs.clone();
        let step = move |tx: &mut crate::store::Tx<'_>| {
            let end = pairs.len().min(start + per_step);
            table::append(tx, segment, SEGMENT_ROWS * segment, &pairs[start..end])
        };
        services.write(move |tx| Ok::<_, Error>(step(tx)?)).await?;
    }
    let now = services.now();
    services.write(move |tx| Ok::<_, Error>(table::complete(tx, segment, now)?)).await?;
    lock(&services.log.recent).forget(segment);
    Ok(())
}

/// Keys with the positions of their rows in the segment, sorted, after the last indexed one.
fn pairs(reader: &Reader<'_>, segment: i64) -> std::result::Result<Vec<(i64, u32)>, DbError> {
    let base = segment * SEGMENT_ROWS;
    let mut pairs = Vec::new();
    table::keys_of_rows(reader, base, base + SEGMENT_ROWS - 1, |no, about, by| {
        let place = (no - base) as u32;
        pairs.extend(about.map(|key| (key, place)));
        pairs.extend(by.map(|key| (key, place)));
    })?;
    pairs.sort_unstable();
    if let Some((key, no)) = table::last_pair(reader, segment)? {
        let done = pairs.partition_point(|pair| *pair <= (key, (no - base) as u32));
        pairs.drain(..done);
    }
    Ok(pairs)
}
