//! Brings a file to this program's schema: a new one gets `schema.sql`, an older one every delta, each in a
//! transaction of its own after a backup; a newer one is refused.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{Error, connect};

/// The whole current schema.
pub const SCHEMA: &str = include_str!("../../schema.sql");

/// The version that [`SCHEMA`] is.
pub const VERSION: u32 = 1;

/// One step from the version before to `version`.
#[derive(Debug, Clone, Copy)]
pub struct Delta {
    /// The version that the file has afterwards.
    pub version: u32,
    /// The statements.
    pub sql: &'static str,
}

/// Every step since the first release.
pub const DELTAS: &[Delta] = &[];

/// What [`prepare`] found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There was no file, or an empty one.
    Created,
    /// It was as it should be.
    Current,
    /// It was older; the file as it was lies at `backup`.
    Upgraded {
        /// The version before.
        from: u32,
        /// Where the file as it was lies.
        backup: PathBuf,
    },
}

/// Makes the file at `path` ready for [`super::Db::open`].
///
/// # Errors
/// When it is damaged, newer than this program, or cannot be written.
pub fn prepare(path: &Path) -> Result<Outcome, Error> {
    prepare_with(path, SCHEMA, VERSION, DELTAS)
}

/// [`prepare`] with another history, so that a test can have one.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_with(path: &Path, schema: &str, version: u32, deltas: &[Delta]) -> Result<Outcome, Error> {
    let mut connection = connect(path, 1 << 20)?;
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found == 0 {
        let tables: i64 =
            connection
                .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0))?;
        if tables != 0 {
            return Err(Error::Foreign(
                "it is a database of another program: choose another --data".to_owned(),
            ));
        }
        apply(&mut connection, schema, version)?;
        return Ok(Outcome::Created);
    }
    if found > version {
        return Err(Error::Foreign(format!(
            "it was written by a newer Keywright (schema {found}; this one knows {version}): start that version, \
             or restore a backup from before the upgrade"
        )));
    }
    if found == version {
        return Ok(Outcome::Current);
    }
    let backup = path.with_extension(format!("before-{version}.db"));
    back_up(&connection, &backup)?;
    for delta in deltas.iter().filter(|delta| delta.version > found) {
        apply(&mut connection, delta.sql, delta.version)?;
    }
    Ok(Outcome::Upgraded { from: found, backup })
}

fn apply(connection: &mut Connection, sql: &str, version: u32) -> Result<(), Error> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "user_version", version)?;
    Ok(transaction.commit()?)
}

fn back_up(connection: &Connection, target: &Path) -> Result<(), Error> {
    let mut copy = Connection::open(target)?;
    let backup = rusqlite::backup::Backup::new(connection, &mut copy)?;
    Ok(backup.run_to_completion(1024, std::time::Duration::ZERO, None)?)
}
