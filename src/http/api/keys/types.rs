//! Keys as they travel.

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};

use crate::domain::identity::access::Call;
use crate::domain::keys::{DEFAULT_GRACE_SECONDS, Issued, KeyChange as Change, NewKey as New};
use crate::http::schema::{FreeObject, ShownOnce, edit};
use crate::model::members::present;
use crate::model::{
    ApiKey, Environment, KeyId, KeySecretInfo, KeyStatus, Quota, QuotaPeriod, RateLimit, ScopeSet, Secret,
    Timestamp, UserId,
};
use crate::platform::cursor::Page;

/// A limit of the key's own.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(remote = "RateLimit")]
pub struct KeyRateLimit {
    /// Requests per window; null is unlimited.
    #[oai(nullable)]
    pub limit: Option<u32>,
    /// The window, in seconds.
    pub window_seconds: u32,
    /// How many may come at once; null is as many as `limit`.
    #[serde(default)]
    #[oai(nullable)]
    pub burst: Option<u32>,
}

/// How much a key may use in a period of the calendar, in UTC.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(remote = "Quota")]
pub struct KeyQuota {
    /// Requests per period.
    pub limit: u64,
    /// When the count starts anew: every `day`, every `month`, or never (`total`).
    pub period: QuotaPeriod,
}

/// A key's quota and its use.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
pub struct KeyQuotaState {
    /// Requests per period.
    pub limit: u64,
    /// The period.
    pub period: QuotaPeriod,
    /// Used requests; may lag 100 ms behind.
    pub used: u64,
    /// When the count starts anew; null for `total`.
    #[oai(nullable)]
    pub resets_at: Option<Timestamp>,
}

/// A string that proves the key, as far as people may see it.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
pub struct KeySecretHint {
    /// The first four characters of its random part.
    pub start: String,
    /// The last four.
    pub end: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working, after a rotation; null for the newest.
    #[oai(nullable)]
    pub expires_at: Option<Timestamp>,
}

/// An API key: one identity with a policy. Its secret is shown once, when it is created.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
pub struct Key {
    /// `key_…`; rotation keeps it.
    pub id: KeyId,
    /// Slug of its API.
    pub api: String,
    /// The name for people.
    pub name: String,
    /// `live` or `test`.
    pub environment: Environment,
    /// Its scopes.
    pub scopes: ScopeSet,
    /// The tier that it is counted by, its own or the API's default; null when it has a `ratelimit` of its own.
    #[oai(nullable)]
    pub tier: Option<String>,
    /// A limit of its own, in place of a tier.
    #[oai(nullable)]
    pub ratelimit: Option<KeyRateLimit>,
    /// How much it may use in a period, and has used.
    #[oai(nullable)]
    pub quota: Option<KeyQuotaState>,
    /// Your id of the customer that it is for.
    #[oai(nullable)]
    pub owner: Option<String>,
    /// The user whose own key it is; null for a service key.
    #[oai(nullable)]
    pub user_id: Option<UserId>,
    /// Networks that it may be used from; empty allows every address.
    pub allowed_ips: Vec<String>,
    /// Your own notes; a verification gives them back.
    pub metadata: FreeObject,
    /// When it ends; null for never.
    #[oai(nullable)]
    pub expires_at: Option<Timestamp>,
    /// `active`, `disabled`, `expired` or `revoked`, now.
    pub status: KeyStatus,
    /// Whether it is active and ends within 14 days, as the filter `expiring` finds it.
    pub expiring: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed or rotated.
    pub updated_at: Timestamp,
    /// Since when it is switched off.
    #[oai(nullable)]
    pub disabled_at: Option<Timestamp>,
    /// When it was revoked.
    #[oai(nullable)]
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the hour; its activity has the moment.
    #[oai(nullable)]
    pub last_used_at: Option<Timestamp>,
    /// What proves it, newest first: one, or two after a rotation.
    pub secrets: Vec<KeySecretHint>,
}

/// A key and its secret.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
pub struct IssuedKey {
    /// The secret. It is shown once: store it in a safe place.
    pub key: ShownOnce,
    /// The rest of it.
    #[serde(flatten)]
    #[oai(flatten)]
    pub shown: Key,
}

