//! Cached key: one row, read once, in the form that the rules use.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use ipnet::IpNet;

use super::quota::Meter;
use crate::error::{Error, Result};
use crate::locks;
use crate::model::{Api, Environment, KeyId, Liveness, Quota, RateLimit, ScopeSet, Timestamp};
use crate::store::key_lookup::{KeyRow, KeyUser};

/// A key in one committed state. Only its last use changes; the next change of the key replaces the entry.
pub struct Entry {
    /// Row number.
    pub no: i64,
    /// Public id.
    pub id: KeyId,
    /// Row number of its API.
    pub api_no: i64,
    /// Display name.
    pub name: Box<str>,
    /// Environment.
    pub environment: Environment,
    /// Granted scopes. The current ones are [`Entry::holds`].
    pub given: Arc<Grants>,
    /// Tier; none is the API's default.
    pub tier: Option<Box<str>>,
    /// Rate limit of its own instead of a tier.
    pub ratelimit: Option<RateLimit>,
    /// Quota.
    pub quota: Option<Quota>,
    /// The caller's id of the customer that uses the key.
    pub owner: Option<Box<str>>,
    /// User who owns the key; none for a service key.
    pub user: Option<KeyUser>,
    /// Networks that it may be used from; empty allows every address.
    pub networks: Box<[IpNet]>,
    /// A JSON object, as text.
    pub metadata: Box<str>,
    /// Expiry.
    pub expires_at: Option<Timestamp>,
    /// Time at which it was disabled.
    pub disabled_at: Option<Timestamp>,
    /// Time at which it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Expiry of the presented secret.
    pub secret_expires_at: Option<Timestamp>,
    /// Quota counter, for all secrets of the key together.
    pub(super) meter: Option<Arc<Meter>>,
    /// Last hour of use that is written or about to be, in milliseconds since the epoch.
    last_used_at: AtomicI64,
}

const HOUR: i64 = 3_600_000;

impl Entry {
    /// Parses the columns of `row` that are stored as text.
    pub(super) fn new(row: KeyRow, grants: &Interner, meter: Option<Arc<Meter>>) -> Result<Self> {
        let unreadable = |what| Error::internal(format!("key {}: its {what} cannot be read", row.id));
        Ok(Self {
            given: grants.get(&row.scopes).map_err(|_| unreadable("scopes"))?,
            networks: networks(row.allowed_ips.as_deref()).map_err(|_| unreadable("allowed_ips"))?,
            no: row.no,
            id: row.id,
            api_no: row.api_no,
            name: row.name,
            environment: row.environment,
            tier: row.tier,
            ratelimit: row.ratelimit,
            quota: row.quota,
            owner: row.owner,
            user: row.user,
            metadata: row.metadata,
            expires_at: row.expires_at,
            disabled_at: row.disabled_at,
            revoked_at: row.revoked_at,
            secret_expires_at: row.secret_expires_at,
            meter,
            last_used_at: AtomicI64::new(row.last_used_at.map_or(-1, Timestamp::millis)),
        })
    }

    /// Its state, with that of its user.
    pub fn liveness(&self) -> Liveness {
        Liveness {
            revoked: self.revoked_at.is_some(),
            disabled: self.disabled_at.is_some() || self.user.is_some_and(|user| user.disabled),
            expires_at: self.expires_at,
        }
    }

    /// Current scopes: those granted, limited to those of its user.
    pub fn holds(&self, api: &Api) -> Arc<Grants> {
        let Some(user) = &self.user else { return self.given.clone() };
        let held = api.scopes_of(user.role);
        if api.covers(&held, &self.given.set) {
            return self.given.clone();
        }
        Arc::new(Grants::new(api.cut(&self.given.set, &held)))
    }

    /// Records a use; returns the hour for the first use within it.
    pub(super) fn first_use_in_hour(&self, now: Timestamp) -> Option<Timestamp> {
        let hour = now.millis() - now.millis() % HOUR;
        if self.last_used_at.load(Ordering::Relaxed) == hour {
            return None;
        }
        let first = self.last_used_at.swap(hour, Ordering::Relaxed) != hour;
        first.then_some(Timestamp::from_millis(hour))
    }

    /// Heap bytes of the entry, as allocated.
    pub(super) fn heap_bytes(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_deref().map_or(0, |text| allocation(text.len()));
        allocation(self.name.len())
            + text(&self.tier)
            + text(&self.owner)
            + allocation(self.metadata.len())
            + allocation(std::mem::size_of_val(&*self.networks))
            + self.meter.as_ref().map_or(0, |_| allocation(size_of::<Meter>() + 16))
    }
}

/// Bytes of an allocation: a word for its size, rounded up to 16, at least 32.
pub(super) const fn allocation(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        _ if bytes < 24 => 32,
        _ => (bytes + 8).next_multiple_of(16),
    }
}

fn networks(text: Option<&str>) -> std::result::Result<Box<[IpNet]>, ipnet::AddrParseError> {
    text.map_or(Ok(Box::default()), |text| text.split_whitespace().map(str::parse).collect())
}

/// Scopes with their text in responses.
#[derive(Debug, PartialEq, Eq)]
pub struct Grants {
    /// The scopes.
    pub set: ScopeSet,
    /// As in OAuth: separated by spaces.
    pub text: Box<str>,
}

impl Grants {
    /// Formats `set`.
    pub fn new(set: ScopeSet) -> Self {
        Self { text: set.to_string().into(), set }
    }
}

/// One value per distinct list of scopes: a million keys have about twenty.
#[derive(Default)]
pub(super) struct Interner(Mutex<HashMap<Box<str>, Arc<Grants>>>);

impl Interner {
    /// Capacity; when it is full, all lists are dropped and added again.
    const CAPACITY: usize = 1024;

    fn get(&self, text: &str) -> std::result::Result<Arc<Grants>, crate::model::ScopeError> {
        let mut known = locks::lock(&self.0);
        if let Some(grants) = known.get(text) {
            return Ok(grants.clone());
        }
        if known.len() >= Self::CAPACITY {
            known.clear();
        }
        let grants = Arc::new(Grants::new(text.parse()?));
        known.insert(text.into(), grants.clone());
        Ok(grants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_takes_what_the_allocator_gives() {
        for (bytes, taken) in [(0, 0), (1, 32), (23, 32), (24, 32), (40, 48), (41, 64), (56, 64)] {
            assert_eq!(allocation(bytes), taken, "{bytes}");
        }
    }

    #[test]
    fn lists_of_scopes_are_shared_and_their_number_is_bounded() {
        let interner = Interner::default();
        let first = interner.get("a b").unwrap();
        assert!(Arc::ptr_eq(&first, &interner.get("a b").unwrap()));
        for other in 1..Interner::CAPACITY {
            interner.get(&format!("scope{other}")).unwrap();
        }
        assert!(Arc::ptr_eq(&first, &interner.get("a b").unwrap()), "as many as fit are kept");
        interner.get("one:more").unwrap();
        assert!(!Arc::ptr_eq(&first, &interner.get("a b").unwrap()), "all are forgotten beyond that");
    }
}
