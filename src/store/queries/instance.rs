//! The instance's own row.

use crate::model::Timestamp;
use crate::store::{Conn, Error, Tx, params};

/// Id of the master key that this store was sealed under; none for a new store.
pub fn master_key_id(conn: &Conn<'_>) -> Result<Option<Vec<u8>>, Error> {
    conn.first("SELECT master_key_id FROM instance WHERE no = 1", &[], |row| row.get(0))
}

/// Makes a new store this instance's own.
pub fn claim(tx: &mut Tx<'_>, now: Timestamp, master_key_id: &[u8]) -> Result<(), Error> {
    let sql = "INSERT INTO instance (no, created_at, master_key_id, trusted_at) VALUES (1, ?1, ?2, ?1)";
    tx.execute(sql, params![now.millis(), master_key_id]).map(drop)
}

/// Trusted time as it was last noted; none for a new store.
pub fn trusted_at(conn: &Conn<'_>) -> Result<Option<Timestamp>, Error> {
    conn.first("SELECT trusted_at FROM instance WHERE no = 1", &[], |row| row.time(0))
}

/// Notes trusted time.
pub fn note_trusted(tx: &mut Tx<'_>, at: Timestamp) -> Result<(), Error> {
    tx.execute("UPDATE instance SET trusted_at = ?1 WHERE no = 1", params![at.millis()]).map(drop)
}

/// Reads a row, to see whether the store can be read.
pub fn check(conn: &Conn<'_>) -> Result<(), Error> {
    conn.number("SELECT count(*) FROM instance", &[]).map(drop)
}
