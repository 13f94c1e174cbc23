//! What happens when the machine fails: killed processes, full disks, lost files, clocks that jump.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{PROGRAM, Process, TestApp, afdb};

/// What a client knows of a key, by what it was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    /// The creation was answered.
    Created,
    /// A revocation was sent and not answered: either way is right.
    Revoking,
    /// The revocation was answered.
    Revoked,
}

type Ledger = Arc<Mutex<BTreeMap<String, (String, Known)>>>;

/// Makes keys and revokes every second one, until the server dies.
async fn write_until_killed(server: crate::support::Client, ledger: Ledger) {
    for turn in 0.. {
        let body = json!({"api": "afdb", "name": "ledger", "scopes": ["queries:read"]});
        let Some(reply) = server.try_post("/v1/keys", &body).await else { return };
        let key = reply.expect(201);
        let id = key["id"].as_str().expect("an id").to_owned();
        let secret = key["key"].as_str().expect("a key").to_owned();
        let note = |known| ledger.lock().expect("no panic").insert(id.clone(), (secret.clone(), known));
        note(Known::Created);
        if turn % 2 == 0 {
            note(Known::Revoking);
            let Some(reply) = server.try_delete(&format!("/v1/keys/{id}")).await else { return };
            reply.expect(204);
            note(Known::Revoked);
        }
    }
}

fn integrity(data: &Path) -> String {
    let file = rusqlite::Connection::open(data.join("keywright.db")).expect("the file opens");
    file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it is checked")
}

/// `kill -9` at eight different moments under load, with a ledger at the client: every answered write is there,
/// nothing revoked revives, and what was not answered happened whole or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_kill_9() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let ledger = Ledger::default();
    for moment in [3, 11, 23, 41, 67, 97, 131, 173] {
        let server = Process::serve(&data);
        if ledger.lock().expect("no panic").is_empty() {
            server.operator().post("/v1/apis", &afdb()).await;
        }
        let before = ledger.lock().expect("no panic").len();
        let writers: Vec<_> =
            (0..4).map(|_| tokio::spawn(write_until_killed(server.operator(), ledger.clone()))).collect();
        // Not a pause for the server's sake: the moment of death is what varies.
        while ledger.lock().expect("no panic").len() < before + moment {
            assert!(writers.iter().all(|writer| !writer.is_finished()), "a writer failed");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        for writer in writers {
            writer.await.expect("a writer only stops");
        }
        assert_eq!(integrity(&data), "ok");
    }
    let server = Process::serve(&data);
    let operator = server.operator();
    let ledger = ledger.lock().expect("no panic").clone();
    assert!(ledger.len() > 500, "there was load: {}", ledger.len());
    for (id, (secret, known)) in &ledger {
        let verdict =
            operator.post("/v1/keys/verify", &json!({"api": "afdb", "key": secret})).await.expect(200);
        let code = verdict["code"].as_str().expect("a code");
        match known {
            Known::Created => assert_eq!(code, "VALID", "{id}"),
            Known::Revoked => assert_eq!(code, "REVOKED", "{id}"),
            Known::Revoking => assert!(matches!(code, "VALID" | "REVOKED"), "{id}: {code}"),
        }
    }
    // All or nothing: every key in the file has a secret and its line in the log.
    let file = rusqlite::Connection::open(data.join("keywright.db")).expect("the file opens");
    let torn: i64 = file
        .query_row(
            "SELECT count(*) FROM keys k WHERE NOT EXISTS (SELECT 1 FROM key_secrets s WHERE s.key_no = k.no)
             OR NOT EXISTS (SELECT 1 FROM activity a WHERE a.key_no = k.no)",
            [],
            |row| row.get(0),
        )
        .expect("a count");
    assert_eq!(torn, 0);
}

fn set_file_limit(process: u32, limit: &str) {
    let done = Command::new("prlimit")
        .args([format!("--pid={process}"), format!("--fsize={limit}:")])
        .status()
        .expect("prlimit runs");
    assert!(done.success());
}

