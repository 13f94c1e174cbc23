//! The one thread that writes. Jobs that arrive together share a transaction and its fsync; each is undone alone
//! when it fails; hooks run after the commit, in its order, and answers go out after the hooks. So whoever reads an
//! answer knows that the change is on disk and that no cache still holds what it replaced.

use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Conn, Error, ToSql};
use crate::measure::{Histogram, Latency};

/// At most so many jobs share a transaction, and for so long: the first one waits for the last.
const JOBS_PER_COMMIT: usize = 256;
const TIME_PER_COMMIT: Duration = Duration::from_millis(5);

type Hook = Box<dyn FnOnce() + Send>;

/// Rows that are buffered in memory and appended together.
pub trait Drain: Send + 'static {
    /// Whether anything waits.
    fn pending(&self) -> bool;

    /// Appends what waits, inside the writer's transaction; `last` says that no other will follow. The rows must be
    /// kept until a hook of `tx` runs: an error or a failed commit means that they are not on disk.
    ///
    /// # Errors
    /// When they cannot be written; they are asked for again.
    fn append(&mut self, tx: &mut Tx<'_>, last: bool) -> Result<(), Error>;
}

/// A transaction. What it changes is on disk when the job's answer arrives, or nothing of it is.
pub struct Tx<'c> {
    conn: Conn<'c>,
    hooks: Vec<Hook>,
}

impl<'c> Deref for Tx<'c> {
    type Target = Conn<'c>;

    fn deref(&self) -> &Conn<'c> {
        &self.conn
    }
}

impl Tx<'_> {
    /// Runs a changing statement and tells how many rows it touched.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn execute(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<usize, Error> {
        self.conn.execute(sql, params)
    }

    /// Runs an INSERT and tells the new row's `no`.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn insert(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<i64, Error> {
        self.conn.execute(sql, params)?;
        Ok(self.conn.0.last_insert_rowid())
    }

    /// Runs `hook` once this is committed and before its answer is sent; never if it is undone.
    pub fn on_commit(&mut self, hook: impl FnOnce() + Send + 'static) {
        self.hooks.push(Box::new(hook));
    }
}

/// What the writer has done and how it fares.
#[derive(Debug, Clone, Copy, Default)]
pub struct Health {
    /// Transactions committed.
    pub commits: u64,
    /// Jobs done in them.
    pub jobs: u64,
    /// Jobs waiting now.
    pub waiting: u64,
    /// Whether the last transaction failed.
    pub failing: bool,
}

#[derive(Default)]
struct Counters {
    /// Committed transactions with jobs in them.
    changes: AtomicU64,
    commits: AtomicU64,
    jobs: AtomicU64,
    waiting: AtomicU64,
    commit: Latency,
    failing: AtomicBool,
}

enum Message {
    Job(Box<dyn Job>),
    Flush(oneshot::Sender<Result<(), Error>>),
    Stop,
}

#[derive(Clone)]
pub(super) struct Handle {
    queue: Sender<Message>,
    counters: Arc<Counters>,
    thread: Arc<Mutex<Option<std::thread::JoinHandle<()>>>>,
}

