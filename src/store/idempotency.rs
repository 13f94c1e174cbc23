//! Answers kept for requests that are sent again.

use super::{Conn, Error, Tx, params};
use crate::env::Settled;
use crate::model::Timestamp;

/// What is kept of a request that was answered.
pub struct Stored {
    /// Keyed hash of the body.
    pub request_hash: Vec<u8>,
    /// What it created.
    pub resource_id: String,
    /// The answer, sealed; none once it may not be shown again.
    pub sealed: Option<Vec<u8>>,
    /// When the answer goes.
    pub answer_until_at: Timestamp,
    /// When all of it goes.
    pub expires_at: Timestamp,
}

/// What is kept under `hash`.
pub fn find(conn: &Conn<'_>, hash: &[u8]) -> Result<Option<Stored>, Error> {
    let sql = "SELECT request_hash, resource_id, sealed, answer_until_at, expires_at FROM idempotency
        WHERE hash = ?1";
    conn.first(sql, params![hash], |row| {
        Ok(Stored {
            request_hash: row.get(0)?,
            resource_id: row.get(1)?,
            sealed: row.get(2)?,
            answer_until_at: row.time(3)?,
            expires_at: row.time(4)?,
        })
    })
}

/// Keeps an answer, in place of what lies under `hash`.
pub fn put(tx: &mut Tx<'_>, hash: &[u8], stored: &Stored) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO idempotency (hash, request_hash, resource_id, sealed, answer_until_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (hash) DO UPDATE SET request_hash = excluded.request_hash,
            resource_id = excluded.resource_id, sealed = excluded.sealed,
            answer_until_at = excluded.answer_until_at, expires_at = excluded.expires_at",
        params![
            hash,
            stored.request_hash,
            stored.resource_id,
            stored.sealed,
            stored.answer_until_at.millis(),
            stored.expires_at.millis(),
        ],
    )?;
    Ok(())
}

/// Drops at most `most` answers and `most` rows whose time is over, and tells how many it touched.
pub fn sweep(tx: &mut Tx<'_>, now: Settled, most: u32) -> Result<usize, Error> {
    let answers = tx.execute(
        "UPDATE idempotency SET sealed = NULL WHERE hash IN
            (SELECT hash FROM idempotency WHERE sealed IS NOT NULL AND answer_until_at <= ?1 LIMIT ?2)",
        params![now.millis(), most],
    )?;
    let rows = tx.execute(
        "DELETE FROM idempotency WHERE hash IN
            (SELECT hash FROM idempotency WHERE expires_at <= ?1 LIMIT ?2)",
        params![now.millis(), most],
    )?;
    Ok(answers + rows)
}
