//! Common properties of responses, and responses to hostile requests.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Reply, TestApp};

#[tokio::test]
async fn a_server_starts_answers_and_stops() {
    let mut app = TestApp::start().await;
    assert_eq!(app.anonymous().get("/healthz").await.expect(200), json!({"status": "ok"}));
    app.anonymous().get("/readyz").await.expect(200);
    app.restart().await;
    app.anonymous().get("/healthz").await.expect(200);
    app.stop().await;
}

#[tokio::test]
async fn errors_have_one_shape() {
    let app = TestApp::start().await;
    app.anonymous().get("/v1/nothing").await.refused(404, "NOT_FOUND");
    let reply = app.anonymous().post("/healthz", &json!({})).await;
    reply.refused(405, "METHOD_NOT_ALLOWED");
    assert_eq!(reply.header("allow"), "GET, HEAD");
    let missing = app.anonymous().get("/metrics").await;
    assert_eq!(missing.refused(401, "MISSING_API_KEY")["details"]["header"], "Authorization");
    assert_eq!(missing.header("www-authenticate"), r#"Bearer realm="keywright""#);
    let invalid = app.bearer("kw_live_nothing").get("/metrics").await;
    invalid.refused(401, "INVALID_API_KEY");
    assert!(invalid.header("www-authenticate").contains(r#"error="invalid_token""#));
}

#[tokio::test]
async fn every_answer_carries_the_strict_headers_and_an_id_of_ours() {
    let app = TestApp::start().await;
    let client = app.anonymous().with("x-request-id", "req_theirs");
    for path in ["/", "/docs", "/healthz", "/v1/nothing", "/v1/keys", "/openapi.json"] {
        let reply = client.get(path).await;
        assert!(reply.header("x-request-id").starts_with("req_0"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("referrer-policy"), "no-referrer", "{path}");
        let policy = reply.header("content-security-policy");
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
    }
}

/// Every documented route, with every kind of invalid credential.
#[tokio::test]
async fn no_route_takes_a_wrong_credential() {
    let app = TestApp::with_afdb().await;
    let foreign = app.afdb_key(json!({})).await;
    let document: Value = serde_json::from_str(keywright::http::openapi()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let mut tried = 0;
    for (path, operations) in paths {
        for (method, operation) in operations.as_object().expect("operations") {
            // OAuth clients authenticate by RFC 6749 in forms; `oauth` tests those.
            if operation["security"].as_array().is_none_or(Vec::is_empty) || path.starts_with("/oauth/") {
                continue;
            }
            tried += 1;
            // `revoke-leaked` takes any key, without authentication.
            let any_api = matches!(path.as_str(), "/v1/user/profile" | "/v1/forward-auth");
            let path = if path == "/v1/forward-auth" {
                format!("{path}?api=afdb&scope=queries:read")
            } else {
                fill(path)
            };
            let call = |client: crate::support::Client| {
                let (method, path) = (method.to_uppercase(), path.clone());
                async move {
                    let method = http::Method::from_bytes(method.as_bytes()).expect("a method");
                    client.send(method, &path, Some("application/json"), b"{}".to_vec()).await
                }
            };
            let what = format!("{method} {path}");
            assert_eq!(call(app.anonymous()).await.status, 401, "{what} without a credential");
            for wrong in wrong_credentials() {
                let client = app.anonymous().with("authorization", &wrong);
                assert_eq!(call(client).await.status, 401, "{what} with {wrong:?}");
            }
            let twice = app.bearer("kw_live_one").with("authorization", "Bearer kw_live_two");
            assert_eq!(call(twice).await.status, 401, "{what} with two credentials");
            if any_api {
                continue;
            }
            let key = foreign["key"].as_str().expect("a key");
            let reply = call(app.bearer(key)).await;
            assert!(matches!(reply.status, 401 | 403), "{what} with another API's key: {}", reply.text());
        }
    }
    assert!(tried > 15, "the document has routes: {tried}");
}

fn wrong_credentials() -> Vec<String> {
    [
        "Bearer",
        "Bearer ",
        "Basic a3c6",
        "Bearer kw_live_00000000000000000000000000000000000000",
        "Bearer not a key",
        "Bearer a.b.c",
        "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
        "kw_live_00000000000000000000000000000000000000",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn fill(path: &str) -> String {
    let mut filled = String::new();
    let mut parts = path.split('{');
    filled.push_str(parts.next().unwrap_or_default());
    for part in parts {
        filled.push_str("key_01h455vb4pex5vsknk084sn02q");
        filled.push_str(part.split_once('}').map_or("", |(_, rest)| rest));
    }
    filled
}

/// Generated clients depend on the document: its changes are reviewed. `UPDATE_SNAPSHOTS=1` writes the file anew.
#[test]
fn the_openapi_document_is_as_it_was() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi.json");
    let document = keywright::http::openapi();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(file, document).expect("the snapshot is written");
    }
    let known = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        known == document,
        "the OpenAPI document changed: read the difference, then UPDATE_SNAPSHOTS=1 cargo test --profile quick --test it the_openapi_document"
    );
}

/// Every name of the contract is in the document.
#[test]
fn the_openapi_document_names_every_promised_call() {
    let document: Value = serde_json::from_str(keywright::http::openapi()).expect("JSON");
    for (method, path) in [
        ("post", "/v1/keys"),
        ("get", "/v1/keys"),
        ("get", "/v1/keys/{id}"),
        ("patch", "/v1/keys/{id}"),
        ("delete", "/v1/keys/{id}"),
        ("post", "/v1/keys/{id}/rotate"),
        ("get", "/v1/keys/{id}/activity"),
        ("post", "/v1/keys/revoke-leaked"),
        ("post", "/v1/keys/verify"),
        ("get", "/v1/forward-auth"),
        ("get", "/v1/apis"),
        ("get", "/v1/activity"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
    ] {
        assert!(document["paths"][path][method].is_object(), "{method} {path}");
    }
}

/// The document names exactly the members that verify reads and writes.
#[tokio::test]
async fn verification_answers_as_it_is_described() {
    let app = TestApp::with_afdb().await;
    let document: Value = serde_json::from_str(keywright::http::openapi()).expect("JSON");
    let described = |schema: &str| -> Vec<String> {
        let properties = document["components"]["schemas"][schema]["properties"].as_object().expect(schema);
        properties.keys().cloned().collect()
    };
    let named =
        |answer: &Value| -> Vec<String> { answer.as_object().expect("an object").keys().cloned().collect() };
    let key = app.afdb_key(json!({"quota": {"limit": 5, "period": "day"}})).await;
    let question = json!({
        "key": key["key"], "api": "afdb", "scopes": "queries:read", "environment": "any", "cost": 1, "explain": true,
        "request": {"ip": "203.0.113.9", "method": "GET", "path": "/v1/queries", "user_agent": "curl/8"},
    });
    assert_eq!(named(&question), described("VerifyRequest"));
    assert_eq!(named(&question["request"]), described("DescribedRequest"));
    let answer = app.operator().post("/v1/keys/verify", &question).await.expect(200);
    assert_eq!(named(&answer), described("VerifyAnswer"));
    assert_eq!(named(&answer["ratelimit"]), described("RatelimitState"));
    assert_eq!(named(&answer["quota"]), described("QuotaState"));
    assert_eq!(named(&answer["checks"][0]), described("VerifyCheck"));
}

async fn raw(app: &TestApp, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(app.address).await.expect("the server listens");
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_ten_megabyte_chunked_body_is_too_large() {
    let app = TestApp::start().await;
    let head = "POST /v1/keys/revoke-leaked HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        connection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut request = head.as_bytes().to_vec();
    for _ in 0..160 {
        request.extend_from_slice(b"10000\r\n");
        request.extend_from_slice(&[b' '; 0x10000]);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    let answer = raw(&app, &request).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("TOO_LARGE"), "{answer}");
}

async fn send_json(app: &TestApp, path: &str, body: &[u8]) -> Reply {
    app.operator().send(http::Method::POST, path, Some("application/json"), body.to_vec()).await
}

#[tokio::test]
async fn hostile_json_is_a_bad_request_and_nothing_more() {
    let app = TestApp::with_afdb().await;
    let deep = "[".repeat(100_000);
    send_json(&app, "/v1/keys/verify", deep.as_bytes()).await.refused(413, "TOO_LARGE");
    send_json(&app, "/v1/keys/verify", &deep.as_bytes()[..16_000]).await.refused(400, "INVALID_REQUEST");
    for path in ["/v1/keys", "/v1/apis"] {
        send_json(&app, path, deep.as_bytes()).await.refused(400, "INVALID_REQUEST");
    }
    for path in ["/v1/keys", "/v1/keys/verify", "/v1/apis"] {
        send_json(&app, path, b"").await.refused(400, "INVALID_REQUEST");
        send_json(&app, path, b"{\"name\": \"\xff\xfe\"}").await.refused(400, "INVALID_REQUEST");
        send_json(&app, path, b"{} {}").await.refused(400, "INVALID_REQUEST");
    }
    let twice = br#"{"api": "afdb", "api": "keywright", "key": "x"}"#;
    let refused = send_json(&app, "/v1/keys/verify", twice).await.refused(400, "INVALID_REQUEST");
    assert!(refused["details"]["api"].as_str().is_some_and(|text| text.contains("duplicate")), "{refused}");
    let extra = br#"{"api": "afdb", "name": "x", "scopes": [], "role": "owner"}"#;
    let refused = send_json(&app, "/v1/keys", extra).await.refused(400, "INVALID_REQUEST");
    assert!(refused["details"]["role"].is_string(), "{refused}");
    let form = app.operator().form("/v1/keys", "name=x").await;
    form.refused(415, "UNSUPPORTED_MEDIA_TYPE");
}

#[tokio::test]
async fn metrics_need_a_scope_or_a_listener_of_their_own() {
    let app = TestApp::with(|config| config.http.metrics_listen = Some(([127, 0, 0, 1], 0).into())).await;
    app.anonymous().get("/metrics").await.refused(401, "MISSING_API_KEY");
    let read = app.key(&["activity:read"]).await.get("/metrics").await;
    let scraped = app.scraper().get("/metrics").await;
    assert_eq!((read.status, scraped.status), (200, 200));
    assert!(scraped.text().contains("keywright_commits_total "), "{}", scraped.text());
    assert_eq!(app.scraper().get("/v1/keys").await.status, 404);
}

#[tokio::test]
async fn an_evil_host_changes_nothing() {
    let app = TestApp::start().await;
    let evil = raw(&app, b"GET /healthz HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").await;
    assert!(evil.starts_with("HTTP/1.1 200"), "{evil}");
    assert!(!evil.contains("evil.example"), "{evil}");
}

#[tokio::test]
async fn control_characters_in_logged_fields_are_escaped() {
    let app = TestApp::with_afdb().await;
    let key = app.afdb_key(json!({})).await;
    let client = app.bearer(key["key"].as_str().expect("a key")).with("user-agent", "evil\tagent\u{9b}31m");
    client.get("/v1/forward-auth?api=afdb&scope=queries:read").await.expect(200);
    let log = app.operator().get("/v1/activity?kind=request.authorize").await;
    assert!(
        log.text().chars().all(|character| !character.is_control() || character == '\n'),
        "{}",
        log.text()
    );
    assert_eq!(log.expect(200)["data"].as_array().map(Vec::len), Some(1));
}
