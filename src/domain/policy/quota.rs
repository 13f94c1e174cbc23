//! Quotas: requests per calendar period.
//!
//! Counts are kept in memory and written behind. There is one meter per key, for all its secrets and every reload of
//! its entry, so a rotation, a change or an eviction gives nothing back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::env::Settled;
use crate::locks;
use crate::model::{Quota, QuotaPeriod, Timestamp};
use crate::store::key_lookup::KeyRow;

/// Counter of one key.
pub(super) struct Meter {
    pub(super) key_no: i64,
    count: Mutex<Count>,
}

/// Count and start of its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) period_at: Timestamp,
    pub(super) used: u64,
    /// Whether it is queued for writing.
    pub(super) queued: bool,
}

impl Count {
    /// Resets the count when a later period has begun.
    pub(super) fn turn(&mut self, period: QuotaPeriod, now: Settled) {
        let start = period.start(now.at());
        if start > self.period_at {
            (self.period_at, self.used) = (start, 0);
        }
    }

    /// Whether `cost` more requests fit under `quota`.
    pub(super) fn fits(&self, quota: &Quota, cost: u32) -> bool {
        self.used.saturating_add(u64::from(cost)) <= quota.limit
    }
}

impl Meter {
    pub(super) fn lock(&self) -> MutexGuard<'_, Count> {
        locks::lock(&self.count)
    }
}

/// Meters of the cached keys.
#[derive(Default)]
pub(super) struct Meters(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    by_key: HashMap<i64, Arc<Meter>>,
    /// Number of times that meters were dropped.
    generation: u64,
}

impl Meters {
    /// Read before opening the snapshot of the row for [`Meters::adopt`].
    pub(super) fn generation(&self) -> u64 {
        self.inner().generation
    }

    /// Meter of a key: the existing one, or a new one that continues from `row`. None if meters were dropped since
    /// `generation`: one may have been this key's, written after the row was read. Then read again.
    pub(super) fn adopt(&self, row: &KeyRow, generation: u64) -> Option<Arc<Meter>> {
        let mut inner = self.inner();
        if let Some(meter) = inner.by_key.get(&row.no) {
            return Some(meter.clone());
        }
        if inner.generation != generation {
            return None;
        }
        if inner.by_key.len() == inner.by_key.capacity() {
            inner.drop_unused();
        }
        let count = Count { period_at: row.quota_period_at, used: row.quota_used, queued: false };
        let meter = Arc::new(Meter { key_no: row.no, count: Mutex::new(count) });
        inner.by_key.insert(row.no, meter.clone());
        Some(meter)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        locks::lock(&self.0)
    }
}

impl Inner {
    /// Drops the meters of keys that are not cached. A queued meter is held by the queue, so dropped ones are on disk.
    fn drop_unused(&mut self) {
        let before = self.by_key.len();
        self.by_key.retain(|_, meter| Arc::strong_count(meter) > 1);
        if self.by_key.len() != before {
            self.generation += 1;
        }
    }
}
