//! Shared parts of the tests of keys: one API, and short calls.

mod changing;
mod creating;
mod listing;
mod reaching;
mod rotating;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::domain::apis;
use crate::domain::identity::access::{Can, KeysRead, KeysWrite};
use crate::domain::testing::{World, scopes};
use crate::error::Code;
use crate::model::{KeyStatus, UserId};

/// A world with the API `afdb`, of which members hold `queries:read`.
async fn world() -> World {
    let world = World::new().await;
    let can = Can::check(&world.admin()).unwrap();
    let described = json!({
        "slug": "afdb",
        "name": "AI for Database",
        "member_max_keys": 2,
        "member_tier": "basic",
        "scopes": [{ "name": "queries:read" }, { "name": "queries:write" }, { "name": "admin", "grants_all": true }],
        "presets": [
            { "name": "Read", "scopes": ["queries:read"] },
            { "name": "Development", "scopes": ["queries:read", "queries:write"], "environment": "test" },
        ],
        "tiers": [
            { "name": "free", "limit": 100 },
            { "name": "pro", "limit": 1000 },
            { "name": "basic", "limit": 10, "per": "user" },
        ],
        "role_scopes": { "member": ["queries:read"], "viewer": ["queries:read"] },
    });
    let described = serde_json::from_value(described).unwrap();
    world.write(move |tx| apis::create(tx, &can, described)).await.unwrap();
    world
}

/// A key of `afdb` with `queries:read`.
fn reads(name: &str) -> NewKey {
    NewKey {
        api: "afdb".to_owned(),
        name: name.to_owned(),
        scopes: Some(scopes("queries:read")),
        ..NewKey::default()
    }
}

/// A key of the built-in API.
fn management(held: &str) -> NewKey {
    NewKey { api: "keywright".to_owned(), scopes: Some(scopes(held)), ..reads("Management") }
}

fn writing(call: &Arc<Call>) -> SelfOrAll<KeysWrite> {
    SelfOrAll::of(call).unwrap()
}

async fn make(world: &World, call: &Arc<Call>, new: NewKey) -> Result<Issued> {
    let access = writing(call);
    world.write(move |tx| create(tx, &access, new)).await
}

async fn edit(world: &World, call: &Arc<Call>, id: KeyId, edit: KeyChange) -> Result<ApiKey> {
    let access = writing(call);
    world.write(move |tx| change(tx, &access, id, edit)).await
}

async fn turn(world: &World, call: &Arc<Call>, id: KeyId, grace_seconds: u32) -> Result<Issued> {
    let access = writing(call);
    world.write(move |tx| rotate(tx, &access, id, grace_seconds)).await
}

async fn end(world: &World, call: &Arc<Call>, id: KeyId) -> Result<()> {
    let access = writing(call);
    world.write(move |tx| revoke(tx, &access, id)).await
}

/// The stored key, for a caller with access to all.
async fn stored(world: &World, id: KeyId) -> ApiKey {
    see(world, &world.admin(), id).await.unwrap()
}

async fn see(world: &World, call: &Arc<Call>, id: KeyId) -> Result<ApiKey> {
    let access: SelfOrAll<KeysRead> = SelfOrAll::of(call)?;
    world.services.read(move |conn| find(conn, &access, id)).await
}

fn fields(error: &Error) -> Vec<&str> {
    assert_eq!(error.code, Code::InvalidRequest, "{error:?}");
    error.details.keys().map(String::as_str).collect()
}

fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3_600)
}
