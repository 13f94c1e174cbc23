//! The authorization endpoint, and pending requests.

use serde_json::json;

use super::flow::{App, Browser, CALLBACK, encode, query, text, world};
use crate::support::TestApp;

/// Without a verified redirect URI, the error is a page.
async fn is_page(app: &TestApp, path: &str) {
    let reply = app.anonymous().get(path).await;
    assert_eq!(reply.status, 400, "{path}: {}", reply.text());
    assert!(reply.header("location").is_empty(), "{path}");
    assert!(reply.header("content-type").starts_with("text/html"), "{path}");
    assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert!(!reply.text().contains("<script"));
}

/// The app gets the error.
async fn is_told(app: &TestApp, path: &str, error: &str) {
    let reply = app.anonymous().get(path).await;
    assert_eq!(reply.status, 303, "{path}: {}", reply.text());
    let location = reply.header("location");
    assert!(location.starts_with(&format!("{CALLBACK}?error={error}&")), "{path}: {location}");
    assert_eq!(query(location)["iss"], app.services().settings.public_url, "{path}");
}

#[tokio::test]
async fn a_wrong_client_or_redirect_uri_is_a_page() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    for uri in [
        "https://yourapp.example/callback/",
        "https://yourapp.example/Callback",
        "https://YOURAPP.example/callback",
        "https://yourapp.example:443/callback",
        "https://yourapp.example/callback?a=b",
        "https://yourapp.example/callback#x",
        "https://yourapp.example@evil.example/callback",
        "https://yourapp.example@@evil.example/callback",
        "https://yourapp.example/callback/..;/x",
        "https://yourapp.example/x/%2e%2e/callback",
        "https://evil.example",
        "http://yourapp.example/callback",
        "http://localhost.evil/callback",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "//evil.example",
    ] {
        is_page(&app, &client.authorize(&[("redirect_uri", uri)])).await;
    }
    let unknown = App { id: "app_01h455vb4pex5vsknk084sn02q".to_owned(), ..client.clone() };
    is_page(&app, &unknown.authorize(&[])).await;
    is_page(&app, &App { id: "<script>".to_owned(), ..client.clone() }.authorize(&[])).await;
    is_page(&app, "/oauth/authorize").await;
    is_page(&app, &format!("{}&scope=a&scope=b", client.authorize(&[]))).await;
    is_page(&app, &format!("{}&client_id={}", client.authorize(&[]), client.id)).await;
    is_page(&app, &format!("{}&state=%0d%0aLocation:x", client.authorize(&[]))).await;
    is_page(&app, &format!("{}&state=%ff", client.authorize(&[]))).await;
    let two =
        App::register(&app, json!({"redirect_uris": [CALLBACK, "https://yourapp.example/other"]})).await;
    is_page(&app, &format!("/oauth/authorize?response_type=code&client_id={}", two.id)).await;
    let path = format!("/v1/clients/{}", client.id);
    app.operator().patch(&path, &json!({"disabled": true})).await.expect(200);
    is_page(&app, &client.authorize(&[])).await;
}

#[tokio::test]
async fn other_errors_are_redirected_to_the_app() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let plain = |more: &[(&str, &str)]| client.authorize_plainly(more);
    is_told(&app, &plain(&[]), "invalid_request").await;
    let challenge = ("code_challenge", super::flow::CHALLENGE);
    is_told(&app, &plain(&[challenge]), "invalid_request").await;
    is_told(&app, &plain(&[challenge, ("code_challenge_method", "plain")]), "invalid_request").await;
    let token = client.authorize(&[]).replace("response_type=code", "response_type=token");
    is_told(&app, &token, "unsupported_response_type").await;
    is_told(&app, &token.replace("response_type=token", "x=y"), "invalid_request").await;
    is_told(&app, &client.authorize(&[("scope", "unknown admin")]), "invalid_scope").await;
    is_told(&app, &client.authorize(&[("prompt", "none")]), "login_required").await;
    is_told(&app, &client.authorize(&[("prompt", "none login")]), "invalid_request").await;
    is_told(&app, &client.authorize(&[("resource", "https://elsewhere.example")]), "invalid_target").await;
    is_told(&app, &client.authorize(&[("request", "eyJ")]), "request_not_supported").await;
    is_told(&app, &client.authorize(&[("request_uri", "https://x.example")]), "request_uri_not_supported")
        .await;
    is_told(&app, &client.authorize(&[("response_mode", "fragment")]), "invalid_request").await;
    is_told(&app, &client.authorize(&[("max_age", "soon")]), "invalid_request").await;
    is_told(&app, &client.authorize(&[("id_token_hint", "x.y.z")]), "invalid_request").await;
    let machine = App::register(&app, json!({"grant_types": ["client_credentials"]})).await;
    is_told(&app, &machine.authorize(&[]), "unauthorized_client").await;
    // The `state` of the app is returned unchanged.
    let reply = app.anonymous().get(&client.authorize(&[("prompt", "none"), ("state", "ü &=")])).await;
    assert_eq!(query(reply.header("location"))["state"], "ü &=");
}

