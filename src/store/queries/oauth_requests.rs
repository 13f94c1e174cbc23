//! Requests for authorization that wait for a person.

use crate::env::Settled;
use crate::model::{SecretHash, Timestamp};
use crate::store::{Conn, Error, Tx, params};

/// A request for authorization that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingAuthorization {
    /// SHA-256 of the cookie of the browser that sent it.
    pub browser: SecretHash,
    /// The client that asks.
    pub client_no: i64,
    /// The API that it asks for.
    pub api_no: i64,
    /// What was asked, as JSON.
    pub asked: String,
    /// When it was sent.
    pub created_at: Timestamp,
    /// Until when it may be answered.
    pub expires_at: Timestamp,
}

/// Keeps a request under the hash of its id.
pub fn insert(tx: &mut Tx<'_>, hash: &SecretHash, waiting: &PendingAuthorization) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO oauth_requests (hash, browser, client_no, api_no, asked, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            hash.as_bytes(),
            waiting.browser.as_bytes(),
            waiting.client_no,
            waiting.api_no,
            waiting.asked,
            waiting.created_at.millis(),
            waiting.expires_at.millis(),
        ],
    )?;
    Ok(())
}

/// The request whose id has this hash.
pub fn find(conn: &Conn<'_>, hash: &SecretHash) -> Result<Option<PendingAuthorization>, Error> {
    let sql = "SELECT browser, client_no, api_no, asked, created_at, expires_at FROM oauth_requests WHERE hash = ?1";
    conn.first(sql, params![hash.as_bytes()], |row| {
        Ok(PendingAuthorization {
            browser: SecretHash::from_bytes(row.get(0)?),
            client_no: row.get(1)?,
            api_no: row.get(2)?,
            asked: row.get(3)?,
            created_at: row.time(4)?,
            expires_at: row.time(5)?,
        })
    })
}

/// Requests that wait, counted up to `most`.
pub fn count(conn: &Conn<'_>, most: i64) -> Result<i64, Error> {
    conn.number("SELECT count(*) FROM (SELECT 1 FROM oauth_requests LIMIT ?1)", params![most])
}

/// Forgets a request; false when it was gone.
pub fn delete(tx: &mut Tx<'_>, hash: &SecretHash) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM oauth_requests WHERE hash = ?1", params![hash.as_bytes()])? == 1)
}

/// Removes at most `most` expired requests.
pub fn sweep(tx: &mut Tx<'_>, now: Settled, most: u32) -> Result<usize, Error> {
    tx.execute(
        "DELETE FROM oauth_requests WHERE hash IN
            (SELECT hash FROM oauth_requests WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        params![now.millis(), most],
    )
}
