//! Removing the oldest activity, a bounded number of rows at a time.

use crate::store::{Error, Tx, params};

/// Removes at most `most` of the rows up to `last`, oldest first; tells how many.
pub fn remove_rows(tx: &mut Tx<'_>, last: i64, most: i64) -> Result<usize, Error> {
    let first = tx.number("SELECT min(no) FROM activity", &[])?;
    let end = last.min(first.saturating_add(most - 1));
    tx.execute("DELETE FROM activity WHERE no BETWEEN ?1 AND ?2", params![first, end])
}

/// Removes the rows from `first` to `last` of callers who did not prove who they are; tells how many.
///
/// # Errors
/// When they cannot be removed.
pub fn remove_unidentified(tx: &mut Tx<'_>, (first, last): (i64, i64)) -> Result<usize, Error> {
    tx.execute("DELETE FROM activity WHERE no BETWEEN ?1 AND ?2 AND unidentified", params![first, last])
}

/// Removes at most `most` of the links before row `no`; tells how many.
pub fn remove_links(tx: &mut Tx<'_>, no: i64, most: i64) -> Result<usize, Error> {
    tx.execute(
        "DELETE FROM activity_links WHERE no IN (SELECT no FROM activity_links WHERE no < ?1 ORDER BY no LIMIT ?2)",
        params![no, most],
    )
}

/// Removes the notes on runs that began before row `no`.
pub fn remove_runs(tx: &mut Tx<'_>, no: i64) -> Result<usize, Error> {
    tx.execute("DELETE FROM activity_runs WHERE no < ?1", params![no])
}

/// Removes at most `most` entries of the index of segments before `segment`; tells how many.
pub fn remove_index(tx: &mut Tx<'_>, segment: i64, most: i64) -> Result<usize, Error> {
    let last = tx.first(
        "SELECT segment, key_no, activity_no FROM activity_index WHERE segment < ?1 \
         ORDER BY segment, key_no, activity_no LIMIT 1 OFFSET ?2",
        params![segment, most - 1],
        |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?, row.get::<i64>(2)?)),
    )?;
    match last {
        Some((last_segment, key_no, activity_no)) => tx.execute(
            "DELETE FROM activity_index WHERE (segment, key_no, activity_no) <= (?1, ?2, ?3)",
            params![last_segment, key_no, activity_no],
        ),
        None => tx.execute("DELETE FROM activity_index WHERE segment < ?1", params![segment]),
    }
}

/// Forgets that segments before `segment` were indexed.
pub fn remove_segments(tx: &mut Tx<'_>, segment: i64) -> Result<usize, Error> {
    tx.execute("DELETE FROM activity_segments WHERE segment < ?1", params![segment])
}

/// Removes at most `most` strings of segments before `segment`; tells how many. Strings stand in the order of their
/// segments, so that only the first need to be looked at.
pub fn remove_strings(tx: &mut Tx<'_>, segment: i64, most: i64) -> Result<usize, Error> {
    let first = tx.number("SELECT min(no) FROM activity_strings", &[])?;
    tx.execute(
        "DELETE FROM activity_strings WHERE no BETWEEN ?1 AND ?2 AND segment < ?3",
        params![first, first.saturating_add(most - 1), segment],
    )
}
