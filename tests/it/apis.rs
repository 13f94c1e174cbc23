//! APIs over HTTP.

use http::Method;
use serde_json::json;

use crate::support::{TestApp, afdb};

#[tokio::test]
async fn an_api_is_added_seen_changed_and_removed() {
    let app = TestApp::start().await;
    let admin = app.key(&["admin"]).await;
    let made = admin.post("/v1/apis", &afdb()).await.expect(201);
    assert!(made["id"].as_str().unwrap().starts_with("api_"));
    assert_eq!(made["prefix"], "afdb");
    assert_eq!(made["default_tier"], "free");
    assert_eq!(
        made["tiers"][0],
        json!({"name": "free", "limit": 100, "window_seconds": 60, "burst": null, "per": "key"})
    );
    assert_eq!(made["created_at"], "2026-06-01T12:00:00Z");

    let id = made["id"].as_str().unwrap();
    assert_eq!(admin.get("/v1/apis/afdb").await.expect(200), made);
    assert_eq!(admin.get(&format!("/v1/apis/{id}")).await.expect(200), made);
    let all = admin.get("/v1/apis").await.expect(200);
    let slugs: Vec<&str> =
        all["data"].as_array().unwrap().iter().map(|api| api["slug"].as_str().unwrap()).collect();
    assert_eq!((slugs, &all["next_cursor"]), (vec!["keywright", "afdb"], &json!(null)));

    app.advance(1);
    let change = json!({"name": "Databases", "x_api_key": true, "routes": [
        {"method": "POST", "path": "/v1/queries", "scope": "queries:read OR admin", "environment": "any"},
    ]});
    let changed = admin.patch("/v1/apis/afdb", &change).await.expect(200);
    assert_eq!((&changed["name"], &changed["x_api_key"]), (&json!("Databases"), &json!(true)));
    assert_eq!(changed["routes"][0]["cost"], 1);
    assert_eq!(changed["routes"][0]["environment"], "any");
    assert_eq!(changed["scopes"], made["scopes"]);
    assert_eq!(changed["updated_at"], "2026-06-01T12:00:01Z");

    assert_eq!(admin.delete("/v1/apis/afdb").await.expect(204), json!(null));
    admin.get("/v1/apis/afdb").await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn rights_are_asked_for() {
    let app = TestApp::with_afdb().await;
    app.anonymous().get("/v1/apis").await.refused(401, "MISSING_API_KEY");
    let reader = app.key(&["apis:read"]).await;
    reader.get("/v1/apis").await.expect(200);
    let refusal = reader.post("/v1/apis", &json!({"slug": "x", "name": "X"})).await;
    assert_eq!(refusal.refused(403, "INSUFFICIENT_SCOPE")["details"]["required"], "apis:write");
    assert!(refusal.header("www-authenticate").contains(r#"scope="apis:write""#));
    for reply in [
        reader.patch("/v1/apis/afdb", &json!({})).await,
        reader.put("/v1/apis/afdb", &afdb()).await,
        reader.delete("/v1/apis/afdb").await,
    ] {
        reply.refused(403, "INSUFFICIENT_SCOPE");
    }
    app.key(&["keys:read"]).await.get("/v1/apis/afdb").await.refused(403, "INSUFFICIENT_SCOPE");
}

#[tokio::test]
async fn mistakes_name_their_fields() {
    let app = TestApp::with_afdb().await;
    let admin = app.operator();
    let details = |reply: crate::support::Reply| reply.refused(400, "INVALID_REQUEST")["details"].clone();
    let unknown = details(admin.post("/v1/apis", &json!({"slug": "x", "name": "X", "built_in": true})).await);
    assert!(unknown["built_in"].as_str().unwrap().contains("unknown field"), "{unknown}");
    let scope = details(
        admin.post("/v1/apis", &json!({"slug": "x", "name": "X", "scopes": [{"name": "a b"}]})).await,
    );
    assert!(scope["scopes[0].name"].as_str().unwrap().contains("letters"), "{scope}");
    let missing = details(admin.post("/v1/apis", &json!({"slug": "x"})).await);
    assert!(missing["name"].is_string(), "{missing}");
    let null = details(admin.patch("/v1/apis/afdb", &json!({"name": null})).await);
    assert!(null["name"].is_string(), "{null}");
    let slug = details(admin.put("/v1/apis/other", &afdb()).await);
    assert!(slug["slug"].is_string(), "{slug}");
    let role = details(admin.patch("/v1/apis/afdb", &json!({"role_scopes": {"root": []}})).await);
    assert!(role.as_object().unwrap().keys().next().unwrap().contains("role_scopes"), "{role}");
    let none = details(admin.patch("/v1/apis/afdb", &json!({"role_scopes": {"member": null}})).await);
    assert!(none["role_scopes.member"].is_string(), "{none}");
    admin.get("/v1/apis?cursor=forged").await.refused(400, "INVALID_CURSOR");
    admin.get("/v1/apis?limit=0").await.refused(400, "INVALID_REQUEST");
}

#[tokio::test]
async fn conflicts_name_their_cause() {
    let app = TestApp::with_afdb().await;
    let admin = app.operator();
    let taken = admin.post("/v1/apis", &json!({"slug": "other", "name": "Other", "prefix": "kw"})).await;
    assert_eq!(taken.refused(409, "CONFLICT")["details"]["prefix"], "taken by keywright");
    let used = admin.patch("/v1/apis/afdb", &json!({"scopes": []})).await.refused(409, "CONFLICT");
    assert_eq!(used["details"]["queries:read"], json!(["the preset Read"]));
    let client = json!({"name": "App", "access": [{"api": "afdb", "scopes": ["queries:write"]}],
        "grant_types": ["client_credentials"]});
    let client = admin.post("/v1/clients", &client).await.expect(201);
    let fewer = json!({"scopes": [{"name": "queries:read"}, {"name": "admin", "grants_all": true}]});
    let used = admin.patch("/v1/apis/afdb", &fewer).await.refused(409, "CONFLICT");
    assert_eq!(
        used["details"]["queries:write"],
        json!([format!("the OAuth app {}", client["id"].as_str().unwrap())])
    );
    app.afdb_key(json!({})).await;
    admin.delete("/v1/apis/afdb").await.refused(409, "CONFLICT");
    for reply in [
        admin.patch("/v1/apis/keywright", &json!({"name": "Mine"})).await,
        admin.delete("/v1/apis/keywright").await,
        admin.put("/v1/apis/keywright", &json!({"slug": "keywright", "name": "Mine"})).await,
    ] {
        reply.refused(403, "FORBIDDEN");
    }
}

#[tokio::test]
async fn applying_twice_changes_nothing_the_second_time() {
    let app = TestApp::start().await;
    let admin = app.key(&["apis:write"]).await;
    let first = admin.put("/v1/apis/afdb", &afdb()).await.expect(200);
    assert_eq!(first["created"], true);
    let again = admin.put("/v1/apis/afdb", &afdb()).await.expect(200);
    assert_eq!((&again["created"], &again["changes"]), (&json!(false), &json!([])));
    let mut other = afdb();
    other["name"] = json!("Databases");
    let changed = admin.put("/v1/apis/afdb", &other).await.expect(200);
    assert_eq!(changed["changes"], json!(["~ name: AI for Database → Databases"]));
}

#[tokio::test]
async fn an_api_is_added_once_under_one_idempotency_key() {
    let app = TestApp::start().await;
    let admin = app.key(&["apis:write"]).await.with("idempotency-key", "same");
    let first = admin.post("/v1/apis", &afdb()).await.expect(201);
    assert_eq!(admin.post("/v1/apis", &afdb()).await.expect(201), first);
    admin.post("/v1/apis", &json!({"slug": "x", "name": "X"})).await.refused(409, "CONFLICT");
}

#[tokio::test]
async fn a_new_role_scope_or_tier_counts_from_the_next_request_on() {
    let app = TestApp::with_afdb().await;
    let key = app.afdb_key(json!({"tier": "pro"})).await;
    let text = key["key"].as_str().unwrap();
    assert_eq!(app.verify(text).await["ratelimit"]["limit"], 1000);
    let tiers = json!({"tiers": [{"name": "free", "limit": 100}, {"name": "pro", "limit": 5}]});
    app.operator().patch("/v1/apis/afdb", &tiers).await.expect(200);
    assert_eq!(app.verify(text).await["ratelimit"]["limit"], 5);
}

#[tokio::test]
async fn a_path_knows_its_methods() {
    let app = TestApp::start().await;
    let reply =
        app.operator().send(Method::POST, "/v1/apis/afdb", Some("application/json"), b"{}".to_vec()).await;
    reply.refused(405, "METHOD_NOT_ALLOWED");
    assert_eq!(reply.header("allow"), "DELETE, GET, HEAD, PATCH, PUT");
}

#[tokio::test]
async fn an_audience_belongs_to_one_api_in_every_form() {
    let app = TestApp::with_afdb().await;
    let admin = app.operator();
    let own = admin.get("/v1/apis/keywright").await.expect(200)["audience"].as_str().unwrap().to_owned();
    for taken in [
        "https://api.aifordatabase.example",
        "https://api.aifordatabase.example/",
        "https://api.aifordatabase.example:443",
        "HTTPS://API.AIforDatabase.example//",
        "https://api.aifordatabase.example/x/..",
        &own,
        &format!("{own}/"),
        &own.replace("keywright", "%6beywright"),
    ] {
        let body = json!({"slug": "other", "name": "Other", "audience": taken});
        let refusal = admin.post("/v1/apis", &body).await.refused(409, "CONFLICT");
        assert!(refusal["details"]["audience"].is_string(), "{taken}: {refusal}");
    }
    let issuer = own.trim_end_matches("/keywright").to_owned();
    for issuer in [issuer.clone(), format!("{issuer}/"), issuer.replace("http", "HTTP")] {
        let body = json!({"slug": "other", "name": "Other", "audience": issuer});
        let refusal = admin.post("/v1/apis", &body).await.refused(400, "INVALID_REQUEST");
        assert!(refusal["details"]["audience"].is_string(), "{issuer}: {refusal}");
        let change = json!({"audience": issuer});
        admin.patch("/v1/apis/afdb", &change).await.refused(400, "INVALID_REQUEST");
    }
    let body = json!({"slug": "other", "name": "Other", "audience": "https://api.aifordatabase.example/v2"});
    admin.post("/v1/apis", &body).await.expect(201);
    let change = json!({"audience": "https://api.aifordatabase.example/"});
    admin.patch("/v1/apis/afdb", &change).await.expect(200);
}
