//! Self-service of a member: keys with the scopes of their role, at the API's tier, and no access to those of others.

use serde_json::{Value, json};

use crate::people::{add, signed_in};
use crate::support::{Client, TestApp};

fn path(key: &Value) -> String {
    format!("/v1/keys/{}", key["id"].as_str().expect("an id"))
}

fn text(key: &Value) -> &str {
    key["key"].as_str().expect("the key, once")
}

async fn member(app: &TestApp, email: &str) -> Client {
    add(app, email, "member").await;
    signed_in(app, email).await
}

/// An API whose members may read, with two keys each, at the tier `free`.
async fn with_members() -> TestApp {
    let app = TestApp::with_afdb().await;
    let roles =
        json!({"role_scopes": {"member": ["queries:read"]}, "member_max_keys": 2, "member_tier": "free"});
    app.operator().patch("/v1/apis/afdb", &roles).await.expect(200);
    app
}

fn mine() -> Value {
    json!({"api": "afdb", "name": "Mine", "scopes": ["queries:read"]})
}

#[tokio::test]
async fn a_member_makes_rotates_and_revokes_their_own_keys() {
    let app = with_members().await;
    let ada = member(&app, "ada@example.com").await;
    let seen = ada.get("/v1/apis/afdb").await.expect(200);
    assert_eq!((&seen["scopes"][0]["name"], &seen["routes"]), (&json!("queries:read"), &json!([])));
    let key = ada.post("/v1/keys", &mine()).await.expect(201);
    let verdict = app.verify(text(&key)).await;
    assert_eq!((&verdict["user_id"], &verdict["ratelimit"]["tier"]), (&key["user_id"], &json!("free")));
    assert_eq!(verdict["ratelimit"]["limit"], 100);
    let turned = ada.post(&format!("{}/rotate", path(&key)), &json!({"grace_seconds": 0})).await.expect(200);
    assert_eq!(app.verify(text(&turned)).await["code"], "VALID");
    ada.patch(&path(&key), &json!({"name": "Renamed"})).await.expect(200);
    let rows = ada.get(&format!("{}/activity", path(&key))).await.expect(200);
    assert!(rows["data"].as_array().unwrap().len() >= 3, "{rows}");
    ada.delete(&path(&key)).await.expect(204);
    assert_eq!(app.verify(text(&turned)).await["code"], "REVOKED");
}

#[tokio::test]
async fn what_others_decide_is_not_for_members_to_choose() {
    let app = with_members().await;
    let ada = member(&app, "ada@example.com").await;
    let wide = json!({"api": "afdb", "name": "More", "scopes": ["queries:write"]});
    ada.post("/v1/keys", &wide).await.refused(403, "FORBIDDEN");
    let key = ada.post("/v1/keys", &mine()).await.expect(201);
    for (name, decided) in [
        ("tier", json!("pro")),
        ("owner", json!("acme")),
        ("ratelimit", json!({"limit": 1_000_000, "window_seconds": 1})),
        ("quota", json!({"limit": 1_000_000, "period": "day"})),
    ] {
        let mut body = mine();
        body[name] = decided.clone();
        ada.post("/v1/keys", &body).await.refused(403, "FORBIDDEN");
        ada.patch(&path(&key), &json!({ name: decided })).await.refused(403, "FORBIDDEN");
    }
    ada.patch(&path(&key), &json!({"scopes": ["admin"]})).await.refused(403, "FORBIDDEN");
    let own = json!({"api": "keywright", "name": "x", "scopes": ["keys:read"]});
    ada.post("/v1/keys", &own).await.refused(403, "FORBIDDEN");
}

#[tokio::test]
async fn a_member_has_no_more_keys_than_the_api_gives_also_at_once() {
    let app = with_members().await;
    let ada = member(&app, "ada@example.com").await;
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let ada = ada.clone();
        senders.spawn(async move { ada.post("/v1/keys", &mine()).await.status });
    }
    let answers = senders.join_all().await;
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 2, "{answers:?}");
    assert!(answers.iter().all(|status| [201, 409].contains(status)), "{answers:?}");
    let keys = ada.get("/v1/keys").await.expect(200);
    ada.delete(&path(&keys["data"][0])).await.expect(204);
    ada.post("/v1/keys", &mine()).await.expect(201);
    ada.post("/v1/keys", &mine()).await.refused(409, "CONFLICT");
    // Each member has a limit of their own.
    member(&app, "bob@example.com").await.post("/v1/keys", &mine()).await.expect(201);
}

