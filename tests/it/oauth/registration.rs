//! Dynamic registration.

use serde_json::json;

use super::flow::{App, Browser, people, text};
use crate::support::TestApp;

async fn open_world() -> TestApp {
    let app = TestApp::with(|config| {
        config.oauth.dynamic_registration = true;
        config.oauth.registration_api = Some("afdb".to_owned());
    })
    .await;
    people(&app).await;
    app
}

#[tokio::test]
async fn it_is_off_unless_switched_on() {
    let app = super::flow::world().await;
    let body = json!({"redirect_uris": ["https://yourapp.example/callback"]});
    app.anonymous().post("/oauth/register", &body).await.failed(403, "access_denied");
}

#[tokio::test]
async fn a_program_registers_itself_and_people_are_told() {
    let app = open_world().await;
    let body = json!({
        "client_name": "Some agent", "redirect_uris": ["http://127.0.0.1/cb", super::flow::CALLBACK],
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "software_id": "ignored", "logo_uri": "http://169.254.169.254/x",
    });
    let made = app.anonymous().post("/oauth/register", &body).await.expect(201);
    assert!(made.get("client_secret").is_none());
    assert_eq!(text(&made, "scope"), "queries:read queries:write");
    assert_eq!(text(&made, "token_endpoint_auth_method"), "none");
    let client = App::of(&app, text(&made, "client_id"), None);
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let (_, id) = browser.ask(&client.authorize(&[("scope", "queries:read")])).await;
    assert_eq!(browser.request(&id).await["client"]["verified"], false);
    let answer = browser.decide(&id, &json!({"decision": "allow"})).await.expect(200);
    let code = super::flow::query(text(&answer, "redirect_to"))["code"].clone();
    let tokens = client.exchange(&code).await.expect(200);
    assert_eq!(text(&tokens, "scope"), "queries:read");
    client.refresh(text(&tokens, "refresh_token")).await.expect(200);
    client.credentials(&[]).await.failed(400, "unauthorized_client");
    let shown = app.operator().get(&format!("/v1/clients/{}", client.id)).await.expect(200);
    assert_eq!((&shown["dynamic"], &shown["first_party"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn it_gets_no_more_than_people_can_give() {
    let app = open_world().await;
    let register = |body: serde_json::Value| {
        let anonymous = app.anonymous();
        async move { anonymous.post("/oauth/register", &body).await }
    };
    let uri = json!(["https://yourapp.example/callback"]);
    let confidential =
        register(json!({"redirect_uris": uri, "scope": "queries:read admin"})).await.expect(201);
    assert!(text(&confidential, "client_secret").starts_with("kwcs_"));
    assert_eq!(confidential["client_secret_expires_at"], 0);
    assert_eq!(text(&confidential, "scope"), "queries:read");
    assert_eq!(confidential["grant_types"], json!(["authorization_code"]));
    let grants = json!({"redirect_uris": uri, "grant_types": ["client_credentials"]});
    register(grants).await.failed(400, "invalid_client_metadata");
    let both = json!({"redirect_uris": uri, "grant_types": ["authorization_code", "client_credentials"]});
    assert_eq!(register(both).await.expect(201)["grant_types"], json!(["authorization_code"]));
    for bad in ["http://evil.example/cb", "javascript:alert(1)", "https://a.example/#x"] {
        register(json!({"redirect_uris": [bad]})).await.failed(400, "invalid_redirect_uri");
    }
    register(json!({})).await.failed(400, "invalid_redirect_uri");
    let method = json!({"redirect_uris": uri, "token_endpoint_auth_method": "private_key_jwt"});
    register(method).await.failed(400, "invalid_client_metadata");
    app.anonymous().form("/oauth/register", "a=b").await.failed(400, "invalid_client_metadata");
}

#[tokio::test]
async fn one_network_fills_no_table() {
    let app = open_world().await;
    let body = json!({"redirect_uris": ["https://yourapp.example/callback"]});
    for _ in 0..60 {
        app.anonymous().post("/oauth/register", &body).await.expect(201);
    }
    let refused = app.anonymous().post("/oauth/register", &body).await;
    refused.failed(503, "temporarily_unavailable");
    assert!(!refused.header("retry-after").is_empty());
}
