//! Resolves row numbers of the activity log to public ids and names.

use super::activity::ApiFilter;
use crate::model::activity::{ClientName, KeyName, UserName};
use crate::model::{ApiId, ClientId, KeyId, UserId};
use crate::store::{Conn, Error, params};

/// The key with this number.
pub fn key(conn: &Conn<'_>, no: i64) -> Result<Option<KeyName>, Error> {
    conn.first(
        "SELECT k.id, k.name, k.environment, s.start, s.\"end\" FROM keys k \
         LEFT JOIN key_secrets s ON s.key_no = k.no WHERE k.no = ?1 ORDER BY s.created_at DESC LIMIT 1",
        params![no],
        |row| {
            Ok(KeyName {
                id: row.parse(0)?,
                name: row.get(1)?,
                environment: row.parse(2)?,
                start: row.get(3)?,
                end: row.get(4)?,
            })
        },
    )
}

/// The person with this number.
pub fn user(conn: &Conn<'_>, no: i64) -> Result<Option<UserName>, Error> {
    conn.first("SELECT id, email, name FROM users WHERE no = ?1", params![no], |row| {
        Ok(UserName { id: row.parse(0)?, email: row.get(1)?, name: row.get(2)? })
    })
}

/// The OAuth app with this number.
pub fn client(conn: &Conn<'_>, no: i64) -> Result<Option<ClientName>, Error> {
    conn.first("SELECT id, name FROM clients WHERE no = ?1", params![no], |row| {
        Ok(ClientName { id: row.parse(0)?, name: row.get(1)? })
    })
}

/// The slug of the API with this number.
pub fn api(conn: &Conn<'_>, no: i64) -> Result<Option<String>, Error> {
    conn.first("SELECT slug FROM apis WHERE no = ?1", params![no], |row| row.get(0))
}

/// The number of a key.
pub fn key_no(conn: &Conn<'_>, id: KeyId) -> Result<Option<i64>, Error> {
    conn.first("SELECT no FROM keys WHERE id = ?1", params![id.to_string()], |row| row.get(0))
}

/// The number of a person.
pub fn user_no(conn: &Conn<'_>, id: UserId) -> Result<Option<i64>, Error> {
    conn.first("SELECT no FROM users WHERE id = ?1", params![id.to_string()], |row| row.get(0))
}

/// The number of an OAuth app.
pub fn client_no(conn: &Conn<'_>, id: ClientId) -> Result<Option<i64>, Error> {
    conn.first("SELECT no FROM clients WHERE id = ?1", params![id.to_string()], |row| row.get(0))
}

/// The API with this slug or id; with `!` before it, everything else.
pub fn about_api(conn: &Conn<'_>, text: &str) -> Result<Option<ApiFilter>, Error> {
    let (slug_or_id, about): (_, fn(i64) -> ApiFilter) = match text.strip_prefix('!') {
        Some(other) => (other, ApiFilter::Others),
        None => (text, ApiFilter::This),
    };
    let column = if slug_or_id.parse::<ApiId>().is_ok() { "id" } else { "slug" };
    let sql = format!("SELECT no FROM apis WHERE {column} = ?1");
    Ok(conn.first(&sql, params![slug_or_id], |row| row.get(0))?.map(about))
}

/// Whose own key it is, by the person's number: none if there is no such key, an inner none for a service key.
pub fn key_owner(conn: &Conn<'_>, id: KeyId) -> Result<Option<Option<i64>>, Error> {
    conn.first("SELECT user_no FROM keys WHERE id = ?1", params![id.to_string()], |row| row.get(0))
}
