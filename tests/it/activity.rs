//! The activity log over HTTP.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{START, TestApp};

async fn rows(app: &TestApp, query: &str) -> Vec<Value> {
    let page = app.operator().get(&format!("/v1/activity?{query}")).await.expect(200);
    page["data"].as_array().expect("rows").clone()
}

#[tokio::test]
async fn a_decision_is_in_the_log_when_it_is_answered() {
    let app = TestApp::with_afdb().await;
    let key = app.afdb_key(json!({})).await;
    let id = key["id"].as_str().unwrap();
    let gateway = app.key(&["keys:verify"]).await;
    let body = json!({
        "api": "afdb", "key": key["key"], "scopes": "queries:write",
        "request": {"ip": "203.0.113.9", "method": "POST", "path": "/v1/queries", "user_agent": "curl/8"},
    });
    let answer = gateway.post("/v1/keys/verify", &body).await.expect(200);
    let rows = rows(&app, &format!("key={id}&kind=key.verify")).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    let row = &rows[0];
    assert_eq!(row["outcome"], "refused");
    assert_eq!(row["code"], "INSUFFICIENT_SCOPE");
    assert_eq!(row["why"], "A scope is missing.");
    assert_eq!(row["api"], "afdb");
    assert_eq!(row["key"]["name"], "Production Backend");
    assert_eq!(row["by"]["key"]["name"], "test");
    assert_eq!(
        (&row["ip"], &row["method"], &row["path"]),
        (&json!("203.0.113.9"), &json!("POST"), &json!("/v1/queries"))
    );
    assert_eq!(row["request_id"], answer["request_id"]);
    let found =
        app.operator().get(&format!("/v1/activity/{}", row["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(&found, row);
    let listed = app.operator().get(&format!("/v1/keys/{id}/activity?outcome=refused")).await.expect(200);
    assert_eq!(listed["data"], json!([row]));
    let whole = serde_json::to_string(&listed).unwrap();
    assert!(!whole.contains(&key["key"].as_str().unwrap()[10..]));
}

#[tokio::test]
async fn what_cannot_be_read_is_named() {
    let app = TestApp::start().await;
    let reply = app.operator().get("/v1/activity?key=key_1&outcome=bad&ip=1.2.3&from=now&q=").await;
    let details = reply.refused(400, "INVALID_REQUEST")["details"].clone();
    let mut names: Vec<&str> = details.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["from", "ip", "key", "outcome", "q"]);
    app.operator().get("/v1/activity?cursor=AAAA").await.refused(400, "INVALID_CURSOR");
    app.operator().get("/v1/activity?limit=201").await.refused(400, "INVALID_REQUEST");
    app.operator().get("/v1/activity/act_01h455vb4pex5vsknk084sn02q").await.refused(404, "NOT_FOUND");
    app.operator().get("/v1/activity/nothing").await.refused(404, "NOT_FOUND");
    app.operator().get("/v1/activity/export?format=xml").await.refused(400, "INVALID_REQUEST");
    let without_scope = app.key(&["keys:read"]).await;
    for path in
        ["/v1/activity", "/v1/activity/export?format=csv", "/v1/activity/stream", "/v1/activity/verify"]
    {
        without_scope.get(path).await.refused(403, "INSUFFICIENT_SCOPE");
        app.anonymous().get(path).await.refused(401, "MISSING_API_KEY");
    }
}

#[tokio::test]
async fn a_cursor_serves_the_filters_that_it_was_made_for() {
    let app = TestApp::start().await;
    for _ in 0..5 {
        app.operator().get("/v1/keys").await.expect(200);
    }
    let page = app.operator().get("/v1/activity?limit=2&kind=api.call").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    app.operator().get(&format!("/v1/activity?limit=2&kind=api.call&cursor={cursor}")).await.expect(200);
    app.operator().get(&format!("/v1/activity?limit=2&cursor={cursor}")).await.refused(400, "INVALID_CURSOR");
}

#[tokio::test]
async fn the_log_leaves_as_a_file() {
    let app = TestApp::start().await;
    let hostile = app.operator().with("user-agent", "=HYPERLINK(\"http://evil\")");
    hostile.get("/v1/keys").await.expect(200);
    let csv = app.operator().get("/v1/activity/export?format=csv&kind=api.call").await;
    csv_headers(&csv.headers);
    let text = csv.text();
    assert!(text.starts_with("at,id,kind,"), "{text}");
    assert!(text.contains("\"'=HYPERLINK(\"\"http://evil\"\")\""), "{text}");
    let lines = app.operator().get("/v1/activity/export?format=ndjson").await.text();
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.iter().any(|row| row["user_agent"] == "=HYPERLINK(\"http://evil\")"));
}

fn csv_headers(headers: &http::HeaderMap) {
    assert_eq!(headers["content-type"], "text/csv");
    assert_eq!(headers["content-disposition"], "attachment; filename=\"activity.csv\"");
    assert_eq!(headers["cache-control"], "no-store");
}

#[tokio::test]
async fn charts_and_the_check_of_the_chain() {
    let app = TestApp::with_afdb().await;
    let key = app.afdb_key(json!({})).await;
    for _ in 0..3 {
        app.verify(key["key"].as_str().unwrap()).await;
    }
    app.verify("afdb_live_nothing").await;
    app.advance(2);
    let id = key["id"].as_str().unwrap();
    let of_key = app.operator().get(&format!("/v1/activity/counts?from={START}&key={id}")).await.expect(200);
    assert_eq!(of_key["bucket_seconds"], 3_600);
    assert_eq!(of_key["data"][0]["allowed"], 3);
    assert_eq!(of_key["data"][0]["changed"], 1);
    let all = app.operator().get(&format!("/v1/activity/counts?from={START}&api=afdb")).await.expect(200);
    assert_eq!(all["bucket_seconds"], 300);
    assert_eq!(all["data"][0]["refused"], 1);
    let top = app.operator().get(&format!("/v1/activity/top-keys?from={START}&limit=1")).await.expect(200);
    assert_eq!(top["data"][0]["key"]["id"], id);
    assert_eq!(top["data"][0]["allowed"], 3);
    app.operator().get("/v1/activity/counts?from=2020-01-01T00:00:00Z").await.refused(400, "INVALID_REQUEST");
    let chain = app.operator().get("/v1/activity/verify").await.expect(200);
    assert_eq!(chain["intact"], true, "{chain}");
    // Rows of the last second may have no link yet.
    assert!(chain["rows"].as_u64().unwrap() + chain["unlinked_rows"].as_u64().unwrap() > 5, "{chain}");
}

/// A browser that follows the log.
struct Follower {
    stream: TcpStream,
    seen: String,
}

impl Follower {
    async fn open(app: &TestApp, credential: &str, query: &str) -> Self {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        let request = format!(
            "GET /v1/activity/stream?{query} HTTP/1.1\r\nhost: keywright.test\r\nconnection: close\r\nauthorization: Bearer {credential}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut follower = Self { stream, seen: String::new() };
        follower.until("retry: 2000").await;
        assert!(follower.seen.contains("text/event-stream"), "{}", follower.seen);
        follower
    }

    /// Reads until `text` arrives; false at the end.
    async fn until(&mut self, text: &str) -> bool {
        let mut buffer = [0; 4_096];
        while !self.seen.contains(text) {
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return false,
                Ok(read) => self.seen.push_str(&String::from_utf8_lossy(&buffer[..read])),
            }
        }
        true
    }
}

#[tokio::test]
async fn who_follows_the_log_sees_rows_come_until_the_key_is_revoked() {
    let app = TestApp::with_afdb().await;
    let body = json!({"api": "keywright", "name": "follower", "scopes": ["activity:read"]});
    let made = app.operator().post("/v1/keys", &body).await.expect(201);
    let key = app.afdb_key(json!({})).await;
    let query = format!("key={}", key["id"].as_str().unwrap());
    let mut follower = Follower::open(&app, made["key"].as_str().unwrap(), &query).await;
    app.verify(key["key"].as_str().unwrap()).await;
    assert!(follower.until("event: activity").await);
    assert!(follower.until("\"kind\":\"key.verify\"").await);
    app.operator().delete(&format!("/v1/keys/{}", made["id"].as_str().unwrap())).await.expect(204);
    app.operator()
        .patch(&format!("/v1/keys/{}", key["id"].as_str().unwrap()), &json!({"name": "Other"}))
        .await
        .expect(200);
    app.verify(key["key"].as_str().unwrap()).await;
    assert!(!follower.until("key.updated").await, "{}", follower.seen);
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_followers() {
    let mut app = TestApp::start().await;
    let body = json!({"api": "keywright", "name": "follower", "scopes": ["activity:read"]});
    let made = app.operator().post("/v1/keys", &body).await.expect(201);
    let mut follower = Follower::open(&app, made["key"].as_str().unwrap(), "").await;
    // Requests in flight get ten seconds; a stream must not use them up.
    tokio::time::timeout(std::time::Duration::from_secs(5), app.stop()).await.expect("it stops at once");
    assert!(!follower.until("never").await);
}
