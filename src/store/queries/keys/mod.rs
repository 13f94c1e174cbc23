//! API keys, their secrets and what they have used.

mod list;
mod uses;

pub use list::{Filter, StatusAt, list};
pub use uses::{delete_of_api, unrevoked, with_scope, with_tier};

use super::columns::json;
use crate::model::{
    ApiKey, KeyId, KeySecretInfo, KeyUsage, KeyUser, Quota, RateLimit, SecretHash, Timestamp,
};
use crate::store::{Conn, Error, Row, Touched, Tx, params};

/// Everything about a key but its secrets.
const SELECT: &str = "\
    SELECT k.no, k.id, k.api_no, a.slug, k.name, k.environment, k.scopes, k.tier,
           k.ratelimit_limit, k.ratelimit_window_seconds, k.ratelimit_burst, k.quota_limit, k.quota_period,
           k.owner, k.user_no, u.id, u.role, k.allowed_ips, k.metadata, k.expires_at, k.disabled_at,
           k.revoked_at, k.created_at, k.updated_at, g.last_used_at, g.quota_period_at, g.quota_used
    FROM keys k
    JOIN apis a ON a.no = k.api_no
    LEFT JOIN users u ON u.no = k.user_no
    LEFT JOIN key_usage g ON g.key_no = k.no";

/// The key of this id, with all its secrets.
pub fn find(conn: &Conn<'_>, id: KeyId) -> Result<Option<ApiKey>, Error> {
    let found = conn.first(&format!("{SELECT} WHERE k.id = ?1"), params![id.to_string()], read)?;
    found.map(|key| with_secrets(conn, key)).transpose()
}

/// The key that `hash` is a secret of, with all its secrets.
pub fn find_by_secret(conn: &Conn<'_>, hash: &SecretHash) -> Result<Option<ApiKey>, Error> {
    let sql = format!("{SELECT} WHERE k.no = (SELECT key_no FROM key_secrets WHERE hash = ?1)");
    let found = conn.first(&sql, params![hash.as_bytes()], read)?;
    found.map(|key| with_secrets(conn, key)).transpose()
}

fn with_secrets(conn: &Conn<'_>, mut key: ApiKey) -> Result<ApiKey, Error> {
    let sql = "SELECT hash, start, \"end\", created_at, expires_at FROM key_secrets WHERE key_no = ?1
        ORDER BY created_at DESC, expires_at IS NOT NULL, expires_at DESC";
    key.secrets = conn.all(sql, params![key.no], |row| {
        Ok(KeySecretInfo {
            hash: SecretHash::from_bytes(row.get(0)?),
            start: row.get(1)?,
            end: row.get(2)?,
            created_at: row.time(3)?,
            expires_at: row.time_opt(4)?,
        })
    })?;
    Ok(key)
}

fn read(row: &Row<'_>) -> Result<ApiKey, Error> {
    Ok(ApiKey {
        no: row.get(0)?,
        id: row.parse(1)?,
        api_no: row.get(2)?,
        api: row.get(3)?,
        name: row.get(4)?,
        environment: row.parse(5)?,
        scopes: row.parse(6)?,
        tier: row.get(7)?,
        ratelimit: ratelimit(row)?,
        quota: quota(row)?,
        owner: row.get(13)?,
        user: key_user(row)?,
        allowed_ips: networks(row, 17)?,
        metadata: row.json(18)?,
        expires_at: row.time_opt(19)?,
        disabled_at: row.time_opt(20)?,
        revoked_at: row.time_opt(21)?,
        created_at: row.time(22)?,
        updated_at: row.time(23)?,
        usage: KeyUsage {
            last_used_at: row.time_opt(24)?,
            quota_period_at: row.time_opt(25)?.unwrap_or(Timestamp::MIN),
            quota_used: row.get::<Option<i64>>(26)?.map_or(0, i64::unsigned_abs),
        },
        secrets: Vec::new(),
    })
}

fn ratelimit(row: &Row<'_>) -> Result<Option<RateLimit>, Error> {
    let Some(window_seconds) = row.get(9)? else { return Ok(None) };
    Ok(Some(RateLimit { limit: row.get(8)?, window_seconds, burst: row.get(10)? }))
}

fn quota(row: &Row<'_>) -> Result<Option<Quota>, Error> {
    let Some(limit) = row.get::<Option<i64>>(11)? else { return Ok(None) };
    Ok(Some(Quota { limit: limit.unsigned_abs(), period: row.parse(12)? }))
}

fn key_user(row: &Row<'_>) -> Result<Option<KeyUser>, Error> {
    let Some(no) = row.get(14)? else { return Ok(None) };
    Ok(Some(KeyUser { no, id: row.parse(15)?, role: row.parse(16)? }))
}

fn networks(row: &Row<'_>, column: usize) -> Result<Vec<ipnet::IpNet>, Error> {
    let text: Option<String> = row.get(column)?;
    text.iter()
        .flat_map(|text| text.split(' '))
        .map(|network| network.parse().map_err(|_| Error::Corrupt(format!("{network} is no network"))))
        .collect()
}

