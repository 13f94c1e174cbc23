//! OAuth clients, what each may ask for, and their secrets.

use super::columns::json;
use crate::env::Settled;
use crate::model::client::{Access, ClientSecretInfo};
use crate::model::{Client, ClientId, GrantType, Role, SecretHash, Timestamp};
use crate::store::{Conn, Error, Row, Touched, Tx, params};

const SELECT: &str = "SELECT no, id, name, kind, redirect_uris, post_logout_redirect_uris, grant_types, \
    require_pkce, trusted_by, dynamic, home_page, logo_at, access_token_seconds, refresh_token_seconds, \
    disabled_at, created_at, updated_at FROM clients";

/// The client of this id, unless it was removed.
pub fn find(conn: &Conn<'_>, id: ClientId) -> Result<Option<Client>, Error> {
    let sql = format!("{SELECT} WHERE id = ?1 AND deleted_at IS NULL");
    let found = conn.first(&sql, params![id.to_string()], read)?;
    found.map(|client| with_access(conn, client)).transpose()
}

/// The client of this number, unless it was removed.
pub fn by_no(conn: &Conn<'_>, no: i64) -> Result<Option<Client>, Error> {
    let found = conn.first(&format!("{SELECT} WHERE no = ?1 AND deleted_at IS NULL"), params![no], read)?;
    found.map(|client| with_access(conn, client)).transpose()
}

/// At most `limit` clients older than number `before`, newest first.
pub fn list(conn: &Conn<'_>, before: i64, limit: u32) -> Result<Vec<Client>, Error> {
    let sql = format!("{SELECT} WHERE no < ?1 AND deleted_at IS NULL ORDER BY no DESC LIMIT ?2");
    let found = conn.all(&sql, params![before, limit], read)?;
    found.into_iter().map(|client| with_access(conn, client)).collect()
}

fn read(row: &Row<'_>) -> Result<Client, Error> {
    Ok(Client {
        no: row.get(0)?,
        id: row.parse(1)?,
        name: row.get(2)?,
        kind: row.parse(3)?,
        access: Vec::new(),
        redirect_uris: row.json(4)?,
        post_logout_redirect_uris: row.json(5)?,
        grant_types: grant_types(&row.get::<String>(6)?)?,
        require_pkce: row.bool(7)?,
        trusted_by: row.parse_opt(8)?,
        dynamic: row.bool(9)?,
        home_page: row.get(10)?,
        logo_at: row.time_opt(11)?,
        access_token_seconds: row.get(12)?,
        refresh_token_seconds: row.get(13)?,
        disabled_at: row.time_opt(14)?,
        created_at: row.time(15)?,
        updated_at: row.time(16)?,
    })
}

fn grant_types(text: &str) -> Result<Vec<GrantType>, Error> {
    let unreadable = |_| Error::Corrupt("clients.grant_types".to_owned());
    text.split_whitespace().map(|name| name.parse().map_err(unreadable)).collect()
}

fn with_access(conn: &Conn<'_>, mut client: Client) -> Result<Client, Error> {
    let sql = "SELECT api_no, scopes FROM client_access WHERE client_no = ?1 ORDER BY position";
    client.access =
        conn.all(sql, params![client.no], |row| Ok(Access { api_no: row.get(0)?, scopes: row.parse(1)? }))?;
    Ok(client)
}

/// Adds a client and returns its number; `client.no` is not read. None when `most_unused` clients that registered
/// themselves were never used.
pub fn insert(tx: &mut Tx<'_>, client: &Client, most_unused: Option<i64>) -> Result<Option<i64>, Error> {
    let no = tx.insert_if(
        "INSERT INTO clients (id, name, kind, redirect_uris, post_logout_redirect_uris, grant_types, require_pkce,
            trusted_by, dynamic, home_page, access_token_seconds, refresh_token_seconds, disabled_at, created_at,
            updated_at)
         SELECT CAST(?1 AS TEXT), CAST(?2 AS TEXT), CAST(?3 AS TEXT), CAST(?4 AS TEXT), CAST(?5 AS TEXT),
            CAST(?6 AS TEXT), CAST(?7 AS BOOLEAN), CAST(?8 AS TEXT), CAST(?9 AS BOOLEAN), CAST(?10 AS TEXT),
            CAST(?11 AS BIGINT), CAST(?12 AS BIGINT), CAST(?13 AS BIGINT), CAST(?14 AS BIGINT), CAST(?15 AS BIGINT)
         WHERE CAST(?16 AS BIGINT) IS NULL
            OR (SELECT count(*) FROM clients WHERE dynamic AND last_used_at IS NULL AND deleted_at IS NULL)
                < CAST(?16 AS BIGINT)
         RETURNING no",
        params![
            client.id.to_string(),
            client.name,
            client.kind.as_str(),
            json(&client.redirect_uris),
            json(&client.post_logout_redirect_uris),
            words(&client.grant_types),
            client.require_pkce,
            client.trusted_by.map(Role::as_str),
            client.dynamic,
            client.home_page,
            client.access_token_seconds,
            client.refresh_token_seconds,
            client.disabled_at.map(Timestamp::millis),
            client.created_at.millis(),
            client.updated_at.millis(),
            most_unused,
        ],
    )?;
    let Some(no) = no else { return Ok(None) };
    tx.touch(Touched::Client(no));
    set_access(tx, no, &client.access)?;
    Ok(Some(no))
}

