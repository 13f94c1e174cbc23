//! Values read from the store, kept in memory and never stale.
//!
//! Each value lists what it was read from ([`DependsOn`]). After a change of any of these it is read again; other
//! changes leave it in memory.

use std::hash::Hash;
use std::sync::Arc;

use quick_cache::sync::Cache;

use crate::platform::Services;
use crate::store;
use crate::store::{Conn, Epochs, Slot, Touched};

/// A value that was read for a key of type `K`.
pub trait DependsOn<K> {
    /// The dependencies whose change may change the value.
    fn depends_on(&self, key: &K) -> Vec<Touched>;
}

/// A bounded number of values by their lookup key.
pub struct EpochCache<K, V>(Cache<K, Arc<Kept<V>>>);

struct Kept<V> {
    /// The number of the last change before the value was read.
    read_at: u64,
    slots: Box<[Slot]>,
    value: V,
}

/// Capacity, in values; a few hundred bytes each.
const CAPACITY: usize = 4_096;

impl<K: Eq + Hash, V: Clone + DependsOn<K>> Default for EpochCache<K, V> {
    fn default() -> Self {
        Self::new(CAPACITY)
    }
}

impl<K: Eq + Hash, V: Clone + DependsOn<K>> EpochCache<K, V> {
    /// Keeps at most `capacity` values.
    pub fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }

    /// The value of `key` as the store has it now. A missing value is not kept, so that invalid keys cannot fill the
    /// cache.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn get<E: From<store::Error>>(
        &self,
        services: &Services,
        key: K,
        read: impl FnOnce(&Conn<'_>, &K) -> Result<Option<V>, E>,
    ) -> Result<Option<V>, E> {
        if let Some(kept) = self.0.get(&key)
            && services.db.epochs().unchanged_since(kept.read_at, &kept.slots)
        {
            return Ok(Some(kept.value.clone()));
        }
        // Taken before the snapshot is opened. A change in between has a higher number and makes the value unusable.
        let read_at = services.db.changes();
        let value = services.db.lookup(|conn| read(conn, &key))?;
        if let Some(value) = &value {
            let slots = value.depends_on(&key).iter().map(Epochs::slot).collect();
            self.0.insert(key, Arc::new(Kept { read_at, slots, value: value.clone() }));
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
