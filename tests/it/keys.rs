//! API keys over HTTP.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

fn id(key: &Value) -> &str {
    key["id"].as_str().expect("an id")
}

fn text(key: &Value) -> &str {
    key["key"].as_str().expect("the key, once")
}

fn path(key: &Value) -> String {
    format!("/v1/keys/{}", id(key))
}

#[tokio::test]
async fn a_key_is_shown_once_and_recognised_afterwards() {
    let app = TestApp::with_afdb().await;
    let writer = app.key(&["keys:write", "keys:read"]).await;
    let body = json!({
        "api": "afdb", "name": " Production Backend ", "scopes": ["queries:write", "queries:read"],
        "expires_in_days": 30, "tier": "pro", "owner": "acme", "metadata": {"seats": 3},
        "allowed_ips": ["203.0.113.0/24"], "quota": {"limit": 10, "period": "day"},
    });
    let reply = writer.post("/v1/keys", &body).await;
    let made = reply.expect(201);
    assert_eq!(reply.header("cache-control"), "no-store");
    let secret = text(&made);
    assert!(secret.starts_with("afdb_live_") && secret.len() == "afdb_live_".len() + 38);
    let random = &secret["afdb_live_".len()..];
    let expected = json!({
        "id": id(&made), "api": "afdb", "name": "Production Backend", "environment": "live",
        "scopes": ["queries:read", "queries:write"], "tier": "pro", "ratelimit": null,
        "quota": {"limit": 10, "period": "day", "used": 0, "resets_at": "2026-06-02T00:00:00Z"},
        "owner": "acme", "user_id": null, "allowed_ips": ["203.0.113.0/24"], "metadata": {"seats": 3},
        "expires_at": "2026-07-01T12:00:00Z", "status": "active", "expiring": false, "created_at": "2026-06-01T12:00:00Z",
        "updated_at": "2026-06-01T12:00:00Z", "disabled_at": null, "revoked_at": null, "last_used_at": null,
        "secrets": [{"start": &random[..4], "end": &random[28..32], "created_at": "2026-06-01T12:00:00Z",
                     "expires_at": null}],
    });
    let seen = writer.get(&path(&made)).await.expect(200);
    assert_eq!(seen, expected);
    let mut answered = made.clone();
    answered.as_object_mut().unwrap().remove("key");
    assert_eq!(answered, expected);
    let listed = writer.get("/v1/keys?api=afdb").await.expect(200);
    assert_eq!(listed, json!({"data": [expected], "next_cursor": null}));
}

#[tokio::test]
async fn a_key_is_expiring_in_the_last_fourteen_days() {
    let app = TestApp::with_afdb().await;
    let key = app.afdb_key(json!({"expires_in_days": 15})).await;
    let admin = app.operator();
    let found =
        async || admin.get("/v1/keys?status=expiring").await.expect(200)["data"].as_array().unwrap().len();
    let expiring = async || admin.get(&path(&key)).await.expect(200)["expiring"].clone();
    app.advance(86_399);
    assert_eq!((expiring().await, found().await), (json!(false), 0));
    app.advance(1);
    assert_eq!((expiring().await, found().await), (json!(true), 1));
    app.advance(14 * 86_400);
    assert_eq!((expiring().await, found().await), (json!(false), 0), "it has expired");
}

#[tokio::test]
async fn a_change_counts_from_the_next_request_on() {
    let app = TestApp::with_afdb().await;
    let admin = app.operator();
    let key = app.afdb_key(json!({})).await;
    let code = async || app.verify(text(&key)).await["code"].clone();
    assert_eq!(code().await, "VALID");
    admin.patch(&path(&key), &json!({"disabled": true})).await.expect(200);
    assert_eq!(code().await, "DISABLED");
    admin
        .patch(&path(&key), &json!({"disabled": false, "expires_at": "2026-06-02T00:00:00Z"}))
        .await
        .expect(200);
    assert_eq!(code().await, "VALID");
    app.advance(12 * 3_600);
    assert_eq!(code().await, "EXPIRED");
    let revived = admin.patch(&path(&key), &json!({"expires_at": null})).await.expect(200);
    assert_eq!(revived["expires_at"], json!(null));
    assert_eq!(code().await, "VALID");
    admin.delete(&path(&key)).await.expect(204);
    assert_eq!(code().await, "REVOKED");
    admin.delete(&path(&key)).await.expect(204);
    assert_eq!(admin.get(&path(&key)).await.expect(200)["status"], "revoked");
    admin.patch(&path(&key), &json!({"name": "x"})).await.refused(409, "CONFLICT");
}