/// Adds a key without its secrets and returns its number; `key.no` and joined columns are not read. None when the
/// person whose own key it is has `most_of_user` unrevoked keys of the API already.
pub fn insert(tx: &mut Tx<'_>, key: &ApiKey, most_of_user: Option<u32>) -> Result<Option<i64>, Error> {
    tx.insert_if(
        "INSERT INTO keys (id, api_no, name, environment, scopes, tier, ratelimit_limit, ratelimit_window_seconds,
            ratelimit_burst, quota_limit, quota_period, owner, user_no, allowed_ips, metadata, expires_at,
            disabled_at, revoked_at, created_at, updated_at)
         SELECT CAST(?1 AS TEXT), CAST(?2 AS BIGINT), CAST(?3 AS TEXT), CAST(?4 AS TEXT), CAST(?5 AS TEXT),
            CAST(?6 AS TEXT), CAST(?7 AS BIGINT), CAST(?8 AS BIGINT), CAST(?9 AS BIGINT), CAST(?10 AS BIGINT),
            CAST(?11 AS TEXT), CAST(?12 AS TEXT), CAST(?13 AS BIGINT), CAST(?14 AS TEXT), CAST(?15 AS TEXT),
            CAST(?16 AS BIGINT), CAST(?17 AS BIGINT), CAST(?18 AS BIGINT), CAST(?19 AS BIGINT), CAST(?20 AS BIGINT)
         WHERE CAST(?21 AS BIGINT) IS NULL OR (SELECT count(*) FROM keys
            WHERE user_no = CAST(?13 AS BIGINT) AND api_no = CAST(?2 AS BIGINT) AND revoked_at IS NULL)
            < CAST(?21 AS BIGINT)
         RETURNING no",
        params![
            key.id.to_string(),
            key.api_no,
            key.name,
            key.environment.as_str(),
            key.scopes.to_string(),
            key.tier,
            key.ratelimit.and_then(|own| own.limit),
            key.ratelimit.map(|own| own.window_seconds),
            key.ratelimit.and_then(|own| own.burst),
            quota_limit(key),
            key.quota.map(|quota| quota.period.as_str()),
            key.owner,
            key.user.map(|user| user.no),
            allowed_ips(key),
            json(&key.metadata),
            key.expires_at.map(Timestamp::millis),
            key.disabled_at.map(Timestamp::millis),
            key.revoked_at.map(Timestamp::millis),
            key.created_at.millis(),
            key.updated_at.millis(),
            most_of_user,
        ],
    )
}

/// Writes what may change of a key, by its number. `key` must have all of its secrets.
pub fn update(tx: &mut Tx<'_>, key: &ApiKey) -> Result<(), Error> {
    for secret in &key.secrets {
        tx.touch(Touched::Key(secret.hash));
    }
    tx.execute(
        "UPDATE keys SET name = ?2, scopes = ?3, tier = ?4, ratelimit_limit = ?5, ratelimit_window_seconds = ?6,
            ratelimit_burst = ?7, quota_limit = ?8, quota_period = ?9, owner = ?10, allowed_ips = ?11,
            metadata = ?12, expires_at = ?13, disabled_at = ?14, revoked_at = ?15, updated_at = ?16
         WHERE no = ?1",
        params![
            key.no,
            key.name,
            key.scopes.to_string(),
            key.tier,
            key.ratelimit.and_then(|own| own.limit),
            key.ratelimit.map(|own| own.window_seconds),
            key.ratelimit.and_then(|own| own.burst),
            quota_limit(key),
            key.quota.map(|quota| quota.period.as_str()),
            key.owner,
            allowed_ips(key),
            json(&key.metadata),
            key.expires_at.map(Timestamp::millis),
            key.disabled_at.map(Timestamp::millis),
            key.revoked_at.map(Timestamp::millis),
            key.updated_at.millis(),
        ],
    )?;
    Ok(())
}

fn quota_limit(key: &ApiKey) -> Option<i64> {
    key.quota.map(|quota| i64::try_from(quota.limit).unwrap_or(i64::MAX))
}

fn allowed_ips(key: &ApiKey) -> Option<String> {
    let networks: Vec<String> = key.allowed_ips.iter().map(ToString::to_string).collect();
    if networks.is_empty() { None } else { Some(networks.join(" ")) }
}

/// Adds a secret to a key.
///
/// # Errors
/// `Duplicate` when the secret is known already.
pub fn insert_secret(tx: &mut Tx<'_>, key_no: i64, secret: &KeySecretInfo) -> Result<(), Error> {
    tx.touch(Touched::Key(secret.hash));
    tx.execute(
        "INSERT INTO key_secrets (hash, key_no, start, \"end\", created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            secret.hash.as_bytes(),
            key_no,
            secret.start,
            secret.end,
            secret.created_at.millis(),
            secret.expires_at.map(Timestamp::millis),
        ],
    )?;
    Ok(())
}

/// Sets when a secret stops working.
pub fn end_secret(tx: &mut Tx<'_>, hash: &SecretHash, at: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE key_secrets SET expires_at = ?2 WHERE hash = ?1";
    tx.execute(sql, params![hash.as_bytes(), at.millis()])?;
    tx.touch(Touched::Key(*hash));
    Ok(())
}
