//! Sessions and the refresh tokens that they, and OAuth grants, live by.

use std::net::IpAddr;

use super::columns::{ip_bytes, ip_of};
use crate::env::Settled;
use crate::model::{AuthMethods, Role, SecretHash, SessionId, Timestamp, UserId};
use crate::store::{Conn, Error, Row, Touched, Tx, params};

/// A session and its person, in one committed state: everything that a request is judged by.
#[derive(Debug, Clone)]
pub struct Live {
    /// The row's number.
    pub no: i64,
    /// The public id.
    pub id: SessionId,
    /// The API that its tokens are for.
    pub api_no: i64,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub revoked_at: Option<Timestamp>,
    /// Number, id and role of its person.
    pub user: (i64, UserId, Role),
    /// Whether the person was disabled or removed.
    pub disabled: bool,
    /// How the person proved who they are in this session.
    pub amr: AuthMethods,
    /// When they last did.
    pub authenticated_at: Timestamp,
    /// Whether the person has a second factor.
    pub has_second_factor: bool,
    /// Whether this instance demands a second factor of owners and admins.
    pub demands_second_factor: bool,
}

const LIVE: &str = "SELECT s.no, s.id, s.api_no, s.expires_at, s.revoked_at, u.no, u.id, u.role,
        u.disabled_at IS NOT NULL OR u.deleted_at IS NOT NULL,
        EXISTS (SELECT 1 FROM totp WHERE user_no = u.no AND confirmed_at IS NOT NULL),
        EXISTS (SELECT 1 FROM settings WHERE name = 'second_factor_required' AND value = 'true'),
        s.amr, s.authenticated_at
    FROM sessions s JOIN users u ON u.no = s.user_no";

fn read_live(row: &Row<'_>) -> Result<Live, Error> {
    Ok(Live {
        no: row.get(0)?,
        id: row.parse(1)?,
        api_no: row.get(2)?,
        expires_at: row.time(3)?,
        revoked_at: row.time_opt(4)?,
        user: (row.get(5)?, row.parse(6)?, row.parse(7)?),
        disabled: row.bool(8)?,
        has_second_factor: row.bool(9)?,
        demands_second_factor: row.bool(10)?,
        amr: row.parse(11)?,
        authenticated_at: row.time(12)?,
    })
}

/// A session by id.
pub fn live_by_id(conn: &Conn<'_>, id: SessionId) -> Result<Option<Live>, Error> {
    conn.first(&format!("{LIVE} WHERE s.id = ?1"), params![id.to_string()], read_live)
}

/// A session by row number.
pub fn live_by_no(conn: &Conn<'_>, no: i64) -> Result<Option<Live>, Error> {
    conn.first(&format!("{LIVE} WHERE s.no = ?1"), params![no], read_live)
}

/// A session by its cookie.
pub fn live_by_cookie(conn: &Conn<'_>, cookie: &SecretHash) -> Result<Option<Live>, Error> {
    conn.first(&format!("{LIVE} WHERE s.cookie = ?1"), params![cookie.as_bytes()], read_live)
}

/// A session to be stored.
pub struct NewSession {
    /// The public id.
    pub id: SessionId,
    /// Whose.
    pub user_no: i64,
    /// The API that its tokens are for.
    pub api_no: i64,
    /// Hash of its cookie, if it has one.
    pub cookie: Option<SecretHash>,
    /// How the person proved who they are.
    pub amr: AuthMethods,
    /// When they did.
    pub authenticated_at: Timestamp,
    /// Where from.
    pub ip: Option<IpAddr>,
    /// By which program.
    pub agent: Option<Box<str>>,
    /// When.
    pub created_at: Timestamp,
    /// Seconds without a request after which it ends; none for a session that lives by refresh tokens.
    pub idle_seconds: Option<u32>,
    /// When it ends however much it is used.
    pub ends_at: Timestamp,
}

impl NewSession {
    /// When it ends unless it is used again.
    fn expires_at(&self) -> Timestamp {
        let idle = self.idle_seconds.map(|seconds| self.created_at.plus_seconds(i64::from(seconds)));
        idle.map_or(self.ends_at, |idle| idle.min(self.ends_at))
    }
}

