//! Rotating keys, and finding those that nobody needs.

use std::time::Duration;

use serde_json::{Value, json};

use super::text;
use crate::documents::Statement;
use crate::wire::Ask;
use crate::world::{Key, OWNER, Walk};

const GRACE_SECONDS: u64 = 86_400;

/// Rotation adds a secret: both work for a day, then the new one alone; the key stays the same.
pub(super) async fn rotated(walk: &Walk, told: &Statement) {
    let key = walk.own_key(told).await;
    let mut owner = walk.world.signed_in(OWNER).await;
    let path = format!("POST /v1/keys/{}/rotate", key.id);
    let next = Key::of(owner.call(&path, &json!({})).await.expect(200));
    assert_eq!(next.id, key.id);
    assert_ne!(next.secret, key.secret);
    walk.world.app.advance(GRACE_SECONDS - 1);
    for secret in [&key.secret, &next.secret] {
        assert_eq!(walk.opens(&told.opens, secret).await.header("x-auth-key-id"), key.id);
    }
    walk.world.app.advance(1);
    let error = walk.refused(&told.opens, &key.secret, 401, "INVALID_API_KEY").await;
    assert_eq!(error["details"]["key_id"], key.id.as_str());
    walk.opens(&told.opens, &next.secret).await;
}

/// How often the list is looked at until it knows of a use, [`PAUSE`] apart: that is written a moment later.
const LOOKS: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// A key that nobody used is listed as such; once it was used it is not. Revoked, it is refused.
pub(super) async fn unused(walk: &Walk, told: &Statement) {
    let (idle, busy) = (walk.own_key(told).await, walk.own_key(told).await);
    walk.opens(&told.opens, &busy.secret).await;
    let mut owner = walk.world.signed_in(OWNER).await;
    let path = format!("GET /v1/keys?status=unused&limit=200&api={}", walk.world.document.api);
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
    walk.refused(&told.opens, &idle.secret, 401, "REVOKED_API_KEY").await;
}

/// Step 1: a second key that holds the same.
pub(super) async fn create_new(walk: &Walk, told: &Statement) {
    let old = walk.own_key(told).await;
    walk.opens(&told.opens, &old.secret).await;
    walk.learn("old_id", &old.id);
    walk.learn("old_key", &old.secret);
    let body = json!({"api": walk.world.document.api, "name": "The next one", "scopes": old.shown["scopes"]});
    let made = walk.world.signed_in(OWNER).await.call("POST /v1/keys", &body).await.expect(201);
    walk.learn("new_id", &text(&made, "id"));
    walk.learn("key", &text(&made, "key"));
}

/// Step 2: the application sends the new key.
pub(super) async fn use_new(walk: &Walk, told: &Statement) {
    let header = walk.fill(told.http.as_deref().expect("a header"));
    let (name, value) = header.trim().split_once(": ").expect("a header");
    let reply = walk.ask(&Ask::route(&told.opens).with(name, value)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(walk.world.upstream.one().header("x-auth-key-id"), walk.known("new_id"));
}

/// Step 3: both work, so that nothing breaks while applications are updated.
pub(super) async fn test_new(walk: &Walk, told: &Statement) {
    for (secret, id) in [("key", "new_id"), ("old_key", "old_id")] {
        let seen = walk.opens(&told.opens, &walk.known(secret)).await;
        assert_eq!(seen.header("x-auth-key-id"), walk.known(id));
    }
}

/// Step 4: the old key is gone with the next request, the new one stays.
pub(super) async fn delete_old(walk: &Walk, told: &Statement) {
    let mut owner = walk.world.signed_in(OWNER).await;
    owner.call(&format!("DELETE /v1/keys/{}", walk.known("old_id")), &Value::Null).await.expect(204);
    walk.refused(&told.opens, &walk.known("old_key"), 401, "REVOKED_API_KEY").await;
    walk.opens(&told.opens, &walk.known("key")).await;
}