#[tokio::test]
async fn a_request_belongs_to_the_browser_that_opened_it() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let (page, id) = browser.ask(&client.authorize(&[])).await;
    assert_eq!(page, "/consent");
    let mut other = Browser::signed_in(&app, "eve@example.com").await;
    other.ask(&client.authorize(&[])).await;
    let path = format!("/v1/oauth/requests/{id}");
    other.client().get(&path).await.refused(403, "FORBIDDEN");
    other.decide(&id, &json!({"decision": "allow"})).await.refused(403, "FORBIDDEN");
    app.anonymous().get(&path).await.refused(403, "FORBIDDEN");
    // Without the CSRF token, from another origin, without a session.
    browser.client().post(&path, &json!({"decision": "allow"})).await.refused(403, "CSRF");
    app.anonymous().post(&path, &json!({"decision": "allow"})).await.refused(401, "MISSING_API_KEY");
    browser.decide(&id, &json!({"decision": "allow", "scopes": []})).await.refused(400, "INVALID_REQUEST");
    browser.decide(&id, &json!({"decision": "maybe"})).await.refused(400, "INVALID_REQUEST");
    browser.decide("unknown", &json!({"decision": "allow"})).await.refused(404, "NOT_FOUND");
    let denied = browser.decide(&id, &json!({"decision": "deny"})).await.expect(200);
    assert!(text(&denied, "redirect_to").starts_with(&format!("{CALLBACK}?error=access_denied&")));

    let (_, id) = browser.ask(&client.authorize(&[])).await;
    app.advance(600);
    browser.decide(&id, &json!({"decision": "allow"})).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn consent_is_remembered_for_what_it_was_given() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    browser.allow(&client.authorize(&[("scope", "queries:read")])).await;
    let silent = browser.open(&client.authorize(&[("scope", "queries:read"), ("prompt", "none")])).await;
    assert!(silent.header("location").starts_with(&format!("{CALLBACK}?code=")), "{silent:?}");
    let more = browser.open(&client.authorize(&[("scope", "queries:write"), ("prompt", "none")])).await;
    assert!(more.header("location").contains("error=consent_required"), "{more:?}");
    let (page, _) = browser.ask(&client.authorize(&[("scope", "queries:read"), ("prompt", "consent")])).await;
    assert_eq!(page, "/consent");
}

#[tokio::test]
async fn a_first_party_app_needs_no_consent_except_on_loopback() {
    let app = world().await;
    let own = App::register(&app, json!({"first_party": true})).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let back = browser.open(&own.authorize(&[])).await;
    assert!(back.header("location").contains("code="), "{back:?}");

    let local = json!({"first_party": true, "redirect_uris": ["http://127.0.0.1/callback"]});
    let local = App::register(&app, local).await;
    let path = local.authorize(&[("redirect_uri", "http://127.0.0.1:51004/callback")]);
    for _ in 0..2 {
        let (page, id) = browser.ask(&path).await;
        assert_eq!(page, "/consent");
        let shown = browser.request(&id).await;
        assert_eq!(
            (&shown["redirect_is_local"], &shown["redirect_host"]),
            (&json!(true), &json!("127.0.0.1"))
        );
        let answer = browser.decide(&id, &json!({"decision": "allow"})).await.expect(200);
        assert!(text(&answer, "redirect_to").starts_with("http://127.0.0.1:51004/callback?code="));
    }
}

#[tokio::test]
async fn an_app_can_ask_for_a_recent_sign_in() {
    let app = world().await;
    let client = App::register(&app, json!({"first_party": true})).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    app.advance(100);
    let fresh = browser.open(&client.authorize(&[("max_age", "100")])).await;
    assert!(fresh.header("location").contains("code="), "{fresh:?}");
    for more in [("max_age", "99"), ("prompt", "login"), ("prompt", "select_account")] {
        let (page, id) = browser.ask(&client.authorize(&[more])).await;
        assert_eq!(page, "/sign-in");
        browser.decide(&id, &json!({"decision": "allow"})).await.refused(403, "FORBIDDEN");
        assert_eq!(browser.request(&id).await["sign_in_required"], true);
        app.advance(1);
        browser.sign_in("ada@example.com").await;
        let shown = browser.request(&id).await;
        assert_eq!((&shown["sign_in_required"], &shown["consent_required"]), (&json!(false), &json!(false)));
        let answer = browser.decide(&id, &json!({"decision": "allow"})).await.expect(200);
        assert!(text(&answer, "redirect_to").contains("code="));
        app.advance(200);
    }
    let (_, id) = Browser::new(&app).ask(&client.authorize(&[("login_hint", "ada@example.com")])).await;
    assert!(!id.is_empty());
}

#[tokio::test]
async fn a_request_comes_by_form_too_and_names_are_inert() {
    let app = world().await;
    let evil = "<img src=x onerror=alert(1)>";
    let client = App::register(&app, json!({"name": evil})).await;
    let form = client.authorize(&[]).split_once('?').unwrap().1.to_owned();
    let reply = app.anonymous().form("/oauth/authorize", &form).await;
    assert_eq!(reply.status, 303);
    assert!(reply.header("location").starts_with("/sign-in?request="));
    // CORS: no page of another origin may read the responses of authorize.
    let reply = app.anonymous().with("origin", "https://evil.example").get(&client.authorize(&[])).await;
    assert!(reply.headers.get("access-control-allow-origin").is_none());
    let path = format!("/oauth/logout?client_id={}&state={}", client.id, encode(evil));
    let page = Browser::signed_in(&app, "ada@example.com").await.client().get(&path).await;
    assert_eq!(page.status, 200);
    assert!(!page.text().contains(evil) && page.text().contains("&lt;img"));
}
