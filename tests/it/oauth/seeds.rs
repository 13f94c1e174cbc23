//! The OAuth parts of the four documents, as written there.

use serde_json::json;

use super::flow::{App, Browser, query, text, world};

/// "AI for Database" and "AI platform": no PKCE, no state, the secret in the body, no scope at the token endpoint.
#[tokio::test]
async fn the_code_flow_as_it_is_documented() {
    let app = world().await;
    let client = App::register(&app, json!({"require_pkce": false})).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let authorize = format!(
        "/oauth/authorize?client_id={}&redirect_uri=https://yourapp.example/callback&response_type=code\
         &scope=queries:read%20queries:write",
        client.id
    );
    let (page, id) = browser.ask(&authorize).await;
    assert_eq!(page, "/consent");
    let decided = browser.decide(&id, &json!({"decision": "allow"})).await.expect(200);
    let code = query(text(&decided, "redirect_to"))["code"].clone();
    let body = format!(
        "grant_type=authorization_code&code={code}&client_id={}&client_secret={}\
         &redirect_uri=https://yourapp.example/callback",
        client.id,
        client.secret.as_deref().unwrap()
    );
    let tokens = app.anonymous().form("/oauth/token", &body).await.expect(200);
    assert_eq!(text(&tokens, "token_type"), "Bearer");
    let profile = app.bearer(text(&tokens, "access_token")).get("/v1/user/profile").await.expect(200);
    assert!(text(&profile, "user_id").starts_with("usr_"));
    let body = format!(
        "grant_type=refresh_token&refresh_token={}&client_id={}&client_secret={}",
        text(&tokens, "refresh_token"),
        client.id,
        client.secret.as_deref().unwrap()
    );
    app.anonymous().form("/oauth/token", &body).await.expect(200);
}

/// "DB Audit": scopes with the verb first, and machine-to-machine authentication.
#[tokio::test]
async fn the_scopes_and_grant_types_as_they_are_documented() {
    let app = world().await;
    let scopes = ["read:databases", "write:databases", "read:policies", "write:policies", "admin"];
    let scopes: Vec<_> = scopes.iter().map(|name| json!({"name": name, "description": name})).collect();
    let audit = json!({"slug": "dbaudit", "name": "DB Audit", "audience": "https://api.dbaudit.example",
        "scopes": scopes});
    app.add_api(audit).await;
    let more = json!({
        "require_pkce": false,
        "access": [{"api": "dbaudit", "scopes": ["read:databases", "write:policies"]}],
        "grant_types": ["authorization_code", "client_credentials", "refresh_token"],
    });
    let client = App::register(&app, more).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let answer =
        browser.allow(&client.authorize_plainly(&[("scope", "read:databases write:policies")])).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &*answer["code"]),
        ("redirect_uri", super::flow::CALLBACK),
    ];
    let tokens = client.post("/oauth/token", &fields).await.expect(200);
    assert_eq!(text(&tokens, "scope"), "read:databases write:policies");
    client.refresh(text(&tokens, "refresh_token")).await.expect(200);
    client.credentials(&[]).await.expect(200);
}
