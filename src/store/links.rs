//! Links that each work once.

use super::{Conn, Error, Tx, params};
use crate::env::Settled;
use crate::model::{Email, SecretHash, Timestamp};

/// How long a link works.
pub const LINK_SECONDS: i64 = 3_600;

/// What a link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Makes the first owner.
    Setup,
    /// Makes the account that somebody asked for.
    Signup,
    /// Shows that mail reaches a person.
    VerifyEmail,
    /// Sets a new password.
    ResetPassword,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Signup => "signup",
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
        }
    }
}

/// What a link was made for.
pub struct Link {
    /// What it does.
    pub purpose: Purpose,
    /// For whom; none where there is nobody yet.
    pub user_no: Option<i64>,
    /// The address that it was sent to.
    pub email: Option<Email>,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// Adds a link, in place of those of the same purpose for the same person; where there is no person yet, for the same
/// address, or for none.
pub fn replace(tx: &mut Tx<'_>, hash: &SecretHash, link: &Link) -> Result<(), Error> {
    let purpose = link.purpose.as_str();
    let sql = "DELETE FROM one_time_links WHERE purpose = ?1 AND
        ((?2 IS NOT NULL AND user_no = ?2) OR (?2 IS NULL AND user_no IS NULL AND email IS ?3))";
    let email = link.email.as_ref().map(Email::as_str);
    tx.execute(sql, params![purpose, link.user_no, email])?;
    tx.execute(
        "INSERT INTO one_time_links (hash, purpose, user_no, email, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![hash.as_bytes(), purpose, link.user_no, email, link.expires_at.millis()],
    )?;
    Ok(())
}

/// A link of this purpose that still works.
pub fn find(
    conn: &Conn<'_>,
    purpose: Purpose,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<Link>, Error> {
    let sql = "SELECT user_no, email, expires_at FROM one_time_links
        WHERE hash = ?1 AND purpose = ?2 AND expires_at > ?3";
    let found = conn.first(sql, params![hash.as_bytes(), purpose.as_str(), now.millis()], |row| {
        Ok(Link { purpose, user_no: row.get(0)?, email: row.parse_opt(1)?, expires_at: row.time(2)? })
    })?;
    Ok(found.filter(|link| link.expires_at.minus_seconds(LINK_SECONDS).has_started(now)))
}

/// Uses a link up and tells what it was made for; none when it does not work, or not any more.
pub fn take(
    tx: &mut Tx<'_>,
    purpose: Purpose,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<Link>, Error> {
    let found = find(tx, purpose, hash, now)?;
    if found.is_some() {
        tx.execute("DELETE FROM one_time_links WHERE hash = ?1", params![hash.as_bytes()])?;
    }
    Ok(found)
}

/// Removes every link of a purpose.
pub fn remove_all(tx: &mut Tx<'_>, purpose: Purpose) -> Result<(), Error> {
    tx.execute("DELETE FROM one_time_links WHERE purpose = ?1", params![purpose.as_str()])?;
    Ok(())
}

/// Removes a person's links of a purpose.
pub fn remove_of(tx: &mut Tx<'_>, purpose: Purpose, user_no: i64) -> Result<(), Error> {
    let sql = "DELETE FROM one_time_links WHERE purpose = ?1 AND user_no = ?2";
    tx.execute(sql, params![purpose.as_str(), user_no])?;
    Ok(())
}

/// Removes up to `most` links whose time is over.
pub fn sweep(tx: &mut Tx<'_>, now: Settled, most: u32) -> Result<usize, Error> {
    tx.execute(
        "DELETE FROM one_time_links WHERE hash IN
            (SELECT hash FROM one_time_links WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
        params![now.millis(), most],
    )
}