/// Adds a session and gives the row's number.
pub fn insert(tx: &mut Tx<'_>, new: &NewSession) -> Result<i64, Error> {
    let no = tx.insert(
        "INSERT INTO sessions (id, user_no, api_no, cookie, amr, ip, agent, created_at, last_used_at, idle_seconds,
            ends_at, expires_at, authenticated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11, ?12) RETURNING no",
        params![
            new.id.to_string(),
            new.user_no,
            new.api_no,
            new.cookie.as_ref().map(SecretHash::as_bytes),
            new.amr.to_string(),
            new.ip.map(ip_bytes).unwrap_or_default(),
            new.agent.as_deref(),
            new.created_at.millis(),
            new.idle_seconds,
            new.ends_at.millis(),
            new.expires_at().millis(),
            new.authenticated_at.millis(),
        ],
    )?;
    tx.touch(Touched::Session(no));
    Ok(no)
}

/// Adds to how the person of a session proved who they are. `authenticated_at` is set only where they proved it anew.
pub fn strengthen(
    tx: &mut Tx<'_>,
    no: i64,
    amr: AuthMethods,
    authenticated_at: Option<Timestamp>,
) -> Result<(), Error> {
    let sql = "UPDATE sessions SET amr = ?2, authenticated_at = coalesce(?3, authenticated_at) WHERE no = ?1";
    tx.execute(sql, params![no, amr.to_string(), authenticated_at.map(Timestamp::millis)])?;
    tx.touch(Touched::Session(no));
    Ok(())
}

/// A session as its person sees it.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// The row's number.
    pub no: i64,
    /// The public id.
    pub id: SessionId,
    /// The API that its tokens are for.
    pub api_no: i64,
    /// Whether it lives by a cookie.
    pub cookie: bool,
    /// How the person proved who they are.
    pub amr: AuthMethods,
    /// Where it began.
    pub ip: Option<IpAddr>,
    /// By which program.
    pub agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// Up to `limit` sessions of a person that still work, newest first, older than row `before`.
pub fn list(
    conn: &Conn<'_>,
    user_no: i64,
    now: Timestamp,
    before: i64,
    limit: u32,
) -> Result<Vec<SessionRow>, Error> {
    let sql =
        "SELECT no, id, api_no, cookie IS NOT NULL, amr, ip, agent, created_at, last_used_at, expires_at
        FROM sessions WHERE user_no = ?1 AND no < ?2 AND revoked_at IS NULL AND expires_at > ?3
        ORDER BY no DESC LIMIT ?4";
    conn.all(sql, params![user_no, before, now.millis(), limit], |row| {
        Ok(SessionRow {
            no: row.get(0)?,
            id: row.parse(1)?,
            api_no: row.get(2)?,
            cookie: row.bool(3)?,
            amr: row.parse(4)?,
            ip: ip_of(&row.get::<Vec<u8>>(5)?),
            agent: row.get(6)?,
            created_at: row.time(7)?,
            last_used_at: row.time(8)?,
            expires_at: row.time(9)?,
        })
    })
}

/// Where a person signed in from lately.
pub fn known_addresses(conn: &Conn<'_>, user_no: i64) -> Result<Vec<IpAddr>, Error> {
    let sql = "SELECT ip FROM sessions WHERE user_no = ?1 ORDER BY no DESC LIMIT 50";
    let found = conn.all(sql, params![user_no], |row| Ok(ip_of(&row.get::<Vec<u8>>(0)?)))?;
    Ok(found.into_iter().flatten().collect())
}

/// Ends one session with its refresh tokens; false when it had ended.
pub fn revoke(tx: &mut Tx<'_>, no: i64, now: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE sessions SET revoked_at = ?2 WHERE no = ?1 AND revoked_at IS NULL";
    let ended = tx.execute(sql, params![no, now.millis()])? == 1;
    tx.touch(Touched::Session(no));
    let sql = "UPDATE refresh_families SET revoked_at = ?2 WHERE session_no = ?1 AND revoked_at IS NULL RETURNING no";
    for family_no in tx.returning(sql, params![no, now.millis()], |row| row.get(0))? {
        tx.touch(Touched::Family(family_no));
    }
    Ok(ended)
}

