//! What people allowed clients.

use crate::env::Settled;
use crate::model::{ClientId, GrantId, ScopeSet, Timestamp, UserId};
use crate::store::{Conn, Error, Row, Touched, Tx, params};

/// What a person allowed a client at an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The row's number.
    pub no: i64,
    /// The public id.
    pub id: GrantId,
    /// Number and id of the person.
    pub user: (i64, UserId),
    /// Number, id and name of the client.
    pub client: (i64, ClientId, String),
    /// The API.
    pub api_no: i64,
    /// All that was allowed so far.
    pub scopes: ScopeSet,
    /// When it was first given.
    pub created_at: Timestamp,
    /// When it last gave a code.
    pub last_used_at: Timestamp,
}

const SELECT: &str = "SELECT g.no, g.id, u.no, u.id, c.no, c.id, c.name, g.api_no, g.scopes, g.created_at,
        g.last_used_at
    FROM grants g JOIN users u ON u.no = g.user_no JOIN clients c ON c.no = g.client_no";

fn read(row: &Row<'_>) -> Result<Grant, Error> {
    Ok(Grant {
        no: row.get(0)?,
        id: row.parse(1)?,
        user: (row.get(2)?, row.parse(3)?),
        client: (row.get(4)?, row.parse(5)?, row.get(6)?),
        api_no: row.get(7)?,
        scopes: row.parse(8)?,
        created_at: row.time(9)?,
        last_used_at: row.time(10)?,
    })
}

/// The standing grant of a person for a client at an API.
pub fn standing(conn: &Conn<'_>, user_no: i64, client_no: i64, api_no: i64) -> Result<Option<Grant>, Error> {
    let sql = format!(
        "{SELECT} WHERE g.user_no = ?1 AND g.client_no = ?2 AND g.api_no = ?3 AND g.revoked_at IS NULL"
    );
    conn.first(&sql, params![user_no, client_no, api_no], read)
}

/// Whether a person has a standing grant for a client at any API.
pub fn any(conn: &Conn<'_>, user_no: i64, client_no: i64) -> Result<bool, Error> {
    let sql = "SELECT count(*) FROM grants WHERE user_no = ?1 AND client_no = ?2 AND revoked_at IS NULL";
    Ok(conn.number(sql, params![user_no, client_no])? > 0)
}

/// The standing grant of this id.
pub fn find(conn: &Conn<'_>, id: GrantId) -> Result<Option<Grant>, Error> {
    conn.first(&format!("{SELECT} WHERE g.id = ?1 AND g.revoked_at IS NULL"), params![id.to_string()], read)
}

/// At most `limit` standing grants of a person to clients that are there, older than number `before`, newest first.
pub fn list(conn: &Conn<'_>, user_no: i64, before: i64, limit: u32) -> Result<Vec<Grant>, Error> {
    let sql = format!(
        "{SELECT} WHERE g.user_no = ?1 AND g.no < ?2 AND g.revoked_at IS NULL AND c.deleted_at IS NULL
         ORDER BY g.no DESC LIMIT ?3"
    );
    conn.all(&sql, params![user_no, before, limit], read)
}

/// Adds a grant and tells its number.
///
/// # Errors
/// `Duplicate` when one stands already.
pub fn insert(
    tx: &mut Tx<'_>,
    id: GrantId,
    (user_no, client_no, api_no): (i64, i64, i64),
    scopes: &ScopeSet,
    now: Timestamp,
) -> Result<i64, Error> {
    let no = tx.insert(
        "INSERT INTO grants (id, user_no, client_no, api_no, scopes, created_at, updated_at, last_used_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?6) RETURNING no",
        params![id.to_string(), user_no, client_no, api_no, scopes.to_string(), now.millis()],
    )?;
    tx.touch(Touched::Grant(no));
    Ok(no)
}

/// Sets what a grant allows.
pub fn widen(tx: &mut Tx<'_>, no: i64, scopes: &ScopeSet, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE grants SET scopes = ?2, updated_at = ?3 WHERE no = ?1";
    tx.execute(sql, params![no, scopes.to_string(), now.millis()])?;
    tx.touch(Touched::Grant(no));
    Ok(())
}

/// Remembers that a grant gave a code.
pub fn touch(tx: &mut Tx<'_>, no: i64, now: Timestamp) -> Result<(), Error> {
    tx.execute_unheld("UPDATE grants SET last_used_at = ?2 WHERE no = ?1", params![no, now.millis()])?;
    Ok(())
}

/// Ends a grant with all that stands on it; false when it had ended.
pub fn revoke(tx: &mut Tx<'_>, no: i64, now: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE grants SET revoked_at = ?2 WHERE no = ?1 AND revoked_at IS NULL";
    let ended = tx.execute(sql, params![no, now.millis()])? == 1;
    tx.touch(Touched::Grant(no));
    tx.execute(
        "UPDATE refresh_families SET revoked_at = ?2 WHERE revoked_at IS NULL
            AND no IN (SELECT family_no FROM authorizations WHERE grant_no = ?1)",
        params![no, now.millis()],
    )?;
    Ok(ended)
}

/// Removes at most `most` grants that were revoked before `before`.
pub fn sweep(tx: &mut Tx<'_>, before: Settled, most: u32) -> Result<usize, Error> {
    let grants = tx.returning(
        "DELETE FROM grants WHERE no IN
            (SELECT no FROM grants WHERE revoked_at <= ?1 ORDER BY revoked_at LIMIT ?2) RETURNING no",
        params![before.millis(), most],
        |row| row.get(0),
    )?;
    let removed = grants.len();
    grants.into_iter().for_each(|no| tx.touch(Touched::Grant(no)));
    Ok(removed)
}
