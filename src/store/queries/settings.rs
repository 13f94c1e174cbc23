//! What an administrator changes while it runs.

use crate::model::Timestamp;
use crate::store::{Conn, Error, Touched, Tx, params};

/// The value of a setting; none means the default.
pub fn get(conn: &Conn<'_>, name: &str) -> Result<Option<String>, Error> {
    conn.first("SELECT value FROM settings WHERE name = ?1", params![name], |row| row.get(0))
}

/// Stores a setting.
pub fn set(tx: &mut Tx<'_>, name: &str, value: &str, now: Timestamp) -> Result<(), Error> {
    tx.touch(Touched::Settings);
    tx.execute(
        "INSERT INTO settings (name, value, updated_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
        params![name, value, now.millis()],
    )?;
    Ok(())
}
