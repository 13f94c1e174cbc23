//! Buffer of decisions for the writer.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::decisions::{Decision, Decisions};
use super::options::Options;
use super::recent::Recent;
use super::refusals;
use super::refusals::Refusals;
use crate::env::TrustedClock;
use crate::error::{Error, Result};
use crate::locks::lock;
use crate::model::activity::Entry;
use crate::store::{Db, Error as DbError, activity as table};

/// Maximum number of requests between [`Log::capacity`] and [`Log::push`]: more than there are connections.
const UNDER_WAY: usize = 16_384;

/// Buffer of decisions: one lock and one push per decision. The writer swaps the buffer out every 50 ms and keeps the
/// rows until they are on disk.
pub struct Log {
    pub(super) clock: Arc<TrustedClock>,
    pub(super) options: Options,
    buffer: Mutex<Vec<Entry>>,
    refusals: Mutex<Refusals>,
    /// Rows that are not on disk: in the buffer or with the writer.
    depth: AtomicUsize,
    freed_capacity: Notify,
    /// Rows logged since the start.
    logged: AtomicU64,
    /// Drains begun since the start.
    begun: AtomicU64,
    /// What is on disk.
    done: watch::Sender<Done>,
    /// Whether the next drain writes everything, including refusals that are still counted.
    flush_requested: AtomicBool,
    /// See [`Log::discard`].
    discards: AtomicBool,
    pub(super) closed: watch::Sender<bool>,
    counters: Counters,
    decisions: Decisions,
    pub(super) recent: Mutex<Recent>,
    /// Number of the newest row on disk.
    pub(super) newest: watch::Sender<i64>,
}

/// What is on disk of the log since the start.
#[derive(Debug, Clone, Copy, Default)]
struct Done {
    rows: u64,
    /// The number of the last drain that was committed.
    drain: u64,
}

/// How long a read waits for rows to be on disk.
const SETTLE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Counters {
    batches: AtomicU64,
    largest_batch: AtomicU64,
    waits: AtomicU64,
    refusals: AtomicU64,
}

/// State of the log for `/metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Rows that wait for the writer.
    pub depth: usize,
    /// Rows written since the start.
    pub rows: u64,
    /// Transactions that wrote rows.
    pub batches: u64,
    /// Largest number of rows of one transaction.
    pub largest_batch: u64,
    /// Requests that waited for capacity.
    pub waits: u64,
    /// Requests that were refused for lack of capacity.
    pub refusals: u64,
}

