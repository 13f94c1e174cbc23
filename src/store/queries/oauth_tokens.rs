//! Authorizations: codes, and the tokens that came of them.

use crate::env::Settled;
use crate::model::{
    AuthMethods, ClientId, GrantId, Role, ScopeSet, SecretHash, SessionId, Timestamp, UserId,
};
use crate::store::{Conn, Error, Row, Touched, Tx, params};

/// An authorization to be stored.
#[derive(Debug)]
pub struct NewAuthorization<'a> {
    /// What the `jti` of its access tokens begins with.
    pub id: &'a str,
    /// Its grant.
    pub grant_no: i64,
    /// Its refresh tokens.
    pub family_no: i64,
    /// The sign-in that it was given in.
    pub session_no: i64,
    /// When that sign-in was.
    pub authenticated_at: Timestamp,
    /// How the person proved who they are in it.
    pub amr: AuthMethods,
    /// What was allowed.
    pub scopes: &'a ScopeSet,
    /// The code.
    pub code: &'a SecretHash,
    /// Until when the code works.
    pub code_expires_at: Timestamp,
    /// Where the code is sent.
    pub redirect_uri: &'a str,
    /// Whether the request named it.
    pub redirect_uri_sent: bool,
    /// The PKCE challenge.
    pub challenge: Option<&'a str>,
    /// What the ID token repeats.
    pub nonce: Option<&'a str>,
    /// When it was given.
    pub created_at: Timestamp,
}

/// Adds an authorization.
pub fn insert(tx: &mut Tx<'_>, new: &NewAuthorization<'_>) -> Result<i64, Error> {
    tx.touch(Touched::Family(new.family_no));
    tx.insert(
        "INSERT INTO authorizations (id, grant_no, family_no, session_no, authenticated_at, scopes, code,
            code_expires_at, redirect_uri, redirect_uri_sent, challenge, nonce, created_at, amr)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) RETURNING no",
        params![
            new.id,
            new.grant_no,
            new.family_no,
            new.session_no,
            new.authenticated_at.millis(),
            new.scopes.to_string(),
            new.code.as_bytes(),
            new.code_expires_at.millis(),
            new.redirect_uri,
            new.redirect_uri_sent,
            new.challenge,
            new.nonce,
            new.created_at.millis(),
            new.amr.to_string(),
        ],
    )
}

/// An authorization and everything that it depends on, in one committed state.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// The row's number.
    pub no: i64,
    /// What the `jti` of its access tokens begins with.
    pub id: String,
    /// Its refresh tokens.
    pub family_no: i64,
    /// Number and id of the grant.
    pub grant: (i64, GrantId),
    /// The API.
    pub api_no: i64,
    /// Number and id of the client.
    pub client: (i64, ClientId),
    /// Number, id and role of the person.
    pub user: (i64, UserId, Role),
    /// The sign-in that it was given in, as long as that is remembered.
    pub session: Option<(i64, SessionId)>,
    /// Whether that sign-in has not ended.
    pub session_stands: bool,
    /// When that sign-in was.
    pub authenticated_at: Timestamp,
    /// What was allowed.
    pub scopes: ScopeSet,
    /// What the client may ask for at the API now.
    pub access: ScopeSet,
    /// Until when the code works.
    pub code_expires_at: Timestamp,
    /// When the code was exchanged.
    pub redeemed_at: Option<Timestamp>,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// Whether the request named it.
    pub redirect_uri_sent: bool,
    /// The PKCE challenge.
    pub challenge: Option<String>,
    /// What the ID token repeats.
    pub nonce: Option<String>,
    /// Whether refresh tokens, grant, client and person are all valid.
    pub stands: bool,
}

const SELECT: &str =
    "SELECT a.no, a.id, a.family_no, g.no, g.id, g.api_no, c.no, c.id, u.no, u.id, u.role, s.no,
        s.id, s.revoked_at IS NULL, s.expires_at, a.authenticated_at, a.scopes, x.scopes, a.code_expires_at,
        a.redeemed_at, a.redirect_uri, a.redirect_uri_sent, a.challenge, a.nonce,
        f.revoked_at IS NULL AND g.revoked_at IS NULL AND c.disabled_at IS NULL AND c.deleted_at IS NULL
            AND u.disabled_at IS NULL AND u.deleted_at IS NULL
    FROM authorizations a
    JOIN refresh_families f ON f.no = a.family_no
    JOIN grants g ON g.no = a.grant_no
    JOIN clients c ON c.no = g.client_no
    JOIN users u ON u.no = g.user_no
    LEFT JOIN client_access x ON x.client_no = c.no AND x.api_no = g.api_no
    LEFT JOIN sessions s ON s.no = a.session_no";

