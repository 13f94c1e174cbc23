//! Buckets that are not full, in the store from a graceful stop until the next start. The time in between does not
//! count: no restart refills a bucket. After a kill there are none, and every bucket is full.

use super::{Limiter, Name, nanos};
use crate::domain::policy::Services;
use crate::error::{Error, Result};
use crate::locks;
use crate::store::limits as store;
use crate::store::limits::Debt;

/// Buckets that are saved at most: a stop must not take long. The emptiest are saved.
const MOST: usize = 262_144;
/// Buckets to a transaction.
const PER_STEP: usize = 4_096;
/// What stands for the rows of the limits of networks, beside the names of other buckets.
const NETWORKS: u64 = u64::MAX - 8;

/// Saves what is not full. Call it when nothing is answered any more.
pub async fn save(services: &Services) -> Result<()> {
    let now = nanos(services.clock.monotonic());
    let debt = |first: u64, second: u64, nanos: u64| Debt {
        name: [first.to_le_bytes(), second.to_le_bytes()].concat(),
        nanos,
    };
    let networks = services.engine.network_limits().debts(now);
    let networks = networks.into_iter().map(|(row, cell, nanos)| debt(NETWORKS + row, cell, nanos));
    let buckets = services.engine.limiter().debts(now).into_iter();
    let mut debts: Vec<Debt> =
        buckets.map(|(name, nanos)| debt(name.shard, name.place, nanos)).chain(networks).collect();
    if debts.len() > MOST {
        debts.sort_unstable_by_key(|debt| std::cmp::Reverse(debt.nanos));
        tracing::warn!(buckets = debts.len(), saved = MOST, "not every rate limit in use is saved");
        debts.truncate(MOST);
    }
    for part in debts.chunks(PER_STEP) {
        let part = part.to_vec();
        services.write(move |tx| Ok::<_, Error>(store::save(tx, &part)?)).await?;
    }
    Ok(())
}

/// Takes up what the last graceful stop saved, and forgets it: a kill from here on refills every bucket.
pub async fn load(services: &Services) -> Result<()> {
    let debts = services.write(|tx| Ok::<_, Error>(store::take(tx)?)).await?;
    let now = nanos(services.clock.monotonic());
    for Debt { name, nanos } in debts {
        let word = |at: usize| name[at..at + 8].try_into().map_or(0, u64::from_le_bytes);
        if name.len() != 16 {
            continue;
        }
        let (first, second, full_at) = (word(0), word(8), now.saturating_add(nanos));
        if first >= NETWORKS {
            services.engine.network_limits().owe(first - NETWORKS, second, full_at);
        } else {
            services.engine.limiter().owe(Name { shard: first, place: second }, full_at);
        }
    }
    Ok(())
}

impl Limiter {
    fn debts(&self, now: u64) -> Vec<(Name, u64)> {
        let mut debts = Vec::new();
        for shard in &self.shards {
            let shard = locks::lock(shard);
            let owing = shard.iter().filter(|(_, full_at)| **full_at > now);
            debts.extend(owing.map(|(name, full_at)| (*name, full_at - now)));
        }
        debts
    }

    fn owe(&self, name: Name, full_at: u64) {
        let mut shard = locks::lock(self.shard(&name));
        if shard.len() < self.buckets_per_shard {
            shard.insert(name, full_at);
        }
    }
}
