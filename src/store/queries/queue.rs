//! Leased work: items that are done once, and schedules that are done again and again.

use crate::env::Settled;
use crate::model::Timestamp;
use crate::store::{Conn, Error, Row, Tx, params};

/// Bytes of an item's id.
pub const ID_BYTES: usize = 16;

/// An item to be queued.
#[derive(Debug, Clone)]
pub struct NewItem<'i> {
    /// Random; stays the same through all attempts.
    pub id: [u8; ID_BYTES],
    /// The lane that works on it.
    pub kind: &'i str,
    /// Format of the payload.
    pub version: i64,
    /// What the work needs to know, sealed.
    pub sealed: &'i [u8],
    /// Now; the item is due at once.
    pub created_at: Timestamp,
    /// When the work has lost its purpose.
    pub expires_at: Timestamp,
}

/// The times by which an item is due. A run or a lease that lies further ahead than the lane ever plans was written
/// under a wall clock that was wrong: it counts as due.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// The wall clock.
    pub now: Timestamp,
    /// The latest time that the lane would plan a run for now.
    pub latest_run: Timestamp,
    /// The latest time that a lease taken now would end.
    pub latest_lease: Timestamp,
}

/// One lease of an item: only its holder may finish, retry or renew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The item's row.
    pub no: i64,
    /// The number of the lease; each new lease has a higher one.
    pub number: i64,
}

/// An item that was leased.
#[derive(Debug, Clone)]
pub struct Leased {
    /// The lease.
    pub lease: Lease,
    /// The item's id.
    pub id: [u8; ID_BYTES],
    /// Format of the payload.
    pub version: i64,
    /// The payload, sealed; empty for a schedule.
    pub sealed: Vec<u8>,
    /// Attempts that failed so far; of a schedule, in a row.
    pub attempts: i64,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When the work has lost its purpose; none for a schedule.
    pub expires_at: Option<Timestamp>,
}

/// State of one kind of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The kind.
    pub kind: String,
    /// Whether it is a schedule.
    pub repeats: bool,
    /// Items that wait or are being worked on.
    pub waiting: i64,
    /// When the oldest of them was queued.
    pub oldest_at: Option<Timestamp>,
    /// Items that failed for good and are kept to be seen.
    pub dead: i64,
    /// Failures in a row, of a schedule.
    pub failures: i64,
    /// When a schedule succeeded last.
    pub succeeded_at: Option<Timestamp>,
}

/// An empty payload.
const NOTHING: &[u8] = &[];

const DUE: &str =
    "dead_at IS NULL AND (run_at <= ?2 OR run_at > ?3) AND (leased_until <= ?2 OR leased_until > ?4)";

/// Adds an item.
pub fn insert(tx: &mut Tx<'_>, item: &NewItem<'_>) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO queue (id, kind, version, sealed, created_at, run_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
        params![
            item.id.as_slice(),
            item.kind,
            item.version,
            item.sealed,
            item.created_at.millis(),
            item.expires_at.millis(),
        ],
    )?;
    Ok(())
}

/// Adds a schedule unless it is there; it is due at once.
pub fn schedule(tx: &mut Tx<'_>, kind: &str, id: &[u8; ID_BYTES], now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO queue (id, kind, version, sealed, repeats, created_at, run_at)
         VALUES (?1, ?2, 1, ?4, TRUE, ?3, ?3) ON CONFLICT DO NOTHING",
        params![id.as_slice(), kind, now.millis(), NOTHING],
    )?;
    Ok(())
}

/// Ends every lease, and removes the schedules that are not among `kinds`. Only for a process that has the store to
/// itself: no other can hold a lease.
pub fn begin(tx: &mut Tx<'_>, kinds: &[&str]) -> Result<(), Error> {
    tx.execute("UPDATE queue SET leased_until = 0 WHERE leased_until > 0", &[])?;
    let known = tx.all("SELECT kind FROM queue WHERE repeats", &[], |row| row.get::<String>(0))?;
    for kind in known.iter().filter(|kind| !kinds.contains(&kind.as_str())) {
        tx.execute("DELETE FROM queue WHERE kind = ?1 AND repeats", params![kind])?;
    }
    Ok(())
}

/// The rows of `kind` that are due, the longest due first, at most `limit`.
pub fn due(conn: &Conn<'_>, kind: &str, window: &Window, limit: usize) -> Result<Vec<i64>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    conn.all(
        &format!("SELECT no FROM queue WHERE kind = ?1 AND {DUE} ORDER BY run_at LIMIT ?5"),
        params![kind, window.now.millis(), window.latest_run.millis(), window.latest_lease.millis(), limit],
        |row| row.get(0),
    )
}

