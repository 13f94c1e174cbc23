//! The SQLite file: connections, the writer thread, readers and upgrades. The only place that names rusqlite.

mod conn;
pub mod file;
pub mod migrate;
mod reader;
mod writer;

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::Error;

pub use conn::{Conn, Row, Statement};
pub(super) use reader::Pool;
pub use reader::Reader;
pub use writer::{Drain, Follower, Health, Install};
pub(super) use writer::{Handle, start};

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
                Code::DatabaseBusy | Code::DatabaseLocked | Code::OperationInterrupted => Self::Busy(text),
                _ => Self::Other(text),
            },
            None => Self::Other(text),
        }
    }
}

/// Opens a connection to an existing file, with the settings of every connection.
pub(super) fn connect(path: &Path, page_cache_bytes: u64) -> Result<Connection, Error> {
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

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::model::SecretHash;
    use crate::store::queries::key_lookup;

    #[test]
    fn the_lookup_of_a_key_is_prepared_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keywright.db");
        migrate::prepare(&path).unwrap();
        let connection = connect(&path, 1 << 20).unwrap();
        let conn = Conn::new(&connection);
        for secret in ["one", "another", "a third"] {
            assert_eq!(key_lookup::find(&conn, &SecretHash::of(secret)), Ok(None));
        }
        let statement = connection.prepare_cached(key_lookup::FIND).unwrap();
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        assert_eq!(statement.get_status(StatementStatus::Run), 3);
    }
}
