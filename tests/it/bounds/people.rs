//! What a person who signs in and refreshes can make the server store.

use keywright::model::{Bounds, RateLimit};
use serde_json::{Value, json};

use super::rows;
use crate::oauth::flow::{App, Browser, PASSWORD, people, text, tokens};
use crate::support::{Client, Reply, TestApp};

async fn bounded(bounds: Bounds) -> TestApp {
    let app = TestApp::bounded(bounds, |_| {}).await;
    people(&app).await;
    app
}

async fn login(app: &TestApp) -> Reply {
    let body = json!({"email": "eve@example.com", "password": PASSWORD});
    app.anonymous().post("/v1/auth/login", &body).await
}

async fn refresh(app: &TestApp, token: &Value) -> Reply {
    app.anonymous().post("/v1/auth/refresh", &json!({"refresh_token": token})).await
}

/// Rows of a table, as the file has them.
fn count(app: &TestApp, table: &str) -> i64 {
    let connection = rusqlite::Connection::open(app.data().join("keywright.db")).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

fn per_minute(limit: u32) -> RateLimit {
    RateLimit { limit: Some(limit), window_seconds: 60, burst: None }
}

#[tokio::test]
async fn the_oldest_session_ends_where_a_person_has_too_many() {
    let app = bounded(Bounds { sessions_per_person: 3, ..Bounds::default() }).await;
    let mut signed_in = Vec::new();
    for _ in 0..5 {
        signed_in.push(login(&app).await.expect(200));
        app.advance(1);
    }
    for (number, tokens) in signed_in.iter().enumerate() {
        let reply = app.bearer(text(tokens, "access_token")).get("/v1/user/profile").await;
        let refreshed = refresh(&app, &tokens["refresh_token"]).await;
        if number < 2 {
            reply.refused(401, "INVALID_TOKEN");
            refreshed.refused(401, "INVALID_TOKEN");
        } else {
            reply.expect(200);
            refreshed.expect(200);
        }
    }
    assert_eq!((count(&app, "sessions"), count(&app, "refresh_families")), (3, 3));
    let ended = rows(&app, "kind=session.revoked").await;
    assert_eq!(ended.len(), 2, "{ended:?}");
    assert!(ended.iter().all(|row| row["detail"] == json!({"by": "sessions_per_person"})), "{ended:?}");
    // Another person's sessions are not counted.
    Browser::signed_in(&app, "ada@example.com").await;
    assert_eq!(count(&app, "sessions"), 4);
}

#[tokio::test]
async fn a_session_in_use_outlives_those_that_are_not_and_ended_ones_go_first() {
    let app = bounded(Bounds { sessions_per_person: 3, ..Bounds::default() }).await;
    let works = async |client: &Client| client.get("/v1/auth/session").await.status == 200;
    let used = Browser::signed_in(&app, "eve@example.com").await;
    app.advance(60);
    let mut ended = Browser::signed_in(&app, "eve@example.com").await;
    let unused = Browser::signed_in(&app, "eve@example.com").await;
    app.advance(60);
    used.client().get("/v1/auth/session").await.expect(200);
    // The use of a session is written with the log.
    app.operator().get("/v1/activity").await.expect(200);
    ended.sign_out().await;
    let (unused, used) = (unused.client(), used.client());
    app.advance(60);
    let newest = Browser::signed_in(&app, "eve@example.com").await.client();
    assert!(works(&used).await && works(&unused).await && works(&newest).await);
    let before = rows(&app, "kind=session.revoked").await.len();
    app.advance(60);
    Browser::signed_in(&app, "eve@example.com").await;
    assert_eq!(count(&app, "sessions"), 3);
    assert_eq!(rows(&app, "kind=session.revoked").await.len(), before + 1);
}

#[tokio::test]
async fn sign_ins_that_succeed_are_limited_for_each_person() {
    let app = bounded(Bounds { sign_ins_per_person: per_minute(3), ..Bounds::default() }).await;
    for _ in 0..3 {
        login(&app).await.expect(200);
    }
    let limited = login(&app).await;
    let error = limited.refused(429, "RATE_LIMITED");
    let details = json!({"limit": 3, "window_seconds": 60, "retry_after_seconds": 20});
    assert_eq!((&error["details"], limited.header("retry-after")), (&details, "20"));
    let page = app.anonymous().with("origin", &app.services().settings.public_url);
    let body = json!({"email": "eve@example.com", "password": PASSWORD});
    page.post("/v1/auth/session", &body).await.refused(429, "RATE_LIMITED");
    let refused = rows(&app, "kind=session.sign_in&outcome=limited").await;
    assert!(refused.iter().all(|row| row["code"] == "RATE_LIMITED"), "{refused:?}");
    assert_eq!(refused.len(), 2);
    // A wrong password stays wrong, and others sign in as ever.
    let wrong = json!({"email": "eve@example.com", "password": "wrong password"});
    app.anonymous().post("/v1/auth/login", &wrong).await.refused(401, "INVALID_CREDENTIALS");
    Browser::signed_in(&app, "ada@example.com").await;
    app.advance(20);
    login(&app).await.expect(200);
}

#[tokio::test]
async fn refreshes_are_limited_for_each_person() {
    let app = bounded(Bounds { tokens_per_person: per_minute(3), ..Bounds::default() }).await;
    let mut token = login(&app).await.expect(200)["refresh_token"].clone();
    for _ in 0..3 {
        token = refresh(&app, &token).await.expect(200)["refresh_token"].clone();
    }
    let tokens_before = count(&app, "refresh_tokens");
    let limited = refresh(&app, &token).await;
    limited.refused(429, "RATE_LIMITED");
    assert_eq!(limited.header("retry-after"), "20");
    assert_eq!(count(&app, "refresh_tokens"), tokens_before, "a refused refresh writes nothing");
    app.advance(20);
    refresh(&app, &token).await.expect(200);
}

#[tokio::test]
async fn codes_and_refreshes_of_apps_are_limited_for_each_person() {
    let app = bounded(Bounds { tokens_per_person: per_minute(3), ..Bounds::default() }).await;
    let client = App::register(&app, json!({"grant_types": ["authorization_code", "refresh_token"]})).await;
    let mut token = tokens(&app, &client, "queries:read").await["refresh_token"].clone();
    for _ in 0..2 {
        token = client.refresh(token.as_str().unwrap()).await.expect(200)["refresh_token"].clone();
    }
    let limited = client.refresh(token.as_str().unwrap()).await;
    limited.failed(429, "temporarily_unavailable");
    assert_eq!(limited.header("retry-after"), "20");
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let answer = browser.allow(&client.authorize(&[("scope", "queries:read")])).await;
    assert_eq!(answer["error"], "temporarily_unavailable");
    app.advance(60);
    client.refresh(token.as_str().unwrap()).await.expect(200);
    let answer = browser.allow(&client.authorize(&[("scope", "queries:read")])).await;
    assert!(answer.contains_key("code"), "{answer:?}");
}