fn read(row: &Row<'_>, now: Timestamp) -> Result<Authorization, Error> {
    let session = row.get::<Option<i64>>(11)?;
    let session = session.map(|no| Ok::<_, Error>((no, row.parse(12)?))).transpose()?;
    let started = session.is_some_and(|(_, id): (i64, SessionId)| id.at().has_started(now));
    let session_stands = started && row.bool(13)? && row.time(14)? > now;
    Ok(Authorization {
        no: row.get(0)?,
        id: row.get(1)?,
        family_no: row.get(2)?,
        grant: (row.get(3)?, row.parse(4)?),
        api_no: row.get(5)?,
        client: (row.get(6)?, row.parse(7)?),
        user: (row.get(8)?, row.parse(9)?, row.parse(10)?),
        session,
        session_stands,
        authenticated_at: row.time(15)?,
        scopes: row.parse(16)?,
        access: row.parse_opt(17)?.unwrap_or_default(),
        code_expires_at: row.time(18)?,
        redeemed_at: row.time_opt(19)?,
        redirect_uri: row.get(20)?,
        redirect_uri_sent: row.bool(21)?,
        challenge: row.get(22)?,
        nonce: row.get(23)?,
        stands: row.bool(24)?,
    })
}

/// The authorization whose code has this hash.
pub fn by_code(conn: &Conn<'_>, code: &SecretHash, now: Timestamp) -> Result<Option<Authorization>, Error> {
    conn.first(&format!("{SELECT} WHERE a.code = ?1"), params![code.as_bytes()], |row| read(row, now))
}

/// The authorization whose refresh tokens these are.
pub fn by_family(conn: &Conn<'_>, family_no: i64, now: Timestamp) -> Result<Option<Authorization>, Error> {
    conn.first(&format!("{SELECT} WHERE a.family_no = ?1"), params![family_no], |row| read(row, now))
}

/// Exchanges a code that was not exchanged yet; false when it was. Of several callers with one code, one succeeds.
/// Afterwards the authorization lives as long as its refresh tokens.
pub fn redeem(tx: &mut Tx<'_>, no: i64, now: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE authorizations SET redeemed_at = ?2 WHERE no = ?1 AND redeemed_at IS NULL";
    Ok(tx.execute_unheld(sql, params![no, now.millis()])? == 1)
}

/// Says until when a family of refresh tokens is good, if that is later than before.
pub fn extend_family(tx: &mut Tx<'_>, family_no: i64, expires_at: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE refresh_families SET expires_at = CASE WHEN ?2 > ends_at THEN ends_at ELSE ?2 END
        WHERE no = ?1 AND expires_at < ?2";
    tx.execute_unheld(sql, params![family_no, expires_at.millis()])?;
    Ok(())
}

/// Ends the authorizations that were given in a sign-in, those aside that were given for longer (`offline_access`).
/// Returns how many.
pub fn end_with_session(tx: &mut Tx<'_>, session_no: i64, now: Timestamp) -> Result<usize, Error> {
    let families = tx.returning(
        "UPDATE refresh_families SET revoked_at = ?2 WHERE revoked_at IS NULL AND no IN
            (SELECT family_no FROM authorizations WHERE session_no = ?1
             AND replace(' ' || scopes || ' ', ' offline_access ', '') = ' ' || scopes || ' ') RETURNING no",
        params![session_no, now.millis()],
        |row| row.get(0),
    )?;
    let ended = families.len();
    families.into_iter().for_each(|no| tx.touch(Touched::Family(no)));
    Ok(ended)
}

/// What an access token depends on, at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenState {
    /// Number of the grant; none for a client that acts for itself.
    pub grant: Option<(i64, GrantId)>,
    /// The refresh tokens that it belongs to; none for a client that acts for itself.
    pub family_no: Option<i64>,
    /// Number and id of the client.
    pub client: (i64, ClientId),
    /// Number, id and role of the person.
    pub user: Option<(i64, UserId, Role)>,
    /// The API.
    pub api_no: i64,
    /// What the client may ask for at the API now.
    pub access: ScopeSet,
    /// How the person proved who they are when they allowed it, and when; none for a client that acts for itself.
    pub sign_in: Option<(AuthMethods, Timestamp)>,
    /// Whether this instance demands a second factor of owners and admins.
    pub demands_second_factor: bool,
    /// Whether all of it is valid, the token itself included.
    pub stands: bool,
}