/// Ends the sessions of a person other than `kept`, with their refresh tokens. Returns how many.
pub fn revoke_others(tx: &mut Tx<'_>, user_no: i64, kept: i64, now: Timestamp) -> Result<usize, Error> {
    tx.touch(Touched::User(user_no));
    let sql = "UPDATE sessions SET revoked_at = ?3 WHERE user_no = ?1 AND no <> ?2 AND revoked_at IS NULL";
    let ended = tx.execute(sql, params![user_no, kept, now.millis()])?;
    let sql = "UPDATE refresh_families SET revoked_at = ?3
        WHERE user_no = ?1 AND session_no IS NOT NULL AND session_no <> ?2 AND revoked_at IS NULL";
    tx.execute(sql, params![user_no, kept, now.millis()])?;
    Ok(ended)
}

/// Ends every session and every refresh token of a person, those of OAuth clients too. Returns how many sessions.
pub fn revoke_all(tx: &mut Tx<'_>, user_no: i64, now: Timestamp) -> Result<usize, Error> {
    let sql = "UPDATE sessions SET revoked_at = ?2 WHERE user_no = ?1 AND revoked_at IS NULL";
    let ended = tx.execute(sql, params![user_no, now.millis()])?;
    let sql = "UPDATE refresh_families SET revoked_at = ?2 WHERE user_no = ?1 AND revoked_at IS NULL";
    tx.execute(sql, params![user_no, now.millis()])?;
    tx.touch(Touched::User(user_no));
    Ok(ended)
}

/// Remembers, to the minute, that a session was used, and puts its idle end off.
pub fn touch(tx: &mut Tx<'_>, no: i64, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE sessions SET last_used_at = ?2,
            expires_at = CASE WHEN idle_seconds IS NULL OR ?2 + 1000 * idle_seconds > ends_at THEN ends_at
                ELSE ?2 + 1000 * idle_seconds END
        WHERE no = ?1 AND last_used_at <> ?2 AND expires_at > ?2 AND revoked_at IS NULL";
    if tx.execute(sql, params![no, now.millis() - now.millis() % 60_000])? > 0 {
        tx.touch(Touched::Session(no));
    }
    Ok(())
}

/// Removes up to `most` sessions and as many refresh families that ended before `before`.
pub fn sweep(tx: &mut Tx<'_>, before: Settled, most: u32) -> Result<usize, Error> {
    let families = tx.returning(
        "DELETE FROM refresh_families WHERE no IN
            (SELECT no FROM refresh_families WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2) RETURNING no",
        params![before.millis(), most],
        |row| row.get(0),
    )?;
    let sessions = tx.returning(
        "DELETE FROM sessions WHERE no IN
            (SELECT no FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2) RETURNING no",
        params![before.millis(), most],
        |row| row.get(0),
    )?;
    let removed = families.len() + sessions.len();
    families.into_iter().for_each(|no| tx.touch(Touched::Family(no)));
    sessions.into_iter().for_each(|no| tx.touch(Touched::Session(no)));
    Ok(removed)
}

/// A refresh token and the family that it is of.
#[derive(Debug, Clone)]
pub struct Refresh {
    /// The family's number.
    pub family_no: i64,
    /// The session that the family belongs to.
    pub session_no: Option<i64>,
    /// When the family began.
    pub created_at: Timestamp,
    /// When the family ends.
    pub expires_at: Timestamp,
    /// When the family was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When this token was exchanged.
    pub used_at: Option<Timestamp>,
    /// Whether its successor was exchanged in its turn.
    pub successor_used: bool,
}