#[tokio::test]
async fn both_secrets_work_during_the_grace() {
    let app = TestApp::with_afdb().await;
    let admin = app.operator();
    let key = app.afdb_key(json!({})).await;
    let rotate = format!("{}/rotate", path(&key));
    let reply = admin.post(&rotate, &json!({"grace_seconds": 60})).await;
    let turned = reply.expect(200);
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(id(&turned), id(&key));
    assert_ne!(text(&turned), text(&key));
    assert_eq!(turned["secrets"][1]["expires_at"], "2026-06-01T12:01:00Z");
    assert_eq!(app.verify(text(&key)).await["code"], "VALID");
    assert_eq!(app.verify(text(&turned)).await["code"], "VALID");
    app.advance(60);
    assert_ne!(app.verify(text(&key)).await["code"], "VALID");
    assert_eq!(app.verify(text(&turned)).await["code"], "VALID");
    // Without a body, the grace period is the default, a day.
    let again = admin.send(Method::POST, &rotate, None, Vec::new()).await.expect(200);
    assert_eq!(again["secrets"][1]["expires_at"], "2026-06-02T12:01:00Z");
    admin.delete(&path(&key)).await.expect(204);
    for secret in [text(&turned), text(&again)] {
        assert_eq!(app.verify(secret).await["code"], "REVOKED");
    }
    admin.post(&rotate, &json!({})).await.refused(409, "CONFLICT");
}

#[tokio::test]
async fn an_expired_key_gets_no_new_secret() {
    let app = TestApp::with_afdb().await;
    let key = app.afdb_key(json!({"expires_in_days": 1})).await;
    app.advance(86_400);
    let rotate = format!("{}/rotate", path(&key));
    app.operator().post(&rotate, &json!({})).await.refused(422, "UNPROCESSABLE");
    let wrong = app.operator().post(&rotate, &json!({"grace_seconds": 2_592_001})).await;
    assert!(wrong.refused(400, "INVALID_REQUEST")["details"]["grace_seconds"].is_string());
}

