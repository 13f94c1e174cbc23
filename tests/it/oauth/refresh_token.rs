//! The grant type `refresh_token`.

use serde_json::json;

use super::flow::{App, PASSWORD, text, tokens, world};

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_its_successor() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let first = tokens(&app, &client, "queries:read queries:write").await;
    app.advance(3_600);
    let second = client.refresh(text(&first, "refresh_token")).await.expect(200);
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    assert_ne!(first["access_token"], second["access_token"]);
    assert_eq!(text(&second, "scope"), "queries:read queries:write");
    assert_eq!(client.introspect(text(&second, "access_token")).await["active"], true);
    // Fewer scopes may be requested, more not; the refresh token keeps its own.
    let narrow = |scope: &'static str, token: String| {
        let client = client.clone();
        async move {
            let fields = [("grant_type", "refresh_token"), ("refresh_token", &*token), ("scope", scope)];
            client.post("/oauth/token", &fields).await
        }
    };
    let token = text(&second, "refresh_token").to_owned();
    narrow("queries:read admin", token.clone()).await.failed(400, "invalid_scope");
    let third = narrow("queries:read", token).await.expect(200);
    assert_eq!(text(&third, "scope"), "queries:read");
    let fourth = client.refresh(text(&third, "refresh_token")).await.expect(200);
    assert_eq!(text(&fourth, "scope"), "queries:read queries:write");
}

#[tokio::test]
async fn within_the_grace_the_same_answer_later_the_end_of_the_family() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let first = tokens(&app, &client, "queries:read").await;
    let old = text(&first, "refresh_token");
    let once = client.refresh(old).await.expect(200);
    app.advance(30);
    let again = client.refresh(old).await.expect(200);
    assert_eq!(once, again);
    app.advance(1);
    client.refresh(old).await.failed(400, "invalid_grant");
    client.refresh(text(&once, "refresh_token")).await.failed(400, "invalid_grant");
    assert_eq!(client.introspect(text(&once, "access_token")).await, json!({"active": false}));
}

#[tokio::test]
async fn once_the_successor_was_used_the_old_one_is_a_copy() {
    let mut app = world().await;
    let client = App::register(&app, json!({})).await;
    let first = tokens(&app, &client, "queries:read").await;
    let second = client.refresh(text(&first, "refresh_token")).await.expect(200);
    let third = client.refresh(text(&second, "refresh_token")).await.expect(200);
    app.restart().await;
    let client = client.at(&app);
    client.refresh(text(&first, "refresh_token")).await.failed(400, "invalid_grant");
    client.refresh(text(&third, "refresh_token")).await.failed(400, "invalid_grant");
}

#[tokio::test]
async fn fifty_refreshes_of_one_token_give_one_successor() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let first = tokens(&app, &client, "queries:read").await;
    let attempts: Vec<_> = (0..50)
        .map(|_| {
            let (client, token) = (client.clone(), text(&first, "refresh_token").to_owned());
            tokio::spawn(async move { client.refresh(&token).await })
        })
        .collect();
    let mut successors = std::collections::BTreeSet::new();
    for attempt in attempts {
        let answer = attempt.await.unwrap().expect(200);
        successors.insert(text(&answer, "refresh_token").to_owned());
    }
    assert_eq!(successors.len(), 1);
    client.refresh(successors.first().unwrap()).await.expect(200);
}

#[tokio::test]
async fn a_refresh_token_is_its_own_clients_and_ends_when_unused() {
    let app = world().await;
    let client = App::register(&app, json!({"refresh_token_seconds": 600})).await;
    let other = App::register(&app, json!({})).await;
    let first = tokens(&app, &client, "queries:read").await;
    other.refresh(text(&first, "refresh_token")).await.failed(400, "invalid_grant");
    let mut token = text(&first, "refresh_token").to_owned();
    for _ in 0..3 {
        app.advance(500);
        token = text(&client.refresh(&token).await.expect(200), "refresh_token").to_owned();
    }
    app.advance(600);
    client.refresh(&token).await.failed(400, "invalid_grant");
}

#[tokio::test]
async fn it_ends_with_a_new_password_with_the_person_and_with_the_client() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let first = tokens(&app, &client, "queries:read").await;
    let mut browser = super::flow::Browser::signed_in(&app, "ada@example.com").await;
    let body = json!({"current_password": PASSWORD, "new_password": "another fine long passphrase 8"});
    let path = "/v1/auth/password/change";
    let changed = browser.client().with("x-csrf-token", &browser.csrf_token).post(path, &body).await;
    assert!(changed.status < 300, "{}", changed.text());
    client.refresh(text(&first, "refresh_token")).await.failed(400, "invalid_grant");
    assert_eq!(client.introspect(text(&first, "access_token")).await, json!({"active": false}));

    browser = super::flow::Browser::signed_in(&app, "eve@example.com").await;
    let code = browser.allow(&client.authorize(&[])).await["code"].clone();
    let second = client.exchange(&code).await.expect(200);
    let switch = |disabled: bool| {
        let path = format!("/v1/clients/{}", client.id);
        let operator = app.operator();
        async move { operator.patch(&path, &json!({"disabled": disabled})).await.expect(200) }
    };
    switch(true).await;
    client.refresh(text(&second, "refresh_token")).await.failed(401, "invalid_client");
    app.bearer(text(&second, "access_token")).get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    switch(false).await;
    app.bearer(text(&second, "access_token")).get("/v1/user/profile").await.expect(200);
    client.refresh(text(&second, "refresh_token")).await.expect(200);
    app.operator().delete(&format!("/v1/clients/{}", client.id)).await.expect(204);
    app.bearer(text(&second, "access_token")).get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_family_ends_however_often_it_is_used() {
    let app = world().await;
    let client = App::register(&app, json!({"refresh_token_seconds": 31_536_000})).await;
    let mut last = tokens(&app, &client, "queries:read").await;
    for _ in 0..29 {
        app.advance(86_400);
        last = client.refresh(text(&last, "refresh_token")).await.expect(200);
    }
    app.advance(86_399);
    last = client.refresh(text(&last, "refresh_token")).await.expect(200);
    app.advance(1);
    client.refresh(text(&last, "refresh_token")).await.failed(400, "invalid_grant");
}
