//! Answers kept for requests that are sent again.

use crate::env::Settled;
use crate::model::Timestamp;
use crate::store::{Conn, Error, Tx, params};

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

/// Claims `hash` for a request that is about to be done; false when an answer is kept there that has not expired. Of
/// several callers, one succeeds. [`keep`] must follow in the same transaction.
pub fn claim(tx: &mut Tx<'_>, hash: &[u8], request_hash: &[u8], now: Timestamp) -> Result<bool, Error> {
    let claimed = tx.execute(
        "INSERT INTO idempotency (hash, request_hash, resource_id, answer_until_at, expires_at)
         VALUES (?1, ?2, '', ?3, ?3)
         ON CONFLICT (hash) DO UPDATE SET request_hash = excluded.request_hash, resource_id = '', sealed = NULL,
            answer_until_at = excluded.answer_until_at, expires_at = excluded.expires_at
         WHERE idempotency.expires_at <= excluded.expires_at",
        params![hash, request_hash, now.millis()],
    )?;
    Ok(claimed == 1)
}

/// Keeps the answer of a request that [`claim`] was called for.
pub fn keep(tx: &mut Tx<'_>, hash: &[u8], stored: &Stored) -> Result<(), Error> {
    tx.execute(
        "UPDATE idempotency SET request_hash = ?2, resource_id = ?3, sealed = ?4, answer_until_at = ?5,
            expires_at = ?6
         WHERE hash = ?1",
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
