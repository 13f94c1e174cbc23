//! Files that are in use, lost, foreign, damaged or read-only: a refusal with a remedy, and no change.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::json;

use crate::support::{Program, afdb};

/// The program with an owner, an API and some keys in its file, and an empty write-ahead log.
async fn filled() -> (Program, PathBuf) {
    let (program, _) = Program::initialised();
    let server = program.serve::<&str>([]);
    server.operator().post("/v1/apis", &afdb()).await.expect(201);
    for at in 0..50 {
        let body = json!({"api": "afdb", "name": format!("key {at}"), "scopes": ["queries:read"]});
        server.operator().post("/v1/keys", &body).await.expect(201);
    }
    server.stop();
    let file = program.data().join("keywright.db");
    (program, file)
}

#[tokio::test]
async fn a_second_server_leaves_the_first_alone() {
    let program = Program::new();
    let first = program.serve::<&str>([]);
    let stderr = program.refuses_to_serve();
    assert!(stderr.contains("in use by another keywright"), "{stderr}");
    program.run(["activity", "list"]).good();
    first.anonymous().get("/readyz").await.expect(200);
    assert_eq!(first.stop().code, Some(0));
}

#[tokio::test]
async fn a_lost_master_key_is_never_made_anew() {
    let (program, _) = Program::initialised();
    let file = program.data().join("master.key");
    let key = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let stderr = program.refuses_to_serve();
    assert!(stderr.contains("master.key") && stderr.contains("restore your copy"), "{stderr}");
    assert!(!file.exists());
    std::fs::write(&file, key).unwrap();
    program.serve::<&str>([]).anonymous().get("/readyz").await.expect(200);
}

#[test]
fn another_master_key_is_refused() {
    let ((program, _), (other, _)) = (Program::initialised(), Program::initialised());
    std::fs::copy(other.data().join("master.key"), program.data().join("master.key")).unwrap();
    let stderr = program.refuses_to_serve();
    assert!(stderr.contains("master.key") && stderr.contains("belongs to another database"), "{stderr}");
    let ended = program.run(["activity", "list"]);
    assert!(ended.refused(1).contains("master.key"), "{}", ended.stderr);
}

#[test]
fn a_broken_master_key_is_reported_without_showing_it() {
    let (program, _) = Program::initialised();
    std::fs::write(program.data().join("master.key"), "c2VjcmV0\n").unwrap();
    let stderr = program.refuses_to_serve();
    assert!(
        stderr.contains("master.key") && stderr.contains("restore") && !stderr.contains("c2Vj"),
        "{stderr}"
    );
}

#[test]
fn a_file_of_a_newer_version_is_refused() {
    let (program, _) = Program::initialised();
    let file = Connection::open(program.data().join("keywright.db")).unwrap();
    file.pragma_update(None, "user_version", 999).unwrap();
    drop(file);
    let stderr = program.refuses_to_serve();
    assert!(stderr.contains("newer Keywright") && stderr.contains("start that version"), "{stderr}");
}

#[test]
fn a_file_without_its_beginning_is_refused_and_left_as_it_is() {
    let (program, _) = Program::initialised();
    let file = program.data().join("keywright.db");
    let good = std::fs::read(&file).unwrap();
    for (end, filler) in [(16, b'x'), (4_096, 0x5a)] {
        let mut bytes = good.clone();
        bytes[..end].fill(filler);
        std::fs::write(&file, &bytes).unwrap();
        let stderr = program.refuses_to_serve();
        assert!(stderr.contains("damaged") && stderr.contains("restore your latest backup"), "{stderr}");
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
    }
}

/// Overwrites the first page of a table or an index.
fn damage(file: &Path, name: &str) {
    let connection = Connection::open(file).unwrap();
    let size: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: u32 = connection.query_row(sql, [name], |row| row.get(0)).unwrap();
    drop(connection);
    let mut bytes = std::fs::read(file).unwrap();
    let (from, to) = ((page - 1) * size, page * size);
    bytes[from as usize..to as usize].fill(0x5a);
    std::fs::write(file, bytes).unwrap();
}

/// Damage of pages that every start reads is reported at the start; other damage by the requests that read it, none of
/// which succeeds.
#[tokio::test]
async fn a_damaged_page_is_reported_with_its_remedy_and_opens_nothing() {
    let (program, file) = filled().await;
    let good = std::fs::read(&file).unwrap();
    damage(&file, "apis");
    let ended = program.run(["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(ended.code, Some(1));
    let stderr = ended.stderr;
    assert!(stderr.contains("keywright.db cannot be used: the database is damaged"), "{stderr}");
    assert!(stderr.contains("restore your latest backup") && !stderr.contains("works again"), "{stderr}");

    std::fs::write(&file, good).unwrap();
    damage(&file, "keys");
    let server = program.serve::<&str>([]);
    let operator = server.operator();
    operator.get("/v1/keys").await.refused(500, "INTERNAL");
    let body = json!({"api": "afdb", "name": "x", "scopes": []});
    operator.post("/v1/keys", &body).await.refused(500, "INTERNAL");
    server.anonymous().get("/healthz").await.expect(200);
    let stderr = server.stop().stderr;
    assert!(stderr.contains("damaged") && stderr.contains("restore your latest backup"), "{stderr}");
}

#[tokio::test]
async fn a_read_only_file_is_reported_with_its_remedy() {
    let (program, file) = filled().await;
    // Root may write regardless of the mode, unless it drops that capability.
    let setup = match std::fs::metadata(&file).unwrap().uid() {
        0 => "UNDER='setpriv --bounding-set=-dac_override,-dac_read_search'",
        _ => "",
    };
    let good = std::fs::read(&file).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o400)).unwrap();
    let stderr = program.refuses_to_serve_after(setup);
    assert!(stderr.contains("cannot be written") && stderr.contains("who owns the file"), "{stderr}");
    assert_eq!(std::fs::read(&file).unwrap(), good);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    program.serve_after(setup).anonymous().get("/readyz").await.expect(200);
}
