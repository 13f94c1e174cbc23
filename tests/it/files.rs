//! The files of the data directory: modes, sizes, and release at a stop.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use keywright::worker;
use rusqlite::Connection;
use serde_json::json;

use crate::support::{Program, TestApp};

/// Regular files below `directory` with their modes.
fn modes(directory: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(modes(&path));
        } else {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            found.push((path.file_name().unwrap().to_str().unwrap().to_owned(), mode));
        }
    }
    found
}

#[tokio::test]
async fn only_the_owner_may_read_the_files_whatever_the_umask() {
    let program = Program::new();
    std::fs::create_dir(program.data()).unwrap();
    std::fs::set_permissions(program.data(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let server = program.serve_after("umask 000");
    let invitation = json!({"email": "ada@example.com", "role": "viewer"});
    server.operator().post("/v1/invitations", &invitation).await.expect(201);
    server.says("a mail was written to a file");
    let all = modes(program.data());
    for name in
        ["keywright.db", "keywright.db-wal", "keywright.db-shm", "keywright.lock", "master.key", ".eml"]
    {
        assert!(all.iter().any(|(found, _)| found.ends_with(name)), "{name} is missing: {all:?}");
    }
    assert!(all.iter().all(|(_, mode)| mode & 0o077 == 0), "{all:?}");
}

#[tokio::test]
async fn files_that_others_could_read_are_closed_to_them_at_the_start() {
    let (program, _) = Program::initialised();
    let server = program.serve::<&str>([]);
    server.kill();
    for name in ["keywright.db", "keywright.db-wal", "keywright.db-shm"] {
        let file = program.data().join(name);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o664)).unwrap();
    }
    let _server = program.serve_after("umask 002");
    let open: Vec<_> = modes(program.data()).into_iter().filter(|(_, mode)| mode & 0o077 != 0).collect();
    assert_eq!(open, []);
}

#[tokio::test]
async fn retention_returns_space_to_the_file_system() {
    let mut app = TestApp::start().await;
    let file = app.data().join("keywright.db");
    let connection = Connection::open(&file).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    // Counts of 1970, which retention removes.
    let rows = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000)
        INSERT INTO activity_counts (at, key_no, api_no, outcome, count) SELECT x, 0, 0, 1, 1 FROM n";
    connection.execute_batch(&format!("{rows}; PRAGMA wal_checkpoint(TRUNCATE)")).unwrap();
    let before = std::fs::metadata(&file).unwrap().len();
    assert!(before > 4 << 20, "{before}");
    worker::run_due(app.services()).await;
    let pages = |name: &str| -> i64 {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap()
    };
    // Some free pages are kept, because the log reuses them.
    let (free, all) = (pages("freelist_count"), pages("page_count"));
    assert!((1..=256).contains(&free) && all < 600, "{free} of {all}");
    drop(connection);
    app.stop().await;
    let after = std::fs::metadata(&file).unwrap().len();
    assert!(after < before / 3, "{before} bytes became {after}");
}

#[allow(clippy::disallowed_methods, reason = "how long a stop takes is real time")]
#[tokio::test]
async fn stopping_does_not_wait_for_a_reader_of_another_program() {
    let mut app = TestApp::with_afdb().await;
    let file = app.data().join("keywright.db");
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch("BEGIN").unwrap();
    let count = |connection: &Connection| -> i64 {
        connection.query_row("SELECT count(*) FROM keys", [], |row| row.get(0)).unwrap()
    };
    let seen = count(&connection);
    app.afdb_key(json!({})).await;
    let started = Instant::now();
    app.stop().await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(count(&connection), seen, "the reader keeps its state");
    connection.execute_batch("COMMIT").unwrap();
    assert_eq!(count(&connection), seen + 1, "nothing is lost");
}
