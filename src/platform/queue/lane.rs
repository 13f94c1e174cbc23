//! A lane: a worker for the items of one kind.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use zeroize::Zeroizing;

use super::{Queue, Retry, hex};
use crate::env::random;
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::store::Tx;
use crate::store::queue as table;
use crate::store::queue::{Lease, Leased, Window};

/// Interval of the check for due items, in real time. A commit wakes the lane earlier.
const TICK: Duration = Duration::from_secs(1);
/// Duration of a lease; a working lane renews it.
const LEASE_SECONDS: i64 = 60;
/// Time between renewals.
const RENEW_EVERY: Duration = Duration::from_secs(20);
/// Maximum length of a stored error, in bytes.
const MAX_ERROR: usize = 500;

/// Result of an attempt.
pub type Outcome = std::result::Result<(), Failed>;

/// Reason for a failed attempt. The text is logged and stored: no secrets.
#[derive(Debug, Clone)]
pub struct Failed {
    /// The error.
    pub error: String,
    /// Whether a retry is useless.
    pub permanent: bool,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error: format!("{error:?}"), permanent: false }
    }
}

/// One attempt to do an item.
pub struct Work {
    /// The item's id in hexadecimal, the same for each attempt.
    pub id: String,
    /// Format of the payload.
    pub version: i64,
    /// The payload; empty for a schedule.
    pub payload: Zeroizing<Vec<u8>>,
    /// Time at which it was queued.
    pub created_at: Timestamp,
    lease: Lease,
}

impl Work {
    /// Ends the item in the transaction of its own effect, so that the effect happens exactly once.
    ///
    /// # Errors
    /// `CONFLICT` when the lease was lost: another node does the work, and this transaction is undone.
    pub fn finish(&self, tx: &mut Tx<'_>) -> Result<()> {
        if table::finish(tx, self.lease)? {
            return Ok(());
        }
        Err(Error::conflict("the lease of a queue item was lost"))
    }
}

type Handler = Box<dyn Fn(Work) -> BoxFuture<'static, Outcome> + Send + Sync>;

/// Worker for the items of one kind, several concurrently.
pub struct Lane {
    kind: &'static str,
    at_once: usize,
    retry: Retry,
    every_seconds: Option<i64>,
    grace: Duration,
    handler: Handler,
}

impl Lane {
    /// A lane for queued items. At a stop, attempts in flight and due items have `grace` to finish; the others stay
    /// queued.
    pub fn items(
        kind: &'static str,
        at_once: usize,
        retry: Retry,
        grace: Duration,
        handler: impl Fn(Work) -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    ) -> Self {
        Self { kind, at_once, retry, every_seconds: None, grace, handler: Box::new(handler) }
    }

    /// A lane for work that runs every `every_seconds`. A stop cancels it at an await.
    pub fn schedule(
        kind: &'static str,
        every_seconds: i64,
        retry: Retry,
        handler: impl Fn(Work) -> BoxFuture<'static, Outcome> + Send + Sync + 'static,
    ) -> Self {
        Self {
            kind,
            at_once: 1,
            retry,
            every_seconds: Some(every_seconds),
            grace: Duration::ZERO,
            handler: Box::new(handler),
        }
    }

    /// Its kind.
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// Whether it runs on a schedule.
    pub const fn is_schedule(&self) -> bool {
        self.every_seconds.is_some()
    }

    /// Works until `stop` is true.
    pub async fn run(&self, queue: &Queue, stop: watch::Receiver<bool>) {
        let (mut stopping, mut stopped) = (stop.clone(), stop);
        let shared = queue.shared(self.kind);
        let work = async {
            loop {
                let last = *stopping.borrow();
                self.pass(queue).await;
                if last {
                    return;
                }
                tokio::select! {
                    _ = stopping.wait_for(|stop| *stop) => {}
                    () = shared.wake.notified() => {}
                    () = tokio::time::sleep(TICK) => {}
                }
            }
        };
        let cut_off = async {
            let _ = stopped.wait_for(|stop| *stop).await;
            tokio::time::sleep(self.grace).await;
        };
        tokio::select! {
            biased;
            () = cut_off => {}
            () = work => {}
        }
    }

    /// Works until nothing is due; returns the number of attempts.
    pub async fn pass(&self, queue: &Queue) -> usize {
        let shared = queue.shared(self.kind);
        let _turn = shared.turn.lock().await;
        let mut running = RunningAttempts { attempts: JoinSet::new(), leases: HashMap::new() };
        let mut ran = 0;
        let mut renewed = queue.clock.monotonic();
        loop {
            ran += self.take_off(queue, &mut running).await;
            if running.leases.is_empty() {
                return ran;
            }
            tokio::select! {
                Some(landed) = running.attempts.join_next_with_id() => self.record(queue, &mut running, landed).await,
                () = shared.wake.notified(), if running.leases.len() < self.at_once => {}
                () = tokio::time::sleep(TICK) => {}
            }
            if queue.clock.monotonic().saturating_sub(renewed) >= RENEW_EVERY {
                renewed = queue.clock.monotonic();
                self.renew(queue, &running).await;
            }
        }
    }

