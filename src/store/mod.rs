//! The store: one SQLite file, one writer thread that shares each fsync among everybody who waits, and a few
//! readers. Only this folder names rusqlite; the layers above see [`Tx`], [`Conn`] and [`Row`].
//!
//! Every function that takes a connection or a transaction fails when the store cannot be read or written; their
//! `# Errors` sections name only what else can go wrong.

pub mod activity;
pub mod activity_counts;
pub mod activity_index;
pub mod activity_links;
pub mod activity_names;
pub mod activity_retention;
pub mod apis;
pub mod clients;
mod columns;
pub mod file;
pub mod grants;
pub mod idempotency;
pub mod instance;
pub mod invitations;
pub mod jobs;
pub mod key_lookup;
pub mod keys;
pub mod limits;
pub mod links;
pub mod login_throttle;
pub mod migrate;
pub mod oauth_requests;
pub mod oauth_tokens;
pub mod queue;
mod reader;
mod row;
pub mod sessions;
pub mod settings;
pub mod signing_keys;
pub mod usage;
pub mod users;
mod writer;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::measure::Histogram;
pub use reader::Reader;
pub use row::{Conn, Row, ToSql};
pub use writer::{Drain, Health, Tx};

/// Parameters of a statement.
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$(&$value as &dyn $crate::store::ToSql),*] };
}
pub(crate) use params;

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
            Self::Stopped => f.write_str("the server is stopping"),
            Self::Other(text) => write!(f, "database: {text}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let text = error.to_string();
        match error.sqlite_error() {
            Some(cause) => match cause.code {
                Code::ConstraintViolation if matches!(cause.extended_code, 1555 | 2067) => {
                    Self::Duplicate(text)
                }
                Code::ConstraintViolation => Self::Constraint(text),
                Code::DiskFull | Code::ReadOnly | Code::CannotOpen | Code::SystemIoFailure => {
                    Self::Full(text)
                }
                Code::DatabaseCorrupt | Code::NotADatabase => Self::Corrupt(text),
                _ => Self::Other(text),
            },
            None => Self::Other(text),
        }
    }
}

impl From<Error> for crate::error::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Full(_) | Error::Stopped => Self::unavailable(error),
            other => Self::internal(other),
        }
    }
}

/// How the store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The database file.
    pub path: PathBuf,
    /// Reader connections for lists and reports.
    pub readers: usize,
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
            readers: 3,
            page_cache_bytes: 8 << 20,
            drain_every: Duration::from_millis(50),
        }
    }
}

/// The open store. Cheap to clone; the last clone to be dropped does not stop the writer, [`Db::stop`] does.
#[derive(Clone)]
pub struct Db {
    writer: writer::Handle,
    readers: std::sync::Arc<reader::Pool>,
    path: std::sync::Arc<Path>,
}

impl Db {
    /// Opens a file that [`migrate::prepare`] has brought to this version. `drain` is asked inside the writer's
    /// transaction when buffered rows are due.
    ///
    /// # Errors
    /// When the file cannot be opened or set up.
    pub fn open(options: &Options, drain: Box<dyn Drain>) -> Result<Self, Error> {
        let connection = connect(&options.path, options.page_cache_bytes)?;
        let readers = reader::Pool::open(options)?;
        let writer = writer::start(connection, drain, options.drain_every)?;
        Ok(Self { writer, readers: std::sync::Arc::new(readers), path: options.path.as_path().into() })
    }

    /// Runs `job` in the next transaction and returns when it is on disk. An error of the job undoes the job alone.
    ///
    /// # Errors
    /// The job's own, or the store's when the transaction could not be committed.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.writer.write(job).await
    }

    /// Runs `job` in the next transaction without waiting for it: the caller's answer must not depend on it, nor its time.
    pub fn submit<E, F>(&self, job: F) -> Result<(), Error>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<(), E> + Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.writer.submit(job)
    }

    /// Returns when all rows buffered so far are on disk.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn flush(&self) -> Result<(), Error> {
        self.writer.flush().await
    }

    /// Runs a query that may take its time, away from the runtime's threads. It sees one committed state.
    ///
    /// # Errors
    /// The query's own.
    pub async fn read<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let readers = self.readers.clone();
        tokio::task::spawn_blocking(move || readers.read(query))
            .await
            .unwrap_or_else(|_| Err(Error::Other("a read panicked".to_owned()).into()))
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

    /// How often the store was changed since it was opened, by jobs: what the buffer appends does not count. A change
    /// counts from before it is answered.
    pub fn changes(&self) -> u64 {
        self.writer.changes()
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

/// Opens a connection to an existing file, with the settings of every connection.
pub(crate) fn connect(path: &Path, page_cache_bytes: u64) -> Result<Connection, Error> {
    let connection = open(path)?;
    configure(&connection, page_cache_bytes)?;
    Ok(connection)
}

/// Opens an existing file. [`make_private`] creates it.
fn open(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

fn configure(connection: &Connection, page_cache_bytes: u64) -> Result<(), Error> {
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
         PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -{};",
        page_cache_bytes / 1024
    ))?;
    // By default SQLite prepares statements with bound BLOB parameters again for each value, to find a better plan.
    // That takes longer than the lookup itself.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// Creates the file at `path` if it is missing, and takes all access of group and others from it, whatever the umask.
/// SQLite gives `-wal` and `-shm` the mode of the database file when it creates them.
fn make_private(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let failed = |error: std::io::Error| Error::Full(error.to_string());
    let mut options = std::fs::OpenOptions::new();
    match options.write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        let Ok(metadata) = std::fs::metadata(&file) else { continue };
        let mode = metadata.permissions().mode();
        if mode & 0o077 != 0
            && let Err(error) = std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode & 0o700))
        {
            tracing::warn!(%error, file = %file.display(), "other users of this machine may read the database: run chmod 600");
        }
    }
    Ok(())
}
