//! Stored buckets, from a graceful stop until the next start. The time in between does not count: a restart refills no
//! bucket. After a kill there are none, and every bucket is full.

use super::{BucketHash, Limiter, nanos};
use crate::domain::policy::Services;
use crate::error::{Error, Result};
use crate::locks;
use crate::store::limits as store;
use crate::store::limits::Debt;

/// Maximum number of saved buckets, so that a stop is fast. The emptiest are saved.
const MOST: usize = 262_144;
/// Buckets per transaction.
const PER_STEP: usize = 4_096;
/// Marks the rows of the limits of networks among the hashes of other buckets.
const NETWORKS: u64 = u64::MAX - 8;

/// Saves buckets that are not full. Call it after the last response.
pub async fn save(services: &Services) -> Result<()> {
    let now = nanos(services.clock.monotonic());
    let debt = |first: u64, second: u64, nanos: u64| Debt {
        name: [first.to_le_bytes(), second.to_le_bytes()].concat(),
        nanos,
    };
    let networks = services.engine.network_limits().unfilled(now);
    let networks = networks.into_iter().map(|(row, cell, nanos)| debt(NETWORKS + row, cell, nanos));
    let buckets = services.engine.limiter().unfilled(now).into_iter();
    let mut unfilled: Vec<Debt> =
        buckets.map(|(name, nanos)| debt(name.shard, name.place, nanos)).chain(networks).collect();
    if unfilled.len() > MOST {
        unfilled.sort_unstable_by_key(|debt| std::cmp::Reverse(debt.nanos));
        tracing::warn!(buckets = unfilled.len(), saved = MOST, "not every rate limit in use is saved");
        unfilled.truncate(MOST);
    }
    for part in unfilled.chunks(PER_STEP) {
        let part = part.to_vec();
        services.write(move |tx| Ok::<_, Error>(store::save(tx, &part)?)).await?;
    }
    Ok(())
}

/// Restores the buckets of the last graceful stop, and deletes them: a later kill refills every bucket.
pub async fn load(services: &Services) -> Result<()> {
    let unfilled = services.write(|tx| Ok::<_, Error>(store::take(tx)?)).await?;
    let now = nanos(services.clock.monotonic());
    for Debt { name, nanos } in unfilled {
        let word = |at: usize| name[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
        if name.len() != 16 {
            continue;
        }
        let (first, second, full_at) = (word(0), word(8), now.saturating_add(nanos));
        if first >= NETWORKS {
            services.engine.network_limits().restore(first - NETWORKS, second, full_at);
        } else {
            services.engine.limiter().restore(BucketHash { shard: first, place: second }, full_at);
        }
    }
    Ok(())
}

impl Limiter {
    fn unfilled(&self, now: u64) -> Vec<(BucketHash, u64)> {
        let mut unfilled = Vec::new();
        for shard in &self.shards {
            let shard = locks::lock(shard);
            let owing = shard.iter().filter(|(_, full_at)| **full_at > now);
            unfilled.extend(owing.map(|(name, full_at)| (*name, full_at - now)));
        }
        unfilled
    }

    fn restore(&self, name: BucketHash, full_at: u64) {
        let mut shard = locks::lock(self.shard(&name));
        if shard.len() < self.buckets_per_shard {
            shard.insert(name, full_at);
        }
    }
}
