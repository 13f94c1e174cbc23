//! Rate limits: the generic cell rate algorithm on monotonic time.
//!
//! A bucket is one number, the time at which it will be full. It is independent of secrets, cache entries and changes
//! of the key, because it belongs to the API, the tier and the tier's subject. The limit comes from the tier at each
//! request. A refilled bucket is dropped when its shard would have to grow, so memory is bounded by the current
//! subjects.

mod network;
mod saved;

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::time::Duration;

use crate::error::{Code, Error, Result};
use crate::locks;
use crate::model::RateLimit;

pub use network::{NetworkLimits, Options as NetworkOptions};
pub use saved::{load, save};

/// Subject of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject<'s> {
    /// A key, by row number.
    Key(i64),
    /// A customer: `owner` of keys.
    Owner(&'s str),
    /// A user, by row number.
    User(i64),
    /// A key with a limit of its own, by row number.
    Own(i64),
    /// A grant, by row number.
    Grant(i64),
    /// A session, by row number.
    Session(i64),
    /// A client that acts for itself, by row number.
    Client(i64),
    /// Successful sign-ins of one person, by row number.
    SignIns(i64),
    /// Refreshes and authorization codes of one person, by row number.
    Tokens(i64),
}

/// Identity of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BucketId<'s> {
    /// Row number of the API.
    pub api_no: i64,
    /// Name of the tier; empty for a limit of the key's own.
    pub tier: &'s str,
    /// Subject of the tier.
    pub subject: Subject<'s>,
}

/// State of a bucket after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Requests that may come at once.
    pub remaining: u32,
    /// Time until the bucket is full again.
    pub full_in: Duration,
    /// For a refused request: time until the same one would pass; none if it never would.
    pub retry_in: Option<Duration>,
    /// Whether the request may pass.
    pub passed: bool,
}

impl Level {
    /// `RATE_LIMITED` with the limit and the wait, for a request that did not pass.
    pub(crate) fn refusal(&self, limit: &RateLimit, message: &'static str) -> Error {
        let wait = self.retry_in.unwrap_or_default().as_millis().div_ceil(1_000);
        let wait = u64::try_from(wait).unwrap_or(u64::MAX);
        Error::new(Code::RateLimited, message)
            .with("limit", limit.limit)
            .with("window_seconds", limit.window_seconds)
            .with("retry_after_seconds", wait)
            .retry_after(wait)
    }
}

/// Upper bound of the fill time, so that no sum overflows: a bucket that takes longer counts as smaller.
const LONGEST_DEBT: u64 = 1 << 62;

/// Bounds of a [`Limiter`].
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Tables with a lock each.
    pub shards: usize,
    /// Maximum number of buckets in each.
    pub buckets_per_shard: usize,
}

impl Default for Options {
    fn default() -> Self {
        // Seven eighths of 2^16 slots: the maximum before a table grows.
        Self { shards: 64, buckets_per_shard: (1 << 16) / 8 * 7 }
    }
}

/// Size and rate of a bucket, in nanoseconds.
#[derive(Clone, Copy)]
struct BucketRate {
    /// Interval between requests. Rounded up so the limit is never exceeded.
    interval: u64,
    /// Time in which an empty bucket fills.
    full: u64,
    /// Requests that a full bucket holds.
    burst: u32,
}

impl BucketRate {
    /// None when unlimited.
    fn of(limit: &RateLimit) -> Option<Self> {
        let (count, burst) = (limit.limit?, limit.bucket()?);
        let window = u64::from(limit.window_seconds) * 1_000_000_000;
        let interval = window.div_ceil(u64::from(count.max(1))).max(1);
        let burst = u64::from(burst).min(LONGEST_DEBT / interval);
        // It was a 32-bit value before.
        Some(Self { interval, full: burst * interval, burst: burst as u32 })
    }

    /// Charges `cost` requests to a bucket that is full at `full_at`; returns the new time if they pass.
    fn take(self, now: u64, full_at: u64, cost: u32) -> (Level, Option<u64>) {
        // After a change to a smaller limit an old value may exceed the bucket: it is then empty.
        let debt = full_at.saturating_sub(now).min(self.full);
        if cost > self.burst {
            return (self.level(debt, None, false), None);
        }
        let after = debt + u64::from(cost) * self.interval;
        if after > self.full {
            return (self.level(debt, Some(after - self.full), false), None);
        }
        (self.level(after, None, true), Some(now + after))
    }

    fn level(self, debt: u64, retry_in: Option<u64>, passed: bool) -> Level {
        Level {
            // At most `burst`, which has 32 bits.
            remaining: ((self.full - debt) / self.interval) as u32,
            full_in: Duration::from_nanos(debt),
            retry_in: retry_in.map(Duration::from_nanos),
            passed,
        }
    }
}

/// Hash of a bucket's identity, 128 bits of two keyed hashes: no caller can aim at another's bucket, and no text is
/// stored.
#[derive(Clone, Copy, PartialEq, Eq)]
struct BucketHash {
    shard: u64,
    place: u64,
}

impl Hash for BucketHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.place);
    }
}

/// The hash is already uniform.
#[derive(Default)]
struct PassThroughHasher(u64);

impl Hasher for PassThroughHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a name writes one number");
    }

    fn write_u64(&mut self, place: u64) {
        self.0 = place;
    }
}

