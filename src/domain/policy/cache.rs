//! Cache of keys, never stale.
//!
//! On a miss, a request inserts a placeholder *before* it opens its snapshot of the store. A change of a key removes
//! its entry or placeholder after COMMIT and before it is answered. So a load that may have seen the old state cannot
//! enter the cache, and a request after the answer finds either nothing or a load that began after the commit. Entries
//! need no time to live.

use std::sync::Arc;

use quick_cache::sync::{Cache as Concurrent, DefaultLifecycle, GuardResult};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::entry::{Entry, allocation};
use crate::error::Result;
use crate::measure::Counter;
use crate::model::SecretHash;

/// Overhead of an entry in the cache: its slab slot (hash, pointer, state, two links), its share of the table at a load
/// of seven eighths, and a share of the slots that remember evicted keys.
const SLOT: usize = 64 + 10 + 32;
/// The counters before the value of an `Arc`.
const COUNTERS: usize = 16;
/// Typical size of an entry in bytes, for sizing the memory of evicted keys.
const USUAL: usize = 512;

#[derive(Clone)]
struct Bytes;

impl Weighter<SecretHash, Arc<Entry>> for Bytes {
    fn weight(&self, _: &SecretHash, entry: &Arc<Entry>) -> u64 {
        (SLOT + allocation(COUNTERS + size_of::<Entry>()) + entry.heap_bytes()) as u64
    }
}

/// Keys by the hash of the presented secret.
pub(super) struct Cache {
    keys: Concurrent<SecretHash, Arc<Entry>, Bytes>,
    hits: Counter,
    misses: Counter,
}

impl Cache {
    /// A cache that takes about `bytes` of memory when it is full.
    pub(super) fn new(bytes: u64) -> Self {
        let usual = usize::try_from(bytes).unwrap_or(usize::MAX) / USUAL;
        let options = OptionsBuilder::new()
            .estimated_items_capacity(usual.max(32))
            .weight_capacity(bytes)
            .ghost_allocation(0.5)
            .build()
            .expect("all that it needs is given");
        let keys = Concurrent::with_options(
            options,
            Bytes,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        );
        Self { keys, hits: Counter::default(), misses: Counter::default() }
    }

    /// The key of `hash` if it is cached.
    pub(super) fn get(&self, hash: &SecretHash) -> Option<Arc<Entry>> {
        let found = self.keys.get(hash);
        if found.is_some() {
            self.hits.add(1);
        }
        found
    }

    /// The key of `hash`, from the cache or by `load`; misses are not cached.
    ///
    /// # Errors
    /// Those of `load`.
    pub(super) fn find(
        &self,
        hash: &SecretHash,
        load: impl FnOnce() -> Result<Option<Entry>>,
    ) -> Result<Option<Arc<Entry>>> {
        // Concurrent misses of the same key wait here for one load of microseconds. They began before any change that
        // the load could miss was answered, because after that the placeholder is gone.
        let guard = match self.keys.get_value_or_guard(hash, None) {
            GuardResult::Value(entry) => {
                self.hits.add(1);
                return Ok(Some(entry));
            }
            GuardResult::Guard(guard) => guard,
            GuardResult::Timeout => unreachable!("it waits without a limit"),
        };
        self.misses.add(1);
        let Some(entry) = load()?.map(Arc::new) else { return Ok(None) };
        // Without the placeholder, the key was changed during the load. This request began before the change was
        // answered and may use what it read; the next one may not.
        let _ = guard.insert(entry.clone());
        Ok(Some(entry))
    }

    /// Removes a key, also one that is being loaded.
    pub(super) fn remove(&self, hash: &SecretHash) {
        self.keys.remove(hash);
    }

    /// Removes every key, also those that are being loaded: a load without its placeholder inserts nothing.
    pub(super) fn clear(&self) {
        self.keys.clear();
    }

    /// Number of cached keys.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Bytes of the cached keys.
    pub(super) fn bytes(&self) -> u64 {
        self.keys.weight()
    }

    /// Number of hits.
    pub(super) fn hits(&self) -> u64 {
        self.hits.get()
    }

    /// Number of misses.
    pub(super) fn misses(&self) -> u64 {
        self.misses.get()
    }
}