impl Key {
    /// The key for a response to `call`.
    pub(super) fn new(key: ApiKey, call: &Call) -> Self {
        let now = call.now;
        let (status, expiring) = (key.status(now), key.is_expiring(now));
        let secrets = key.live_secrets(now).map(KeySecretHint::from).collect();
        let quota = key.quota.map(|quota| quota_state(&key, &quota, now));
        let apis = call.services.catalog.get();
        let api = apis.by_no(key.api_no).filter(|_| key.ratelimit.is_none());
        Self {
            id: key.id,
            tier: key.tier.or_else(|| api.map(|api| api.default_tier.clone())),
            api: key.api,
            name: key.name,
            environment: key.environment,
            scopes: key.scopes,
            ratelimit: key.ratelimit.map(Into::into),
            quota,
            owner: key.owner,
            user_id: key.user.map(|user| user.id),
            allowed_ips: key.allowed_ips.iter().map(ToString::to_string).collect(),
            metadata: FreeObject(key.metadata),
            expires_at: key.expires_at,
            status,
            expiring,
            created_at: key.created_at,
            updated_at: key.updated_at,
            disabled_at: key.disabled_at,
            revoked_at: key.revoked_at,
            last_used_at: key.usage.last_used_at,
            secrets,
        }
    }
}

fn quota_state(key: &ApiKey, quota: &Quota, now: Timestamp) -> KeyQuotaState {
    KeyQuotaState {
        limit: quota.limit,
        period: quota.period,
        used: key.quota_used(quota, now),
        resets_at: quota.period.next(now),
    }
}

impl From<&KeySecretInfo> for KeySecretHint {
    fn from(secret: &KeySecretInfo) -> Self {
        Self {
            start: secret.start.clone(),
            end: secret.end.clone(),
            created_at: secret.created_at,
            expires_at: secret.expires_at,
        }
    }
}

impl IssuedKey {
    /// The key with its secret in the clear.
    pub(super) fn new(issued: Issued, call: &Call) -> Self {
        let key = ShownOnce(Secret::new(issued.secret.expose().to_owned()));
        Self { key, shown: Key::new(issued.key, call) }
    }
}

/// A part of the list of keys.
#[derive(Debug, Serialize, Object)]
pub struct KeyPage {
    /// The keys, newest first.
    pub data: Vec<Key>,
    /// The `cursor` of the next page, with the same filters; null on the last one.
    #[oai(nullable)]
    pub next_cursor: Option<String>,
}

impl KeyPage {
    pub(super) fn new(page: Page<ApiKey>, call: &Call) -> Self {
        let page = page.map(|key| Key::new(key, call));
        Self { data: page.data, next_cursor: page.next_cursor }
    }
}

/// A new key.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub struct NewKey {
    /// Slug or id of the API that it is for.
    pub api: String,
    /// The name for people, 1 to 120 characters: what uses it, and where.
    pub name: String,
    /// Its scopes, of the API. Give these or a `preset`.
    #[oai(nullable)]
    pub scopes: Option<ScopeSet>,
    /// One of the API's sets of scopes. Name this or `scopes`.
    #[oai(nullable)]
    pub preset: Option<String>,
    /// `live` unless the preset says otherwise. The built-in API has no `test` keys.
    #[oai(nullable)]
    pub environment: Option<Environment>,
    /// When it ends, a time in the future. Name this or `expires_in_days`; neither makes a key without an end.
    #[oai(nullable)]
    pub expires_at: Option<Timestamp>,
    /// When it ends, in days from now, 1 to 3,650.
    #[oai(nullable)]
    pub expires_in_days: Option<u32>,
    /// One of the API's tiers; by default the API's default tier. Name this or `ratelimit`.
    #[oai(nullable)]
    pub tier: Option<String>,
    /// A limit of its own.
    #[oai(nullable)]
    pub ratelimit: Option<KeyRateLimit>,
    /// How much it may use in a day, in a month or at all.
    #[oai(nullable)]
    pub quota: Option<KeyQuota>,
    /// Your id of the customer that it is for, up to 255 characters. Tiers can count by it.
    #[oai(nullable)]
    pub owner: Option<String>,
    /// The user whose own key it is: it never holds more than the user, and stops when the user is disabled. Null makes a
    /// service key.
    #[oai(nullable)]
    pub user_id: Option<UserId>,
    /// Addresses and networks in CIDR form that it may be used from, up to 64; none allows every address. A network
    /// with bits set behind its prefix (`203.0.113.9/24`) is refused.
    #[oai(nullable)]
    pub allowed_ips: Option<Vec<String>>,
    /// Your own notes, up to 4 KiB of JSON; a verification gives them back.
    #[oai(nullable)]
    pub metadata: Option<FreeObject>,
}

