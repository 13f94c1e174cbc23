//! A killed process keeps every answered change.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use crate::support::{Program, afdb};

/// State of a key as the client knows it from responses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    /// The creation was answered.
    Created,
    /// A revocation was sent without a response: both states are correct.
    Revoking,
    /// The revocation was answered.
    Revoked,
}

type Ledger = Arc<Mutex<BTreeMap<String, (String, Known)>>>;

/// Creates keys and revokes every second one, until the server dies.
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

/// `kill -9` at eight different moments under load, with a ledger at the client: every answered write is stored, no
/// revoked key revives, and an unanswered write happened completely or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_kill_9() {
    let program = Program::new();
    let data = program.data();
    let ledger = Ledger::default();
    for moment in [3, 11, 23, 41, 67, 97, 131, 173] {
        let server = program.serve::<&str>([]);
        if ledger.lock().expect("no panic").is_empty() {
            server.operator().post("/v1/apis", &afdb()).await;
        }
        let before = ledger.lock().expect("no panic").len();
        let writers: Vec<_> =
            (0..4).map(|_| tokio::spawn(write_until_killed(server.operator(), ledger.clone()))).collect();
        // Not a wait for the server: the moment of the kill varies.
        while ledger.lock().expect("no panic").len() < before + moment {
            assert!(writers.iter().all(|writer| !writer.is_finished()), "a writer failed");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.kill();
        for writer in writers {
            writer.await.expect("a writer only stops");
        }
        assert_eq!(integrity(data), "ok");
    }
    let server = program.serve::<&str>([]);
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
    // Atomic: every key in the file has a secret and its log row.
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