#[tokio::test]
async fn resources_of_others_are_not_found_on_every_verb_and_nested_route() {
    let app = with_members().await;
    let (ada, bob) = (member(&app, "ada@example.com").await, member(&app, "bob@example.com").await);
    let (key, service) =
        (ada.post("/v1/keys", &mine()).await.expect(201), app.afdb_key(json!({"owner": "acme"})).await);
    for foreign in [path(&key), path(&service)] {
        bob.get(&foreign).await.refused(404, "NOT_FOUND");
        bob.get(&format!("{foreign}/activity")).await.refused(404, "NOT_FOUND");
        bob.patch(&foreign, &json!({})).await.refused(404, "NOT_FOUND");
        bob.patch(&foreign, &json!({"disabled": true})).await.refused(404, "NOT_FOUND");
        bob.delete(&foreign).await.refused(404, "NOT_FOUND");
        bob.post(&format!("{foreign}/rotate"), &json!({})).await.refused(404, "NOT_FOUND");
    }
    assert_eq!(bob.get("/v1/keys").await.expect(200)["data"], json!([]));
    assert_eq!(bob.get("/v1/keys?owner=acme").await.expect(200)["data"], json!([]));
    assert_eq!(ada.get("/v1/keys").await.expect(200)["data"].as_array().unwrap().len(), 1);
    assert_eq!(app.verify(text(&key)).await["code"], "VALID", "nothing was done to it");
    let session = ada.get("/v1/sessions").await.expect(200)["data"][0]["id"].as_str().unwrap().to_owned();
    bob.delete(&format!("/v1/sessions/{session}")).await.refused(404, "NOT_FOUND");
    ada.get("/v1/user/profile").await.expect(200);
}

/// Role scopes, the role itself, the person: a right removed there is removed from the key with the next request.
#[tokio::test]
async fn what_a_person_loses_their_keys_lose() {
    let app = with_members().await;
    let ada = member(&app, "ada@example.com").await;
    let key = ada.post("/v1/keys", &mine()).await.expect(201);
    let asked = async || {
        let question = json!({"api": "afdb", "key": key["key"], "scopes": "queries:read"});
        let verdict = app.operator().post("/v1/keys/verify", &question).await.expect(200);
        let gate = app.bearer(text(&key)).get("/v1/forward-auth?api=afdb&scope=queries:read").await;
        assert_eq!(verdict["valid"], gate.status == 200, "{verdict}");
        verdict["code"].clone()
    };
    assert_eq!(asked().await, "VALID");
    let role_scopes = async |scopes: Value| {
        app.operator().patch("/v1/apis/afdb", &json!({"role_scopes": scopes})).await.expect(200);
    };
    role_scopes(json!({})).await;
    assert_eq!(asked().await, "INSUFFICIENT_SCOPE");
    role_scopes(json!({"member": ["queries:read", "queries:write"]})).await;
    assert_eq!(asked().await, "VALID");
    let person = format!("/v1/users/{}", key["user_id"].as_str().unwrap());
    app.operator().patch(&person, &json!({"role": "viewer"})).await.expect(200);
    assert_eq!(asked().await, "INSUFFICIENT_SCOPE");
    app.operator().patch(&person, &json!({"role": "member"})).await.expect(200);
    assert_eq!(asked().await, "VALID");
    app.operator().patch(&person, &json!({"disabled": true})).await.expect(200);
    assert_eq!(asked().await, "DISABLED");
    app.operator().patch(&person, &json!({"disabled": false})).await.expect(200);
    assert_eq!(asked().await, "VALID");
    app.operator().delete(&person).await.expect(204);
    assert_eq!(asked().await, "REVOKED");
}

/// After a person revokes their own key or an app's grant, no credential created with it works.
#[tokio::test]
async fn an_own_key_makes_nothing_that_outlives_it() {
    let app = TestApp::with_afdb().await;
    let dora = crate::people::add(&app, "dora@example.com", "developer").await;
    let of_dora = |more: Value| {
        let mut body = json!({"api": "afdb", "name": "x", "scopes": ["queries:read"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let own = json!({
        "api": "keywright", "name": "Own", "scopes": ["keys:write", "keys:read", "clients:write"],
        "user_id": dora["id"], "expires_at": "2026-07-01T00:00:00Z",
    });
    let own = app.operator().post("/v1/keys", &own).await.expect(201);
    let caller = app.bearer(text(&own));
    let (mine, end) = (&dora["id"], "2026-07-01T00:00:00Z");
    caller.post("/v1/keys", &of_dora(json!({}))).await.refused(403, "FORBIDDEN");
    let endless = of_dora(json!({"user_id": mine}));
    caller.post("/v1/keys", &endless).await.refused(403, "FORBIDDEN");
    let longer = of_dora(json!({"user_id": mine, "expires_at": "2026-07-01T00:00:01Z"}));
    caller.post("/v1/keys", &longer).await.refused(403, "FORBIDDEN");
    let within = of_dora(json!({"user_id": mine, "expires_at": end}));
    let made = caller.post("/v1/keys", &within).await.expect(201);
    caller.patch(&path(&made), &json!({"name": "y"})).await.expect(200);
    for change in [json!({"expires_at": null}), json!({"expires_at": "2027-01-01T00:00:00Z"})] {
        caller.patch(&path(&made), &change).await.refused(403, "FORBIDDEN");
    }
    let service = app.afdb_key(json!({})).await;
    caller.post(&format!("{}/rotate", path(&service)), &json!({})).await.refused(403, "FORBIDDEN");
    let client = json!({"name": "x", "access": [{"api": "afdb", "scopes": ["queries:read"]}]});
    caller.post("/v1/clients", &client).await.refused(403, "FORBIDDEN");
    // A sign-in of the same person has no such bound.
    let signed_in = crate::people::signed_in(&app, "dora@example.com").await;
    signed_in.post("/v1/keys", &of_dora(json!({}))).await.expect(201);
    signed_in.post("/v1/clients", &client).await.expect(201);
}
