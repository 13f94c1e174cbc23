//! The store: one SQLite file, one writer thread whose jobs share fsyncs, and readers.
//!
//! Only `sqlite` names rusqlite. The layers above see [`Tx`], [`Conn`], [`Row`] and [`Value`]; `queries` holds all SQL,
//! one file for each noun. Every function that returns a `Result` fails with [`Error`] when the store cannot be read or
//! written; their documentation names only other errors.

mod queries;
mod sqlite;
#[cfg(test)]
mod testing;
mod touched;
mod tx;
mod value;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::measure::Histogram;

pub use queries::*;
pub use sqlite::{Conn, Drain, Follower, Health, Install, Reader, Row, Statement, file, migrate};
pub use touched::{Epochs, Slot, Touched};
pub use tx::Tx;
pub(crate) use value::params;
pub use value::{FromColumn, ToSql, Value};

/// Why the store could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// A UNIQUE or PRIMARY KEY rule refused it; the text names the columns.
    Duplicate(String),
    /// Another rule of the schema refused it.
    Constraint(String),
    /// The disk is full, or the file cannot be written.
    Full(String),
    /// The file is damaged or is no database.
    Corrupt(String),
    /// The file belongs to another program or to another version of this one.
    Foreign(String),
    /// A step of an upgrade failed and was undone.
    Delta(String),
    /// Too much waits, or another program holds the file. Worth another try.
    Busy(String),
    /// The writer has stopped.
    Stopped,
    /// Anything else.
    Other(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Duplicate(text) => write!(f, "duplicate: {text}"),
            Self::Constraint(text) => write!(f, "constraint: {text}"),
            Self::Full(text) => write!(
                f,
                "the database cannot be written ({text}): make room on the disk and check who owns the file"
            ),
            Self::Corrupt(text) => {
                write!(f, "the database is damaged ({text}): stop the server and restore your latest backup")
            }
            Self::Foreign(text) | Self::Delta(text) => f.write_str(text),
            Self::Busy(text) => write!(f, "the database is busy ({text}): try again"),
            Self::Stopped => f.write_str("the server is stopping"),
            Self::Other(text) => write!(f, "database: {text}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for crate::error::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Full(_) | Error::Busy(_) | Error::Stopped => Self::unavailable(error),
            other => Self::internal(other),
        }
    }
}

/// How much a query may look at. Each extent has connections of its own, so that a long query delays no short one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// A bounded number of rows: a page, a report.
    Page,
    /// As many rows as a search needs.
    Scan,
    /// The whole log, in the background.
    Log,
}

/// Bounds of the queries of one [`Extent`].
#[derive(Debug, Clone, Copy)]
pub struct Lane {
    /// Queries that run at once.
    pub connections: usize,
    /// Queries that may wait for a connection. More are refused with [`Error::Busy`].
    pub waiting: usize,
    /// How long one query may wait, and how long it may run. Then it ends with [`Error::Busy`].
    pub limit: Duration,
}

/// How the store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database file.
    pub path: PathBuf,
    /// Connections for lists and reports.
    pub reads: Lane,
    /// Connections for queries that look at many rows: searches, exports.
    pub scans: Lane,
    /// Connections for work that goes through the whole log: the worker's jobs, the check of the chain.
    pub background: Lane,
    /// Page cache of each connection, in bytes.
    pub page_cache_bytes: u64,
    /// How long the buffered rows may wait for their transaction.
    pub drain_every: Duration,
}

impl Options {
    /// The usual settings for a file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            reads: Lane { connections: 3, waiting: 256, limit: Duration::from_secs(5) },
            scans: Lane { connections: 2, waiting: 16, limit: Duration::from_secs(10) },
            background: Lane { connections: 2, waiting: 16, limit: Duration::from_secs(3_600) },
            page_cache_bytes: 8 << 20,
            drain_every: Duration::from_millis(50),
        }
    }
}

/// The open store. Cheap to clone; the last clone to be dropped does not stop the writer, [`Db::stop`] does.
#[derive(Clone)]
pub struct Db {
    writer: sqlite::Handle,
    readers: std::sync::Arc<sqlite::Pool>,
    path: std::sync::Arc<Path>,
}

impl Db {
    /// Opens a file that [`migrate::prepare`] has brought to this version. `drain` is asked inside the writer's
    /// transaction when buffered rows are due.
    pub fn open(options: &Options, drain: Box<dyn Drain>) -> Result<Self, Error> {
        let connection = sqlite::connect(&options.path, options.page_cache_bytes)?;
        let readers = sqlite::Pool::open(options)?;
        let writer = sqlite::start(connection, drain, options.drain_every)?;
        Ok(Self { writer, readers: std::sync::Arc::new(readers), path: options.path.as_path().into() })
    }

    /// Runs `job` in the next transaction and returns when it is on disk. An error of the job undoes the job alone.
    /// A job must not keep anything of a run: a store that several nodes share runs it again when its transaction is lost.
    ///
    /// # Errors
    /// The job's own, or the store's when the transaction could not be committed.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.writer.write(job).await
    }

    /// Runs `job` in the next transaction without waiting for it: the caller's answer must not depend on it, nor its time.
    pub fn submit<E, F>(&self, job: F) -> Result<(), Error>
    where
        F: Fn(&mut Tx<'_>) -> Result<(), E> + Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.writer.submit(job)
    }

    /// Returns when all rows buffered so far are on disk.
    pub async fn flush(&self) -> Result<(), Error> {
        self.writer.flush().await
    }

    /// Runs a query away from the runtime's threads. It sees one committed state.
    ///
    /// # Errors
    /// `Busy` beyond the bounds of its [`Lane`], or the query's own.
    pub async fn read<T, E, F>(&self, extent: Extent, query: F) -> Result<T, E>
    where
        F: FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.readers.lane(extent).run(query).await
    }

    /// Runs one point lookup right here. A wake-up of another thread would cost more than the lookup itself.
    ///
    /// # Errors
    /// The query's own.
    pub fn lookup<T, E>(&self, query: impl FnOnce(&Conn<'_>) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error>,
    {
        self.readers.lookup(query)
    }

    /// The number of the last change of anything that memory may hold. It rises before the change is answered.
    pub fn changes(&self) -> u64 {
        self.writer.changes()
    }

    /// When each thing was last changed.
    pub fn epochs(&self) -> &Epochs {
        self.writer.epochs()
    }

    /// Sets what brings memory to the state after each commit. Call it once, before the first change that memory must
    /// follow.
    pub fn follow(&self, follower: impl Follower) {
        self.writer.follow(Box::new(follower));
    }

    /// What the writer is doing, for `/readyz` and `/metrics`.
    pub fn health(&self) -> Health {
        self.writer.health()
    }

    /// How long transactions took, from their first change to the disk.
    pub fn commit_latency(&self) -> Histogram {
        self.writer.commit_latency()
    }

    /// Bytes of the store and of the file system that it lies on.
    pub fn sizes(&self) -> Result<file::Sizes, Error> {
        self.lookup(|conn| file::sizes(conn, &self.path))
    }

    /// Writes what is buffered, checkpoints the write-ahead log and ends the writer. Later writes fail.
    pub fn stop(&self) {
        self.writer.stop();
    }
}
