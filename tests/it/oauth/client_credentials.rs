//! The grant type `client_credentials`, and client authentication.

use serde_json::json;

use super::flow::{App, claims, encode, form, text, world};

#[tokio::test]
async fn a_machine_acts_for_itself() {
    let app = world().await;
    let client =
        App::register(&app, json!({"grant_types": ["client_credentials"], "redirect_uris": []})).await;
    let answer = client.credentials(&[]).await.expect(200);
    assert_eq!(text(&answer, "scope"), "queries:read queries:write");
    assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none());
    let claims = claims(text(&answer, "access_token"));
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(client.id), &json!(client.id)));
    assert_eq!(claims["aud"], "https://api.aifordatabase.example");
    let narrow =
        client.credentials(&[("scope", "queries:read unknown openid offline_access")]).await.expect(200);
    assert_eq!(text(&narrow, "scope"), "queries:read");
    client.credentials(&[("scope", "admin")]).await.failed(400, "invalid_scope");
    client.credentials(&[("scope", "openid")]).await.failed(400, "invalid_scope");
    let target = "https://api.aifordatabase.example/";
    client.credentials(&[("resource", target)]).await.expect(200);
    client.credentials(&[("resource", "https://elsewhere.example")]).await.failed(400, "invalid_target");
    let profile = app.bearer(text(&narrow, "access_token")).get("/v1/user/profile").await.expect(200);
    assert_eq!((text(&profile, "kind"), text(&profile, "client_id")), ("token", client.id.as_str()));
    assert_eq!(profile["scopes"], json!(["queries:read"]));
}

#[tokio::test]
async fn resource_picks_the_api() {
    let app = world().await;
    let second = json!({"slug": "dbaudit", "name": "DB Audit", "audience": "https://api.dbaudit.example",
        "scopes": [{"name": "read:logs", "description": "Read logs"}]});
    app.add_api(second).await;
    let access =
        json!([{"api": "afdb", "scopes": ["queries:read"]}, {"api": "dbaudit", "scopes": ["read:logs"]}]);
    let client = App::register(&app, json!({"access": access})).await;
    let aud = |answer: serde_json::Value| claims(text(&answer, "access_token"))["aud"].clone();
    assert_eq!(aud(client.credentials(&[]).await.expect(200)), "https://api.aifordatabase.example");
    let picked = client.credentials(&[("resource", "https://api.dbaudit.example")]).await.expect(200);
    assert_eq!(text(&picked, "scope"), "read:logs");
    assert_eq!(aud(picked), "https://api.dbaudit.example");
}

#[tokio::test]
async fn a_client_proves_itself_in_one_way() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let grant = [("grant_type", "client_credentials")];
    client.post("/oauth/token", &grant).await.expect(200);
    client.post_basic("/oauth/token", &grant).await.expect(200);
    let named = [grant[0], ("client_id", client.id.as_str())];
    client.post_basic("/oauth/token", &named).await.expect(200);
    let secret = client.secret.clone().unwrap();
    let both = [grant[0], ("client_id", client.id.as_str()), ("client_secret", secret.as_str())];
    client.post_basic("/oauth/token", &both).await.failed(400, "invalid_request");

    let wrong = App { secret: Some("kwcs_wrong".to_owned()), ..client.clone() };
    let refused = wrong.post("/oauth/token", &grant).await;
    refused.failed(401, "invalid_client");
    assert!(refused.headers.get("www-authenticate").is_none());
    let refused = wrong.post_basic("/oauth/token", &grant).await;
    refused.failed(401, "invalid_client");
    assert_eq!(refused.header("www-authenticate"), r#"Basic realm="keywright""#);
    let none = App { secret: None, ..client.clone() };
    none.post("/oauth/token", &grant).await.failed(401, "invalid_client");
    app.anonymous().form("/oauth/token", "grant_type=client_credentials").await.failed(401, "invalid_client");
    app.bearer("x").form("/oauth/token", &form(&grant)).await.failed(401, "invalid_client");
    let assertion = [grant[0], ("client_assertion", "e.y.J"), ("client_assertion_type", "x")];
    client.post("/oauth/token", &assertion).await.failed(401, "invalid_client");

    let public = App::register(&app, json!({"type": "public"})).await;
    assert!(public.secret.is_none());
    public.credentials(&[]).await.failed(400, "unauthorized_client");
    let liar = App { secret: Some(secret), ..public };
    liar.credentials(&[]).await.failed(401, "invalid_client");
}

#[tokio::test]
async fn a_new_secret_overlaps_the_old_one() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let path = format!("/v1/clients/{}/rotate", client.id);
    let made = app.operator().post(&path, &json!({"grace_seconds": 60})).await.expect(200);
    let renewed = App { secret: Some(text(&made, "client_secret").to_owned()), ..client.clone() };
    client.credentials(&[]).await.expect(200);
    renewed.credentials(&[]).await.expect(200);
    app.advance(60);
    client.credentials(&[]).await.failed(401, "invalid_client");
    renewed.credentials(&[]).await.expect(200);
}

#[expect(clippy::disallowed_methods, reason = "how long an answer takes is real time")]
#[tokio::test]
async fn hostile_requests_get_small_answers() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    client.post("/oauth/token", &[]).await.failed(400, "invalid_request");
    client.post("/oauth/token", &[("grant_type", "password")]).await.failed(400, "unsupported_grant_type");
    let codes_only = App::register(&app, json!({"grant_types": ["authorization_code"]})).await;
    codes_only.credentials(&[]).await.failed(400, "unauthorized_client");
    let twice =
        format!("grant_type=client_credentials&grant_type=client_credentials&client_id={}", client.id);
    app.anonymous().form("/oauth/token", &twice).await.failed(400, "invalid_request");
    let body = json!({"grant_type": "client_credentials"});
    app.anonymous().post("/oauth/token", &body).await.failed(400, "invalid_request");
    let scope = encode(&"queries:read ".repeat(80_000));
    let huge = format!("grant_type=client_credentials&client_id={}&scope={scope}", client.id);
    let mut took = std::time::Duration::MAX;
    // The best of five, because other load on the machine only makes it slower.
    for _ in 0..5 {
        let started = std::time::Instant::now();
        app.anonymous().form("/oauth/token", &huge).await.failed(400, "invalid_request");
        took = took.min(started.elapsed());
    }
    assert!(took < std::time::Duration::from_millis(100), "{took:?}");
    app.anonymous().get("/oauth/token").await.refused(405, "METHOD_NOT_ALLOWED");
}
