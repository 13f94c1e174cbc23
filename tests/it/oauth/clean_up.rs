//! Removal of expired rows.

use serde_json::json;

use super::flow::{App, Browser, text, tokens, world};
use crate::support::TestApp;

const DAY: u64 = 86_400;

/// Number of rows of the tables that could grow over time.
async fn rows(app: &TestApp) -> Vec<(&'static str, i64)> {
    let database = app.data().join("keywright.db");
    let tables =
        ["oauth_requests", "authorizations", "refresh_tokens", "revoked_tokens", "grants", "clients"];
    let connection = rusqlite::Connection::open(database).unwrap();
    let count = |table: &str| {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    tables.into_iter().map(|table| (table, count(table))).collect()
}

#[tokio::test]
async fn tables_do_not_grow_with_time() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    for _ in 0..3 {
        let answer = tokens(&app, &client, "queries:read").await;
        let next = client.refresh(text(&answer, "refresh_token")).await.expect(200);
        client.post("/oauth/revoke", &[("token", text(&next, "access_token"))]).await.expect(200);
        Browser::new(&app).ask(&client.authorize(&[])).await;
    }
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    browser.allow(&client.authorize(&[])).await;
    let grants = browser.client().get("/v1/grants").await.expect(200);
    let path = format!("/v1/grants/{}", text(&grants["data"][0], "id"));
    browser.client().with("x-csrf-token", &browser.csrf_token).delete(&path).await.expect(204);
    app.operator().delete(&format!("/v1/clients/{}", client.id)).await.expect(204);
    assert!(rows(&app).await.iter().all(|(_, count)| *count > 0), "{:?}", rows(&app).await);
    app.advance(366 * DAY);
    keywright::worker::run_due(app.services()).await;
    assert!(rows(&app).await.iter().all(|(_, count)| *count == 0), "{:?}", rows(&app).await);
}