    /// Leases due items and starts an attempt for each; returns their number.
    async fn take_off(&self, queue: &Queue, running: &mut RunningAttempts) -> usize {
        let room = self.at_once.saturating_sub(running.leases.len());
        if room == 0 {
            return 0;
        }
        let leased = match self.lease(queue, running, room).await {
            Ok(leased) => leased,
            Err(error) => {
                tracing::warn!(lane = self.kind, ?error, "cannot lease work");
                return 0;
            }
        };
        let count = leased.len();
        for leased in leased {
            let expired = leased.expires_at.is_some_and(|at| at <= queue.now());
            let attempt: BoxFuture<'static, Outcome> = match queue.unseal(&leased) {
                _ if expired => gone("it expired before it could be done"),
                None => gone("its payload does not open under this master.key"),
                Some(payload) => (self.handler)(Work {
                    id: hex(&leased.id),
                    version: leased.version,
                    payload,
                    created_at: leased.created_at,
                    lease: leased.lease,
                }),
            };
            let id = running.attempts.spawn(attempt).id();
            running.leases.insert(id, leased);
        }
        count
    }

    async fn lease(&self, queue: &Queue, running: &RunningAttempts, room: usize) -> Result<Vec<Leased>> {
        let now = queue.now();
        let horizon = self.retry.longest_seconds().max(self.every_seconds.unwrap_or(0));
        let window = Window {
            now,
            latest_run: now.plus_seconds(horizon),
            latest_lease: now.plus_seconds(LEASE_SECONDS),
        };
        let kind = self.kind;
        // A wall clock that jumps ends leases early: items in work in this process are not leased again.
        let own: Vec<i64> = running.leases.values().map(|leased| leased.lease.no).collect();
        let (known, mut due) = queue.db.lookup(|conn| {
            let known = !self.is_schedule() || table::waiting(conn, kind)? > 0;
            Ok::<_, Error>((known, table::due(conn, kind, &window, room + own.len())?))
        })?;
        due.retain(|no| !own.contains(no));
        due.truncate(room);
        if known && due.is_empty() {
            return Ok(Vec::new());
        }
        let id = random(&*queue.rng);
        queue
            .db
            .write(move |tx| {
                if known {
                    return Ok::<_, Error>(table::lease(tx, &due, &window)?);
                }
                table::schedule(tx, kind, &id, now)?;
                let due = table::due(tx, kind, &window, 1)?;
                Ok(table::lease(tx, &due, &window)?)
            })
            .await
    }

    /// Records the result of an attempt.
    async fn record(
        &self,
        queue: &Queue,
        running: &mut RunningAttempts,
        landed: std::result::Result<(Id, Outcome), JoinError>,
    ) {
        let (id, outcome) = match landed {
            Ok((id, outcome)) => (id, outcome),
            Err(panic) => (panic.id(), Err(Failed { error: panic.to_string(), permanent: false })),
        };
        let Some(leased) = running.leases.remove(&id) else { return };
        let (now, lease) = (queue.now(), leased.lease);
        let shared = queue.shared(self.kind);
        let counter = if outcome.is_ok() { &shared.succeeded } else { &shared.failed };
        counter.add(1);
        let noted = match outcome {
            Ok(()) => {
                let every = self.every_seconds;
                queue
                    .db
                    .write(move |tx| {
                        if let Some(every) = every {
                            return Ok::<_, Error>(table::repeat(tx, lease, now, now.plus_seconds(every))?);
                        }
                        // The work may have finished its item itself.
                        table::finish(tx, lease)?;
                        Ok(true)
                    })
                    .await
            }
            Err(failed) => self.failed(queue, &leased, failed).await,
        };
        match noted {
            Ok(true) => {}
            Ok(false) => tracing::warn!(lane = self.kind, item = hex(&leased.id), "a lease was lost"),
            Err(error) => {
                tracing::warn!(
                    lane = self.kind,
                    ?error,
                    "cannot record the result of an attempt; the work will be repeated"
                );
            }
        }
    }

    async fn failed(&self, queue: &Queue, leased: &Leased, mut failed: Failed) -> Result<bool> {
        let (lease, now) = (leased.lease, queue.now());
        let (lane, item, failures) = (self.kind, hex(&leased.id), leased.attempts + 1);
        let end = failed.error.floor_char_boundary(MAX_ERROR);
        failed.error.truncate(end);
        let error = failed.error;
        let wait = self.retry.wait_millis(failures, &*queue.rng).filter(|_| !failed.permanent);
        let Some(wait) = wait else {
            tracing::error!(lane, item, failures, error, "work failed for good");
            return queue.db.write(move |tx| Ok(table::bury(tx, lease, now, &error)?)).await;
        };
        tracing::warn!(
            lane,
            item,
            failures,
            error,
            retry_in_ms = wait,
            "work failed; it will be tried again"
        );
        // Not later than the expiry, so that an expired payload is removed in time.
        let run_at = now.plus_millis(wait).min(leased.expires_at.unwrap_or(Timestamp::MAX));
        queue.db.write(move |tx| Ok(table::retry(tx, lease, run_at, &error)?)).await
    }

    async fn renew(&self, queue: &Queue, running: &RunningAttempts) {
        let leases: Vec<Lease> = running.leases.values().map(|leased| leased.lease).collect();
        let until = queue.now().plus_seconds(LEASE_SECONDS);
        let renewed = queue.db.write(move |tx| {
            for lease in leases {
                table::renew(tx, lease, until)?;
            }
            Ok::<_, Error>(())
        });
        if let Err(error) = renewed.await {
            tracing::warn!(lane = self.kind, ?error, "cannot renew a lease");
        }
    }
}

/// Running attempts by task. Dropping this cancels them.
struct RunningAttempts {
    attempts: JoinSet<Outcome>,
    leases: HashMap<Id, Leased>,
}

fn gone(error: &'static str) -> BoxFuture<'static, Outcome> {
    Box::pin(async move { Err(Failed { error: error.to_owned(), permanent: true }) })
}
