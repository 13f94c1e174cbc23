//! Introspection.

use serde_json::json;

use super::flow::{App, text, tokens, world};

#[tokio::test]
async fn a_client_introspects_tokens_of_its_own_apis() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let api =
        App::register(&app, json!({"name": "The API itself", "grant_types": ["client_credentials"]})).await;
    let answer = tokens(&app, &client, "queries:read").await;
    let introspection = api.introspect(text(&answer, "access_token")).await;
    assert_eq!(introspection["active"], true);
    assert_eq!(
        (text(&introspection, "scope"), text(&introspection, "client_id")),
        ("queries:read", client.id.as_str())
    );
    assert_eq!(
        (text(&introspection, "username"), text(&introspection, "token_type")),
        ("ada@example.com", "Bearer")
    );
    assert_eq!(text(&introspection, "aud"), "https://api.aifordatabase.example");
    assert_eq!(text(&introspection, "iss"), app.services().settings.public_url);
    assert_eq!(introspection["exp"].as_i64().unwrap() - introspection["iat"].as_i64().unwrap(), 3_600);
    // In the header as well as in the body.
    let basic = api.post_basic("/oauth/introspect", &[("token", text(&answer, "access_token"))]).await;
    assert_eq!(basic.expect(200), introspection);
    // Only its own client can introspect a refresh token.
    let own = client.introspect(text(&answer, "refresh_token")).await;
    assert_eq!((&own["active"], text(&own, "token_type")), (&json!(true), "refresh_token"));
    assert_eq!(api.introspect(text(&answer, "refresh_token")).await, json!({"active": false}));

    let inactive = json!({"active": false});
    app.advance(3_600);
    assert_eq!(api.introspect(text(&answer, "access_token")).await, inactive);
    for nonsense in ["x", "x.y.z", "kwr_x", "afdb_live_x"] {
        assert_eq!(api.introspect(nonsense).await, inactive);
    }
    let second = json!({"slug": "dbaudit", "name": "DB Audit", "audience": "https://api.dbaudit.example",
        "scopes": [{"name": "read:logs", "description": "Read logs"}]});
    app.add_api(second).await;
    let other_app = json!({"access": [{"api": "dbaudit", "scopes": ["read:logs"]}]});
    let other_app = App::register(&app, other_app).await;
    let answer = client.credentials(&[]).await.expect(200);
    assert_eq!(api.introspect(text(&answer, "access_token")).await["active"], true);
    assert_eq!(other_app.introspect(text(&answer, "access_token")).await, inactive);
}

#[tokio::test]
async fn introspection_needs_client_authentication() {
    let app = world().await;
    app.anonymous().form("/oauth/introspect", "token=x").await.failed(401, "invalid_client");
    let public = App::register(&app, json!({"type": "public"})).await;
    public.post("/oauth/introspect", &[("token", "x")]).await.failed(401, "invalid_client");
    let client = App::register(&app, json!({})).await;
    client.post("/oauth/introspect", &[]).await.failed(400, "invalid_request");
}

#[tokio::test]
async fn what_is_lost_is_gone_with_the_next_question() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let answer = tokens(&app, &client, "queries:read queries:write").await;
    let token = text(&answer, "access_token");
    let path = format!("/v1/clients/{}", client.id);
    let less = json!({"access": [{"api": "afdb", "scopes": ["queries:read"]}]});
    app.operator().patch(&path, &less).await.expect(200);
    assert_eq!(text(&client.introspect(token).await, "scope"), "queries:read");
    let people = app.operator().get("/v1/users").await.expect(200);
    let people = people["data"].as_array().unwrap();
    let id = |email: &str| {
        let found = people.iter().find(|user| user["email"] == email).unwrap();
        format!("/v1/users/{}", text(found, "id"))
    };
    app.operator().patch(&id("eve@example.com"), &json!({"role": "owner"})).await.expect(200);
    app.operator().patch(&id("ada@example.com"), &json!({"role": "viewer"})).await.expect(200);
    assert_eq!(text(&client.introspect(token).await, "scope"), "");
    app.operator().patch(&id("ada@example.com"), &json!({"role": "member"})).await.expect(200);
    assert_eq!(text(&client.introspect(token).await, "scope"), "queries:read");
    app.operator().patch(&id("ada@example.com"), &json!({"disabled": true})).await.expect(200);
    assert_eq!(client.introspect(token).await, json!({"active": false}));
}

#[tokio::test]
async fn keys_are_introspected_with_the_scope_to_verify() {
    let app = world().await;
    let key = app.afdb_key(json!({"owner": "acme"})).await;
    let inactive = json!({"active": false});
    let plain = App::register(&app, json!({})).await;
    assert_eq!(plain.introspect(text(&key, "key")).await, inactive);
    let access = json!([{"api": "keywright", "scopes": ["keys:verify"]}]);
    let gateway = App::register(&app, json!({"access": access, "redirect_uris": []})).await;
    let introspection = gateway.introspect(text(&key, "key")).await;
    assert_eq!(
        (text(&introspection, "token_type"), text(&introspection, "sub")),
        ("api_key", text(&key, "id"))
    );
    assert_eq!((text(&introspection, "scope"), text(&introspection, "owner")), ("queries:read", "acme"));
    app.operator().delete(&format!("/v1/keys/{}", text(&key, "id"))).await.expect(204);
    assert_eq!(gateway.introspect(text(&key, "key")).await, inactive);
}