impl Handle {
    pub(super) async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.counters.waiting.fetch_add(1, Ordering::Relaxed);
        let job = Message::Job(Box::new(Task { job: Some(job), result: None, reply }));
        self.queue.send(job).map_err(|_| Error::Stopped)?;
        answer.await.unwrap_or_else(|_| Err(Error::Stopped.into()))
    }

    pub(super) fn submit<E, F>(&self, job: F) -> Result<(), Error>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<(), E> + Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, _) = oneshot::channel();
        self.counters.waiting.fetch_add(1, Ordering::Relaxed);
        let job = Message::Job(Box::new(Task { job: Some(job), result: None, reply }));
        self.queue.send(job).map_err(|_| Error::Stopped)
    }

    pub(super) async fn flush(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(Message::Flush(reply)).map_err(|_| Error::Stopped)?;
        answer.await.unwrap_or(Err(Error::Stopped))
    }

    pub(super) fn changes(&self) -> u64 {
        self.counters.changes.load(Ordering::Acquire)
    }

    pub(super) fn health(&self) -> Health {
        let counters = &self.counters;
        Health {
            commits: counters.commits.load(Ordering::Relaxed),
            jobs: counters.jobs.load(Ordering::Relaxed),
            waiting: counters.waiting.load(Ordering::Relaxed),
            failing: counters.failing.load(Ordering::Relaxed),
        }
    }

    pub(super) fn commit_latency(&self) -> Histogram {
        self.counters.commit.histogram()
    }

    pub(super) fn stop(&self) {
        let _ = self.queue.send(Message::Stop);
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

pub(super) fn start(
    connection: Connection,
    drain: Box<dyn Drain>,
    drain_every: Duration,
) -> Result<Handle, Error> {
    let (queue, jobs) = channel();
    let counters = Arc::new(Counters::default());
    let writer = Writer {
        connection,
        jobs,
        drain,
        drain_every,
        counters: counters.clone(),
        undrained: None,
        stopping: false,
    };
    let thread = std::thread::Builder::new()
        .name("keywright-writer".to_owned())
        .spawn(move || writer.run())
        .map_err(|error| Error::Other(error.to_string()))?;
    Ok(Handle { queue, counters, thread: Arc::new(Mutex::new(Some(thread))) })
}

/// A write and the place where its answer goes, with the types of both hidden.
trait Job: Send {
    /// Does the work; false asks to undo it.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Sends the answer; an error means that the transaction was lost.
    fn finish(self: Box<Self>, committed: Result<(), Error>);
}

struct Task<F, T, E> {
    job: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Task<F, T, E>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let Some(job) = self.job.take() else { return false };
        // A panic must undo this job alone and must not end the thread.
        let result = std::panic::catch_unwind(AssertUnwindSafe(|| job(tx)))
            .unwrap_or_else(|_| Err(Error::Other("a write panicked".to_owned()).into()));
        self.result.insert(result).is_ok()
    }

    fn finish(self: Box<Self>, committed: Result<(), Error>) {
        let answer = match (committed, self.result) {
            (Ok(()), Some(result)) => result,
            // The job refused for its own reason; losing a transaction that it had no part in changes nothing.
            (Err(_), Some(Err(own))) => Err(own),
            (Err(lost), _) => Err(lost.into()),
            (Ok(()), None) => Err(Error::Stopped.into()),
        };
        // Whoever asked may have gone away; the change stands all the same.
        let _ = self.reply.send(answer);
    }
}

struct Writer {
    connection: Connection,
    jobs: Receiver<Message>,
    drain: Box<dyn Drain>,
    drain_every: Duration,
    counters: Arc<Counters>,
    /// Why the buffered rows could not be appended when that was tried last.
    undrained: Option<Error>,
    stopping: bool,
}

#[derive(Default)]
struct Round {
    jobs: Vec<Box<dyn Job>>,
    flushes: Vec<oneshot::Sender<Result<(), Error>>>,
    hooks: Vec<Hook>,
}

