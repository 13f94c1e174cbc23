//! People and what proves them.

use crate::model::{Email, KeyId, Role, SecretHash, Timestamp, User, UserId};
use crate::store::{Conn, Error, Row, ToSql, Touched, Tx, params};

const COLUMNS: &str = "u.no, u.id, u.email, u.name, u.role, u.email_verified_at, u.disabled_at, u.created_at,
    u.updated_at, EXISTS (SELECT 1 FROM totp WHERE user_no = u.no AND confirmed_at IS NOT NULL), u.password,
    (SELECT max(last_used_at) FROM sessions WHERE user_no = u.no)";

fn read(row: &Row<'_>) -> Result<User, Error> {
    Ok(User {
        no: row.get(0)?,
        id: row.parse(1)?,
        email: row.parse(2)?,
        name: row.get(3)?,
        role: row.parse(4)?,
        email_verified_at: row.time_opt(5)?,
        disabled_at: row.time_opt(6)?,
        created_at: row.time(7)?,
        updated_at: row.time(8)?,
        second_factor: row.bool(9)?,
        last_active_at: row.time_opt(11)?,
    })
}

/// A person by id; none when removed.
pub fn by_id(conn: &Conn<'_>, id: UserId) -> Result<Option<User>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM users u WHERE u.id = ?1 AND u.deleted_at IS NULL");
    conn.first(&sql, params![id.to_string()], read)
}

/// A person by row number; none when removed.
pub fn by_no(conn: &Conn<'_>, no: i64) -> Result<Option<User>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM users u WHERE u.no = ?1 AND u.deleted_at IS NULL");
    conn.first(&sql, params![no], read)
}

/// A person by address, with the stored password if there is one.
pub fn by_email(conn: &Conn<'_>, email: &Email) -> Result<Option<(User, Option<String>)>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM users u WHERE u.email_key = ?1 AND u.deleted_at IS NULL");
    conn.first(&sql, params![email.key()], |row| Ok((read(row)?, row.get(10)?)))
}

/// The stored password of a person.
pub fn password(conn: &Conn<'_>, no: i64) -> Result<Option<String>, Error> {
    let found = conn.first("SELECT password FROM users WHERE no = ?1", params![no], |row| row.get(0))?;
    Ok(found.flatten())
}

/// Whether there are people.
pub fn any(conn: &Conn<'_>) -> Result<bool, Error> {
    conn.exists("SELECT 1 FROM users LIMIT 1", params![])
}

/// Up to `limit` people after row `after`, oldest first; `part` is looked for in name and address.
pub fn list(
    conn: &Conn<'_>,
    role: Option<Role>,
    part: Option<&str>,
    after: i64,
    limit: u32,
) -> Result<Vec<User>, Error> {
    let (role, part) = (role.map(Role::as_str), part.map(contains));
    let mut conditions = String::new();
    let mut values: Vec<&dyn ToSql> = vec![&after, &limit];
    if let Some(role) = &role {
        values.push(role);
        conditions += &format!(" AND u.role = ?{}", values.len());
    }
    if let Some(part) = &part {
        values.push(part);
        let no = values.len();
        conditions +=
            &format!(" AND (u.email_key LIKE ?{no} ESCAPE '\\' OR lower(u.name) LIKE ?{no} ESCAPE '\\')");
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM users u WHERE u.no > ?1 AND u.deleted_at IS NULL{conditions} ORDER BY u.no LIMIT ?2"
    );
    conn.all(&sql, &values, read)
}

/// Which people may be there when one is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// Any.
    Any,
    /// None: the new person is the first.
    None,
}