#[tokio::test]
async fn mistakes_name_their_fields() {
    let app = TestApp::with_afdb().await;
    let admin = app.operator();
    let made = app.afdb_key(json!({})).await;
    let refused = async |body: Value| {
        let details = admin.post("/v1/keys", &body).await.refused(400, "INVALID_REQUEST")["details"].clone();
        details.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let base = |more: Value| {
        let mut body = json!({"api": "afdb", "name": "x", "scopes": []});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    assert_eq!(refused(json!({"name": "x", "scopes": []})).await, ["api"]);
    assert_eq!(refused(base(json!({"role": "owner"}))).await, ["role"]);
    assert_eq!(refused(base(json!({"preset": "Read"}))).await, ["preset", "scopes"]);
    let limit = json!({"limit": 1, "window_seconds": 1});
    assert_eq!(refused(base(json!({"tier": "pro", "ratelimit": limit}))).await, ["ratelimit", "tier"]);
    let both = json!({"expires_at": "2027-01-01T00:00:00Z", "expires_in_days": 1});
    assert_eq!(refused(base(both)).await, ["expires_at", "expires_in_days"]);
    assert_eq!(refused(base(json!({"expires_at": "2026-06-01T12:00:00Z"}))).await, ["expires_at"]);
    assert_eq!(refused(base(json!({"expires_at": "tomorrow"}))).await, ["expires_at"]);
    assert_eq!(refused(base(json!({"scopes": ["gone"]}))).await, ["scopes"]);
    assert_eq!(refused(base(json!({"scopes": ["a b"]}))).await, ["scopes[0]"]);
    assert_eq!(refused(base(json!({"environment": "prod"}))).await, ["environment"]);
    assert_eq!(refused(base(json!({"metadata": []}))).await, ["metadata"]);
    assert_eq!(refused(base(json!({"metadata": {"x": "y".repeat(4_096)}}))).await, ["metadata"]);
    assert_eq!(refused(base(json!({"allowed_ips": ["203.0.113.9/24"]}))).await, ["allowed_ips[0]"]);
    assert_eq!(refused(base(json!({"quota": {"limit": 0, "period": "day"}}))).await, ["quota.limit"]);
    assert_eq!(refused(base(json!({"owner": "x".repeat(256)}))).await, ["owner"]);
    assert_eq!(
        refused(json!({"api": "keywright", "name": "x", "scopes": [], "environment": "test"})).await,
        ["environment"]
    );
    let null = admin.patch(&path(&made), &json!({"name": null})).await.refused(400, "INVALID_REQUEST");
    assert!(null["details"]["name"].is_string());
    let status = admin.get("/v1/keys?status=sleeping").await.refused(400, "INVALID_REQUEST");
    assert!(status["details"]["status"].as_str().unwrap().contains("expiring"), "{status}");
    admin.get("/v1/keys?user_id=x").await.refused(400, "INVALID_REQUEST");
}

#[tokio::test]
async fn what_is_not_there_is_404_on_every_verb() {
    let app = TestApp::start().await;
    let admin = app.operator();
    for id in ["key_01h455vb4pex5vsknk084sn02q", "nonsense", "usr_01h455vb4pex5vsknk084sn02q"] {
        let path = format!("/v1/keys/{id}");
        admin.get(&path).await.refused(404, "NOT_FOUND");
        admin.patch(&path, &json!({})).await.refused(404, "NOT_FOUND");
        admin.delete(&path).await.refused(404, "NOT_FOUND");
        admin.post(&format!("{path}/rotate"), &json!({})).await.refused(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn no_escalation() {
    let app = TestApp::start().await;
    let admin = app.key(&["admin"]).await;
    let weak = app.key(&["keys:read", "keys:write"]).await;
    let management = |scopes: &[&str]| json!({"api": "keywright", "name": "x", "scopes": scopes});
    weak.post("/v1/keys", &management(&["admin"])).await.refused(403, "FORBIDDEN");
    weak.post("/v1/keys", &management(&["keys:write", "apis:write"])).await.refused(403, "FORBIDDEN");
    let strong = admin.post("/v1/keys", &management(&["apis:write"])).await.expect(201);
    let acts = async |caller: &Client, key: &Value| {
        let rotate = format!("{}/rotate", path(key));
        [
            caller.post(&rotate, &json!({})).await.status,
            caller.patch(&path(key), &json!({"scopes": ["keys:read"]})).await.status,
            caller.patch(&path(key), &json!({"disabled": false})).await.status,
            caller.delete(&path(key)).await.status,
        ]
    };
    assert_eq!(acts(&weak, &strong).await, [403; 4]);
    let own = weak.post("/v1/keys", &management(&["keys:read"])).await.expect(201);
    weak.patch(&path(&own), &json!({"scopes": ["admin"]})).await.refused(403, "FORBIDDEN");
    assert_eq!(acts(&weak, &own).await, [200, 200, 200, 204]);
    let reader = app.key(&["keys:read"]).await;
    reader.post("/v1/keys", &management(&["keys:read"])).await.refused(403, "INSUFFICIENT_SCOPE");
    app.bearer(text(&own)).get("/v1/keys").await.refused(401, "REVOKED_API_KEY");
}

#[tokio::test]
async fn a_lost_answer_is_repeated_for_an_hour() {
    let app = TestApp::with_afdb().await;
    let writer = app.key(&["keys:write", "keys:read"]).await;
    let sender = writer.with("idempotency-key", "3f1c");
    let body = json!({"api": "afdb", "name": "x", "scopes": ["queries:read"]});
    let first = sender.post("/v1/keys", &body).await.expect(201);
    assert_eq!(sender.post("/v1/keys", &body).await.expect(201), first);
    let other = json!({"api": "afdb", "name": "y", "scopes": ["queries:read"]});
    sender.post("/v1/keys", &other).await.refused(409, "CONFLICT");
    app.advance(3_600);
    let late = sender.post("/v1/keys", &body).await.refused(409, "CONFLICT");
    assert_eq!(late["details"]["resource_id"], first["id"]);
    assert_eq!(writer.get("/v1/keys?api=afdb").await.expect(200)["data"].as_array().unwrap().len(), 1);

    let rotate = format!("{}/rotate", path(&first));
    let turned = sender.post(&rotate, &json!({})).await.expect(200);
    assert_eq!(sender.post(&rotate, &json!({})).await.expect(200), turned);
    assert_eq!(writer.get(&path(&first)).await.expect(200)["secrets"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn many_at_once_under_one_idempotency_key_are_one() {
    let app = TestApp::with_afdb().await;
    let writer = app.key(&["keys:write", "keys:read"]).await;
    let sender = writer.with("idempotency-key", "storm");
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let sender = sender.clone();
        let body = json!({"api": "afdb", "name": "x", "scopes": ["queries:read"]});
        senders.spawn(async move { sender.post("/v1/keys", &body).await.expect(201) });
    }
    let made = senders.join_all().await;
    assert!(made.iter().all(|key| *key == made[0]));
    assert_eq!(writer.get("/v1/keys?api=afdb").await.expect(200)["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_list_goes_in_pages() {
    let app = TestApp::with_afdb().await;
    for at in 0..5 {
        app.afdb_key(json!({"name": format!("key {at}"), "owner": "acme"})).await;
    }
    let reader = app.key(&["keys:read"]).await;
    let (mut names, mut next) = (Vec::new(), String::new());
    loop {
        let page = reader.get(&format!("/v1/keys?owner=acme&limit=2{next}")).await.expect(200);
        names.extend(
            page["data"].as_array().unwrap().iter().map(|key| key["name"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("&cursor={cursor}");
        reader.get(&format!("/v1/keys?owner=other{next}")).await.refused(400, "INVALID_CURSOR");
    }
    assert_eq!(names, ["key 4", "key 3", "key 2", "key 1", "key 0"]);
}

#[tokio::test]
async fn any_finder_of_a_key_can_revoke_it() {
    let app = TestApp::with_afdb().await;
    let key = app.afdb_key(json!({})).await;
    let anyone = app.anonymous();
    let leak = async |found: &str| anyone.post("/v1/keys/revoke-leaked", &json!({"key": found})).await;
    assert_eq!(leak("afdb_live_nothing").await.expect(202), json!(null));
    leak(text(&key)).await.expect(202);
    assert_eq!(app.verify(text(&key)).await["code"], "REVOKED");
    leak(text(&key)).await.expect(202);
    for _ in 3..10 {
        leak("x").await.expect(202);
    }
    let limited = leak("x").await;
    assert_eq!(limited.refused(429, "RATE_LIMITED")["details"]["limit"], 10);
    assert_eq!(limited.header("retry-after"), "6");
}

#[tokio::test]
async fn a_change_is_in_the_activity_and_the_secret_is_not() {
    let app = TestApp::with_afdb().await;
    let key = app.afdb_key(json!({})).await;
    app.operator().patch(&path(&key), &json!({"name": "Renamed"})).await.expect(200);
    let turned = app.operator().post(&format!("{}/rotate", path(&key)), &json!({})).await.expect(200);
    app.operator().delete(&path(&key)).await.expect(204);
    let log = app.operator().get(&format!("{}/activity", path(&key))).await;
    let rows = log.expect(200)["data"].as_array().unwrap().clone();
    let kinds: Vec<&str> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["key.revoked", "key.rotated", "key.updated", "key.created"]);
    assert_eq!(rows[2]["detail"], json!({"name": {"from": "Production Backend", "to": "Renamed"}}));
    for secret in [text(&key), text(&turned)] {
        assert!(!log.text().contains(&secret["afdb_live_".len()..]));
    }
    let file = std::fs::read(app.data().join("keywright.db")).unwrap();
    let wal = std::fs::read(app.data().join("keywright.db-wal")).unwrap_or_default();
    let needle = text(&turned).as_bytes();
    assert!(![file, wal].iter().any(|bytes| bytes.windows(needle.len()).any(|part| part == needle)));
}

/// A request without an environment means `live`.
#[tokio::test]
async fn a_test_key_must_be_asked_for() {
    let app = TestApp::with_afdb().await;
    let key = app.afdb_key(json!({"environment": "test"})).await;
    assert!(text(&key).starts_with("afdb_test_"));
    let gate = async |query: &str| {
        app.bearer(text(&key)).get(&format!("/v1/forward-auth?api=afdb&scope=queries:read{query}")).await
    };
    gate("").await.refused(403, "WRONG_ENVIRONMENT");
    gate("&environment=live").await.refused(403, "WRONG_ENVIRONMENT");
    assert_eq!(gate("&environment=test").await.header("x-auth-environment"), "test");
    assert_eq!(gate("&environment=any").await.status, 200);
    for (asked, code) in [("live", "WRONG_ENVIRONMENT"), ("test", "VALID"), ("any", "VALID")] {
        let question = json!({"api": "afdb", "key": key["key"], "environment": asked});
        let answer = app.operator().post("/v1/keys/verify", &question).await.expect(200);
        assert_eq!(answer["code"], code, "{asked}");
    }
    assert_eq!(app.verify(text(&key)).await["code"], "WRONG_ENVIRONMENT");
    let nameless = app.operator().post("/v1/keys/verify", &json!({"key": key["key"]})).await;
    assert!(nameless.refused(400, "INVALID_REQUEST")["details"]["api"].is_string());
}
