//! Rotation of keys, and lists of unused ones.

use std::time::Duration;

use serde_json::{Value, json};

use super::text;
use crate::documents::Statement;
use crate::wire::Ask;
use crate::world::{Course, Key, OWNER};

const GRACE_SECONDS: u64 = 86_400;

/// Rotation adds a secret: both work for a day, then only the new one; the key stays the same.
pub(super) async fn rotated(course: &Course, promise: &Statement) {
    let key = course.own_key(promise).await;
    let mut owner = course.world.signed_in(OWNER).await;
    let path = format!("POST /v1/keys/{}/rotate", key.id);
    let next = Key::of(owner.call(&path, &json!({})).await.expect(200));
    assert_eq!(next.id, key.id);
    assert_ne!(next.secret, key.secret);
    course.world.app.advance(GRACE_SECONDS - 1);
    for secret in [&key.secret, &next.secret] {
        assert_eq!(course.opens(&promise.opens, secret).await.header("x-auth-key-id"), key.id);
    }
    course.world.app.advance(1);
    let error = course.refused(&promise.opens, &key.secret, 401, "INVALID_API_KEY").await;
    assert_eq!(error["details"]["key_id"], key.id.as_str());
    course.opens(&promise.opens, &next.secret).await;
}

/// How often the list is read until it has a use, [`PAUSE`] apart: a use is written a moment later.
const LOOKS: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// An unused key is listed as unused; after a use it is not. Revoked, it is refused.
pub(super) async fn unused(course: &Course, promise: &Statement) {
    let (idle, busy) = (course.own_key(promise).await, course.own_key(promise).await);
    course.opens(&promise.opens, &busy.secret).await;
    let mut owner = course.world.signed_in(OWNER).await;
    let path = format!("GET /v1/keys?status=unused&limit=200&api={}", course.world.document.api);
    for look in 0.. {
        let listed = owner.call(&path, &Value::Null).await.expect(200);
        let has =
            |key: &Key| listed["data"].as_array().expect("keys").iter().any(|found| found["id"] == key.id);
        assert!(has(&idle), "{listed}");
        if !has(&busy) {
            break;
        }
        assert!(look < LOOKS, "a key that was used is listed as unused");
        tokio::time::sleep(PAUSE).await;
    }
    owner.call(&format!("DELETE /v1/keys/{}", idle.id), &Value::Null).await.expect(204);
    course.refused(&promise.opens, &idle.secret, 401, "REVOKED_API_KEY").await;
}

/// Step 1: a second key with the same scopes.
pub(super) async fn create_new(course: &Course, promise: &Statement) {
    let old = course.own_key(promise).await;
    course.opens(&promise.opens, &old.secret).await;
    course.learn("old_id", &old.id);
    course.learn("old_key", &old.secret);
    let body =
        json!({"api": course.world.document.api, "name": "The next one", "scopes": old.shown["scopes"]});
    let made = course.world.signed_in(OWNER).await.call("POST /v1/keys", &body).await.expect(201);
    course.learn("new_id", &text(&made, "id"));
    course.learn("key", &text(&made, "key"));
}

/// Step 2: the application sends the new key.
pub(super) async fn use_new(course: &Course, promise: &Statement) {
    let header = course.fill(promise.http.as_deref().expect("a header"));
    let (name, value) = header.trim().split_once(": ").expect("a header");
    let reply = course.ask(&Ask::route(&promise.opens).with(name, value)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(course.world.upstream.one().header("x-auth-key-id"), course.known("new_id"));
}

/// Step 3: both work, so that applications can be updated without an outage.
pub(super) async fn test_new(course: &Course, promise: &Statement) {
    for (secret, id) in [("key", "new_id"), ("old_key", "old_id")] {
        let seen = course.opens(&promise.opens, &course.known(secret)).await;
        assert_eq!(seen.header("x-auth-key-id"), course.known(id));
    }
}

/// Step 4: the old key fails from the next request on, the new one works.
pub(super) async fn delete_old(course: &Course, promise: &Statement) {
    let mut owner = course.world.signed_in(OWNER).await;
    owner.call(&format!("DELETE /v1/keys/{}", course.known("old_id")), &Value::Null).await.expect(204);
    course.refused(&promise.opens, &course.known("old_key"), 401, "REVOKED_API_KEY").await;
    course.opens(&promise.opens, &course.known("key")).await;
}