/// Adds a person and returns the row's number. None when the address is taken, or when there are others and may not be.
pub fn insert(
    tx: &mut Tx<'_>,
    user: &User,
    password: Option<&str>,
    others: Others,
) -> Result<Option<i64>, Error> {
    let no = tx.insert_if(
        "INSERT INTO users (id, email, email_key, name, role, password, email_verified_at, disabled_at,
            created_at, updated_at)
         SELECT CAST(?1 AS TEXT), CAST(?2 AS TEXT), CAST(?3 AS TEXT), CAST(?4 AS TEXT), CAST(?5 AS TEXT),
            CAST(?6 AS TEXT), CAST(?7 AS BIGINT), CAST(?8 AS BIGINT), CAST(?9 AS BIGINT), CAST(?9 AS BIGINT)
         WHERE CAST(?10 AS BOOLEAN) OR NOT EXISTS (SELECT 1 FROM users)
         ON CONFLICT (email_key) DO NOTHING RETURNING no",
        params![
            user.id.to_string(),
            user.email.as_str(),
            user.email.key(),
            user.name,
            user.role.as_str(),
            password,
            user.email_verified_at.map(Timestamp::millis),
            user.disabled_at.map(Timestamp::millis),
            user.created_at.millis(),
            others == Others::Any,
        ],
    )?;
    if let Some(no) = no {
        tx.touch(Touched::User(no));
    }
    Ok(no)
}

/// An owner who can sign in other than row ?1, or row ?1 is no such owner.
const ANOTHER_OWNER: &str = "(role <> 'owner' OR disabled_at IS NOT NULL OR EXISTS (SELECT 1 FROM users o
    WHERE o.no <> ?1 AND o.role = 'owner' AND o.disabled_at IS NULL AND o.deleted_at IS NULL))";

/// Stores name, role, verification and whether they may sign in. False when no owner who can sign in would be left;
/// nothing is changed then.
pub fn update(tx: &mut Tx<'_>, user: &User) -> Result<bool, Error> {
    tx.touch(Touched::User(user.no));
    let sql = format!(
        "UPDATE users SET name = ?2, role = ?3, email_verified_at = ?4, disabled_at = ?5, updated_at = ?6
         WHERE no = ?1 AND deleted_at IS NULL AND (CAST(?7 AS BOOLEAN) OR {ANOTHER_OWNER})"
    );
    let changed = tx.execute(
        &sql,
        params![
            user.no,
            user.name,
            user.role.as_str(),
            user.email_verified_at.map(Timestamp::millis),
            user.disabled_at.map(Timestamp::millis),
            user.updated_at.millis(),
            user.role == Role::Owner && user.disabled_at.is_none(),
        ],
    )?;
    Ok(changed == 1)
}

/// Stores a password.
pub fn set_password(tx: &mut Tx<'_>, no: i64, password: &str, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE users SET password = ?2, updated_at = ?3 WHERE no = ?1";
    tx.execute(sql, params![no, password, now.millis()])?;
    tx.touch(Touched::User(no));
    Ok(())
}

/// Removes a person: the row stays for what refers to it, without personal data. False when no owner who can sign in
/// would be left; nothing is changed then.
pub fn erase(tx: &mut Tx<'_>, user: &User, now: Timestamp) -> Result<bool, Error> {
    tx.touch(Touched::User(user.no));
    let sql = format!(
        "UPDATE users SET email = '', email_key = id, name = '', password = NULL, email_verified_at = NULL,
            disabled_at = ?2, deleted_at = ?2, updated_at = ?2
         WHERE no = ?1 AND deleted_at IS NULL AND {ANOTHER_OWNER}"
    );
    if tx.execute(&sql, params![user.no, now.millis()])? == 0 {
        return Ok(false);
    }
    tx.execute("DELETE FROM one_time_links WHERE user_no = ?1", params![user.no])?;
    remove_totp(tx, user.no)?;
    Ok(true)
}

/// The hashes of every secret of a person's own keys, so that caches can forget them.
pub fn key_hashes(conn: &Conn<'_>, no: i64) -> Result<Vec<SecretHash>, Error> {
    let sql = "SELECT s.hash FROM key_secrets s JOIN keys k ON k.no = s.key_no WHERE k.user_no = ?1";
    conn.all(sql, params![no], |row| row.get(0).map(SecretHash::from_bytes))
}

/// A person's own keys that were not revoked yet.
pub fn unrevoked_keys(conn: &Conn<'_>, no: i64) -> Result<Vec<KeyId>, Error> {
    let sql = "SELECT id FROM keys WHERE user_no = ?1 AND revoked_at IS NULL ORDER BY no";
    conn.all(sql, params![no], |row| row.parse(0))
}

