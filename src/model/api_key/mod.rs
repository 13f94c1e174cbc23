//! An API key: one identity with a policy, and the strings that prove it.

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::{Environment, KeyId, KeyStatus, Quota, RateLimit, Role, ScopeSet, SecretHash, Timestamp, UserId};

/// A key that ends within this time is `expiring`: 14 days.
pub const EXPIRING_SECONDS: i64 = 14 * 86_400;

/// A key as it is stored, without anything secret.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiKey {
    /// The row's number.
    pub no: i64,
    /// The public id; rotation keeps it.
    pub id: KeyId,
    /// Whose API's key it is: number and slug.
    pub api_no: i64,
    /// The API's slug.
    pub api: String,
    /// The name for people.
    pub name: String,
    /// What it is for.
    pub environment: Environment,
    /// What it may do.
    pub scopes: ScopeSet,
    /// Its tier; none takes the API's default.
    pub tier: Option<String>,
    /// Its own limit instead of a tier.
    pub ratelimit: Option<RateLimit>,
    /// How much it may use in a period.
    pub quota: Option<Quota>,
    /// Whom it is for, in the words of who made it.
    pub owner: Option<String>,
    /// Whose own key it is; none is a service key.
    pub user: Option<KeyUser>,
    /// Networks that it may be used from; empty allows every address.
    pub allowed_ips: Vec<IpNet>,
    /// The maker's own notes.
    pub metadata: Map<String, Value>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Since when it is switched off.
    pub disabled_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its policy last changed.
    pub updated_at: Timestamp,
    /// What it has used.
    pub usage: KeyUsage,
    /// What proves it, newest first; those that ended are among them.
    pub secrets: Vec<KeySecretInfo>,
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
}

/// What a key has used, as it was last written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyUsage {
    /// When it was last used, to the hour.
    pub last_used_at: Option<Timestamp>,
    /// Start of the quota period that `quota_used` counts in.
    pub quota_period_at: Timestamp,
    /// What was counted in it.
    pub quota_used: u64,
}

/// What people may know of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySecretInfo {
    /// SHA-256 of the whole string.
    pub hash: SecretHash,
    /// The first four characters of the random part.
    pub start: String,
    /// The last four.
    pub end: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working, as one that was rotated does.
    pub expires_at: Option<Timestamp>,
}

impl KeySecretInfo {
    /// Whether it still proves the key at `now`.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

impl ApiKey {
    /// What it is at `now`: active, disabled, expired or revoked.
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

    /// Whether it works at `now` and ends within [`EXPIRING_SECONDS`].
    pub fn is_expiring(&self, now: Timestamp) -> bool {
        let soon = now.plus_seconds(EXPIRING_SECONDS);
        self.status(now) == KeyStatus::Active && self.expires_at.is_some_and(|end| end <= soon)
    }

    /// The secrets that prove it at `now`; for a revoked key, those that did when it was revoked.
    pub fn live_secrets(&self, now: Timestamp) -> impl Iterator<Item = &KeySecretInfo> {
        let at = self.revoked_at.unwrap_or(now);
        self.secrets.iter().filter(move |secret| secret.is_live(at))
    }

    /// The hashes of all its secrets: what every cache must forget when it changes.
    pub fn hashes(&self) -> Vec<SecretHash> {
        self.secrets.iter().map(|secret| secret.hash).collect()
    }

    /// What is used of the quota in the period that holds `now`.
    pub fn quota_used(&self, quota: &Quota, now: Timestamp) -> u64 {
        if self.usage.quota_period_at == quota.period.start(now) { self.usage.quota_used } else { 0 }
    }
}

#[cfg(test)]
mod tests;
