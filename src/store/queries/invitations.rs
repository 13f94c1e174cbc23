//! People who may join.

use crate::model::{Email, InvitationId, Role, SecretHash, Timestamp, UserId};
use crate::store::{Conn, Error, Row, Tx, params};

/// An invitation.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// The row's number.
    pub no: i64,
    /// The public id.
    pub id: InvitationId,
    /// Who is invited.
    pub email: Email,
    /// As what.
    pub role: Role,
    /// Who invited them; none when it was a program or has gone.
    pub invited_by: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

const OPEN: &str = "SELECT i.no, i.id, i.email, i.role, u.id, i.created_at, i.expires_at
    FROM invitations i LEFT JOIN users u ON u.no = i.invited_by_user_no
    WHERE i.accepted_at IS NULL AND i.revoked_at IS NULL";

fn read(row: &Row<'_>) -> Result<Invitation, Error> {
    Ok(Invitation {
        no: row.get(0)?,
        id: row.parse(1)?,
        email: row.parse(2)?,
        role: row.parse(3)?,
        invited_by: row.parse_opt(4)?,
        created_at: row.time(5)?,
        expires_at: row.time(6)?,
    })
}

/// Adds an invitation and gives the row's number.
pub fn insert(
    tx: &mut Tx<'_>,
    new: &Invitation,
    hash: &SecretHash,
    invited_by_user_no: Option<i64>,
) -> Result<i64, Error> {
    tx.insert(
        "INSERT INTO invitations (id, hash, email, email_key, role, invited_by_user_no, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING no",
        params![
            new.id.to_string(),
            hash.as_bytes(),
            new.email.as_str(),
            new.email.key(),
            new.role.as_str(),
            invited_by_user_no,
            new.created_at.millis(),
            new.expires_at.millis(),
        ],
    )
}

/// The open invitation of a link.
pub fn by_hash(conn: &Conn<'_>, hash: &SecretHash, now: Timestamp) -> Result<Option<Invitation>, Error> {
    let sql = format!("{OPEN} AND i.hash = ?1 AND i.expires_at > ?2");
    let found = conn.first(&sql, params![hash.as_bytes(), now.millis()], read)?;
    Ok(found.filter(|invitation| invitation.created_at.has_started(now)))
}

/// An open invitation, expired or not.
pub fn by_id(conn: &Conn<'_>, id: InvitationId) -> Result<Option<Invitation>, Error> {
    conn.first(&format!("{OPEN} AND i.id = ?1"), params![id.to_string()], read)
}

/// Up to `limit` open invitations after row `after`, oldest first.
pub fn list(conn: &Conn<'_>, after: i64, limit: u32) -> Result<Vec<Invitation>, Error> {
    conn.all(&format!("{OPEN} AND i.no > ?1 ORDER BY i.no LIMIT ?2"), params![after, limit], read)
}

/// Accepts an open invitation; false when it is not open any more. Of several callers, one succeeds.
pub fn accept(tx: &mut Tx<'_>, no: i64, now: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE invitations SET accepted_at = ?2
        WHERE no = ?1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > ?2";
    Ok(tx.execute(sql, params![no, now.millis()])? == 1)
}

/// Withdraws an open invitation; false when it is not open any more.
pub fn revoke(tx: &mut Tx<'_>, no: i64, now: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE invitations SET revoked_at = ?2
        WHERE no = ?1 AND accepted_at IS NULL AND revoked_at IS NULL";
    Ok(tx.execute(sql, params![no, now.millis()])? == 1)
}

/// Withdraws every open invitation of an address.
pub fn revoke_of(tx: &mut Tx<'_>, email: &Email, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE invitations SET revoked_at = ?2
        WHERE email_key = ?1 AND accepted_at IS NULL AND revoked_at IS NULL";
    tx.execute(sql, params![email.key(), now.millis()])?;
    Ok(())
}
