//! Brings a file to this version's schema. A new file gets `schema.sql`; an older file gets every later delta after a
//! backup, each delta in a transaction of its own; a newer file is refused.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{Error, configure, make_private, open};

/// The whole current schema.
pub const SCHEMA: &str = include_str!("../../../schema.sql");

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

/// Prepares the file at `path` for [`crate::store::Db::open`].
///
/// # Errors
/// `Foreign` when it belongs to another program or to a newer version, `Delta` when an upgrade step fails, `Corrupt`
/// when it is damaged.
pub fn prepare(path: &Path) -> Result<Outcome, Error> {
    prepare_with(path, SCHEMA, VERSION, DELTAS)
}

/// [`prepare`] with another history, so that a test can have one.
///
/// # Errors
/// As [`prepare`].
pub fn prepare_with(path: &Path, schema: &str, version: u32, deltas: &[Delta]) -> Result<Outcome, Error> {
    make_private(path)?;
    let connection = open(path)?;
    if pragma(&connection, "page_count")? == 0 {
        // Only a file without any page takes this setting; a later change needs a full VACUUM.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL")?;
    }
    configure(&connection, 1 << 20)?;
    let found = u32::try_from(pragma(&connection, "user_version")?).unwrap_or(u32::MAX);
    if found == 0 {
        create(&connection, schema, version)?;
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
        upgrade(&connection, delta, &backup)?;
    }
    Ok(Outcome::Upgraded { from: found, backup })
}

fn create(connection: &Connection, schema: &str, version: u32) -> Result<(), Error> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
    if connection.query_row(sql, [], |row| row.get::<_, i64>(0))? != 0 {
        return Err(Error::Foreign("it is a database of another program: choose another --data".to_owned()));
    }
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(schema)?;
    transaction.pragma_update(None, "user_version", version)?;
    Ok(transaction.commit()?)
}

/// Runs one delta. Enforcement of foreign keys is off from before BEGIN, because a delta that rebuilds a table drops
/// the old one, and DROP TABLE under enforcement deletes the rows that refer to it (`ON DELETE CASCADE`). SQLite ignores
/// the pragma inside a transaction. <https://www.sqlite.org/lang_altertable.html#otheralter>
fn upgrade(connection: &Connection, delta: &Delta, backup: &Path) -> Result<(), Error> {
    connection.pragma_update(None, "foreign_keys", false)?;
    let done = apply(connection, delta);
    connection.pragma_update(None, "foreign_keys", true)?;
    done.map_err(|error| {
        Error::Delta(format!(
            "the upgrade to schema {} failed and was undone ({error}): start the version before, which still opens \
             this file, and report the error; a copy of the file from before the upgrade is {}",
            delta.version,
            backup.display()
        ))
    })
}

fn apply(connection: &Connection, delta: &Delta) -> Result<(), Error> {
    let transaction = connection.unchecked_transaction()?;
    transaction.execute_batch(delta.sql)?;
    check_references(&transaction)?;
    transaction.pragma_update(None, "user_version", delta.version)?;
    Ok(transaction.commit()?)
}

/// Refuses rows whose foreign key has no parent row.
fn check_references(connection: &Connection) -> Result<(), Error> {
    let mut statement = connection
        .prepare("SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2")?;
    let found = statement.query_map([], |row| {
        Ok(format!(
            "{} rows of {} refer to missing rows of {}",
            row.get::<_, i64>(2)?,
            row.get::<_, String>(0)?,
            row.get::<_, String>(1)?
        ))
    })?;
    let found = found.collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() { Ok(()) } else { Err(Error::Constraint(found.join(", "))) }
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, Error> {
    Ok(connection.pragma_query_value(None, name, |row| row.get(0))?)
}

/// Copies the file in one step. Nothing else writes to it yet: the server holds the lock of the data directory.
fn back_up(connection: &Connection, target: &Path) -> Result<(), Error> {
    make_private(target)?;
    let mut copy = open(target)?;
    let backup = rusqlite::backup::Backup::new(connection, &mut copy)?;
    Ok(backup.run_to_completion(i32::MAX, std::time::Duration::ZERO, None)?)
}
