//! The hot path: verification of credentials.
//!
//! The hash of the presented secret leads to an [`Entry`] in a cache that is never stale (`cache.rs`), or to one row of
//! the store. Pure rules judge it in the contract's order (`rules.rs`); if all pass, its rate limit (`limits.rs`) and
//! its quota (`quota.rs`) are charged together or not at all.

mod bearer;
mod cache;
pub mod catalog;
mod consume;
mod entry;
mod explain;
pub mod limits;
mod quota;
mod rules;
pub mod services;
#[cfg(test)]
mod tests;
mod usage;
mod verdict;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::env::{Settled, TrustedClock};
use crate::error::{Code, Result};
use crate::model::{Api, RequestedEnvironment, ScopeExpr, SecretHash, Shape, Timestamp, VerifyCode, inspect};
use crate::model::{Identity, IdentityKind};
use crate::platform::vault::Vault;
use crate::store::key_lookup;
use crate::store::key_lookup::KeyRow;

pub use bearer::Bearer;
pub use entry::{Entry, Grants};
pub(crate) use explain::check_members;
pub use explain::{Check, CheckResult};
pub use services::Services;
pub use usage::UsageDrain;
pub use verdict::{QuotaState, RateState, Verdict};

use limits::{Limiter, NetworkLimits};
use rules::RuleInput;
use verdict::Unknown;

/// Default size of the key cache, in bytes.
pub const CACHE_BYTES: u64 = 64 << 20;
/// Maximum length of a key: ours have at most 61 characters, imported ones may have more.
const LONGEST_KEY: usize = 256;

/// Judges credentials. Cheap to clone; clones share their state.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    cache: cache::Cache,
    grants: entry::Interner,
    limiter: Limiter,
    networks: NetworkLimits,
    meters: quota::Meters,
    backlog: Arc<usage::Backlog>,
}

/// Readings of the clock that only some keys need.
trait Times {
    /// For the rate limit.
    fn monotonic(&self) -> Duration;
    /// For the quota: a new period replaces the count of the previous one.
    fn settled(&self) -> Settled;
}

impl Times for TrustedClock {
    fn monotonic(&self) -> Duration {
        self.monotonic()
    }

    fn settled(&self) -> Settled {
        self.settled()
    }
}

/// A question about a credential.
pub struct Question<'q> {
    /// Required API.
    pub api: &'q Arc<Api>,
    /// Required scope expression; none requires nothing.
    pub scopes: Option<&'q ScopeExpr>,
    /// Required environment.
    pub environment: RequestedEnvironment,
    /// Cost in requests.
    pub cost: u32,
    /// Address of the client; none is accepted only for credentials that allow every address.
    pub ip: Option<IpAddr>,
}

/// State of the engine, for `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineStats {
    /// Cached keys.
    pub cached_keys: usize,
    /// Bytes of the cached keys.
    pub cached_bytes: u64,
    /// Cache hits.
    pub hits: u64,
    /// Cache misses.
    pub misses: u64,
    /// Rate limits in use.
    pub buckets: usize,
}

impl Engine {
    /// An engine with a key cache of about `cache_bytes`. `vault` gives the keys of its hashes.
    pub fn new(cache_bytes: u64, vault: &Vault) -> Self {
        Self(Arc::new(Inner {
            cache: cache::Cache::new(cache_bytes),
            grants: entry::Interner::default(),
            limiter: Limiter::new(&vault.mac("rate_limits", &[])),
            networks: NetworkLimits::new(vault, limits::NetworkOptions::default()),
            meters: quota::Meters::default(),
            backlog: Arc::default(),
        }))
    }

