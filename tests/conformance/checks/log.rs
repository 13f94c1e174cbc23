//! The activity log.

use serde_json::{Value, json};

use super::text;
use crate::documents::Statement;
use crate::world::{Course, Key, OWNER};

/// The log of a key has its requests and refusals: time, address, action and reason.
pub(super) async fn logged(course: &Course, promise: &Statement) {
    let key = a_life(course, promise).await;
    let (method, path) = promise.opens.split_once(' ').expect("a route");
    let mut owner = course.world.signed_in(OWNER).await;
    let listed = owner.call(&format!("GET /v1/keys/{}/activity", key.id), &Value::Null).await.expect(200);
    let mut rows: Vec<&Value> = listed["data"].as_array().expect("rows").iter().collect();
    // Decisions are written a moment after changes.
    rows.sort_by_key(|row| text(row, "at"));
    let kind = |row: &&Value| format!("{} {}", text(row, "kind"), text(row, "outcome"));
    let told_of: Vec<String> = rows.iter().map(kind).collect();
    let asked = |outcome: &str| format!("request.authorize {outcome}");
    let wanted = [
        "key.created changed".to_owned(),
        asked("allowed"),
        asked("refused"),
        asked("allowed"),
        asked("limited"),
        "key.rotated changed".to_owned(),
        asked("refused"),
        "key.revoked changed".to_owned(),
    ];
    assert_eq!(told_of, wanted, "{listed}");
    for row in rows.iter().filter(|row| row["kind"] == "request.authorize") {
        assert_eq!((&row["ip"], &row["api"]), (&json!("127.0.0.1"), &json!(course.world.document.api)));
        assert!(row["at"].is_string() && row["request_id"].is_string(), "{row}");
        assert!(row["outcome"] == "allowed" || row["why"].is_string(), "{row}");
    }
    assert_eq!((&rows[1]["method"], &rows[1]["path"]), (&json!(method), &json!(path)));
    assert_eq!(rows[2]["path"], "/v1/nothing/like/it");
}

/// A key is created, used, rate-limited, rotated and revoked, a second between each.
async fn a_life(course: &Course, promise: &Statement) -> Key {
    let a_second = || course.world.app.advance(1);
    let limit = json!({"limit": 2, "window_seconds": 60});
    let key = course.key(json!({"scopes": promise.scopes, "ratelimit": limit})).await;
    a_second();
    course.opens(&promise.opens, &key.secret).await;
    a_second();
    course
        .refused("POST /v1/nothing/like/it", &key.secret, 403, nothing_like_it(&course.world.document.api))
        .await;
    a_second();
    course.opens(&promise.opens, &key.secret).await;
    a_second();
    course.refused(&promise.opens, &key.secret, 429, "RATE_LIMITED").await;
    a_second();
    let operator = course.world.app.operator();
    let path = format!("/v1/keys/{}", key.id);
    operator.post(&format!("{path}/rotate"), &json!({"grace_seconds": 0})).await.expect(200);
    a_second();
    course.refused(&promise.opens, &key.secret, 401, "INVALID_API_KEY").await;
    a_second();
    operator.delete(&path).await.expect(204);
    key
}

/// The code for a request without a route, or for the product's last route.
fn nothing_like_it(api: &str) -> &'static str {
    if api == "gen" { "INSUFFICIENT_SCOPE" } else { "FORBIDDEN" }
}

/// The log has an allowed row for each request that reached the service since the instance started, and for no other.
pub(super) async fn complete(course: &Course) {
    let path = "/v1/activity/export?format=ndjson&kind=request.authorize";
    let log = course.world.app.operator().get(path).await;
    assert_eq!(log.status, 200, "{}", log.text());
    let rows: Vec<Value> = log.text().lines().map(|row| serde_json::from_str(row).expect("a row")).collect();
    let of = |outcome: &str| rows.iter().filter(|row| row["outcome"] == outcome).count();
    assert_eq!(of("allowed"), course.world.upstream.total());
    // For every document the log has refusals, each with its reason.
    assert!(of("refused") > 0);
    let is_told = |row: &Value| row["outcome"] == "allowed" || row["why"].is_string();
    assert!(rows.iter().all(is_told), "a refusal tells no reason");
}
