//! Sign-out requested by an app.

use serde_json::json;

use super::flow::{App, Browser, encode, text, world};

const GOODBYE: &str = "https://yourapp.example/goodbye";

#[tokio::test]
async fn an_app_signs_its_person_out() {
    let app = world().await;
    let client = App::register(&app, json!({"post_logout_redirect_uris": [GOODBYE]})).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let code = browser.allow(&client.authorize(&[("scope", "openid queries:read")])).await["code"].clone();
    let online = client.exchange(&code).await.expect(200);
    let offline = ("scope", "openid queries:read offline_access");
    let code = browser.allow(&client.authorize(&[offline])).await["code"].clone();
    let offline = client.exchange(&code).await.expect(200);
    let hint = text(&online, "id_token");
    // ID tokens expire; an expired one is still valid as a hint.
    app.advance(7_200);
    let path =
        format!("/oauth/logout?id_token_hint={hint}&post_logout_redirect_uri={}&state=s", encode(GOODBYE));
    let back = browser.open(&path).await;
    assert_eq!((back.status, back.header("location")), (303, &*format!("{GOODBYE}?state=s")));
    browser.client().get("/v1/auth/session").await.refused(401, "MISSING_API_KEY");
    // Grants for the duration of the session ended with it, lasting ones did not.
    client.refresh(text(&online, "refresh_token")).await.failed(400, "invalid_grant");
    client.refresh(text(&offline, "refresh_token")).await.expect(200);
    // Idempotent.
    assert_eq!(browser.open(&path).await.status, 303);
}

#[tokio::test]
async fn a_link_alone_does_not_sign_out() {
    let app = world().await;
    let client = App::register(&app, json!({"post_logout_redirect_uris": [GOODBYE]})).await;
    let mut eve = Browser::signed_in(&app, "eve@example.com").await;
    let code = eve.allow(&client.authorize(&[("scope", "openid")])).await["code"].clone();
    let hint_of_eve = text(&client.exchange(&code).await.expect(200), "id_token").to_owned();
    let mut ada = Browser::signed_in(&app, "ada@example.com").await;
    for path in ["/oauth/logout".to_owned(), format!("/oauth/logout?id_token_hint={hint_of_eve}")] {
        let page = ada.open(&path).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("<form method=\"post\" action=\"/oauth/logout\">"));
        ada.client().get("/v1/auth/session").await.expect(200);
    }
    ada.client().form("/oauth/logout", "csrf_token=wrong").await;
    ada.client().get("/v1/auth/session").await.expect(200);
    let yes = format!(
        "client_id={}&post_logout_redirect_uri={}&csrf_token={}",
        client.id,
        encode(GOODBYE),
        ada.csrf_token
    );
    let foreign = app.anonymous().with("origin", "https://evil.example").form("/oauth/logout", &yes).await;
    assert_eq!(foreign.status, 303);
    let back = ada.client().form("/oauth/logout", &yes).await;
    assert_eq!((back.status, back.header("location")), (303, GOODBYE));
    ada.client().get("/v1/auth/session").await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn only_registered_redirects_are_followed_at_logout() {
    let app = world().await;
    let client = App::register(&app, json!({"post_logout_redirect_uris": [GOODBYE]})).await;
    let evil = encode("https://evil.example");
    for path in [
        format!("/oauth/logout?client_id={}&post_logout_redirect_uri={evil}", client.id),
        format!("/oauth/logout?post_logout_redirect_uri={}", encode(GOODBYE)),
        format!("/oauth/logout?client_id=nobody&post_logout_redirect_uri={}", encode(GOODBYE)),
        "/oauth/logout?id_token_hint=x.y.z".to_owned(),
        "/oauth/logout?state=a&state=b".to_owned(),
    ] {
        let page = app.anonymous().get(&path).await;
        assert_eq!(page.status, 400, "{path}");
        assert!(page.header("location").is_empty());
    }
    let there = format!("/oauth/logout?client_id={}&post_logout_redirect_uri={}", client.id, encode(GOODBYE));
    assert_eq!(app.anonymous().get(&there).await.header("location"), GOODBYE);
}
