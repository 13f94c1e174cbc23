//! In-memory index of the rows of segments that have no index on disk, built on demand.

use std::collections::BTreeMap;
use std::sync::MutexGuard;

use crate::locks::lock;
use crate::store::activity::{SEGMENT_ROWS, segment};
use crate::store::{Error, Reader, activity_index as table};

use super::log::Log;

/// Keys of every row of the segments without an index.
#[derive(Default)]
pub(super) struct Recent {
    segments: BTreeMap<i64, Keys>,
    /// Calls of [`Recent::tidy`] since the last search.
    idle: u32,
}

/// The keys of one segment's rows, four bytes a row.
#[derive(Default)]
struct Keys {
    /// By the position of the row in its segment; 0 is none.
    about: Vec<u32>,
    /// Keys that made a change, with the position of the row; in order.
    by: Vec<(u32, u32)>,
}

/// Key numbers in 32 bits: an instance has fewer than four thousand million keys.
fn short(key_no: Option<i64>) -> u32 {
    key_no.and_then(|no| u32::try_from(no).ok()).unwrap_or(0)
}

impl Keys {
    fn push(&mut self, place: u32, (about, by): (Option<i64>, Option<i64>)) {
        self.about.push(short(about));
        if let Some(by) = by {
            self.by.push((short(Some(by)), place));
        }
    }

    /// Positions below `before` of rows about `key`, highest first.
    fn find(&self, key: u32, before: usize, limit: usize) -> Vec<u32> {
        let mut places = Vec::new();
        let mut by = self.by.iter().rev().filter(|&&(by, place)| by == key && (place as usize) < before);
        let mut by_next = by.next().map(|&(_, place)| place);
        let about = &self.about[..before.min(self.about.len())];
        let mut end = about.len();
        // In blocks: comparing a whole block is faster than stopping at the first match.
        for block in about.rchunks(1_024) {
            let start = end - block.len();
            let any = block.iter().fold(false, |any, &one| any | (one == key));
            if any {
                for (index, _) in block.iter().enumerate().rev().filter(|(_, one)| **one == key) {
                    let place = (start + index) as u32;
                    while let Some(earlier) = by_next.filter(|&by| by > place) {
                        places.push(earlier);
                        by_next = by.next().map(|&(_, place)| place);
                    }
                    places.push(place);
                }
                if places.len() >= limit {
                    break;
                }
            }
            end = start;
        }
        while let Some(place) = by_next.filter(|_| places.len() < limit) {
            places.push(place);
            by_next = by.next().map(|&(_, place)| place);
        }
        places.truncate(limit);
        places
    }
}

impl Recent {
    /// Adds row `no` if its segment is kept and this is its next row.
    pub(super) fn extend(&mut self, no: i64, keys: (Option<i64>, Option<i64>)) {
        let place = (no % SEGMENT_ROWS) as usize;
        if let Some(segment) = self.segments.get_mut(&segment(no))
            && segment.about.len() == place
        {
            segment.push(place as u32, keys);
        }
    }

    /// Whether no segment is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Number of known rows of a segment.
    fn known(&self, segment: i64) -> usize {
        self.segments.get(&segment).map_or(0, |keys| keys.about.len())
    }

    /// Adds rows that were read from position `from` on. A concurrent reader may have added or removed the segment;
    /// rows never change, so both read the same.
    fn complete(&mut self, segment: i64, from: usize, missing: &Keys) {
        let keys = self.segments.entry(segment).or_default();
        let Some(surplus) = keys.about.len().checked_sub(from) else { return };
        let first_new = keys.about.len() as u32;
        keys.about.extend(missing.about.iter().skip(surplus));
        keys.by.extend(missing.by.iter().filter(|(_, place)| *place >= first_new));
    }

    /// Drops everything after a while without a search; call it about once a minute.
    pub(super) fn tidy(&mut self) {
        const KEPT_FOR: u32 = 10;
        self.idle += 1;
        if self.idle > KEPT_FOR {
            self.segments.clear();
        }
    }

    /// Drops a segment after its index is on disk.
    pub(super) fn forget(&mut self, segment: i64) {
        self.segments.remove(&segment);
    }
}

/// Rows about a key in a segment without an index, up to `last`, below `before`, newest first.
pub(super) fn rows_of_key(
    reader: &Reader<'_>,
    log: &Log,
    (segment, last): (i64, i64),
    key_no: i64,
    before: i64,
    limit: usize,
) -> Result<Vec<i64>, Error> {
    let (key, base) = (short(Some(key_no)), segment * SEGMENT_ROWS);
    let before = usize::try_from(before - base).unwrap_or(0);
    let mut recent = caught_up(reader, log, segment, last)?;
    recent.idle = 0;
    let places = recent.segments.get(&segment).map(|keys| keys.find(key, before, limit));
    Ok(places.unwrap_or_default().into_iter().map(|place| base + i64::from(place)).collect())
}

/// Reads the rows that are missing in memory, without the lock: the writer's hook must not wait for a scan.
fn caught_up<'l>(
    reader: &Reader<'_>,
    log: &'l Log,
    segment: i64,
    last: i64,
) -> Result<MutexGuard<'l, Recent>, Error> {
    let base = segment * SEGMENT_ROWS;
    let wanted = ((last - base + 1).min(SEGMENT_ROWS)) as usize;
    let mut recent = lock(&log.recent);
    loop {
        let known = recent.known(segment);
        if known >= wanted {
            return Ok(recent);
        }
        drop(recent);
        let missing = read(reader, base, known, last)?;
        recent = lock(&log.recent);
        recent.complete(segment, known, &missing);
    }
}

/// Keys of the rows from position `known` on.
fn read(reader: &Reader<'_>, base: i64, known: usize, last: i64) -> Result<Keys, Error> {
    let mut missing = Keys::default();
    let end = last.min(base + SEGMENT_ROWS - 1);
    table::keys_of_rows(reader, base + known as i64, end, |no, about, by| {
        // Rows that retention removed, and the number 0, leave gaps.
        let place = (no - base) as usize;
        missing.about.resize(place - known, 0);
        missing.push(place as u32, (about, by));
    })?;
    missing.about.resize((end - base + 1) as usize - known, 0);
    Ok(missing)
}