/// A person's second factor.
pub struct Totp {
    /// The seed, sealed.
    pub sealed: Vec<u8>,
    /// When it began to be asked for; none while it is only offered.
    pub confirmed_at: Option<Timestamp>,
    /// The step of the last code used.
    pub last_step: i64,
}

/// A person's second factor, confirmed or not.
pub fn totp(conn: &Conn<'_>, user_no: i64) -> Result<Option<Totp>, Error> {
    let sql = "SELECT sealed, confirmed_at, last_step FROM totp WHERE user_no = ?1";
    conn.first(sql, params![user_no], |row| {
        Ok(Totp { sealed: row.get(0)?, confirmed_at: row.time_opt(1)?, last_step: row.get(2)? })
    })
}

/// Offers a seed, in place of one that was offered before and never confirmed. False when one is confirmed, which
/// stays.
pub fn offer_totp(tx: &mut Tx<'_>, user_no: i64, sealed: &[u8], now: Timestamp) -> Result<bool, Error> {
    tx.touch(Touched::User(user_no));
    let changed = tx.execute(
        "INSERT INTO totp (user_no, sealed, created_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (user_no) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at
         WHERE totp.confirmed_at IS NULL",
        params![user_no, sealed, now.millis()],
    )?;
    Ok(changed == 1)
}

/// Uses the code of `step`. False when it or a later one was used already: of many at once, one succeeds. A step after
/// `newest` cannot have been used yet, and is overwritten.
pub fn use_totp_step(tx: &mut Tx<'_>, user_no: i64, step: i64, newest: i64) -> Result<bool, Error> {
    let sql = "UPDATE totp SET last_step = ?2 WHERE user_no = ?1 AND (last_step < ?2 OR last_step > ?3)";
    Ok(tx.execute_unheld(sql, params![user_no, step, newest])? == 1)
}

/// Asks for the second factor from now on.
pub fn confirm_totp(tx: &mut Tx<'_>, user_no: i64, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE totp SET confirmed_at = ?2 WHERE user_no = ?1 AND confirmed_at IS NULL";
    tx.execute(sql, params![user_no, now.millis()])?;
    tx.touch(Touched::User(user_no));
    Ok(())
}

/// Forgets the second factor and its recovery codes.
pub fn remove_totp(tx: &mut Tx<'_>, user_no: i64) -> Result<(), Error> {
    tx.touch(Touched::User(user_no));
    tx.execute("DELETE FROM totp WHERE user_no = ?1", params![user_no])?;
    tx.execute("DELETE FROM recovery_codes WHERE user_no = ?1", params![user_no])?;
    Ok(())
}

/// Replaces the recovery codes.
pub fn set_recovery_codes(tx: &mut Tx<'_>, user_no: i64, hashes: &[SecretHash]) -> Result<(), Error> {
    tx.execute("DELETE FROM recovery_codes WHERE user_no = ?1", params![user_no])?;
    for hash in hashes {
        let sql = "INSERT INTO recovery_codes (hash, user_no) VALUES (?1, ?2)";
        tx.execute(sql, params![hash.as_bytes(), user_no])?;
    }
    Ok(())
}

/// Uses a recovery code up; false when it is none of this person's.
pub fn use_recovery_code(tx: &mut Tx<'_>, user_no: i64, hash: &SecretHash) -> Result<bool, Error> {
    let sql = "DELETE FROM recovery_codes WHERE hash = ?1 AND user_no = ?2";
    Ok(tx.execute(sql, params![hash.as_bytes(), user_no])? == 1)
}

/// How many recovery codes are left.
pub fn count_recovery_codes(conn: &Conn<'_>, user_no: i64) -> Result<i64, Error> {
    conn.number("SELECT count(*) FROM recovery_codes WHERE user_no = ?1", params![user_no])
}

/// The pattern of LIKE for texts that contain `part`, with `\\` as escape.
fn contains(part: &str) -> String {
    let escaped = part.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("%{escaped}%")
}
