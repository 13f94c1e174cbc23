//! `schema.sql` is complete: for a new file, and for an upgraded one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use keywright::store::migrate::{DELTAS, Delta, Outcome, SCHEMA, VERSION, prepare, prepare_with};
use rusqlite::Connection;

/// The schema of the first release. Before a release it is the current one.
const FIRST_RELEASE: &str = SCHEMA;

/// Every table and index as SQLite stores it, without comments and layout.
fn shape(path: &Path) -> Vec<(String, String)> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name")
        .unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, plain(&row.get::<_, String>(1)?))));
    rows.unwrap().map(Result::unwrap).collect()
}

fn plain(sql: &str) -> String {
    let code = sql.lines().map(|line| line.split("--").next().unwrap()).collect::<Vec<_>>().join(" ");
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn version(path: &Path) -> u32 {
    Connection::open(path).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

/// A file of an earlier release.
fn made(directory: &Path, schema: &str, version: u32) -> std::path::PathBuf {
    let path = directory.join("keywright.db");
    assert_eq!(prepare_with(&path, schema, version, &[]).unwrap(), Outcome::Created);
    path
}

const OLD: &str = "CREATE TABLE notes (no INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;";
const STEPS: &[Delta] = &[
    Delta { version: 2, sql: "ALTER TABLE notes ADD COLUMN author TEXT;" },
    Delta {
        version: 3,
        sql: "CREATE INDEX notes_by_author ON notes (author); UPDATE notes SET author = 'x';",
    },
];

#[test]
fn a_new_file_has_the_schema_and_its_version() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keywright.db");
    assert_eq!(prepare(&path).unwrap(), Outcome::Created);
    assert_eq!(version(&path), VERSION);
    assert_eq!(prepare(&path).unwrap(), Outcome::Current);
    let tables = shape(&path);
    for table in ["apis", "keys", "key_secrets", "users", "activity", "idempotency", "queue", "job_states"] {
        assert!(tables.iter().any(|(name, _)| name == table), "{table}");
    }
}

#[allow(clippy::reversed_empty_ranges, reason = "the first version has no step before it")]
#[test]
fn the_first_release_and_all_steps_make_the_schema() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let upgraded = made(old.path(), FIRST_RELEASE, 1);
    prepare(&upgraded).unwrap();
    let fresh = new.path().join("keywright.db");
    prepare(&fresh).unwrap();
    assert_eq!(shape(&upgraded), shape(&fresh));
    assert_eq!(version(&upgraded), version(&fresh));
    let versions: Vec<u32> = DELTAS.iter().map(|delta| delta.version).collect();
    assert_eq!(versions, (2..=VERSION).collect::<Vec<_>>(), "one step a version");
}

#[test]
fn an_older_file_is_backed_up_and_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let path = made(directory.path(), OLD, 1);
    Connection::open(&path).unwrap().execute("INSERT INTO notes (text) VALUES ('kept')", []).unwrap();
    let Outcome::Upgraded { from: 1, backup } = prepare_with(&path, "", 3, STEPS).unwrap() else {
        panic!("it was not upgraded");
    };
    let read = |path: &Path, sql: &str| -> String {
        Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(read(&path, "SELECT text || author FROM notes"), "keptx");
    assert_eq!(version(&path), 3);
    assert_eq!(read(&backup, "SELECT text FROM notes"), "kept");
    assert_eq!(version(&backup), 1, "the backup is the file as it was");
    assert_eq!(std::fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(prepare_with(&path, "", 3, STEPS).unwrap(), Outcome::Current);
}

#[test]
fn a_step_that_fails_leaves_the_file_at_the_step_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = made(directory.path(), OLD, 1);
    let steps = [STEPS[0], Delta { version: 3, sql: "CREATE TABLE half (x) STRICT; SELECT nonsense;" }];
    assert!(prepare_with(&path, "", 3, &steps).is_err());
    assert_eq!(version(&path), 2);
    assert!(!shape(&path).iter().any(|(name, _)| name == "half"), "nothing of the failed step is left");
    prepare_with(&path, "", 3, STEPS).unwrap();
    assert_eq!(version(&path), 3);
}