/// Leases those of `rows` that are still due, until `window.latest_lease`.
pub fn lease(tx: &mut Tx<'_>, rows: &[i64], window: &Window) -> Result<Vec<Leased>, Error> {
    let sql = format!(
        "UPDATE queue SET leased_until = ?4, lease = lease + 1 WHERE no = ?1 AND {DUE}
         RETURNING no, lease, id, version, sealed, attempts, created_at, expires_at"
    );
    let (now, run, until) = (window.now.millis(), window.latest_run.millis(), window.latest_lease.millis());
    let mut leased = Vec::with_capacity(rows.len());
    for no in rows {
        leased.extend(tx.returning(&sql, params![no, now, run, until], read)?);
    }
    Ok(leased)
}

fn read(row: &Row<'_>) -> Result<Leased, Error> {
    let id: Vec<u8> = row.get(2)?;
    Ok(Leased {
        lease: Lease { no: row.get(0)?, number: row.get(1)? },
        id: id
            .try_into()
            .map_err(|_| Error::Corrupt("the id of a queue item has another length".to_owned()))?,
        version: row.get(3)?,
        sealed: row.get(4)?,
        attempts: row.get(5)?,
        created_at: row.time(6)?,
        expires_at: row.time_opt(7)?,
    })
}

/// Makes a lease last until `until`; false when it was lost.
pub fn renew(tx: &mut Tx<'_>, lease: Lease, until: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE queue SET leased_until = ?3 WHERE no = ?1 AND lease = ?2";
    Ok(tx.execute(sql, params![lease.no, lease.number, until.millis()])? > 0)
}

/// Removes an item that is done; false when the lease was lost.
pub fn finish(tx: &mut Tx<'_>, lease: Lease) -> Result<bool, Error> {
    let sql = "DELETE FROM queue WHERE no = ?1 AND lease = ?2 AND NOT repeats";
    Ok(tx.execute(sql, params![lease.no, lease.number])? > 0)
}

/// Ends a successful run of a schedule; the next one is due at `run_at`.
pub fn repeat(tx: &mut Tx<'_>, lease: Lease, now: Timestamp, run_at: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE queue
        SET run_at = ?4, leased_until = 0, attempts = 0, last_error = NULL, succeeded_at = ?3
        WHERE no = ?1 AND lease = ?2";
    Ok(tx.execute(sql, params![lease.no, lease.number, now.millis(), run_at.millis()])? > 0)
}

/// Ends a failed attempt; the next one is due at `run_at`.
pub fn retry(tx: &mut Tx<'_>, lease: Lease, run_at: Timestamp, error: &str) -> Result<bool, Error> {
    let sql = "UPDATE queue SET run_at = ?3, leased_until = 0, attempts = attempts + 1, last_error = ?4
        WHERE no = ?1 AND lease = ?2";
    Ok(tx.execute(sql, params![lease.no, lease.number, run_at.millis(), error])? > 0)
}

/// Gives an item up. The row stays for a while so that it is seen; its payload goes, as it may hold secrets.
pub fn bury(tx: &mut Tx<'_>, lease: Lease, now: Timestamp, error: &str) -> Result<bool, Error> {
    let sql = "UPDATE queue
        SET dead_at = ?3, leased_until = 0, attempts = attempts + 1, last_error = ?4, sealed = ?5
        WHERE no = ?1 AND lease = ?2";
    Ok(tx.execute(sql, params![lease.no, lease.number, now.millis(), error, NOTHING])? > 0)
}

/// Removes up to `limit` items that died before `before`, and tells how many.
pub fn sweep(tx: &mut Tx<'_>, before: Settled, limit: usize) -> Result<usize, Error> {
    let sql = "DELETE FROM queue WHERE no IN
        (SELECT no FROM queue WHERE dead_at < ?1 ORDER BY dead_at LIMIT ?2)";
    tx.execute(sql, params![before.millis(), i64::try_from(limit).unwrap_or(i64::MAX)])
}

/// How many items of `kind` wait or are being worked on.
pub fn waiting(conn: &Conn<'_>, kind: &str) -> Result<i64, Error> {
    conn.number("SELECT count(*) FROM queue WHERE kind = ?1 AND dead_at IS NULL", params![kind])
}

/// State of each kind of work.
pub fn states(conn: &Conn<'_>) -> Result<Vec<State>, Error> {
    conn.all(
        "SELECT kind, max(CASE WHEN repeats THEN 1 ELSE 0 END), count(*) - count(dead_at), min(CASE WHEN dead_at IS NULL THEN created_at END),
             count(dead_at), max(attempts), max(succeeded_at)
         FROM queue GROUP BY kind",
        &[],
        |row| {
            Ok(State {
                kind: row.get(0)?,
                repeats: row.bool(1)?,
                waiting: row.get(2)?,
                oldest_at: row.time_opt(3)?,
                dead: row.get(4)?,
                failures: row.get(5)?,
                succeeded_at: row.time_opt(6)?,
            })
        },
    )
}