    /// Judges a key for `question` at `now`, and charges its limits.
    ///
    /// # Errors
    /// When too many limits are in use.
    pub fn ask(
        &self,
        services: &Services,
        key: &str,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Result<Verdict> {
        match self.entry(services, key, question.api)? {
            Ok(entry) => self.judge(Bearer::Key(entry), question, now, &*services.clock),
            Err(unknown) => Ok(Verdict::unknown(unknown)),
        }
    }

    /// Judges an access token for `question`, with an identity from `identity`, and charges its limits.
    ///
    /// # Errors
    /// The error of `identity`, unless it says that the token is invalid or expired.
    pub fn ask_token(
        &self,
        services: &Services,
        identity: Result<Identity>,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Result<Verdict> {
        match identity {
            Ok(identity) => {
                let bearer = Bearer::Token(Box::new(identity));
                self.judge(bearer, question, now, &*services.clock)
            }
            Err(error) if matches!(error.code, Code::InvalidToken | Code::ExpiredToken) => {
                Ok(Verdict::unknown(Unknown::Token(Box::new(error))))
            }
            Err(error) => Err(error),
        }
    }

    /// Judges a key for `question` without its limits.
    pub fn look(
        &self,
        services: &Services,
        key: &str,
        question: &Question<'_>,
        now: Timestamp,
    ) -> Result<Verdict> {
        Ok(match self.entry(services, key, question.api)? {
            Ok(entry) => self.rule(Bearer::Key(entry), question, now),
            Err(unknown) => Verdict::unknown(unknown),
        })
    }

    /// Key of this secret, of any API, live or not.
    pub fn find_any(&self, services: &Services, key: &str) -> Result<Option<Arc<Entry>>> {
        let apis = services.catalog.get();
        Ok(self.entry(services, key, apis.built_in())?.ok())
    }

    /// Key of this secret at `api`, live or not, for the log. Charges nothing.
    pub fn known(&self, services: &Services, key: &str, api: &Api) -> Result<Option<Arc<Entry>>> {
        Ok(self.entry(services, key, api)?.ok().filter(|entry| entry.api_no == api.no))
    }

    fn entry(
        &self,
        services: &Services,
        key: &str,
        api: &Api,
    ) -> Result<std::result::Result<Arc<Entry>, Unknown>> {
        if key.len() > LONGEST_KEY {
            return Ok(Err(Unknown::TooLong));
        }
        let hash = SecretHash::of(key);
        if let Some(entry) = self.0.cache.get(&hash) {
            return Ok(Ok(entry));
        }
        // After the cache lookup: a cached key needs no checksum.
        if is_mistyped(services, key, api) {
            return Ok(Err(Unknown::Mistyped));
        }
        let load = |hash: &SecretHash| Ok(services.db.lookup(|conn| key_lookup::find(conn, hash))?);
        Ok(self.find(&hash, load)?.ok_or(Unknown::NoSuchKey))
    }

    /// Removes keys from the cache by the hashes of all their secrets. Call it from a commit hook, after COMMIT and
    /// before the change is answered: entries and loads from before are then out.
    pub fn forget(&self, hashes: &[SecretHash]) {
        for hash in hashes {
            self.0.cache.remove(hash);
        }
    }

    /// Removes every key from the cache, also those that are being loaded.
    pub fn forget_all(&self) {
        self.0.cache.clear();
    }

    /// Write-behind of uses and quotas.
    pub fn usage_drain(&self) -> UsageDrain {
        UsageDrain(self.0.backlog.clone())
    }

    /// Rate limits of keys, tokens and sessions.
    pub fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    /// Rate limits of unauthenticated callers.
    pub fn network_limits(&self) -> &NetworkLimits {
        &self.0.networks
    }

    /// Current state.
    pub fn load(&self) -> EngineStats {
        EngineStats {
            cached_keys: self.0.cache.len(),
            cached_bytes: self.0.cache.bytes(),
            hits: self.0.cache.hits(),
            misses: self.0.cache.misses(),
            buckets: self.0.limiter.len(),
        }
    }

    fn find(
        &self,
        hash: &SecretHash,
        mut row: impl FnMut(&SecretHash) -> Result<Option<KeyRow>>,
    ) -> Result<Option<Arc<Entry>>> {
        let inner = &*self.0;
        inner.cache.find(hash, || {
            loop {
                let generation = inner.meters.generation();
                let Some(row) = row(hash)? else { return Ok(None) };
                let meter = if row.quota.is_some() {
                    let Some(meter) = inner.meters.adopt(&row, generation) else { continue };
                    Some(meter)
                } else {
                    None
                };
                return Entry::new(row, &inner.grants, meter).map(Some);
            }
        })
    }

    fn judge(
        &self,
        bearer: Bearer,
        question: &Question<'_>,
        now: Timestamp,
        clock: &impl Times,
    ) -> Result<Verdict> {
        let mut verdict = self.rule(bearer, question, now);
        let Some(bearer) = verdict.holder().filter(|_| verdict.code == VerifyCode::Valid) else {
            return Ok(verdict);
        };
        let cost = question.cost.max(1);
        let taken = consume::take(&self.0, (bearer, question.api), verdict.now, cost, clock)?;
        (verdict.code, verdict.rate, verdict.quota) = (taken.code, Some(taken.rate), taken.quota);
        Ok(verdict)
    }

    /// The result of the rules, before anything is charged.
    fn rule(&self, bearer: Bearer, question: &Question<'_>, now: Timestamp) -> Verdict {
        let holds = bearer.holds(question.api);
        let code = RuleInput { bearer: &bearer, question, holds: &holds, now }.judge();
        Verdict::about(code, bearer, holds, question.api, now)
    }
}

/// Whether the text has our form with an invalid checksum: then the store is not asked.
fn is_mistyped(services: &Services, key: &str, api: &Api) -> bool {
    let Shape::BadChecksum { prefix, .. } = inspect(key) else { return false };
    // With a prefix of no API it may be an imported key of the same form.
    api.prefix.as_str() == prefix || services.catalog.get().iter().any(|api| api.prefix.as_str() == prefix)
}

/// Identity of a key that is valid for `question`; charges its limits.
///
/// # Errors
/// 401, 403 or 429, depending on the key.
pub fn authenticate(
    services: &Services,
    key: &str,
    question: &Question<'_>,
    now: Timestamp,
) -> Result<Identity> {
    identity(&services.engine.ask(services, key, question, now)?, question)
}

/// The same without its limits.
///
/// # Errors
/// 401 or 403, depending on the key.
pub fn authenticate_again(
    services: &Services,
    key: &str,
    question: &Question<'_>,
    now: Timestamp,
) -> Result<Identity> {
    identity(&services.engine.look(services, key, question, now)?, question)
}

fn identity(verdict: &Verdict, question: &Question<'_>) -> Result<Identity> {
    match verdict.known_entry() {
        Some(entry) if verdict.code == VerifyCode::Valid => Ok(Identity {
            kind: IdentityKind::Key,
            key: Some((entry.no, entry.id)),
            user: entry.user.map(|user| (user.no, user.id, user.role)),
            api_no: Some(entry.api_no),
            scopes: verdict.holds().map(|holds| holds.set.clone()).unwrap_or_default(),
            ..Identity::anonymous()
        }),
        _ => Err(verdict.error(question)),
    }
}
