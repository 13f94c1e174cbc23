//! Counters of failed attempts, as the login throttle saves them.

use crate::store::{Conn, Error, Tx, params};

/// One counter. Times are seconds on the throttle's own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in schema.sql")]
pub struct Saved {
    pub table: u8,
    pub slot: u32,
    pub tag: u32,
    pub failures: u32,
    pub last: u32,
    pub blocked_until: u32,
    pub notified: u32,
}

/// The table's number in the row that holds the clock.
const CLOCK: u8 = 255;

/// What the throttle's clock showed when it last saved.
pub fn clock(conn: &Conn<'_>) -> Result<u32, Error> {
    let sql = "SELECT last_seconds FROM login_throttle WHERE counter_table = ?1 AND slot = 0";
    Ok(conn.first(sql, params![CLOCK], |row| row.get(0))?.unwrap_or(0))
}

/// Visits every counter.
pub fn each(conn: &Conn<'_>, mut visit: impl FnMut(Saved)) -> Result<(), Error> {
    let sql = "SELECT counter_table, slot, tag, failures, last_seconds, blocked_until_seconds, notified_seconds \
               FROM login_throttle WHERE counter_table <> ?1";
    conn.each(sql, params![CLOCK], |row| {
        visit(Saved {
            table: row.get(0)?,
            slot: row.get(1)?,
            tag: row.get(2)?,
            failures: row.get(3)?,
            last: row.get(4)?,
            blocked_until: row.get(5)?,
            notified: row.get(6)?,
        });
        Ok(true)
    })
}

/// Saves counters, and what the clock shows. One without failures is removed.
///
/// # Errors
/// When they cannot be written.
pub fn save(tx: &mut Tx<'_>, clock: u32, counters: &[Saved]) -> Result<(), Error> {
    const PUT: &str = "\
        INSERT INTO login_throttle
            (counter_table, slot, tag, failures, last_seconds, blocked_until_seconds, notified_seconds)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (counter_table, slot) DO UPDATE SET tag = excluded.tag, failures = excluded.failures,
            last_seconds = excluded.last_seconds, blocked_until_seconds = excluded.blocked_until_seconds,
            notified_seconds = excluded.notified_seconds";
    const REMOVE: &str = "DELETE FROM login_throttle WHERE counter_table = ?1 AND slot = ?2";
    let row = |saved: &Saved| saved.failures > 0 || saved.table == CLOCK;
    let clock =
        Saved { table: CLOCK, slot: 0, tag: 0, failures: 0, last: clock, blocked_until: 0, notified: 0 };
    for saved in counters.iter().chain([&clock]) {
        let Saved { table, slot, tag, failures, last, blocked_until, notified } = *saved;
        if row(saved) {
            tx.execute(PUT, params![table, slot, tag, failures, last, blocked_until, notified])?;
        } else {
            tx.execute(REMOVE, params![table, slot])?;
        }
    }
    Ok(())
}

/// Removes at most `most` counters whose last failure was before `until`; tells how many.
///
/// # Errors
/// When they cannot be removed.
pub fn sweep(tx: &mut Tx<'_>, until: u32, most: u32) -> Result<usize, Error> {
    tx.execute(
        "DELETE FROM login_throttle WHERE (counter_table, slot) IN
            (SELECT counter_table, slot FROM login_throttle
             WHERE counter_table <> ?1 AND last_seconds < ?2 AND blocked_until_seconds < ?2 LIMIT ?3)",
        params![CLOCK, until, most],
    )
}
