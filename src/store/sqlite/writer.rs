//! The one thread that writes.
//!
//! Jobs that arrive together share a transaction and its fsync. Each job has a savepoint, so that a failure undoes it
//! alone. After COMMIT, what the jobs touched is dropped from memory, then hooks run in commit order, then the jobs are
//! answered. A caller that reads its answer therefore knows that the change is on disk and that no cache holds the state
//! before it.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::Conn;
use crate::measure::{Histogram, Latency};
use crate::store::touched::Epochs;
use crate::store::tx::Hook;
use crate::store::{Error, Touched, Tx};

/// Jobs that share a transaction at most, and the time after which it is committed: the first job waits for the last.
const JOBS_PER_COMMIT: usize = 256;
const TIME_PER_COMMIT: Duration = Duration::from_millis(5);
/// Jobs that may wait. More are refused with [`Error::Busy`].
const JOBS_WAITING: usize = 4_096;

/// Rows that are buffered in memory and appended together.
pub trait Drain: Send + 'static {
    /// Whether anything waits.
    fn pending(&self) -> bool;

    /// Appends what waits, inside the writer's transaction. `last` is true for the last call. The rows must be kept
    /// until a hook of `tx` runs: an error or a failed commit means that they are not on disk, and they are asked for
    /// again.
    fn append(&mut self, tx: &mut Tx<'_>, last: bool) -> Result<(), Error>;
}

/// Installs what memory holds of a commit. It receives the number of the change; a value of a lower number must never
/// replace one of a higher.
pub type Install = Box<dyn FnOnce(u64) + Send>;

/// Memory that follows the store.
pub trait Follower: Send + Sync + 'static {
    /// Reads, inside the transaction, what memory needs after a commit that changes `touched`. The result runs after
    /// COMMIT and before the jobs are answered. An error fails the transaction.
    fn follow(&self, conn: &Conn<'_>, touched: &[Touched]) -> Result<Install, Error>;
}

/// Counts and state of the writer.
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
    /// The number of the last change: a commit that touched something that memory may hold.
    changes: AtomicU64,
    epochs: Epochs,
    follower: OnceLock<Box<dyn Follower>>,
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
pub(in crate::store) struct Handle {
    queue: SyncSender<Message>,
    counters: Arc<Counters>,
    thread: Arc<Mutex<Option<std::thread::JoinHandle<()>>>>,
}