/// A refresh token by hash.
pub fn refresh(conn: &Conn<'_>, hash: &SecretHash) -> Result<Option<Refresh>, Error> {
    let sql = "SELECT f.no, f.session_no, f.expires_at, f.revoked_at, t.used_at,
            EXISTS (SELECT 1 FROM refresh_tokens n WHERE n.hash = t.successor AND n.used_at IS NOT NULL),
            f.created_at
        FROM refresh_tokens t JOIN refresh_families f ON f.no = t.family_no WHERE t.hash = ?1";
    conn.first(sql, params![hash.as_bytes()], |row| {
        Ok(Refresh {
            family_no: row.get(0)?,
            session_no: row.get(1)?,
            expires_at: row.time(2)?,
            revoked_at: row.time_opt(3)?,
            used_at: row.time_opt(4)?,
            successor_used: row.bool(5)?,
            created_at: row.time(6)?,
        })
    })
}

/// Begins a family and gives the row's number. It ends at `expires_at` unless it is used, and at `ends_at` in any case.
pub fn insert_family(
    tx: &mut Tx<'_>,
    user_no: Option<i64>,
    session_no: Option<i64>,
    now: Timestamp,
    (expires_at, ends_at): (Timestamp, Timestamp),
) -> Result<i64, Error> {
    let sql = "INSERT INTO refresh_families (user_no, session_no, created_at, expires_at, ends_at)
        VALUES (?1, ?2, ?3, ?4, ?5) RETURNING no";
    let expires_at = expires_at.min(ends_at);
    let values = params![user_no, session_no, now.millis(), expires_at.millis(), ends_at.millis()];
    let no = tx.insert(sql, values)?;
    tx.touch(Touched::Family(no));
    Ok(no)
}

/// Adds a token to a family.
pub fn insert_refresh(
    tx: &mut Tx<'_>,
    family_no: i64,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = "INSERT INTO refresh_tokens (hash, family_no, created_at) VALUES (?1, ?2, ?3)";
    tx.execute(sql, params![hash.as_bytes(), family_no, now.millis()])?;
    Ok(())
}

/// Exchanges a token that was not exchanged yet; false when it was. Of several callers with one token, one succeeds.
pub fn use_refresh(
    tx: &mut Tx<'_>,
    hash: &SecretHash,
    successor: &SecretHash,
    now: Timestamp,
) -> Result<bool, Error> {
    let sql = "UPDATE refresh_tokens SET used_at = ?3, successor = ?2 WHERE hash = ?1 AND used_at IS NULL";
    Ok(tx.execute(sql, params![hash.as_bytes(), successor.as_bytes(), now.millis()])? == 1)
}

/// Ends a family; false when it had ended.
pub fn revoke_family(tx: &mut Tx<'_>, no: i64, now: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE refresh_families SET revoked_at = ?2 WHERE no = ?1 AND revoked_at IS NULL";
    tx.touch(Touched::Family(no));
    Ok(tx.execute(sql, params![no, now.millis()])? == 1)
}

/// A session beyond the bound of its person.
#[derive(Debug, Clone, Copy)]
pub struct Surplus {
    /// The row's number.
    pub no: i64,
    /// Whether it still works.
    pub live: bool,
}

/// The sessions of a person beside `newest` beyond the `kept` best: live ones before ended ones, then those that were
/// used last.
pub fn surplus(
    conn: &Conn<'_>,
    user_no: i64,
    newest: i64,
    kept: u32,
    now: Timestamp,
) -> Result<Vec<Surplus>, Error> {
    let sql = "SELECT no, revoked_at IS NULL AND expires_at > ?3 AS live FROM sessions
        WHERE user_no = ?1 AND no <> ?2 ORDER BY live DESC, last_used_at DESC, no DESC LIMIT -1 OFFSET ?4";
    let read = |row: &Row<'_>| Ok(Surplus { no: row.get(0)?, live: row.bool(1)? });
    conn.all(sql, params![user_no, newest, now.millis(), kept], read)
}

/// Removes a session with its refresh tokens.
pub fn remove(tx: &mut Tx<'_>, no: i64) -> Result<(), Error> {
    tx.execute("DELETE FROM sessions WHERE no = ?1", params![no])?;
    tx.touch(Touched::Session(no));
    Ok(())
}
