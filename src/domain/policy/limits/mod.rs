//! Rate limits: the generic cell rate algorithm on monotonic time.
//!
//! A bucket is one number, the moment at which it will be full again. It outlives keys' secrets, cache entries and
//! changes of the key, since it belongs to the API, the tier and whom the tier counts. What a limit allows comes
//! from the tier at each request. A bucket that is full again is as good as none and is dropped when its shard would
//! have to grow; so memory is bounded by what is being limited just now.

mod network;
mod saved;

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::model::RateLimit;

pub use network::{NetworkLimits, Options as NetworkOptions};
pub use saved::{load, save};

/// Whose requests share a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject<'s> {
    /// One key, by row number.
    Key(i64),
    /// One customer, in the words of who made the keys.
    Owner(&'s str),
    /// One person, by row number.
    User(i64),
    /// A key with a limit of its own, by row number.
    Own(i64),
    /// What one person allowed one OAuth client, by row number.
    Grant(i64),
    /// One sign-in, by row number.
    Session(i64),
    /// One OAuth client that acts for itself, by row number.
    Client(i64),
}

/// What a bucket belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BucketId<'s> {
    /// The API's row number.
    pub api_no: i64,
    /// The tier's name; empty for a limit of the key's own.
    pub tier: &'s str,
    /// Whom the tier counts.
    pub subject: Subject<'s>,
}

/// How a bucket stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Requests that may still come at once.
    pub remaining: u32,
    /// Time until the bucket is full again.
    pub full_in: Duration,
    /// For a refused request: time until the same one would pass; none if it never will.
    pub retry_in: Option<Duration>,
    /// Whether the request may pass.
    pub passed: bool,
}

/// Nothing is owed beyond this, so that no sum overflows: a bucket that takes longer to fill counts as smaller.
const LONGEST_DEBT: u64 = 1 << 62;
const SHARDS: usize = 64;
/// Buckets of a shard: seven eighths of 2^16 slots, the most that its table holds without growing further.
const SHARD_CAPACITY: usize = (1 << 16) / 8 * 7;

/// The size and the pace of a bucket, in nanoseconds.
#[derive(Clone, Copy)]
struct Pace {
    /// Time that brings one request back. Rounded up: rather a hair too slow than one request too many.
    interval: u64,
    /// Time that an empty bucket takes to fill.
    full: u64,
    /// Requests that a full bucket holds.
    burst: u32,
}

impl Pace {
    /// None when unlimited.
    fn of(limit: &RateLimit) -> Option<Self> {
        let (count, burst) = (limit.limit?, limit.bucket()?);
        let window = u64::from(limit.window_seconds) * 1_000_000_000;
        let interval = window.div_ceil(u64::from(count.max(1))).max(1);
        let burst = u64::from(burst).min(LONGEST_DEBT / interval);
        // It fitted into 32 bits before.
        Some(Self { interval, full: burst * interval, burst: burst as u32 })
    }

    /// How a bucket that will be full at `full_at` takes `cost` more requests; its new moment, if it does.
    fn take(self, now: u64, full_at: u64, cost: u32) -> (Level, Option<u64>) {
        // After a change to a smaller limit an old debt may exceed the bucket: it is then just empty.
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

/// A bucket's name in 128 bits of two keyed hashes: no caller can aim at another's, and no text needs storing.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name {
    shard: u64,
    place: u64,
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.place);
    }
}

/// The name is a hash already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
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

type Shard = HashMap<Name, u64, BuildHasherDefault<AsIs>>;

/// Every bucket.
pub struct Limiter {
    shards: Box<[Mutex<Shard>]>,
    /// Hashers that have taken up a key.
    names: [DefaultHasher; 2],
    shard_capacity: usize,
}

impl Default for Limiter {
    fn default() -> Self {
        let mut key = [0; 32];
        for half in key.chunks_mut(8) {
            // Its keys are random.
            half.copy_from_slice(&std::hash::RandomState::new().build_hasher().finish().to_le_bytes());
        }
        Self::new(&key)
    }
}

impl Limiter {
    /// Buckets whose names only the holder of `key` can compute; the same key gives the same names after a restart.
    pub fn new(key: &[u8; 32]) -> Self {
        Self::with_capacity(key, SHARDS, SHARD_CAPACITY)
    }

    pub(super) fn with_capacity(key: &[u8; 32], shards: usize, shard_capacity: usize) -> Self {
        let keyed = |half: &[u8]| {
            let mut hasher = DefaultHasher::new();
            hasher.write(half);
            hasher
        };
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            names: [keyed(&key[..16]), keyed(&key[16..])],
            shard_capacity,
        }
    }

    /// Takes `cost` requests out of a bucket, or leaves it as it is. None when the limit is unlimited.
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
        let Some(pace) = Pace::of(limit) else { return Ok(None) };
        let (name, now) = (self.name(id), nanos(now));
        let mut shard = self.shard(&name).lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_at) = shard.get_mut(&name) {
            let (level, after) = pace.take(now, *full_at, cost);
            if let Some(after) = after {
                *full_at = after;
            }
            return Ok(Some(level));
        }
        let (level, after) = pace.take(now, 0, cost);
        if let Some(after) = after {
            self.make_room(&mut shard, now)?;
            shard.insert(name, after);
        }
        Ok(Some(level))
    }

    /// How a bucket would take `cost` requests, without taking them. None when the limit is unlimited.
    pub fn look(&self, id: &BucketId<'_>, limit: &RateLimit, now: Duration, cost: u32) -> Option<Level> {
        let pace = Pace::of(limit)?;
        let (name, now) = (self.name(id), nanos(now));
        let shard = self.shard(&name).lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = shard.get(&name).copied().unwrap_or(0);
        let (level, after) = pace.take(now, full_at, cost);
        // What is shown is the bucket as it stays.
        Some(after.map_or(level, |_| pace.level(full_at.saturating_sub(now).min(pace.full), None, true)))
    }

    /// Buckets that are held, full ones that wait for their removal included.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    fn name(&self, id: &BucketId<'_>) -> Name {
        let hash = |keyed: &DefaultHasher| {
            let mut hasher = keyed.clone();
            id.hash(&mut hasher);
            hasher.finish()
        };
        Name { shard: hash(&self.names[0]), place: hash(&self.names[1]) }
    }

    fn shard(&self, name: &Name) -> &Mutex<Shard> {
        &self.shards[name.shard as usize % self.shards.len()]
    }

    /// Before a shard grows it drops what is full again; it grows only if more than half of it is in use.
    fn make_room(&self, shard: &mut Shard, now: u64) -> Result<()> {
        if shard.len() < shard.capacity().min(self.shard_capacity) {
            return Ok(());
        }
        shard.retain(|_, full_at| *full_at > now);
        if shard.len() >= self.shard_capacity {
            return Err(Error::unavailable("more rate limits are in use at once than fit into memory"));
        }
        if shard.len() > shard.capacity() / 2 {
            let more = (shard.capacity() + 1).min(self.shard_capacity - shard.len());
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
        let limiter = Limiter::with_capacity(&[0; 32], 1, 50_000);
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
