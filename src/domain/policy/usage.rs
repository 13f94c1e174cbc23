//! Write-behind of the use of keys.
//!
//! The last use of a key is kept to the hour: one write per key and hour. A few of them are written with the next
//! transaction. Many are gathered first and written in the order of the keys: a million keys in random order would cost
//! a random page each, several times the cost of their verification.

use std::sync::{Arc, Mutex};

use super::quota::Meter;
use crate::locks::lock;
use crate::model::Timestamp;
use crate::store::usage;
use crate::store::usage::Usage;
use crate::store::{Drain, Error, Tx};

/// This many last uses or fewer are written at once.
const FEW: usize = 128;
/// This many are written without further waiting.
const MANY: usize = 65_536;
/// Maximum number of transactions for which they are gathered: some seconds.
const PATIENCE: u32 = 100;
/// Last uses per transaction, so that changes are not delayed; more of a large batch, so that it ends.
const PER_DRAIN: std::ops::RangeInclusive<usize> = 512..=4_096;

/// Last use of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct LastUse {
    key_no: i64,
    at: Timestamp,
}

/// Last uses that are not written.
#[derive(Default)]
struct LastUses {
    coming: Vec<LastUse>,
    /// Transactions since the first of `coming`.
    waited: u32,
    /// Sorted; written from the front.
    wave: Vec<LastUse>,
    /// Number written per transaction.
    step: usize,
}

impl LastUses {
    /// The part of the batch that the next transaction writes; all of it for the last one.
    fn next(&mut self, last: bool) -> &[LastUse] {
        self.waited += 1;
        let ready = self.coming.len() <= FEW || self.coming.len() >= MANY || self.waited >= PATIENCE;
        if last || (self.wave.is_empty() && ready) {
            self.wave.append(&mut self.coming);
            self.wave.sort_unstable();
            self.waited = 0;
            self.step = (self.wave.len() / 64).clamp(*PER_DRAIN.start(), *PER_DRAIN.end());
        }
        &self.wave[..if last { self.wave.len() } else { self.wave.len().min(self.step) }]
    }

    fn written(&mut self, count: usize) {
        self.wave.drain(..count);
        if self.wave.is_empty() {
            self.wave.shrink_to(FEW);
        }
    }
}

/// Uses that are not on disk yet.
#[derive(Default)]
pub(super) struct Backlog {
    last_uses: Mutex<LastUses>,
    /// One per key with a quota that was used since the last transaction.
    counts: Mutex<Vec<Arc<Meter>>>,
}

impl Backlog {
    pub(super) fn last_used(&self, key_no: i64, at: Timestamp) {
        lock(&self.last_uses).coming.push(LastUse { key_no, at });
    }

    pub(super) fn counted(&self, meter: &Arc<Meter>) {
        lock(&self.counts).push(meter.clone());
    }
}

/// The writer's side: appends what waits, and drops it once it is on disk.
pub struct UsageDrain(pub(super) Arc<Backlog>);

impl Drain for UsageDrain {
    fn pending(&self) -> bool {
        let last_uses = lock(&self.0.last_uses);
        !(last_uses.coming.is_empty() && last_uses.wave.is_empty() && lock(&self.0.counts).is_empty())
    }

    fn append(&mut self, tx: &mut Tx<'_>, last: bool) -> Result<(), Error> {
        let part = lock(&self.0.last_uses).next(last).to_vec();
        let mut usage: Vec<Usage> =
            part.iter().map(|&LastUse { key_no, at }| Usage::Last { key_no, at }).collect();
        let meters = lock(&self.0.counts).clone();
        let counts = meters.len();
        usage.extend(meters.into_iter().map(read));
        usage::save(tx, &usage)?;
        // Only this function takes from the front, so the first ones are those that were written.
        let (backlog, uses) = (self.0.clone(), part.len());
        tx.on_commit(move || {
            lock(&backlog.last_uses).written(uses);
            lock(&backlog.counts).drain(..counts);
        });
        Ok(())
    }
}

fn read(meter: Arc<Meter>) -> Usage {
    let mut count = meter.lock();
    // From here on a change queues the meter again, after this transaction.
    count.queued = false;
    Usage::Quota { key_no: meter.key_no, period_at: count.period_at, used: count.used }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(key_no: i64) -> LastUse {
        LastUse { key_no, at: Timestamp::MIN }
    }

    #[test]
    fn few_last_uses_are_written_at_once_and_many_are_gathered_and_sorted() {
        let mut uses = LastUses { coming: vec![at(3), at(1)], ..LastUses::default() };
        assert_eq!(uses.next(false), [at(1), at(3)]);
        uses.written(2);

        let many = FEW as i64 + 1;
        uses.coming = (0..many).rev().map(at).collect();
        let mut waited = 0;
        while uses.next(false).is_empty() {
            waited += 1;
        }
        assert_eq!(waited, PATIENCE - 1);
        assert_eq!(uses.next(false), (0..many).map(at).collect::<Vec<_>>());
    }

    #[test]
    fn a_wave_is_written_step_by_step_and_the_last_transaction_writes_all() {
        let mut uses = LastUses { coming: (0..MANY as i64).map(at).collect(), ..LastUses::default() };
        let step = uses.next(false).len();
        assert_eq!(step, MANY / 64);
        uses.written(step);
        uses.coming.push(at(-1));
        assert_eq!(uses.next(false)[0], at(step as i64), "what comes later waits for its own wave");
        assert_eq!(uses.next(true).len(), MANY - step + 1);
    }

    #[test]
    fn uses_are_pending_until_they_are_written() {
        let drain = UsageDrain(Arc::default());
        assert!(!drain.pending());
        drain.0.last_used(1, Timestamp::MIN);
        assert!(drain.pending(), "it is on its way");
        let count = lock(&drain.0.last_uses).next(false).len();
        assert!(drain.pending(), "a transaction is to write it");
        lock(&drain.0.last_uses).written(count);
        assert!(!drain.pending());
    }
}