/// The current schema with one row in each table. Every number is 1 and so every reference leads to a row.
fn filled(directory: &Path) -> std::path::PathBuf {
    let path = made(directory, SCHEMA, 1);
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    for table in tables(&connection) {
        let values = columns(&connection, &table).into_iter().map(|(_, kind)| match kind.as_str() {
            "INTEGER" => "1",
            "BLOB" => "x'01'",
            _ => "'1'",
        });
        let values = values.collect::<Vec<_>>().join(", ");
        connection.execute(&format!("INSERT INTO {table} VALUES ({values})"), []).unwrap();
    }
    path
}

fn tables(connection: &Connection) -> Vec<String> {
    let sql =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn columns(connection: &Connection, table: &str) -> Vec<(String, String)> {
    let mut statement = connection.prepare(&format!("PRAGMA table_info({table})")).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(1)?, row.get(2)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn counts(path: &Path) -> Vec<(String, i64)> {
    let connection = Connection::open(path).unwrap();
    let count = |table: &String| {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    tables(&connection).into_iter().map(|table| (table.clone(), count(&table))).collect()
}

/// A delta that rebuilds `table` and all of its indexes, as SQLite's documentation describes it.
fn rebuild(path: &Path, table: &str) -> Delta {
    let connection = Connection::open(path).unwrap();
    let sql = |filter: &str| -> Vec<String> {
        let sql =
            format!("SELECT sql FROM sqlite_schema WHERE tbl_name = ?1 AND sql IS NOT NULL AND {filter}");
        let mut statement = connection.prepare(&sql).unwrap();
        statement.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let create = sql("type = 'table'")[0].replacen(table, "rebuilt", 1);
    let indexes = sql("type = 'index'").join(";");
    let sql = format!(
        "{create}; INSERT INTO rebuilt SELECT * FROM {table}; DROP TABLE {table};
         ALTER TABLE rebuilt RENAME TO {table}; {indexes};"
    );
    Delta { version: 2, sql: sql.leak() }
}

#[test]
fn rebuilding_any_table_keeps_every_row_of_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let all = counts(&filled(directory.path()));
    assert!(all.len() > 25 && all.iter().all(|(_, count)| *count == 1), "{all:?}");
    for (table, _) in &all {
        let directory = tempfile::tempdir().unwrap();
        let path = filled(directory.path());
        let (before, delta) = (shape(&path), rebuild(&path, table));
        prepare_with(&path, SCHEMA, 2, &[delta]).unwrap();
        assert_eq!(counts(&path), all, "after a rebuild of {table}");
        let quotes = |shape: Vec<(String, String)>| -> Vec<(String, String)> {
            shape.into_iter().map(|(name, sql)| (name, sql.replace('"', ""))).collect()
        };
        assert_eq!(quotes(shape(&path)), quotes(before), "{table}");
    }
}

#[test]
fn a_step_that_leaves_a_dangling_reference_is_undone() {
    let directory = tempfile::tempdir().unwrap();
    let path = filled(directory.path());
    let all = counts(&path);
    let sql = "CREATE TABLE half (x INTEGER) STRICT; DELETE FROM users WHERE no = 1;";
    let error = prepare_with(&path, SCHEMA, 2, &[Delta { version: 2, sql }]).unwrap_err().to_string();
    for part in ["schema 2", "was undone", "rows of sessions refer to missing rows of users", "before-2.db"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!((counts(&path), version(&path)), (all, 1));
    // The same file is upgraded by a correct step, and the schema is enforced as before.
    let sql = "CREATE TABLE half (x INTEGER) STRICT;";
    prepare_with(&path, SCHEMA, 2, &[Delta { version: 2, sql }]).unwrap();
    assert_eq!(version(&path), 2);
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = made(directory.path(), SCHEMA, VERSION + 1);
    let error = prepare(&path).unwrap_err().to_string();
    assert!(error.contains("newer Keywright"), "{error}");
    assert_eq!(version(&path), VERSION + 1);
}

#[test]
fn a_foreign_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keywright.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(prepare(&path).unwrap_err().to_string().contains("another program"));
    assert_eq!(shape(&path).len(), 1);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keywright.db");
    std::fs::write(&path, [b'x'; 4096]).unwrap();
    assert!(prepare(&path).unwrap_err().to_string().contains("damaged"));
    assert_eq!(std::fs::read(&path).unwrap(), [b'x'; 4096]);
}