/// What the access token `jti` of the authorization `id` depends on.
pub fn standing(conn: &Conn<'_>, id: &str, jti: &str) -> Result<Option<TokenState>, Error> {
    let sql = "SELECT g.no, g.id, c.no, c.id, u.no, u.id, u.role, g.api_no, x.scopes,
            f.revoked_at IS NULL AND g.revoked_at IS NULL AND c.disabled_at IS NULL AND c.deleted_at IS NULL
                AND u.disabled_at IS NULL AND u.deleted_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE jti = ?2),
            a.amr, a.authenticated_at,
            EXISTS (SELECT 1 FROM settings WHERE name = 'second_factor_required' AND value = 'true'), f.no
        FROM authorizations a
        JOIN refresh_families f ON f.no = a.family_no
        JOIN grants g ON g.no = a.grant_no
        JOIN clients c ON c.no = g.client_no
        JOIN users u ON u.no = g.user_no
        LEFT JOIN client_access x ON x.client_no = c.no AND x.api_no = g.api_no
        WHERE a.id = ?1";
    conn.first(sql, params![id, jti], |row| {
        Ok(TokenState {
            grant: Some((row.get(0)?, row.parse(1)?)),
            client: (row.get(2)?, row.parse(3)?),
            user: Some((row.get(4)?, row.parse(5)?, row.parse(6)?)),
            api_no: row.get(7)?,
            access: row.parse_opt(8)?.unwrap_or_default(),
            stands: row.bool(9)?,
            sign_in: Some((row.parse(10)?, row.time(11)?)),
            demands_second_factor: row.bool(12)?,
            family_no: Some(row.get(13)?),
        })
    })
}

/// What the access token `jti` of a client that acts for itself depends on.
pub fn standing_of_client(
    conn: &Conn<'_>,
    client: ClientId,
    api_no: i64,
    jti: &str,
) -> Result<Option<TokenState>, Error> {
    let sql = "SELECT c.no, x.scopes, c.disabled_at IS NULL AND c.deleted_at IS NULL
                AND ' ' || c.grant_types || ' ' LIKE '% client_credentials %'
                AND NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE jti = ?3)
        FROM clients c LEFT JOIN client_access x ON x.client_no = c.no AND x.api_no = ?2
        WHERE c.id = ?1";
    conn.first(sql, params![client.to_string(), api_no, jti], |row| {
        Ok(TokenState {
            grant: None,
            family_no: None,
            client: (row.get(0)?, client),
            user: None,
            api_no,
            access: row.parse_opt(1)?.unwrap_or_default(),
            stands: row.bool(2)?,
            sign_in: None,
            demands_second_factor: false,
        })
    })
}

/// Revokes one access token until its end.
pub fn revoke_token(tx: &mut Tx<'_>, jti: &str, expires_at: Timestamp) -> Result<bool, Error> {
    let sql = "INSERT INTO revoked_tokens (jti, expires_at) VALUES (?1, ?2) ON CONFLICT (jti) DO NOTHING";
    tx.touch(Touched::Token(jti.into()));
    Ok(tx.execute(sql, params![jti, expires_at.millis()])? == 1)
}

/// Removes at most `most` revocations of tokens that have ended.
pub fn sweep(tx: &mut Tx<'_>, now: Settled, most: u32) -> Result<usize, Error> {
    let tokens = tx.returning(
        "DELETE FROM revoked_tokens WHERE jti IN
            (SELECT jti FROM revoked_tokens WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2) RETURNING jti",
        params![now.millis(), most],
        |row| row.get(0),
    )?;
    let removed = tokens.len();
    tokens.into_iter().for_each(|jti| tx.touch(Touched::Token(jti)));
    Ok(removed)
}

/// Forgets at most `most` refresh tokens that were used before `before`: so old a copy is then merely unknown.
pub fn forget_used(tx: &mut Tx<'_>, before: Settled, most: u32) -> Result<usize, Error> {
    tx.execute(
        "DELETE FROM refresh_tokens WHERE hash IN
            (SELECT hash FROM refresh_tokens WHERE used_at <= ?1 ORDER BY used_at LIMIT ?2)",
        params![before.millis(), most],
    )
}
