//! An API key: one identity with a policy and its secrets.

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::{Environment, KeyId, KeyStatus, Quota, RateLimit, Role, ScopeSet, SecretHash, Timestamp, UserId};

/// Remaining time of an `expiring` key: 14 days.
pub const EXPIRING_SECONDS: i64 = 14 * 86_400;

/// A stored key, without secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    /// Row number.
    pub no: i64,
    /// Public id; rotation keeps it.
    pub id: KeyId,
    /// Row number of its API.
    pub api_no: i64,
    /// Slug of its API.
    pub api: String,
    /// Display name.
    pub name: String,
    /// Environment.
    pub environment: Environment,
    /// Scopes.
    pub scopes: ScopeSet,
    /// Tier; none is the API's default.
    pub tier: Option<String>,
    /// Rate limit of its own instead of a tier.
    pub ratelimit: Option<RateLimit>,
    /// Quota.
    pub quota: Option<Quota>,
    /// The caller's id of the customer that uses the key.
    pub owner: Option<String>,
    /// The user who owns the key; none for a service key.
    pub user: Option<KeyUser>,
    /// Networks that it may be used from; empty allows every address.
    pub allowed_ips: Vec<IpNet>,
    /// Metadata of the creator.
    pub metadata: Map<String, Value>,
    /// Expiry.
    pub expires_at: Option<Timestamp>,
    /// Time at which it was disabled.
    pub disabled_at: Option<Timestamp>,
    /// Time at which it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last change of its policy.
    pub updated_at: Timestamp,
    /// Usage.
    pub usage: KeyUsage,
    /// Its secrets, newest first, expired ones included.
    pub secrets: Vec<KeySecretInfo>,
}

/// The user who owns a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUser {
    /// Row number.
    pub no: i64,
    /// Public id.
    pub id: UserId,
    /// Role, which bounds the key's scopes.
    pub role: Role,
}

/// Stored usage of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyUsage {
    /// Time of the last use, to the hour.
    pub last_used_at: Option<Timestamp>,
    /// Start of the quota period that `quota_used` counts in.
    pub quota_period_at: Timestamp,
    /// Requests counted in it.
    pub quota_used: u64,
}

/// A secret without the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySecretInfo {
    /// SHA-256 of the whole string.
    pub hash: SecretHash,
    /// First four characters of the random part.
    pub start: String,
    /// Last four characters.
    pub end: String,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Expiry of a rotated secret.
    pub expires_at: Option<Timestamp>,
}

impl KeySecretInfo {
    /// Whether it is valid at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl ApiKey {
    /// State at `now`: active, disabled, expired or revoked.
    pub fn status(&self, now: Timestamp) -> KeyStatus {
        if self.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if self.disabled_at.is_some() {
            KeyStatus::Disabled
        } else if self.expires_at.is_some_and(|end| end <= now) {
            KeyStatus::Expired
        } else {
            KeyStatus::Active
        }
    }

    /// Whether it is active at `now` and ends within [`EXPIRING_SECONDS`].
    pub fn is_expiring(&self, now: Timestamp) -> bool {
        let soon = now.plus_seconds(EXPIRING_SECONDS);
        self.status(now) == KeyStatus::Active && self.expires_at.is_some_and(|end| end <= soon)
    }

    /// Secrets valid at `now`; for a revoked key, those valid when it was revoked.
    pub fn live_secrets(&self, now: Timestamp) -> impl Iterator<Item = &KeySecretInfo> {
        let at = self.revoked_at.unwrap_or(now);
        self.secrets.iter().filter(move |secret| secret.is_live(at))
    }

    /// Hashes of all its secrets, for the removal from caches.
    pub fn hashes(&self) -> Vec<SecretHash> {
        self.secrets.iter().map(|secret| secret.hash).collect()
    }

    /// Used part of the quota in the period of `now`.
    pub fn quota_used(&self, quota: &Quota, now: Timestamp) -> u64 {
        if self.usage.quota_period_at == quota.period.start(now) { self.usage.quota_used } else { 0 }
    }
}

#[cfg(test)]
mod tests;
