//! What waits to be written about the use of keys.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::quota::Meter;
use crate::db::usage::{self, Usage};
use crate::db::{Drain, Error, Tx};
use crate::model::Timestamp;

#[derive(Clone)]
enum Waiting {
    Last { key_no: i64, at: Timestamp },
    Count(Arc<Meter>),
}

/// Uses that are not on disk yet. One push per key and hour, and per key with a quota and transaction.
#[derive(Default)]
pub(super) struct Backlog(Mutex<Vec<Waiting>>);

impl Backlog {
    pub(super) fn last_used(&self, key_no: i64, at: Timestamp) {
        self.waiting().push(Waiting::Last { key_no, at });
    }

    pub(super) fn counted(&self, meter: &Arc<Meter>) {
        self.waiting().push(Waiting::Count(meter.clone()));
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget_first(&self, count: usize) {
        self.waiting().drain(..count);
    }
}

/// The writer's side: appends what waits, and forgets it once it is on disk.
pub struct UsageDrain(pub(super) Arc<Backlog>);

impl Drain for UsageDrain {
    fn pending(&self) -> bool {
        !self.0.waiting().is_empty()
    }

    fn append(&mut self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let waiting = self.0.waiting().clone();
        let count = waiting.len();
        let mut usage: Vec<Usage> = waiting.into_iter().map(read).collect();
        // Neighbours in the table are written together.
        usage.sort_by_key(Usage::key_no);
        usage::save(tx, &usage)?;
        // Only this takes from the front, so the first ones are still those that were written.
        let backlog = self.0.clone();
        tx.on_commit(move || backlog.forget_first(count));
        Ok(())
    }
}

fn read(waiting: Waiting) -> Usage {
    match waiting {
        Waiting::Last { key_no, at } => Usage::Last { key_no, at },
        Waiting::Count(meter) => {
            let mut count = meter.lock();
            // From here on a change queues the meter again, behind what this transaction takes away.
            count.queued = false;
            Usage::Quota { key_no: meter.key_no, period_at: count.period_at, used: count.used }
        }
    }
}