/// A file that cannot grow is a full disk to SQLite.
#[tokio::test]
async fn a_full_disk_refuses_changes_keeps_answering_and_recovers() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let server = Process::shell(&data, "trap '' XFSZ");
    let operator = server.operator();
    operator.post("/v1/apis", &afdb()).await.expect(201);
    let body = json!({"api": "afdb", "name": "before", "scopes": ["queries:read"]});
    let good = operator.post("/v1/keys", &body).await.expect(201);
    let question = json!({"api": "afdb", "key": good["key"]});
    set_file_limit(server.id(), "4096");
    let refused = operator.post("/v1/keys", &body).await;
    refused.refused(503, "UNAVAILABLE");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(operator.post("/v1/keys/verify", &question).await.expect(200)["valid"], true);
    operator.get(&format!("/v1/keys/{}", good["id"].as_str().expect("an id"))).await.expect(200);
    operator.get("/readyz").await.refused(503, "UNAVAILABLE");
    set_file_limit(server.id(), "unlimited");
    operator.post("/v1/keys", &body).await.expect(201);
    operator.get("/readyz").await.expect(200);
    // What was decided meanwhile is in the log.
    let log = operator.get(&format!("/v1/keys/{}/activity", good["id"].as_str().expect("an id"))).await;
    let kinds: Vec<String> = log.expect(200)["data"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["kind"].as_str().expect("a kind").to_owned())
        .collect();
    assert!(kinds.contains(&"key.verify".to_owned()), "{kinds:?}");
}

fn serve_fails(data: &Path) -> String {
    let Output { status, stderr, .. } = Command::new(PROGRAM)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .env_clear()
        .output()
        .expect("the program runs");
    assert!(!status.success());
    String::from_utf8(stderr).expect("text")
}

#[tokio::test]
async fn a_second_server_on_the_same_data_says_so_and_exits() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let first = Process::serve(&data);
    let message = serve_fails(&data);
    assert!(message.contains("in use by another keywright"), "{message}");
    first.anonymous().get("/readyz").await.expect(200);
}

async fn filled() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let server = Process::serve(&data);
    server.operator().post("/v1/apis", &afdb()).await.expect(201);
    server.kill();
    (directory, data)
}

#[tokio::test]
async fn a_lost_master_key_is_never_replaced() {
    let (_directory, data) = filled().await;
    let key = std::fs::read(data.join("master.key")).expect("a key");
    std::fs::remove_file(data.join("master.key")).expect("it was there");
    let message = serve_fails(&data);
    assert!(message.contains("master.key") && message.contains("put your copy of it back"), "{message}");
    assert!(!data.join("master.key").exists());
    std::fs::write(data.join("master.key"), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
        .expect("written");
    let message = serve_fails(&data);
    assert!(message.contains("belongs to another database"), "{message}");
    std::fs::write(data.join("master.key"), key).expect("written");
    Process::serve(&data).anonymous().get("/readyz").await.expect(200);
}

#[tokio::test]
async fn a_newer_or_damaged_file_is_refused_with_its_remedy() {
    let (_directory, data) = filled().await;
    let path = data.join("keywright.db");
    let file = rusqlite::Connection::open(&path).expect("the file opens");
    let version: u32 = file.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a version");
    file.pragma_update(None, "user_version", version + 7).expect("written");
    drop(file);
    let message = serve_fails(&data);
    assert!(message.contains("newer Keywright"), "{message}");
    let file = rusqlite::Connection::open(&path).expect("the file opens");
    file.pragma_update(None, "user_version", version).expect("written");
    file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("folded");
    drop(file);
    let mut bytes = std::fs::read(&path).expect("the file");
    bytes[..4096].fill(0x5a);
    std::fs::write(&path, bytes).expect("written");
    let message = serve_fails(&data);
    assert!(message.contains("damaged") && message.contains("backup"), "{message}");
}

/// A clock that jumps revives nothing and breaks nothing.
#[tokio::test]
async fn a_clock_that_jumps_revives_nothing() {
    let app = TestApp::with_afdb().await;
    let expiring = app.afdb_key(json!({"expires_in_days": 1})).await;
    let lasting = app.afdb_key(json!({})).await;
    let code = |answer: Value| answer["code"].as_str().expect("a code").to_owned();
    let secret = |key: &Value| key["key"].as_str().expect("a key").to_owned();
    let id = lasting["id"].as_str().expect("an id").to_owned();
    app.operator().delete(&format!("/v1/keys/{id}")).await.expect(204);
    app.advance(2 * 86_400);
    assert_eq!(code(app.verify(&secret(&expiring)).await), "EXPIRED");
    let now = app.now();
    for jump in [-3_600, 10 * 365 * 86_400, -90 * 86_400, 0] {
        app.clock.set_wall(now.plus_seconds(jump));
        assert_eq!(code(app.verify(&secret(&lasting)).await), "REVOKED", "{jump}");
        app.anonymous().get("/readyz").await.expect(200);
        let made = app.afdb_key(json!({"ratelimit": {"limit": 1, "window_seconds": 60}})).await;
        assert_eq!(code(app.verify(&secret(&made)).await), "VALID", "{jump}");
        assert_eq!(code(app.verify(&secret(&made)).await), "RATE_LIMITED", "{jump}");
    }
    app.clock.set_wall(now.plus_seconds(-3_600));
    assert_eq!(code(app.verify(&secret(&expiring)).await), "EXPIRED");
}