impl Handle {
    pub(in crate::store) async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Box::new(Task { job, result: None, reply }))?;
        answer.await.unwrap_or_else(|_| Err(Error::Stopped.into()))
    }

    pub(in crate::store) fn submit<E, F>(&self, job: F) -> Result<(), Error>
    where
        F: Fn(&mut Tx<'_>) -> Result<(), E> + Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, _) = oneshot::channel();
        self.enqueue(Box::new(Task { job, result: None, reply }))
    }

    fn enqueue(&self, job: Box<dyn Job>) -> Result<(), Error> {
        self.counters.waiting.fetch_add(1, Ordering::Relaxed);
        self.send(Message::Job(job)).inspect_err(|_| {
            self.counters.waiting.fetch_sub(1, Ordering::Relaxed);
        })
    }

    pub(in crate::store) async fn flush(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Flush(reply))?;
        answer.await.unwrap_or(Err(Error::Stopped))
    }

    fn send(&self, message: Message) -> Result<(), Error> {
        self.queue.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => Error::Busy(format!("{JOBS_WAITING} changes wait for the writer")),
            TrySendError::Disconnected(_) => Error::Stopped,
        })
    }

    pub(in crate::store) fn follow(&self, follower: Box<dyn Follower>) {
        let _ = self.counters.follower.set(follower);
    }

    pub(in crate::store) fn epochs(&self) -> &Epochs {
        &self.counters.epochs
    }

    pub(in crate::store) fn changes(&self) -> u64 {
        self.counters.changes.load(Ordering::Acquire)
    }

    pub(in crate::store) fn health(&self) -> Health {
        let counters = &self.counters;
        Health {
            commits: counters.commits.load(Ordering::Relaxed),
            jobs: counters.jobs.load(Ordering::Relaxed),
            waiting: counters.waiting.load(Ordering::Relaxed),
            failing: counters.failing.load(Ordering::Relaxed),
        }
    }

    pub(in crate::store) fn commit_latency(&self) -> Histogram {
        self.counters.commit.histogram()
    }

    pub(in crate::store) fn stop(&self) {
        let _ = self.queue.send(Message::Stop);
        let thread = crate::locks::lock(&self.thread).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

pub(in crate::store) fn start(
    connection: Connection,
    drain: Box<dyn Drain>,
    drain_every: Duration,
) -> Result<Handle, Error> {
    let (queue, jobs) = sync_channel(JOBS_WAITING);
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
    job: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Task<F, T, E>
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        // A panic must undo this job alone and must not end the thread.
        let result = std::panic::catch_unwind(AssertUnwindSafe(|| (self.job)(tx)))
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
        // The caller may have gone away. The change is committed all the same.
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
    changes: Changes,
}

/// What the jobs of a transaction leave for after its COMMIT.
#[derive(Default)]
struct Changes {
    touched: Vec<Touched>,
    hooks: Vec<Hook>,
    install: Option<Install>,
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
                        run_job(&self.connection, &mut *job, &mut round.changes);
                        open = still_open(&self.connection);
                    }
                    round.jobs.push(job);
                }
                Message::Flush(reply) => round.flushes.push(reply),
                Message::Stop => self.stopping = true,
            }
            // Without a transaction nothing takes time: all jobs that wait fail together, not each after a wait of its own.
            let late = open.is_ok() && started.elapsed() >= TIME_PER_COMMIT;
            let full = round.jobs.len() >= JOBS_PER_COMMIT || late;
            next = if full || self.stopping { None } else { self.jobs.try_recv().ok() };
        }
        let wants_drain = due || self.stopping || !round.flushes.is_empty();
        if open.is_ok() && wants_drain {
            self.undrained =
                run_drain(&self.connection, &mut *self.drain, self.stopping, &mut round.changes).err();
            open = still_open(&self.connection);
        }
        let committed = open.and_then(|()| self.follow(&mut round.changes)).and_then(|()| self.commit());
        let wrote = self.connection.total_changes() != changes;
        self.finish(round, committed, wrote);
    }

    fn follow(&self, changes: &mut Changes) -> Result<(), Error> {
        if changes.touched.is_empty() {
            return Ok(());
        }
        let Some(follower) = self.counters.follower.get() else { return Ok(()) };
        let read = || follower.follow(&Conn::new(&self.connection), &changes.touched);
        let install = std::panic::catch_unwind(AssertUnwindSafe(read));
        let install = install.unwrap_or_else(|_| Err(Error::Other("reading a change panicked".to_owned())));
        changes.install = Some(install.inspect_err(|_| self.roll_back())?);
        Ok(())
    }

    fn commit(&self) -> Result<(), Error> {
        self.connection.execute_batch("COMMIT").map_err(|error| {
            self.roll_back();
            error.into()
        })
    }

    fn roll_back(&self) {
        let _ = self.connection.execute_batch("ROLLBACK");
    }

    /// Brings memory to the state after a COMMIT. The number of the change is published last: a reader that sees it
    /// finds nothing in memory from before.
    fn committed(&self, changes: Changes) {
        if !changes.touched.is_empty() {
            let no = self.counters.changes.load(Ordering::Relaxed) + 1;
            for touched in &changes.touched {
                self.counters.epochs.changed(touched, no);
            }
            if let Some(install) = changes.install {
                install(no);
            }
            self.counters.changes.store(no, Ordering::Release);
        }
        for hook in changes.hooks {
            // A hook that panics must not keep the others from running.
            let _ = std::panic::catch_unwind(AssertUnwindSafe(hook));
        }
    }

    /// `wrote` is false for an empty transaction, which proves nothing about the disk.
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
            self.committed(round.changes);
        }
        for job in round.jobs {
            job.finish(committed.clone());
        }
        for flush in round.flushes {
            let _ = flush.send(self.undrained.clone().map_or(committed.clone(), Err));
        }
    }
}

/// A full disk may roll the whole transaction back. A savepoint would then begin a transaction of its own.
fn still_open(connection: &Connection) -> Result<(), Error> {
    if connection.is_autocommit() {
        return Err(Error::Full("the transaction was rolled back".to_owned()));
    }
    Ok(())
}

fn run_job(connection: &Connection, job: &mut dyn Job, changes: &mut Changes) {
    let _ = savepoint(connection, changes, |tx| job.run(tx).then_some(()).ok_or(Error::Stopped));
}

fn run_drain(
    connection: &Connection,
    drain: &mut dyn Drain,
    last: bool,
    changes: &mut Changes,
) -> Result<(), Error> {
    savepoint(connection, changes, |tx| drain.append(tx, last))
}

/// Runs `work` so that its failure undoes it alone, its hooks and what it touched included.
fn savepoint(
    connection: &Connection,
    changes: &mut Changes,
    work: impl FnOnce(&mut Tx<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    connection.execute_batch("SAVEPOINT job")?;
    let mut tx = Tx::new(Conn::new(connection));
    let done = work(&mut tx);
    match &done {
        Ok(()) => {
            connection.execute_batch("RELEASE job")?;
            changes.hooks.append(&mut tx.hooks);
            changes.touched.extend(tx.writes.settle());
        }
        Err(_) if !connection.is_autocommit() => {
            connection.execute_batch("ROLLBACK TO job; RELEASE job")?;
        }
        Err(_) => {}
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Store;

    #[tokio::test]
    async fn only_so_many_changes_wait() {
        let mut path = std::path::PathBuf::new();
        let store = Store::with(|options| path.clone_from(&options.path));
        let other = Connection::open(path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let submit = || store.db.submit(|_| Ok::<_, Error>(()));
        let accepted = (0..2 * JOBS_WAITING).take_while(|_| submit().is_ok()).count();
        // The writer has taken one of them.
        assert!((JOBS_WAITING..=JOBS_WAITING + 1).contains(&accepted), "{accepted}");
        assert!(matches!(submit(), Err(Error::Busy(_))));
        other.execute_batch("ROLLBACK").unwrap();
        while store.write(|_| Ok(())).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}
