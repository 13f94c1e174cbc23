//! ID tokens and userinfo.

use serde_json::json;

use super::flow::{App, Browser, claims, text, tokens, world};

#[tokio::test]
async fn an_app_learns_who_signed_in() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    app.advance(30);
    let scope = ("scope", "openid profile email queries:read");
    let answer = browser.allow(&client.authorize(&[scope, ("nonce", "n-0S6_WzA2Mj")])).await;
    let answer = client.exchange(&answer["code"]).await.expect(200);
    let id = claims(text(&answer, "id_token"));
    assert_eq!((text(&id, "aud"), text(&id, "nonce")), (client.id.as_str(), "n-0S6_WzA2Mj"));
    assert_eq!(text(&id, "iss"), app.services().settings.public_url);
    assert_eq!(id["iat"].as_i64().unwrap() - id["auth_time"].as_i64().unwrap(), 30);
    assert!(text(&id, "sid").starts_with("ses_"));
    assert_eq!((text(&id, "email"), text(&id, "name")), ("ada@example.com", "Somebody"));
    let caller = app.bearer(text(&answer, "access_token"));
    let info = caller.get("/oauth/userinfo").await.expect(200);
    assert_eq!(info["sub"], id["sub"]);
    assert_eq!((text(&info, "email"), text(&info, "name")), ("ada@example.com", "Somebody"));
    assert_eq!(caller.form("/oauth/userinfo", "").await.expect(200), info);
    // A refresh gives a new one for the same sign-in.
    let again = client.refresh(text(&answer, "refresh_token")).await.expect(200);
    let again = claims(text(&again, "id_token"));
    assert_eq!((&again["sub"], &again["auth_time"]), (&id["sub"], &id["auth_time"]));
    assert!(again.get("nonce").is_none());
}

#[tokio::test]
async fn userinfo_is_limited_to_the_granted_scopes() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let answer = tokens(&app, &client, "openid queries:read").await;
    let info = app.bearer(text(&answer, "access_token")).get("/oauth/userinfo").await.expect(200);
    assert_eq!(info.as_object().unwrap().len(), 1);
    let answer = tokens(&app, &client, "queries:read").await;
    let refused = app.bearer(text(&answer, "access_token")).get("/oauth/userinfo").await;
    refused.failed(403, "insufficient_scope");
    assert!(refused.header("www-authenticate").contains(r#"error="insufficient_scope""#));
    let missing = app.anonymous().get("/oauth/userinfo").await;
    missing.failed(401, "invalid_token");
    assert_eq!(missing.header("www-authenticate"), r#"Bearer realm="keywright""#);
    app.bearer("x.y.z").get("/oauth/userinfo").await.failed(401, "invalid_token");
    let machine = client.credentials(&[]).await.expect(200);
    app.bearer(text(&machine, "access_token")).get("/oauth/userinfo").await.failed(403, "insufficient_scope");
}

#[tokio::test]
async fn an_app_may_ask_for_nothing_but_who_it_is() {
    let app = world().await;
    let client = App::register(&app, json!({"access": []})).await;
    let answer = tokens(&app, &client, "openid email").await;
    assert_eq!(text(&answer, "scope"), "email openid");
    let info = app.bearer(text(&answer, "access_token")).get("/oauth/userinfo").await.expect(200);
    assert_eq!(text(&info, "email"), "ada@example.com");
    // It opens no route of the built-in API.
    app.bearer(text(&answer, "access_token")).get("/v1/keys").await.refused(403, "INSUFFICIENT_SCOPE");
}
