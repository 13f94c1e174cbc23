//! Counts of activity by the hour.

use super::{Conn, Error, Tx, params};
use crate::model::Timestamp;

/// What is counted apart: the hour, the key, the API and the outcome, in this order. Key 0 is the sum over all keys
/// and over no key; API 0 is no API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Slot {
    /// The hour's first millisecond.
    pub at: i64,
    /// The key, or 0.
    pub key_no: i64,
    /// The API, or 0.
    pub api_no: i64,
    /// The outcome's number.
    pub outcome: u8,
}

/// What a row adds to: one slot of its key and one of the sum.
///
/// # Errors
/// When the store cannot be read.
pub fn each_row(
    conn: &Conn<'_>,
    (first, last): (i64, i64),
    mut visit: impl FnMut(Slot, i64),
) -> Result<(), Error> {
    let sql = "SELECT at, coalesce(key_no, 0), coalesce(api_no, 0), outcome, coalesce(count, 1) \
               FROM activity WHERE no BETWEEN ?1 AND ?2 ORDER BY no";
    conn.each(sql, params![first, last], |row| {
        let at = row.get::<i64>(0)?;
        let slot = Slot {
            at: at - at.rem_euclid(3_600_000),
            key_no: row.get(1)?,
            api_no: row.get(2)?,
            outcome: row.get(3)?,
        };
        visit(slot, row.get(4)?);
        Ok(true)
    })
}

/// Adds counts to their slots, which should come sorted.
///
/// # Errors
/// When they cannot be written.
pub fn add(tx: &mut Tx<'_>, counts: &[(Slot, i64)]) -> Result<(), Error> {
    let mut statement = tx.0.prepare_cached(
        "INSERT INTO activity_hours (at, key_no, api_no, outcome, count) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (at, key_no, api_no, outcome) DO UPDATE SET count = count + excluded.count",
    )?;
    for (slot, count) in counts {
        statement.execute((slot.at, slot.key_no, slot.api_no, slot.outcome, count))?;
    }
    Ok(())
}

/// The counts of one hour about one key, or the sums with key 0.
///
/// # Errors
/// When the store cannot be read.
pub fn of_hour(
    conn: &Conn<'_>,
    at: Timestamp,
    key_no: i64,
    mut visit: impl FnMut(Slot, i64),
) -> Result<(), Error> {
    conn.each(
        "SELECT at, key_no, api_no, outcome, count FROM activity_hours WHERE at = ?1 AND key_no = ?2",
        params![at.millis(), key_no],
        |row| {
            let slot =
                Slot { at: row.get(0)?, key_no: row.get(1)?, api_no: row.get(2)?, outcome: row.get(3)? };
            visit(slot, row.get(4)?);
            Ok(true)
        },
    )
}

/// The counts of all keys within a span, hour by hour.
///
/// # Errors
/// When the store cannot be read.
pub fn of_keys(
    conn: &Conn<'_>,
    (from, to): (Timestamp, Timestamp),
    mut visit: impl FnMut(Slot, i64),
) -> Result<(), Error> {
    conn.each(
        "SELECT at, key_no, api_no, outcome, count FROM activity_hours \
         WHERE at >= ?1 AND at < ?2 AND key_no > 0",
        params![from.millis(), to.millis()],
        |row| {
            let slot =
                Slot { at: row.get(0)?, key_no: row.get(1)?, api_no: row.get(2)?, outcome: row.get(3)? };
            visit(slot, row.get(4)?);
            Ok(true)
        },
    )
}

/// Removes at most `most` counts from before `at`; tells how many.
///
/// # Errors
/// When they cannot be removed.
pub fn remove(tx: &mut Tx<'_>, at: Timestamp, most: i64) -> Result<usize, Error> {
    tx.execute(
        "DELETE FROM activity_hours WHERE (at, key_no, api_no, outcome) IN (
             SELECT at, key_no, api_no, outcome FROM activity_hours WHERE at < ?1
             ORDER BY at, key_no, api_no, outcome LIMIT ?2)",
        params![at.millis(), most],
    )
}