impl Writer {
    #[expect(
        clippy::disallowed_methods,
        reason = "the pace of commits is real time, and no rule depends on it"
    )]
    fn run(mut self) {
        let mut due = Instant::now() + self.drain_every;
        while !self.stopping {
            let wait = due.saturating_duration_since(Instant::now());
            let first = match self.jobs.recv_timeout(wait) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Message::Stop),
            };
            let started = Instant::now();
            let is_due = started >= due;
            if first.is_some() || self.drain.pending() {
                self.round(first, started, is_due);
                self.counters.commit.observe(started.elapsed());
            }
            if is_due {
                due = Instant::now() + self.drain_every;
            }
        }
        // Jobs left in the queue are answered with `Stopped` when the queue drops. The last checkpoint does not wait
        // for readers of other programs (Litestream, a shell): everything is durable in the write-ahead log already.
        let _ = self.connection.busy_timeout(Duration::ZERO);
        let _ = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);");
    }

    /// One transaction.
    fn round(&mut self, first: Option<Message>, started: Instant, due: bool) {
        let mut round = Round::default();
        let changes = self.connection.total_changes();
        let mut open = self.connection.execute_batch("BEGIN IMMEDIATE").map_err(Error::from);
        let mut next = first;
        while let Some(message) = next {
            match message {
                Message::Job(mut job) => {
                    self.counters.waiting.fetch_sub(1, Ordering::Relaxed);
                    if open.is_ok() {
                        run_job(&self.connection, &mut *job, &mut round.hooks);
                        open = still_open(&self.connection);
                    }
                    round.jobs.push(job);
                }
                Message::Flush(reply) => round.flushes.push(reply),
                Message::Stop => self.stopping = true,
            }
            let full = round.jobs.len() >= JOBS_PER_COMMIT || started.elapsed() >= TIME_PER_COMMIT;
            next = if full || self.stopping { None } else { self.jobs.try_recv().ok() };
        }
        let wants_drain = due || self.stopping || !round.flushes.is_empty();
        if open.is_ok() && wants_drain {
            self.undrained =
                run_drain(&self.connection, &mut *self.drain, self.stopping, &mut round.hooks).err();
            open = still_open(&self.connection);
        }
        let committed = open.and_then(|()| self.commit());
        let wrote = self.connection.total_changes() != changes;
        self.finish(round, committed, wrote);
    }

    fn commit(&self) -> Result<(), Error> {
        self.connection.execute_batch("COMMIT").map_err(|error| {
            let _ = self.connection.execute_batch("ROLLBACK");
            error.into()
        })
    }

    /// `wrote` tells that there was something to commit: an empty transaction proves nothing about the disk.
    fn finish(&self, round: Round, committed: Result<(), Error>, wrote: bool) {
        let failure = committed.as_ref().err().or(self.undrained.as_ref());
        let was_failing = self.counters.failing.load(Ordering::Relaxed);
        match failure {
            Some(error) if !was_failing => tracing::error!(%error, "cannot write; trying again"),
            None if was_failing && wrote => tracing::info!("writing works again"),
            _ => {}
        }
        self.counters.failing.store(failure.is_some() || (was_failing && !wrote), Ordering::Relaxed);
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        self.counters.jobs.fetch_add(round.jobs.len() as u64, Ordering::Relaxed);
        if committed.is_ok() {
            if !round.jobs.is_empty() && wrote {
                self.counters.changes.fetch_add(1, Ordering::Release);
            }
            for hook in round.hooks {
                // A hook that panics must not keep the others from running: caches would go stale.
                let _ = std::panic::catch_unwind(AssertUnwindSafe(hook));
            }
        }
        for job in round.jobs {
            job.finish(committed.clone());
        }
        for flush in round.flushes {
            let _ = flush.send(self.undrained.clone().map_or(committed.clone(), Err));
        }
    }
}

/// A full disk may roll the whole transaction back under us; a savepoint would then quietly begin one of its own.
fn still_open(connection: &Connection) -> Result<(), Error> {
    if connection.is_autocommit() {
        return Err(Error::Full("the transaction was rolled back".to_owned()));
    }
    Ok(())
}

fn run_job(connection: &Connection, job: &mut dyn Job, hooks: &mut Vec<Hook>) {
    let _ = savepoint(connection, hooks, |tx| job.run(tx).then_some(()).ok_or(Error::Stopped));
}

fn run_drain(
    connection: &Connection,
    drain: &mut dyn Drain,
    last: bool,
    hooks: &mut Vec<Hook>,
) -> Result<(), Error> {
    savepoint(connection, hooks, |tx| drain.append(tx, last))
}

/// Runs `work` so that its failure undoes it alone, its hooks included.
fn savepoint(
    connection: &Connection,
    hooks: &mut Vec<Hook>,
    work: impl FnOnce(&mut Tx<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    connection.execute_batch("SAVEPOINT job")?;
    let mut tx = Tx { conn: Conn(connection), hooks: Vec::new() };
    let done = work(&mut tx);
    match &done {
        Ok(()) => {
            connection.execute_batch("RELEASE job")?;
            hooks.append(&mut tx.hooks);
        }
        Err(_) if !connection.is_autocommit() => {
            connection.execute_batch("ROLLBACK TO job; RELEASE job")?;
        }
        Err(_) => {}
    }
    done
}
