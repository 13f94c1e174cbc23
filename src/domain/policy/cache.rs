//! Keys in memory, never stale.
//!
//! A request that does not find its key takes the cache's placeholder *before* it opens its snapshot of the store.
//! Whoever changes a key removes it from the cache after COMMIT and before the change is answered, placeholder or
//! not. So a load that may have seen the state before the change cannot enter the cache any more, and whoever asks
//! after the answer finds either nothing or a load that began after the commit. No entry needs a time to live.

use std::sync::Arc;

use quick_cache::sync::{Cache as Concurrent, DefaultLifecycle, GuardResult};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::entry::{Entry, allocation};
use crate::error::Result;
use crate::measure::Counter;
use crate::model::SecretHash;

/// What the cache itself takes for an entry: its slab slot (hash, pointer, state, two links), its place in the
/// table at a load of seven eighths, and a share of the slots that remember evicted keys.
const SLOT: usize = 64 + 10 + 32;
/// The counters before the value of an `Arc`.
const COUNTERS: usize = 16;
/// A usual entry in bytes, to size the memory of evicted keys by.
const USUAL: usize = 512;

#[derive(Clone)]
struct Bytes;

impl Weighter<SecretHash, Arc<Entry>> for Bytes {
    fn weight(&self, _: &SecretHash, entry: &Arc<Entry>) -> u64 {
        (SLOT + allocation(COUNTERS + size_of::<Entry>()) + entry.heap_bytes()) as u64
    }
}

/// Keys by the hash of what was presented.
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

    /// The key behind `hash` if it is in memory.
    pub(super) fn get(&self, hash: &SecretHash) -> Option<Arc<Entry>> {
        let found = self.keys.get(hash);
        if found.is_some() {
            self.hits.add(1);
        }
        found
    }

    /// The key behind `hash`, from memory or by `load`; none is not remembered.
    ///
    /// # Errors
    /// Those of `load`.
    pub(super) fn find(
        &self,
        hash: &SecretHash,
        load: impl FnOnce() -> Result<Option<Entry>>,
    ) -> Result<Option<Arc<Entry>>> {
        // Others who miss the same key wait here for one load of microseconds; they began before any change that it
        // could miss was answered, since after that the placeholder that they would wait for is gone.
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
        // If the placeholder has gone, the key was changed while we read. This request began before the change was
        // answered and may use what it read; the next may not.
        let _ = guard.insert(entry.clone());
        Ok(Some(entry))
    }

    /// Forgets a key, also one that is being loaded.
    pub(super) fn remove(&self, hash: &SecretHash) {
        self.keys.remove(hash);
    }

    /// Forgets every key, also those that are being loaded: a load whose placeholder has gone enters nothing.
    pub(super) fn clear(&self) {
        self.keys.clear();
    }

    /// Keys held.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Bytes taken by what is held.
    pub(super) fn bytes(&self) -> u64 {
        self.keys.weight()
    }

    /// Lookups that found their key in memory.
    pub(super) fn hits(&self) -> u64 {
        self.hits.get()
    }

    /// Lookups that asked the store.
    pub(super) fn misses(&self) -> u64 {
        self.misses.get()
    }
}
