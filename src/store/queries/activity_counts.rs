//! Counts of activity over time.

use crate::env::Settled;
use crate::store::{Conn, Error, Row, Tx, params};

/// How fine the counts over all keys are, and those of one key.
pub const SUM_MILLIS: i64 = 300_000;
/// How fine the counts of one key are.
pub const KEY_MILLIS: i64 = 3_600_000;

/// What is counted apart, in the order in which it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Slot {
    /// When the hour or the five minutes begin.
    pub at: i64,
    /// The key; 0 is the sum over all keys and over no key.
    pub key_no: i64,
    /// The API, or 0.
    pub api_no: i64,
    /// The outcome's number.
    pub outcome: u8,
}

fn slot(row: &Row<'_>) -> Result<Slot, Error> {
    Ok(Slot { at: row.get(0)?, key_no: row.get(1)?, api_no: row.get(2)?, outcome: row.get(3)? })
}

/// What the rows of a range add to: the slot of the sum, and that of the key where there is one.
pub fn each_row(
    conn: &Conn<'_>,
    (first, last): (i64, i64),
    mut visit: impl FnMut(Slot, i64),
) -> Result<(), Error> {
    let sql = "SELECT at, coalesce(key_no, 0), coalesce(api_no, 0), outcome, coalesce(count, 1) \
               FROM activity WHERE no BETWEEN ?1 AND ?2 ORDER BY no";
    conn.each(sql, params![first, last], |row| {
        let (exact, count) = (slot(row)?, row.get(4)?);
        visit(Slot { at: exact.at - exact.at % SUM_MILLIS, key_no: 0, ..exact }, count);
        if exact.key_no != 0 {
            visit(Slot { at: exact.at - exact.at % KEY_MILLIS, ..exact }, count);
        }
        Ok(true)
    })
}

/// Adds counts to their slots, which should come sorted.
pub fn add(tx: &mut Tx<'_>, counts: &[(Slot, i64)]) -> Result<(), Error> {
    let mut statement = tx.prepare(
        "INSERT INTO activity_counts (at, key_no, api_no, outcome, count) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (at, key_no, api_no, outcome) DO UPDATE SET count = activity_counts.count + excluded.count",
    )?;
    for (slot, count) in counts {
        statement.execute(params![slot.at, slot.key_no, slot.api_no, slot.outcome, count])?;
    }
    Ok(())
}

/// The counts about one key, or the sums with key 0, at one moment that counts begin at.
pub fn at(conn: &Conn<'_>, at: i64, key_no: i64, mut visit: impl FnMut(Slot, i64)) -> Result<(), Error> {
    conn.each(
        "SELECT at, key_no, api_no, outcome, count FROM activity_counts WHERE at = ?1 AND key_no = ?2",
        params![at, key_no],
        |row| {
            visit(slot(row)?, row.get(4)?);
            Ok(true)
        },
    )
}

/// The counts of every key in a span.
pub fn of_keys(
    conn: &Conn<'_>,
    (from, to): (i64, i64),
    mut visit: impl FnMut(Slot, i64),
) -> Result<(), Error> {
    conn.each(
        "SELECT at, key_no, api_no, outcome, count FROM activity_counts \
         WHERE at >= ?1 AND at < ?2 AND key_no > 0",
        params![from, to],
        |row| {
            visit(slot(row)?, row.get(4)?);
            Ok(true)
        },
    )
}

/// Removes at most `most` counts from before `at`; tells how many.
pub fn remove(tx: &mut Tx<'_>, at: Settled, most: i64) -> Result<usize, Error> {
    tx.execute(
        "DELETE FROM activity_counts WHERE (at, key_no, api_no, outcome) IN (
             SELECT at, key_no, api_no, outcome FROM activity_counts WHERE at < ?1
             ORDER BY at, key_no, api_no, outcome LIMIT ?2)",
        params![at.millis(), most],
    )
}