impl Log {
    pub(super) fn new(clock: Arc<TrustedClock>, options: Options) -> Self {
        Self {
            clock,
            options,
            buffer: Mutex::default(),
            refusals: Mutex::new(Refusals::new(options.refusals)),
            depth: AtomicUsize::new(0),
            freed_capacity: Notify::new(),
            logged: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            done: watch::Sender::default(),
            flush_requested: AtomicBool::new(false),
            discards: AtomicBool::new(false),
            closed: watch::Sender::new(false),
            counters: Counters::default(),
            decisions: Decisions::default(),
            recent: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }

    /// Returns when the buffer has capacity for one more decision. Call it before the decision, so that the decision
    /// can be logged. Costs one load while there is capacity.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the writer is too slow: a decision that cannot be logged is not made.
    pub async fn capacity(&self) -> Result<()> {
        if self.has_capacity() {
            return Ok(());
        }
        self.wait_for_capacity().await
    }

    fn has_capacity(&self) -> bool {
        self.depth.load(Ordering::Relaxed) < self.options.capacity
    }

    async fn wait_for_capacity(&self) -> Result<()> {
        self.counters.waits.fetch_add(1, Ordering::Relaxed);
        let freed = async {
            loop {
                let freed = self.freed_capacity.notified();
                if self.has_capacity() {
                    return;
                }
                freed.await;
            }
        };
        tokio::time::timeout(self.options.max_wait, freed).await.map_err(|_| self.full())
    }

    /// Logs a decision. It is on disk within 100 ms; a counted refusal ([`super::refusals`]) after its minute. A caller
    /// that called [`Log::capacity`] before is never refused: the difference of the two bounds covers every request in
    /// flight.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the buffer is full: a decision that is not logged is not answered.
    pub fn push(&self, entry: Entry) -> Result<()> {
        if self.depth.load(Ordering::Relaxed) >= self.options.capacity + UNDER_WAY {
            return Err(self.full());
        }
        let row = match refusals::counts(&entry) {
            true => {
                let decision = Decision::of(&entry);
                let row = lock(&self.refusals).admit(self.minute(), entry);
                if row.is_none() {
                    self.decisions.add(decision);
                }
                row
            }
            false => Some(entry),
        };
        if let Some(row) = row {
            let mut buffer = lock(&self.buffer);
            buffer.push(row);
            self.depth.fetch_add(1, Ordering::Relaxed);
            // Under the lock: a drain must not write a row that is not counted yet.
            self.logged.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// Whether decisions are logged; false only during a measurement.
    pub(crate) fn keeps(&self) -> bool {
        !self.discards.load(Ordering::Relaxed)
    }

    /// Discards decisions, or logs them again, to measure the cost of logging. Only benchmarks call it; no setting
    /// does.
    #[doc(hidden)]
    pub fn discard(&self, discards: bool) {
        self.discards.store(discards, Ordering::Relaxed);
    }

    fn full(&self) -> Error {
        self.counters.refusals.fetch_add(1, Ordering::Relaxed);
        Error::unavailable("the writer of the activity log is too slow")
    }

    /// Returns when every row that was pushed before the call is on disk. The writer keeps its pace: reads share its
    /// next transaction and force none.
    ///
    /// # Errors
    /// `Full` or `Busy` when they cannot be written.
    pub async fn settled(&self, db: &Db) -> std::result::Result<(), DbError> {
        let counted = lock(&self.refusals).due(self.minute(), true);
        let wanted = if counted {
            self.flush_requested.store(true, Ordering::SeqCst);
            Done { rows: 0, drain: self.begun.load(Ordering::SeqCst) + 1 }
        } else {
            Done { rows: self.logged.load(Ordering::Acquire), drain: 0 }
        };
        let mut done = self.done.subscribe();
        let settled = async {
            loop {
                let reached = done.wait_for(|done| done.rows >= wanted.rows && done.drain >= wanted.drain);
                match tokio::time::timeout(Duration::from_millis(200), reached).await {
                    Ok(_) => return Ok(()),
                    Err(_) if db.health().failing => {
                        return Err(DbError::Full("the activity log cannot be written".to_owned()));
                    }
                    Err(_) => {}
                }
            }
        };
        let late = |_| Err(DbError::Busy("the activity log is not on disk yet".to_owned()));
        tokio::time::timeout(SETTLE, settled).await.unwrap_or_else(late)
    }

    /// Writes every row that was pushed before in a transaction of its own, and returns when it is on disk.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub async fn flush(&self, db: &Db) -> std::result::Result<(), DbError> {
        self.flush_requested.store(true, Ordering::SeqCst);
        db.flush().await
    }

    /// Returns when rows of other transactions, such as changes, are linked and followers are notified. Costs one
    /// lookup when there are none; call it about once a second.
    pub async fn catch_up(&self, db: &Db) -> std::result::Result<(), DbError> {
        if db.lookup(table::last)? != *self.newest.borrow() {
            db.flush().await?;
        }
        Ok(())
    }

    /// From now on every drain writes everything, and followers end. Call it before the store stops.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Current statistics.
    pub fn stats(&self) -> Stats {
        let counters = &self.counters;
        Stats {
            depth: self.depth.load(Ordering::Relaxed),
            rows: self.done.borrow().rows,
            batches: counters.batches.load(Ordering::Relaxed),
            largest_batch: counters.largest_batch.load(Ordering::Relaxed),
            waits: counters.waits.load(Ordering::Relaxed),
            refusals: counters.refusals.load(Ordering::Relaxed),
        }
    }

    /// Decisions since the start.
    pub fn decisions(&self) -> Vec<(Decision, u64)> {
        self.decisions.all()
    }

    /// Whether a drain has work.
    pub(super) fn waiting(&self) -> bool {
        let requested = self.flush_requested.load(Ordering::SeqCst);
        self.depth.load(Ordering::Relaxed) > 0 || lock(&self.refusals).due(self.minute(), requested)
    }

    /// Whether this drain writes everything; clears the request.
    pub(super) fn take_flush_request(&self) -> bool {
        self.flush_requested.swap(false, Ordering::SeqCst) || self.is_closed()
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Swaps the buffer into `spare`, which must be empty, and adds counted refusals of past minutes. `early` adds
    /// those of the current minute if they are few; `last` adds all.
    pub(super) fn take(&self, spare: &mut Vec<Entry>, early: bool, last: bool) {
        std::mem::swap(&mut *lock(&self.buffer), spare);
        self.decisions.count(spare);
        let before = spare.len();
        // Their decisions were counted individually.
        lock(&self.refusals).take_rows(self.minute(), early, last, spare);
        self.depth.fetch_add(spare.len() - before, Ordering::Relaxed);
        self.logged.fetch_add((spare.len() - before) as u64, Ordering::Release);
    }

    /// Notes that a drain begins, and returns its number.
    pub(super) fn begin_drain(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Drain number `drain` is on disk with `rows` of the taken rows.
    pub(super) fn written(&self, rows: usize, drain: u64) {
        if rows > 0 {
            self.depth.fetch_sub(rows, Ordering::Relaxed);
            let counters = &self.counters;
            counters.batches.fetch_add(1, Ordering::Relaxed);
            counters.largest_batch.fetch_max(rows as u64, Ordering::Relaxed);
            self.freed_capacity.notify_waiters();
        }
        // Last, so that a waiting read sees the figures of this drain.
        self.done.send_modify(|done| *done = Done { rows: done.rows + rows as u64, drain });
    }

    /// Whether the keys of the newest rows are kept in memory, or are about to be.
    pub(super) fn recent_is_kept(&self) -> bool {
        self.recent.try_lock().map_or(true, |recent| !recent.is_empty())
    }

    fn minute(&self) -> i64 {
        self.clock.now().seconds().div_euclid(60)
    }
}