impl From<NewKey> for New {
    fn from(new: NewKey) -> Self {
        Self {
            api: new.api,
            name: new.name,
            scopes: new.scopes,
            preset: new.preset,
            environment: new.environment,
            expires_at: new.expires_at,
            expires_in_days: new.expires_in_days,
            tier: new.tier,
            ratelimit: new.ratelimit.map(Into::into),
            quota: new.quota.map(Into::into),
            owner: new.owner,
            user_id: new.user_id,
            allowed_ips: new.allowed_ips.unwrap_or_default(),
            metadata: new.metadata.unwrap_or_default().0,
        }
    }
}

impl Example for NewKey {
    fn example() -> Self {
        serde_json::from_value(serde_json::json!({
            "api": "afdb",
            "name": "Production Backend",
            "scopes": ["dashboards:read", "queries:read"],
            "environment": "live",
            "expires_in_days": 90,
            "tier": "pro",
            "owner": "acme",
            "metadata": { "plan": "growth" },
        }))
        .expect("a test reads it")
    }
}

/// A change of a key: null clears a member, and members that are left out stay.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields, default)]
pub struct KeyChange {
    /// Another name.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub name: Option<String>,
    /// Its scopes, instead of the former ones.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub scopes: Option<ScopeSet>,
    /// Another tier, which also ends a limit of its own; null takes the API's default.
    #[serde(deserialize_with = "edit")]
    #[oai(nullable)]
    pub tier: Option<Option<String>>,
    /// A limit of its own instead of the tier; null returns to the API's default tier.
    #[serde(deserialize_with = "edit")]
    #[oai(nullable)]
    pub ratelimit: Option<Option<KeyRateLimit>>,
    /// Another quota; null for none.
    #[serde(deserialize_with = "edit")]
    #[oai(nullable)]
    pub quota: Option<Option<KeyQuota>>,
    /// Another customer; null for none.
    #[serde(deserialize_with = "edit")]
    #[oai(nullable)]
    pub owner: Option<Option<String>>,
    /// Other networks, in place of all before; null or none allows every address.
    #[serde(deserialize_with = "edit")]
    #[oai(nullable)]
    pub allowed_ips: Option<Option<Vec<String>>>,
    /// Other notes, in place of all before; null for none.
    #[serde(deserialize_with = "edit")]
    #[oai(nullable)]
    pub metadata: Option<Option<FreeObject>>,
    /// Another end, a time in the future; null for never. It brings an expired key back.
    #[serde(deserialize_with = "edit")]
    #[oai(nullable)]
    pub expires_at: Option<Option<Timestamp>>,
    /// `true` switches the key off, `false` on again.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub disabled: Option<bool>,
}

impl From<KeyChange> for Change {
    fn from(change: KeyChange) -> Self {
        Self {
            name: change.name,
            scopes: change.scopes,
            tier: change.tier,
            ratelimit: change.ratelimit.map(|own| own.map(Into::into)),
            quota: change.quota.map(|quota| quota.map(Into::into)),
            owner: change.owner,
            allowed_ips: change.allowed_ips,
            metadata: change.metadata.map(|notes| notes.map(|notes| notes.0)),
            expires_at: change.expires_at,
            disabled: change.disabled,
        }
    }
}

/// How a key gets its new secret.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields, default)]
pub struct KeyRotation {
    /// How long the secret before works on, 0 to 2,592,000 (30 days); 0 ends it at once.
    #[oai(default = "default_grace")]
    pub grace_seconds: u32,
}

const fn default_grace() -> u32 {
    DEFAULT_GRACE_SECONDS
}

impl Default for KeyRotation {
    fn default() -> Self {
        Self { grace_seconds: default_grace() }
    }
}

/// A leaked key.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct LeakedKey {
    /// The whole key, as it was found.
    pub key: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> KeyChange {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn null_clears_and_absence_leaves() {
        assert_eq!(read("{}").tier, None);
        assert_eq!(read(r#"{"tier": null}"#).tier, Some(None));
        assert_eq!(read(r#"{"tier": "pro"}"#).tier, Some(Some("pro".to_owned())));
        assert!(serde_json::from_str::<KeyChange>(r#"{"name": null}"#).is_err());
        assert!(serde_json::from_str::<KeyChange>(r#"{"disabled": null}"#).is_err());
        assert!(serde_json::from_str::<KeyChange>(r#"{"role": "owner"}"#).is_err());
    }

    #[test]
    fn the_example_can_be_read() {
        let new = New::from(NewKey::example());
        assert_eq!((new.api.as_str(), new.expires_in_days), ("afdb", Some(90)));
        assert_eq!(new.scopes.unwrap().len(), 2);
    }

    #[test]
    fn the_grace_has_a_default() {
        let rotation: KeyRotation = serde_json::from_str("{}").unwrap();
        assert_eq!(rotation.grace_seconds, 86_400);
    }
}
