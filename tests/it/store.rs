//! What the store promises to callers: text that every database can keep, and reads that do not drive the disk.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::TestApp;

#[tokio::test]
async fn the_character_u_0000_is_refused_with_the_name_of_its_field() {
    let app = TestApp::with_afdb().await;
    let operator = app.operator();
    let key = |name: &str, metadata: Value| json!({"api": "afdb", "name": name, "scopes": ["queries:read"], "metadata": metadata});
    for (body, field) in [
        (key("a\0b", json!({})), "name"),
        (key("name", json!({"note": "\0"})), "metadata.note"),
        (key("name", json!({"list": ["a", "b\0"]})), "metadata.list[1]"),
        (key("name", json!({"a\0": 1})), "metadata"),
    ] {
        let refused = operator.post("/v1/keys", &body).await.expect(400);
        assert_eq!(refused["error"]["code"], "INVALID_REQUEST", "{body}");
        assert!(
            refused["error"]["details"][field].as_str().unwrap().contains("U+0000"),
            "{field}: {refused}"
        );
    }
    // Six characters that look like the escape are text like any other.
    let made = operator.post("/v1/keys", &key("name", json!({"note": "\\u0000"}))).await.expect(201);
    assert_eq!(made["metadata"]["note"], "\\u0000");

    let verify = json!({"api": "afdb", "key": "x", "request": {"path": "/a\0"}});
    let refused = operator.post("/v1/keys/verify", &verify).await.expect(400);
    assert!(refused["error"]["details"]["request.path"].is_string(), "{refused}");

    for (path, field) in
        [("/v1/keys?limit=5&q=a%00b", "q"), ("/v1/activity?ip=%00", "ip"), ("/v1/apis/a%00b", "path")]
    {
        let refused = operator.get(path).await.expect(400);
        assert!(refused["error"]["details"][field].is_string(), "{path}: {refused}");
    }

    let form = "grant_type=client_credentials&client_id=a%00b";
    let refused = app.anonymous().form("/oauth/token", form).await.expect(400);
    assert_eq!(refused["error"], "invalid_request");
    assert!(refused["error_description"].as_str().unwrap().ends_with(": client_id"), "{refused}");
}

/// Reads wait for the writer's next transaction; they do not ask for one each.
#[allow(clippy::disallowed_methods, reason = "the pace of the writer is real time")]
#[tokio::test]
async fn reads_of_the_log_keep_the_writers_pace() {
    let app = TestApp::with(|config| config.http.metrics_listen = Some("127.0.0.1:0".parse().unwrap())).await;
    let reader = app.key(&["activity:read"]).await;
    let commits = async || -> f64 {
        let text = app.scraper().get("/metrics").await.text();
        let line = text.lines().find(|line| line.starts_with("keywright_commits_total"));
        line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
    };
    let (before, started) = (commits().await, Instant::now());
    let mut rows = 0;
    for _ in 0..30 {
        let page = reader.get("/v1/activity?limit=200").await.expect(200);
        let found = page["data"].as_array().unwrap().len();
        assert!(found > rows, "the row of the read before is there");
        rows = found;
    }
    // The writer's own pace, with room for the jobs of the worker.
    let most =
        started.elapsed().as_millis() as f64 / Duration::from_millis(50).as_millis() as f64 * 1.25 + 8.0;
    let commits = commits().await - before;
    assert!(commits <= most, "{commits} commits for 30 reads, {most} would be the writer's own");
}

/// Another program holds the file for longer than the server waits.
#[tokio::test]
async fn a_locked_database_is_503_and_comes_back() {
    let app = TestApp::with_afdb().await;
    let key = json!({"api": "afdb", "name": "k", "scopes": ["queries:read"]});
    let other = rusqlite::Connection::open(app.data().join("keywright.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = app.operator().post("/v1/keys", &key).await;
    refused.refused(503, "UNAVAILABLE");
    assert!(refused.header("Retry-After").parse::<u32>().unwrap() > 0);
    other.execute_batch("ROLLBACK").unwrap();
    app.operator().post("/v1/keys", &key).await.expect(201);
}
