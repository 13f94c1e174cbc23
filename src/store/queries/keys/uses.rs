//! Which keys depend on an API, a part of one, or a person.

use crate::model::SecretHash;
use crate::store::{Conn, Error, Touched, Tx, params};

/// How many unrevoked keys of an API hold `scope`, and the id of one of them.
pub fn with_scope(conn: &Conn<'_>, api_no: i64, scope: &str) -> Result<(i64, Option<String>), Error> {
    // Scope names may hold the wildcards of LIKE; cutting the name out tells the same in every SQL.
    let sql = "SELECT count(*), min(id) FROM keys WHERE api_no = ?1 AND revoked_at IS NULL
        AND replace(' ' || scopes || ' ', ' ' || ?2 || ' ', '') <> ' ' || scopes || ' '";
    count(conn, sql, api_no, scope)
}

/// How many unrevoked keys of an API name `tier`, and the id of one of them.
pub fn with_tier(conn: &Conn<'_>, api_no: i64, tier: &str) -> Result<(i64, Option<String>), Error> {
    let sql = "SELECT count(*), min(id) FROM keys WHERE api_no = ?1 AND revoked_at IS NULL AND tier = ?2";
    count(conn, sql, api_no, tier)
}

fn count(conn: &Conn<'_>, sql: &str, api_no: i64, name: &str) -> Result<(i64, Option<String>), Error> {
    let found = conn.first(sql, params![api_no, name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.unwrap_or((0, None)))
}

/// How many keys of an API are not revoked.
pub fn unrevoked(conn: &Conn<'_>, api_no: i64) -> Result<i64, Error> {
    conn.number("SELECT count(*) FROM keys WHERE api_no = ?1 AND revoked_at IS NULL", params![api_no])
}

/// Removes every key of an API with its secrets and its use.
pub fn delete_of_api(tx: &mut Tx<'_>, api_no: i64) -> Result<(), Error> {
    let sql = "SELECT hash FROM key_secrets WHERE key_no IN (SELECT no FROM keys WHERE api_no = ?1)";
    let hashes = tx.all(sql, params![api_no], |row| Ok(SecretHash::from_bytes(row.get(0)?)))?;
    hashes.iter().for_each(|hash| tx.touch(Touched::Key(*hash)));
    for table in ["key_secrets", "key_usage"] {
        let sql = format!("DELETE FROM {table} WHERE key_no IN (SELECT no FROM keys WHERE api_no = ?1)");
        tx.execute(&sql, params![api_no])?;
    }
    tx.execute("DELETE FROM keys WHERE api_no = ?1", params![api_no])?;
    Ok(())
}
