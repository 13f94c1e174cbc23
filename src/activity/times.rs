//! Row range for a time interval. Rows are in the order of writing, and times decrease by more than [`SLACK_MILLIS`]
//! only where a run begins, so that bisection finds the position without an index on `at`.

use super::chain::SLACK_MILLIS;
use crate::model::Timestamp;
use crate::store::{Conn, Error, activity as table, activity_links as links};

/// Ranges of rows that contain every row of the interval, newest first; `to` itself is excluded.
pub(super) fn ranges(
    conn: &Conn<'_>,
    (first, last): (i64, i64),
    (from, to): (Option<Timestamp>, Option<Timestamp>),
) -> Result<Vec<(i64, i64)>, Error> {
    if from.is_none() && to.is_none() {
        return Ok(vec![(first, last)]);
    }
    let mut ranges = Vec::new();
    let mut end = last;
    let starts = links::runs(conn)?.into_iter().filter(|&start| start > first && start <= last);
    for start in starts.chain([first]) {
        let range = narrow(conn, (start, end), (from, to))?;
        if range.0 <= range.1 {
            ranges.push(range);
        }
        end = start - 1;
    }
    Ok(ranges)
}

/// The part of one run. All rows before a row that is earlier than `from` by more than the slack are outside the
/// interval; so are all rows after one that is later than `to` by more than that.
fn narrow(
    conn: &Conn<'_>,
    (first, last): (i64, i64),
    (from, to): (Option<Timestamp>, Option<Timestamp>),
) -> Result<(i64, i64), Error> {
    let start = match from {
        Some(from) => bisect(conn, (first, last), from.plus_millis(-SLACK_MILLIS))?,
        None => first,
    };
    let end = match to {
        Some(to) => bisect(conn, (start, last), to.plus_millis(SLACK_MILLIS + 1))? - 1,
        None => last,
    };
    Ok((start, end))
}

/// A row of the range, or the one after it, that is not earlier than `at` while the previous row is.
fn bisect(conn: &Conn<'_>, (first, last): (i64, i64), at: Timestamp) -> Result<i64, Error> {
    let (mut low, mut high) = (first, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if table::time(conn, middle)?.is_some_and(|found| found < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}
