//! Links that each work once.

use crate::env::Settled;
use crate::model::{Email, SecretHash, Timestamp};
use crate::store::{Conn, Error, Row, Tx, params};

/// How long a link works.
pub const LINK_SECONDS: i64 = 3_600;

/// What a link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Makes the first owner.
    Setup,
    /// Creates the account of a sign-up.
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
    /// The person that it is for; none before there is one.
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
    let email = link.email.as_ref().map(Email::as_str);
    let same = "DELETE FROM one_time_links WHERE purpose = ?1 AND user_no IS NULL AND";
    match (link.user_no, email) {
        (Some(user_no), _) => remove_of(tx, link.purpose, user_no)?,
        (None, Some(email)) => drop(tx.execute(&format!("{same} email = ?2"), params![purpose, email])?),
        (None, None) => drop(tx.execute(&format!("{same} email IS NULL"), params![purpose])?),
    }
    tx.execute(
        "INSERT INTO one_time_links (hash, purpose, user_no, email, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![hash.as_bytes(), purpose, link.user_no, email, link.expires_at.millis()],
    )?;
    Ok(())
}

/// A link of this purpose that works at `now`: it has not expired, and it was not made while a clock was ahead.
pub fn find(
    conn: &Conn<'_>,
    purpose: Purpose,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<Link>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM one_time_links WHERE {WORKS}");
    conn.first(&sql, params![hash.as_bytes(), purpose.as_str(), now.millis(), newest_end(now)], |row| {
        read(row, purpose)
    })
}

const COLUMNS: &str = "user_no, email, expires_at";
const WORKS: &str = "hash = ?1 AND purpose = ?2 AND expires_at > ?3 AND expires_at <= ?4";

/// The latest end of a link that has started at `now`.
fn newest_end(now: Timestamp) -> i64 {
    now.latest_start().plus_seconds(LINK_SECONDS).millis()
}

fn read(row: &Row<'_>, purpose: Purpose) -> Result<Link, Error> {
    Ok(Link { purpose, user_no: row.get(0)?, email: row.parse_opt(1)?, expires_at: row.time(2)? })
}

/// Uses a link and returns what it was made for; none when it does not work, or not any more. Of several callers with
/// one link, one succeeds.
pub fn take(
    tx: &mut Tx<'_>,
    purpose: Purpose,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<Link>, Error> {
    let sql = format!("DELETE FROM one_time_links WHERE {WORKS} RETURNING {COLUMNS}");
    let values = params![hash.as_bytes(), purpose.as_str(), now.millis(), newest_end(now)];
    Ok(tx.returning(&sql, values, |row| read(row, purpose))?.pop())
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
