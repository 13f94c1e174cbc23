//! OAuth in the activity log.

use serde_json::{Value, json};

use super::flow::{App, tokens, world};
use crate::support::TestApp;

async fn rows(app: &TestApp, query: &str) -> Vec<Value> {
    let page = app.operator().get(&format!("/v1/activity?limit=200&{query}")).await.expect(200);
    page["data"].as_array().expect("rows").clone()
}

#[tokio::test]
async fn an_apps_rows_are_found_by_the_app_and_name_it() {
    let app = world().await;
    let one = App::register(&app, json!({"name": "Reports"})).await;
    let other = App::register(&app, json!({"name": "Other"})).await;
    tokens(&app, &one, "queries:read").await;
    other.credentials(&[]).await.expect(200);
    let found = rows(&app, &format!("client={}", one.id)).await;
    assert!(found.iter().any(|row| row["kind"] == "token.issued"), "{found:?}");
    assert!(found.iter().all(|row| row["client"] == json!({"id": one.id, "name": "Reports"})), "{found:?}");
    let csv = app.operator().get(&format!("/v1/activity/export?format=csv&client={}", other.id)).await.text();
    assert!(csv.contains("client_name") && csv.contains("Other") && !csv.contains("Reports"), "{csv}");
    assert!(rows(&app, "client=app_01h455vb4pex5vsknk084sn02q").await.is_empty());
}

#[tokio::test]
async fn keywrights_own_calls_can_be_left_out() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    client.credentials(&[]).await.expect(200);
    app.key(&["apis:read"]).await.get("/v1/apis").await.expect(200);
    // Requests from here on are in the log too.
    app.advance(1);
    let (app, until) = (&app, format!("to={}", app.now()));
    let until = until.as_str();
    let of = |query: &'static str| async move { rows(app, &format!("{until}{query}")).await };
    let (all, own, rest) = (of("").await, of("&api=keywright").await, of("&api=!keywright").await);
    assert!(own.iter().any(|row| row["path"] == "/v1/apis"));
    assert!(rest.iter().any(|row| row["api"] == "afdb") && rest.iter().all(|row| row["api"] != "keywright"));
    assert_eq!(own.len() + rest.len(), all.len());
    assert!(of("&api=!nothing").await.is_empty());

    let counted = |api: &'static str| {
        let operator = app.operator();
        let path = format!("/v1/activity/counts?from={}&api={api}", app.now().minus_seconds(600));
        async move {
            let answer = operator.get(&path).await.expect(200);
            let buckets = answer["data"].as_array().expect("buckets").clone();
            buckets.iter().map(|bucket| bucket["allowed"].as_u64().expect("a count")).sum::<u64>()
        }
    };
    let allowed = |rows: &[Value]| rows.iter().filter(|row| row["outcome"] == "allowed").count() as u64;
    assert_eq!(counted("!keywright").await, allowed(&rest));
    assert!(counted("keywright").await >= allowed(&own));
}
