//! The one query of the hot path: everything about a presented key in one row, hence in one snapshot.

use crate::model::{Environment, KeyId, Quota, QuotaPeriod, RateLimit, Role, SecretHash, Timestamp, UserId};
use crate::store::{Conn, Error, Row, params};

/// A key as one committed state has it, found by one of its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The row's number.
    pub no: i64,
    /// The public id.
    pub id: KeyId,
    /// Whose API's key it is.
    pub api_no: i64,
    /// The name for people.
    pub name: Box<str>,
    /// What it is for.
    pub environment: Environment,
    /// Its scopes as they are stored: names separated by spaces, sorted.
    pub scopes: Box<str>,
    /// Its tier; none takes the API's default.
    pub tier: Option<Box<str>>,
    /// Its own limit instead of a tier.
    pub ratelimit: Option<RateLimit>,
    /// Its quota.
    pub quota: Option<Quota>,
    /// Owner, as the creator of the key named it.
    pub owner: Option<Box<str>>,
    /// Whose own key it is; none is a service key.
    pub user: Option<KeyUser>,
    /// Networks in CIDR form, separated by spaces; none allows every address.
    pub allowed_ips: Option<Box<str>>,
    /// A JSON object, as text.
    pub metadata: Box<str>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Since when it is switched off.
    pub disabled_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When the secret that it was found by ends; its successors may work on.
    pub secret_expires_at: Option<Timestamp>,
    /// When it was last used, to the hour.
    pub last_used_at: Option<Timestamp>,
    /// Start of the period that `quota_used` counts in.
    pub quota_period_at: Timestamp,
    /// What was counted against the quota in that period.
    pub quota_used: u64,
}

/// The person whose own key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUser {
    /// The row's number.
    pub no: i64,
    /// The public id.
    pub id: UserId,
    /// What bounds the key's scopes.
    pub role: Role,
    /// Whether the person is switched off, and with them the key.
    pub disabled: bool,
}

pub(in crate::store) const FIND: &str = "\
    SELECT k.no, k.id, k.api_no, k.name, k.environment, k.scopes, k.tier,
           k.ratelimit_limit, k.ratelimit_window_seconds, k.ratelimit_burst, k.quota_limit, k.quota_period,
           k.owner, k.allowed_ips, k.metadata, k.expires_at, k.disabled_at, k.revoked_at, s.expires_at,
           u.no, u.id, u.role, u.disabled_at, g.last_used_at, g.quota_period_at, g.quota_used
    FROM key_secrets s
    JOIN keys k ON k.no = s.key_no
    LEFT JOIN users u ON u.no = k.user_no
    LEFT JOIN key_usage g ON g.key_no = k.no
    WHERE s.hash = ?1";

/// The key that `hash` is a secret of, whatever its state.
pub fn find(conn: &Conn<'_>, hash: &SecretHash) -> Result<Option<KeyRow>, Error> {
    conn.first(FIND, params![hash.as_bytes()], read)
}

fn read(row: &Row<'_>) -> Result<KeyRow, Error> {
    Ok(KeyRow {
        no: row.get(0)?,
        id: row.parse(1)?,
        api_no: row.get(2)?,
        name: row.get(3)?,
        environment: row.parse(4)?,
        scopes: row.get(5)?,
        tier: row.get(6)?,
        ratelimit: ratelimit(row)?,
        quota: quota(row)?,
        owner: row.get(12)?,
        allowed_ips: row.get(13)?,
        metadata: row.get(14)?,
        expires_at: row.time_opt(15)?,
        disabled_at: row.time_opt(16)?,
        revoked_at: row.time_opt(17)?,
        secret_expires_at: row.time_opt(18)?,
        user: user(row)?,
        last_used_at: row.time_opt(23)?,
        quota_period_at: row.time_opt(24)?.unwrap_or(Timestamp::MIN),
        quota_used: row.get::<Option<i64>>(25)?.map_or(0, i64::unsigned_abs),
    })
}

fn ratelimit(row: &Row<'_>) -> Result<Option<RateLimit>, Error> {
    let Some(window_seconds) = row.get(8)? else { return Ok(None) };
    Ok(Some(RateLimit { limit: row.get(7)?, window_seconds, burst: row.get(9)? }))
}

fn quota(row: &Row<'_>) -> Result<Option<Quota>, Error> {
    let Some(limit) = row.get::<Option<i64>>(10)? else { return Ok(None) };
    let period = row.parse_opt::<QuotaPeriod>(11)?.unwrap_or(QuotaPeriod::Total);
    Ok(Some(Quota { limit: limit.unsigned_abs(), period }))
}

fn user(row: &Row<'_>) -> Result<Option<KeyUser>, Error> {
    let Some(no) = row.get(19)? else { return Ok(None) };
    let disabled = row.time_opt(22)?.is_some();
    Ok(Some(KeyUser { no, id: row.parse(20)?, role: row.parse(21)?, disabled }))
}
