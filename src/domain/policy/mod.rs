//! The hot path: is this key good for this request?
//!
//! The hash of what was presented leads to an [`Entry`] in a cache that is never stale (`cache.rs`), or to one row
//! of the store. Pure rules look at it in the contract's order (`rules.rs`); only what passes them all takes from
//! its rate limit (`limits.rs`) and its quota (`quota.rs`), from both or from neither.

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
use crate::model::{Api, AskedEnvironment, ScopeExpr, SecretHash, Shape, Timestamp, VerifyCode, inspect};
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
use rules::Case;
use verdict::Unknown;

/// Memory for keys, in bytes, unless configured otherwise.
pub const CACHE_BYTES: u64 = 64 << 20;
/// Longer texts are no keys: ours have at most 61 characters, imported ones may have more.
const LONGEST_KEY: usize = 256;

/// Answers whether a key is good. Cheap to clone; the clones are one.
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

/// The readings that only some keys need.
trait Times {
    /// For the rate limit.
    fn monotonic(&self) -> Duration;
    /// For the quota: a new period retires the count of the former one.
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
    /// The API that it must be for.
    pub api: &'q Arc<Api>,
    /// What it must hold; none asks for nothing.
    pub scopes: Option<&'q ScopeExpr>,
    /// The environment that it must be of.
    pub environment: AskedEnvironment,
    /// How many requests it counts as.
    pub cost: u32,
    /// Address of the client; none skips the check only for credentials that allow every address.
    pub ip: Option<IpAddr>,
}

/// How full the engine is, for `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Keys in memory.
    pub cached_keys: usize,
    /// Bytes that they take.
    pub cached_bytes: u64,
    /// Lookups that found their key in memory.
    pub hits: u64,
    /// Lookups that asked the store.
    pub misses: u64,
    /// Rate limits in use.
    pub buckets: usize,
}

impl Engine {
    /// An engine that keeps keys in about `cache_bytes` of memory. `vault` gives the keys of its hashes.
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

    /// Answers `question` about a key at `now`, and charges its limits.
    ///
    /// # Errors
    /// When too many limits are in use at once.
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

    /// Answers `question` about an access token, whose identity the room above has read, and charges its limits.
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

    /// Answers `question` about a key without a look at its limits.
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

    /// The key that this text is a secret of, of whichever API, live or not.
    pub fn find_any(&self, services: &Services, key: &str) -> Result<Option<Arc<Entry>>> {
        let apis = services.catalog.get();
        Ok(self.entry(services, key, apis.built_in())?.ok())
    }

    /// The key of `api` that this text is a secret of, live or not, for the log. Charges nothing.
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
        // Not before the cache was asked: a key that is there needs no checksum.
        if is_mistyped(services, key, api) {
            return Ok(Err(Unknown::Mistyped));
        }
        let load = |hash: &SecretHash| Ok(services.db.lookup(|conn| key_lookup::find(conn, hash))?);
        Ok(self.find(&hash, load)?.ok_or(Unknown::NoSuchKey))
    }

    /// Forgets keys by the hashes of all their secrets. Call it from a commit hook, so after COMMIT and before the
    /// change is answered: whatever was loaded before is then out, and whatever is being loaded stays out.
    pub fn forget(&self, hashes: &[SecretHash]) {
        for hash in hashes {
            self.0.cache.remove(hash);
        }
    }

    /// Writes uses and quotas behind the requests.
    pub fn usage_drain(&self) -> UsageDrain {
        UsageDrain(self.0.backlog.clone())
    }

    /// The rate limits of keys, tokens and sessions.
    pub fn limiter(&self) -> &Limiter {
        &self.0.limiter
    }

    /// The limits of what needs no credential.
    pub fn network_limits(&self) -> &NetworkLimits {
        &self.0.networks
    }

    /// How full it is.
    pub fn load(&self) -> Load {
        Load {
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

    /// The answer of the rules, before anything is charged.
    fn rule(&self, bearer: Bearer, question: &Question<'_>, now: Timestamp) -> Verdict {
        let holds = bearer.holds(question.api);
        let code = Case { bearer: &bearer, question, holds: &holds, now }.judge();
        Verdict::about(code, bearer, holds, question.api, now)
    }
}

/// Whether the text is exactly of our form but its checksum does not fit: not worth a look into the store.
fn is_mistyped(services: &Services, key: &str, api: &Api) -> bool {
    let Shape::BadChecksum { prefix, .. } = inspect(key) else { return false };
    // Under a prefix that is no API's, it may be an imported key that happens to look so.
    api.prefix.as_str() == prefix || services.catalog.get().iter().any(|api| api.prefix.as_str() == prefix)
}

/// The identity of a key that is valid for `question`, and charges its limits.
///
/// # Errors
/// 401, 403 or 429 as the key deserves.
pub fn authenticate(
    services: &Services,
    key: &str,
    question: &Question<'_>,
    now: Timestamp,
) -> Result<Identity> {
    identity(&services.engine.ask(services, key, question, now)?, question)
}

/// The same without a look at its limits.
///
/// # Errors
/// 401 or 403 as the key deserves.
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