/// Writes what may change of a client, by its number.
pub fn update(tx: &mut Tx<'_>, client: &Client) -> Result<(), Error> {
    tx.execute(
        "UPDATE clients SET name = ?2, redirect_uris = ?3, post_logout_redirect_uris = ?4, grant_types = ?5,
            require_pkce = ?6, trusted_by = ?7, home_page = ?8, access_token_seconds = ?9,
            refresh_token_seconds = ?10, disabled_at = ?11, updated_at = ?12
         WHERE no = ?1",
        params![
            client.no,
            client.name,
            json(&client.redirect_uris),
            json(&client.post_logout_redirect_uris),
            words(&client.grant_types),
            client.require_pkce,
            client.trusted_by.map(Role::as_str),
            client.home_page,
            client.access_token_seconds,
            client.refresh_token_seconds,
            client.disabled_at.map(Timestamp::millis),
            client.updated_at.millis(),
        ],
    )?;
    tx.touch(Touched::Client(client.no));
    tx.execute("DELETE FROM client_access WHERE client_no = ?1", params![client.no])?;
    set_access(tx, client.no, &client.access)
}

fn set_access(tx: &mut Tx<'_>, client_no: i64, access: &[Access]) -> Result<(), Error> {
    for (position, access) in (0_i64..).zip(access) {
        tx.execute(
            "INSERT INTO client_access (client_no, api_no, scopes, position) VALUES (?1, ?2, ?3, ?4)",
            params![client_no, access.api_no, access.scopes.to_string(), position],
        )?;
    }
    Ok(())
}

/// Removes a client: its secrets and access go at once, its row stays for what refers to it.
pub fn delete(tx: &mut Tx<'_>, no: i64, now: Timestamp) -> Result<(), Error> {
    tx.touch(Touched::Client(no));
    tx.execute("DELETE FROM client_secrets WHERE client_no = ?1", params![no])?;
    tx.execute("DELETE FROM client_access WHERE client_no = ?1", params![no])?;
    tx.execute(
        "UPDATE clients SET deleted_at = ?2, logo = NULL, logo_at = NULL WHERE no = ?1",
        params![no, now.millis()],
    )?;
    Ok(())
}

/// Takes away at most `most` clients that were removed before `before`.
pub fn sweep(tx: &mut Tx<'_>, before: Settled, most: u32) -> Result<usize, Error> {
    let clients = tx.returning(
        "DELETE FROM clients WHERE no IN
            (SELECT no FROM clients WHERE deleted_at <= ?1 ORDER BY deleted_at LIMIT ?2) RETURNING no",
        params![before.millis(), most],
        |row| row.get(0),
    )?;
    Ok(removed(tx, clients))
}

fn removed(tx: &mut Tx<'_>, clients: Vec<i64>) -> usize {
    let removed = clients.len();
    clients.into_iter().for_each(|no| tx.touch(Touched::Client(no)));
    removed
}

/// Notes the network that a client registered itself from.
pub fn set_registered_from(tx: &mut Tx<'_>, no: i64, network: &str) -> Result<(), Error> {
    tx.execute_unheld("UPDATE clients SET registered_from = ?2 WHERE no = ?1", params![no, network])?;
    Ok(())
}

