//! Work that the clock drives: when each job is due, and how it fared.

use super::{Conn, Error, Tx, params};
use crate::model::Timestamp;

/// When a job is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Its name.
    pub name: String,
    /// When it is due.
    pub run_at: Timestamp,
    /// Failures in a row.
    pub failures: i64,
}

/// Every job that has run before.
///
/// # Errors
/// When the store cannot be read.
pub fn all(conn: &Conn<'_>) -> Result<Vec<Due>, Error> {
    conn.all("SELECT name, run_at, failures FROM jobs", &[], |row| {
        Ok(Due { name: row.get(0)?, run_at: row.time(1)?, failures: row.get(2)? })
    })
}

/// Notes that a job has run, when it is due again, and what went wrong.
///
/// # Errors
/// When it cannot be written.
pub fn put(tx: &mut Tx<'_>, due: &Due, error: Option<&str>) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO jobs (name, run_at, failures, last_error) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET run_at = ?2, failures = ?3, last_error = ?4",
        params![due.name, due.run_at.millis(), due.failures, error],
    )?;
    Ok(())
}

/// What a job remembers between its runs; none before it noted anything.
///
/// # Errors
/// When the store cannot be read.
pub fn state<T: serde::de::DeserializeOwned>(conn: &Conn<'_>, name: &str) -> Result<Option<T>, Error> {
    let sql = "SELECT state FROM jobs WHERE name = ?1 AND state <> '{}'";
    conn.first(sql, params![name], |row| row.json(0))
}

/// Remembers `state` for a job, in the transaction of the work that it tells of.
///
/// # Errors
/// When it cannot be written.
pub fn set_state(tx: &mut Tx<'_>, name: &str, state: &impl serde::Serialize) -> Result<(), Error> {
    let state = serde_json::to_string(state).map_err(|error| Error::Other(error.to_string()))?;
    tx.execute(
        "INSERT INTO jobs (name, run_at, state) VALUES (?1, 0, ?2) ON CONFLICT (name) DO UPDATE SET state = ?2",
        params![name, state],
    )?;
    Ok(())
}
