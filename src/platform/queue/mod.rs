//! Leased work: queued in the transaction of its change, done in independent lanes.
//!
//! * An item is stored if and only if its change is. It is deleted after its work succeeded, so each item is done at
//!   least once: after a crash between the two it is done again under the same id.
//! * A lane leases an item before it works on it. Only the holder of the latest lease may finish, retry or renew it, so
//!   two nodes on one store never work on the same item.
//! * A lane works on items of its own kind, on its own tasks. A blocked lane delays no other.
//! * A payload is sealed under `master.key`, and is deleted when the item is done, expires or dies.
//! * Time comes from the injected clock. A commit wakes the lane; otherwise it checks once a second of real time.

mod lane;
mod retry;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use zeroize::Zeroizing;

pub use self::lane::{Failed, Lane, Outcome, Work};
pub use self::retry::Retry;
use crate::env::{Rng, TrustedClock, random};
use crate::error::{Error, Result};
use crate::locks;
use crate::measure::{Counter, Family, label};
use crate::model::Timestamp;
use crate::platform::vault::Vault;
use crate::store::queue as table;
use crate::store::{Db, Tx};

/// Retention of dead items.
const DEAD_SECONDS: u32 = 30 * 86_400;
/// Dead items removed per transaction.
const SWEEP_STEP: usize = 256;

/// The queue. One value per server.
pub struct Queue {
    db: Db,
    clock: Arc<TrustedClock>,
    rng: Arc<dyn Rng>,
    vault: Arc<Vault>,
    /// State shared by all [`Lane`] values of one kind.
    lanes: Mutex<BTreeMap<&'static str, Arc<Shared>>>,
}

/// State of one kind of lane within this process.
#[derive(Default)]
struct Shared {
    /// Notified when an item was queued.
    wake: Notify,
    /// Held during a pass: a second pass waits for the first.
    turn: tokio::sync::Mutex<()>,
    succeeded: Counter,
    failed: Counter,
}

/// Work to be queued.
#[derive(Debug, Clone, Copy)]
pub struct NewWork<'p> {
    /// The lane's kind.
    pub kind: &'static str,
    /// Format of the payload.
    pub version: i64,
    /// Input of the lane. It may contain secrets.
    pub payload: &'p [u8],
    /// Maximum number of waiting items of this kind.
    pub most_waiting: i64,
    /// Current time; the work is due at once.
    pub now: Timestamp,
    /// Time after which the work is useless.
    pub expires_at: Timestamp,
}

impl Queue {
    /// A queue in `db`.
    pub fn new(db: Db, clock: Arc<TrustedClock>, rng: Arc<dyn Rng>, vault: Arc<Vault>) -> Self {
        Self { db, clock, rng, vault, lanes: Mutex::default() }
    }

    /// Ends the leases of the previous process, and deletes schedules that are not in the list. Call it once, before
    /// any lane runs, while this process holds the lock of the data directory.
    pub async fn begin(&self, schedules: Vec<&'static str>) -> Result<()> {
        self.db.write(move |tx| Ok::<_, Error>(table::begin(tx, &schedules)?)).await
    }

    /// Queues work in the transaction of its change. The commit wakes the lane.
    ///
    /// # Errors
    /// `UNAVAILABLE` when too many items of this kind wait.
    pub fn push(&self, tx: &mut Tx<'_>, new: &NewWork<'_>) -> Result<()> {
        if table::waiting(tx, new.kind)? >= new.most_waiting {
            return Err(Error::unavailable(format!(
                "too many items of the kind {} wait in the queue",
                new.kind
            )));
        }
        let id = random(&*self.rng);
        let sealed = self.vault.seal(&*self.rng, &place(&id), new.payload);
        table::insert(
            tx,
            &table::NewItem {
                id,
                kind: new.kind,
                version: new.version,
                sealed: &sealed,
                created_at: new.now,
                expires_at: new.expires_at,
            },
        )?;
        let shared = self.shared(new.kind);
        tx.on_commit(move || shared.wake.notify_one());
        Ok(())
    }

    /// State of each kind of work.
    pub fn states(&self) -> Result<Vec<table::State>> {
        self.db.lookup(|conn| Ok(table::states(conn)?))
    }

    /// Metrics of lanes and scheduled jobs, including lanes without items that ran in this process.
    pub fn metrics(&self) -> Result<Vec<Family>> {
        let states = self.states()?;
        let now = self.clock.now();
        let state = |kind: &str| states.iter().find(|state| state.kind == kind);
        let (mut items, mut ages, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let (mut succeeded, mut failures) = (Vec::new(), Vec::new());
        let lanes = locks::lock(&self.lanes);
        for (&kind, shared) in &*lanes {
            for (outcome, count) in [("succeeded", &shared.succeeded), ("failed", &shared.failed)] {
                ends.push((vec![("lane", kind.into()), ("outcome", outcome.into())], count.get() as f64));
            }
            let state = state(kind);
            if let Some(job) = state.filter(|state| state.repeats) {
                failures.push((label("job", kind), job.failures as f64));
                succeeded
                    .extend(job.succeeded_at.map(|at| (label("job", kind), at.millis() as f64 / 1_000.0)));
                continue;
            }
            let (waiting, dead) = state.map_or((0, 0), |state| (state.waiting, state.dead));
            for (name, count) in [("waiting", waiting), ("dead", dead)] {
                items.push((vec![("lane", kind.into()), ("state", name.into())], count as f64));
            }
            let oldest = state.and_then(|state| state.oldest_at);
            let age = oldest.map_or(0.0, |at| now.millis_since(at).max(0) as f64 / 1_000.0);
            ages.push((label("lane", kind), age));
        }
        Ok(vec![
            Family::gauges("queue_items", "Queued items that wait or have failed for good.", items),
            Family::gauges("queue_oldest_age_seconds", "Age of the oldest item that waits.", ages),
            Family::counters("lane_attempts_total", "Attempts at items and runs of jobs, by outcome.", ends),
            Family::gauges(
                "job_last_success_timestamp_seconds",
                "When a scheduled job succeeded last, in seconds since 1970.",
                succeeded,
            ),
            Family::gauges("job_consecutive_failures", "Failures of a scheduled job in a row.", failures),
        ])
    }

    /// Removes dead items after their retention.
    pub async fn sweep(&self) -> Result<()> {
        let before = self.clock.settled().minus_seconds(DEAD_SECONDS);
        let step = move |tx: &mut Tx<'_>| Ok::<_, Error>(table::sweep(tx, before, SWEEP_STEP)?);
        while self.db.write(step).await? == SWEEP_STEP {}
        Ok(())
    }

    /// Time of runs, leases and expiry: the settled time, because an item that expires loses its payload.
    fn now(&self) -> Timestamp {
        self.clock.settled().at()
    }

    fn shared(&self, kind: &'static str) -> Arc<Shared> {
        let mut lanes = locks::lock(&self.lanes);
        lanes.entry(kind).or_default().clone()
    }

    fn unseal(&self, leased: &table::Leased) -> Option<Zeroizing<Vec<u8>>> {
        // Schedules have no payload.
        if leased.expires_at.is_none() {
            return Some(Zeroizing::default());
        }
        self.vault.unseal(&place(&leased.id), &leased.sealed)
    }
}

/// Encryption context of a payload.
fn place(id: &[u8; table::ID_BYTES]) -> String {
    format!("queue/{}/sealed", hex(id))
}

/// Bytes in lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}