/// Self-registered clients of one network that no person has allowed anything yet.
pub fn count_unused_from(conn: &Conn<'_>, network: &str) -> Result<i64, Error> {
    let sql = "SELECT count(*) FROM clients
        WHERE dynamic AND last_used_at IS NULL AND deleted_at IS NULL AND registered_from = ?1";
    conn.number(sql, params![network])
}

/// Removes up to `most` clients that registered themselves before `before` and that no person has allowed anything.
pub fn sweep_unused(tx: &mut Tx<'_>, before: Settled, most: u32) -> Result<usize, Error> {
    let clients = tx.returning(
        "DELETE FROM clients WHERE no IN
            (SELECT no FROM clients c WHERE dynamic AND last_used_at IS NULL AND deleted_at IS NULL
                AND created_at <= ?1 AND NOT EXISTS (SELECT 1 FROM grants WHERE client_no = c.no)
             ORDER BY created_at LIMIT ?2) RETURNING no",
        params![before.millis(), most],
        |row| row.get(0),
    )?;
    Ok(removed(tx, clients))
}

/// Remembers that a client got a token, once a day.
pub fn touch(tx: &mut Tx<'_>, no: i64, day: Timestamp) -> Result<(), Error> {
    let sql =
        "UPDATE clients SET last_used_at = ?2 WHERE no = ?1 AND (last_used_at IS NULL OR last_used_at <> ?2)";
    tx.execute_unheld(sql, params![no, day.millis()])?;
    Ok(())
}

/// The secrets of a client, newest first.
pub fn secrets(conn: &Conn<'_>, client_no: i64) -> Result<Vec<(SecretHash, ClientSecretInfo)>, Error> {
    let sql = "SELECT hash, start, created_at, expires_at FROM client_secrets WHERE client_no = ?1
        ORDER BY created_at DESC, expires_at IS NOT NULL, expires_at DESC";
    conn.all(sql, params![client_no], |row| {
        let info =
            ClientSecretInfo { start: row.get(1)?, created_at: row.time(2)?, expires_at: row.time_opt(3)? };
        Ok((SecretHash::from_bytes(row.get(0)?), info))
    })
}

/// Adds a secret.
pub fn insert_secret(
    tx: &mut Tx<'_>,
    client_no: i64,
    hash: &SecretHash,
    info: &ClientSecretInfo,
) -> Result<(), Error> {
    tx.touch(Touched::Client(client_no));
    tx.execute(
        "INSERT INTO client_secrets (hash, client_no, start, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            hash.as_bytes(),
            client_no,
            info.start,
            info.created_at.millis(),
            info.expires_at.map(Timestamp::millis),
        ],
    )?;
    Ok(())
}

/// Sets when a secret stops working.
pub fn end_secret(tx: &mut Tx<'_>, hash: &SecretHash, at: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE client_secrets SET expires_at = ?2 WHERE hash = ?1 RETURNING client_no";
    for client_no in tx.returning(sql, params![hash.as_bytes(), at.millis()], |row| row.get(0))? {
        tx.touch(Touched::Client(client_no));
    }
    Ok(())
}

/// Removes secrets of a client that ended before `before`.
pub fn drop_ended_secrets(tx: &mut Tx<'_>, client_no: i64, before: Settled) -> Result<(), Error> {
    let sql = "DELETE FROM client_secrets WHERE client_no = ?1 AND expires_at <= ?2";
    tx.execute(sql, params![client_no, before.millis()])?;
    tx.touch(Touched::Client(client_no));
    Ok(())
}

/// A client's logo.
pub fn logo(conn: &Conn<'_>, id: ClientId) -> Result<Option<Vec<u8>>, Error> {
    let sql = "SELECT logo FROM clients WHERE id = ?1 AND deleted_at IS NULL AND logo IS NOT NULL";
    conn.first(sql, params![id.to_string()], |row| row.get(0))
}

/// Sets or removes a client's logo.
pub fn set_logo(tx: &mut Tx<'_>, no: i64, logo: Option<&[u8]>, now: Timestamp) -> Result<(), Error> {
    let at = logo.map(|_| now.millis());
    let sql = "UPDATE clients SET logo = ?2, logo_at = ?3, updated_at = ?4 WHERE no = ?1";
    tx.execute(sql, params![no, logo, at, now.millis()])?;
    tx.touch(Touched::Client(no));
    Ok(())
}

fn words(grants: &[GrantType]) -> String {
    grants.iter().map(|grant| grant.as_str()).collect::<Vec<_>>().join(" ")
}