type Shard = HashMap<BucketHash, u64, BuildHasherDefault<PassThroughHasher>>;

/// All buckets.
pub struct Limiter {
    shards: Box<[Mutex<Shard>]>,
    /// Keyed hashers.
    names: [DefaultHasher; 2],
    buckets_per_shard: usize,
}

impl Default for Limiter {
    fn default() -> Self {
        let mut key = [0; 32];
        for half in key.chunks_mut(8) {
            // The keys are random.
            half.copy_from_slice(&std::hash::RandomState::new().build_hasher().finish().to_le_bytes());
        }
        Self::new(&key)
    }
}

impl Limiter {
    /// Buckets whose hashes only the holder of `key` can compute; the same key gives the same hashes after a restart.
    pub fn new(key: &[u8; 32]) -> Self {
        Self::with_options(key, Options::default())
    }

    /// The same with other bounds.
    pub fn with_options(key: &[u8; 32], options: Options) -> Self {
        let keyed = |half: &[u8]| {
            let mut hasher = DefaultHasher::new();
            hasher.write(half);
            hasher
        };
        Self {
            shards: (0..options.shards).map(|_| Mutex::default()).collect(),
            names: [keyed(&key[..16]), keyed(&key[16..])],
            buckets_per_shard: options.buckets_per_shard,
        }
    }

    /// Charges `cost` requests to a bucket, or leaves it unchanged. None when the limit is unlimited.
    ///
    /// # Errors
    /// `UNAVAILABLE` when there are too many buckets.
    pub fn take(
        &self,
        id: &BucketId<'_>,
        limit: &RateLimit,
        now: Duration,
        cost: u32,
    ) -> Result<Option<Level>> {
        let Some(bucket_rate) = BucketRate::of(limit) else { return Ok(None) };
        let (name, now) = (self.name(id), nanos(now));
        let mut shard = locks::lock(self.shard(&name));
        if let Some(full_at) = shard.get_mut(&name) {
            let (level, after) = bucket_rate.take(now, *full_at, cost);
            if let Some(after) = after {
                *full_at = after;
            }
            return Ok(Some(level));
        }
        let (level, after) = bucket_rate.take(now, 0, cost);
        if let Some(after) = after {
            self.make_room(&mut shard, now)?;
            shard.insert(name, after);
        }
        Ok(Some(level))
    }

    /// Result of charging `cost` requests, without charging them. None when the limit is unlimited.
    pub fn look(&self, id: &BucketId<'_>, limit: &RateLimit, now: Duration, cost: u32) -> Option<Level> {
        let bucket_rate = BucketRate::of(limit)?;
        let (name, now) = (self.name(id), nanos(now));
        let shard = locks::lock(self.shard(&name));
        let full_at = shard.get(&name).copied().unwrap_or(0);
        let (level, after) = bucket_rate.take(now, full_at, cost);
        // The shown state is the unchanged one.
        Some(after.map_or(level, |_| {
            bucket_rate.level(full_at.saturating_sub(now).min(bucket_rate.full), None, true)
        }))
    }

    /// Number of buckets, including full ones that are not dropped yet.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| locks::lock(shard).len()).sum()
    }

    fn name(&self, id: &BucketId<'_>) -> BucketHash {
        let hash = |keyed: &DefaultHasher| {
            let mut hasher = keyed.clone();
            id.hash(&mut hasher);
            hasher.finish()
        };
        BucketHash { shard: hash(&self.names[0]), place: hash(&self.names[1]) }
    }

    fn shard(&self, name: &BucketHash) -> &Mutex<Shard> {
        &self.shards[name.shard as usize % self.shards.len()]
    }

    /// Before a shard grows it drops refilled buckets; it grows only if more than half of it is in use.
    fn make_room(&self, shard: &mut Shard, now: u64) -> Result<()> {
        if shard.len() < shard.capacity().min(self.buckets_per_shard) {
            return Ok(());
        }
        shard.retain(|_, full_at| *full_at > now);
        if shard.len() >= self.buckets_per_shard {
            return Err(Error::unavailable("more rate limits are in use at once than fit into memory"));
        }
        if shard.len() > shard.capacity() / 2 {
            let more = (shard.capacity() + 1).min(self.buckets_per_shard - shard.len());
            shard.reserve(more);
        } else if shard.capacity() > 1024 && shard.len() < shard.capacity() / 8 {
            shard.shrink_to(shard.len() * 2);
        }
        Ok(())
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).min(LONGEST_DEBT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_grows_with_what_is_in_use_and_shrinks_again() {
        let limiter = Limiter::with_options(&[0; 32], Options { shards: 1, buckets_per_shard: 50_000 });
        let limit = RateLimit { limit: Some(1), window_seconds: 60, burst: None };
        let take = |key, second| {
            let id = BucketId { api_no: 7, tier: "", subject: Subject::Key(key) };
            limiter.take(&id, &limit, Duration::from_secs(second), 1).unwrap();
        };
        let room = || limiter.shards[0].lock().unwrap().capacity();
        (0..10_000).for_each(|key| take(key, 0));
        assert!((10_000..30_000).contains(&room()), "{} for 10,000", room());
        // One request a second from here on: 60 buckets are in use.
        (0..20_000_u64).for_each(|second| take(1_000_000 + second as i64, 60 + second));
        assert!((60..=1_024).contains(&room()), "{} for 60", room());
    }
}
