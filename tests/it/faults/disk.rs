//! A full disk.

use std::process::Command;

use serde_json::json;

use crate::support::{Program, afdb};

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
    let program = Program::new();
    let server = program.serve_after("trap '' XFSZ");
    let operator = server.operator();
    operator.post("/v1/apis", &afdb()).await.expect(201);
    let body = json!({"api": "afdb", "name": "before", "scopes": ["queries:read"]});
    let good = operator.post("/v1/keys", &body).await.expect(201);
    let question = json!({"api": "afdb", "key": good["key"]});
    set_file_limit(server.pid(), "4096");
    let refused = operator.post("/v1/keys", &body).await;
    refused.refused(503, "UNAVAILABLE");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(operator.post("/v1/keys/verify", &question).await.expect(200)["valid"], true);
    operator.get(&format!("/v1/keys/{}", good["id"].as_str().expect("an id"))).await.expect(200);
    operator.get("/readyz").await.refused(503, "UNAVAILABLE");
    set_file_limit(server.pid(), "unlimited");
    operator.post("/v1/keys", &body).await.expect(201);
    operator.get("/readyz").await.expect(200);
    // Decisions made during the fault are in the log.
    let log = operator.get(&format!("/v1/keys/{}/activity", good["id"].as_str().expect("an id"))).await;
    let kinds: Vec<String> = log.expect(200)["data"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["kind"].as_str().expect("a kind").to_owned())
        .collect();
    assert!(kinds.contains(&"key.verify".to_owned()), "{kinds:?}");
}
