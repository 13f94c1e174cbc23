//! Where decisions wait for the writer.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

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

/// Requests that may be between [`Log::room`] and [`Log::push`]: more than there are connections.
const UNDER_WAY: usize = 16_384;

/// Where decisions wait for the writer: one lock and one push a decision. The writer swaps the buffer out every
/// 50 ms and keeps the rows until they are on disk.
pub struct Log {
    pub(super) clock: Arc<TrustedClock>,
    pub(super) options: Options,
    buffer: Mutex<Vec<Entry>>,
    refusals: Mutex<Refusals>,
    /// Rows that are not on disk yet: in the buffer or with the writer.
    depth: AtomicUsize,
    room: Notify,
    /// The next drain is to write everything, also what is still being counted.
    hurry: AtomicBool,
    /// See [`Log::discard`].
    discards: AtomicBool,
    pub(super) closed: watch::Sender<bool>,
    counters: Counters,
    decisions: Decisions,
    pub(super) recent: Mutex<Recent>,
    /// The newest row on disk, as far as the appender has seen.
    pub(super) newest: watch::Sender<i64>,
}

#[derive(Default)]
struct Counters {
    rows: AtomicU64,
    batches: AtomicU64,
    largest_batch: AtomicU64,
    waits: AtomicU64,
    refusals: AtomicU64,
}

/// What the log has done and how it fares, for `/metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Rows that wait for the writer now.
    pub depth: usize,
    /// Rows written since the start.
    pub rows: u64,
    /// Transactions that wrote some.
    pub batches: u64,
    /// The most rows in one of them.
    pub largest_batch: u64,
    /// Requests that had to wait for room.
    pub waits: u64,
    /// Requests that were refused because there was none.
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
            room: Notify::new(),
            hurry: AtomicBool::new(false),
            discards: AtomicBool::new(false),
            closed: watch::Sender::new(false),
            counters: Counters::default(),
            decisions: Decisions::default(),
            recent: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }

    /// Returns when there is room for one more decision: ask before deciding, so that what was decided can be
    /// logged. Costs one load while there is room.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the writer does not keep up: a decision that cannot be logged is not made.
    pub async fn room(&self) -> Result<()> {
        if self.has_room() {
            return Ok(());
        }
        self.wait_for_room().await
    }

    fn has_room(&self) -> bool {
        self.depth.load(Ordering::Relaxed) < self.options.capacity
    }

    async fn wait_for_room(&self) -> Result<()> {
        self.counters.waits.fetch_add(1, Ordering::Relaxed);
        let freed = async {
            loop {
                let freed = self.room.notified();
                if self.has_room() {
                    return;
                }
                freed.await;
            }
        };
        tokio::time::timeout(self.options.patience, freed).await.map_err(|_| self.full())
    }

    /// Logs a decision. It is on disk within 100 ms; one that is counted ([`super::refusals`]), when its minute is
    /// over. A caller that asked for [`Log::room`] first is never refused: between that bound and this one is place for
    /// every request under way.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the buffer is full: nothing is answered that is not logged.
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
        }
        Ok(())
    }

    /// Whether decisions are kept. They are, but while a measurement says otherwise.
    pub(crate) fn keeps(&self) -> bool {
        !self.discards.load(Ordering::Relaxed)
    }

    /// Throws decisions away from now on, or keeps them again: how else could one measure what keeping them costs?
    /// Nothing but a measurement calls it, and no configuration leads here.
    #[doc(hidden)]
    pub fn discard(&self, discards: bool) {
        self.discards.store(discards, Ordering::Relaxed);
    }

    fn full(&self) -> Error {
        self.counters.refusals.fetch_add(1, Ordering::Relaxed);
        Error::unavailable("the activity log does not keep up")
    }

    /// Returns when everything that was logged so far is on disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn flush(&self, db: &Db) -> std::result::Result<(), DbError> {
        self.hurry.store(true, Ordering::SeqCst);
        db.flush().await
    }

    /// Returns when rows that somebody else than the buffer has written, changes above all, are linked and followers
    /// have heard of them. Costs one lookup when there are none; call it about once a second.
    pub async fn catch_up(&self, db: &Db) -> std::result::Result<(), DbError> {
        if db.lookup(table::last)? != *self.newest.borrow() {
            db.flush().await?;
        }
        Ok(())
    }

    /// From now on every drain writes everything, and nobody follows any longer: call it before the store stops.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// How it fares.
    pub fn stats(&self) -> Stats {
        let counters = &self.counters;
        Stats {
            depth: self.depth.load(Ordering::Relaxed),
            rows: counters.rows.load(Ordering::Relaxed),
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

    /// Whether a drain has anything to do for the buffer.
    pub(super) fn waiting(&self) -> bool {
        self.depth.load(Ordering::Relaxed) > 0 || lock(&self.refusals).due(self.minute(), false)
    }

    /// Whether this drain is to write everything; asking takes the order.
    pub(super) fn take_hurry(&self) -> bool {
        self.hurry.swap(false, Ordering::SeqCst) || self.is_closed()
    }

    pub(super) fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Swaps what is buffered into `spare`, which must be empty, and adds counted refusals whose minute is over.
    /// `early` asks for those of the current minute too, as far as they are few; `last` for all of them.
    pub(super) fn take(&self, spare: &mut Vec<Entry>, early: bool, last: bool) {
        std::mem::swap(&mut *lock(&self.buffer), spare);
        self.decisions.count(spare);
        let before = spare.len();
        // Their decisions were counted one by one.
        lock(&self.refusals).take_rows(self.minute(), early, last, spare);
        self.depth.fetch_add(spare.len() - before, Ordering::Relaxed);
    }

    /// `rows` of those taken are on disk.
    pub(super) fn written(&self, rows: usize) {
        if rows == 0 {
            return;
        }
        self.depth.fetch_sub(rows, Ordering::Relaxed);
        let counters = &self.counters;
        counters.rows.fetch_add(rows as u64, Ordering::Relaxed);
        counters.batches.fetch_add(1, Ordering::Relaxed);
        counters.largest_batch.fetch_max(rows as u64, Ordering::Relaxed);
        self.room.notify_waiters();
    }

    /// Whether somebody keeps the keys of the newest rows in memory, or may be about to.
    pub(super) fn recent_is_kept(&self) -> bool {
        self.recent.try_lock().map_or(true, |recent| !recent.is_empty())
    }

    fn minute(&self) -> i64 {
        self.clock.now().seconds().div_euclid(60)
    }
}
