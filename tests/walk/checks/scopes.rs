//! Rows of the tables of scopes, and environments.

use serde_json::{Value, json};

use crate::documents::Statement;
use crate::world::{Key, Walk};

/// A route of the product that asks for something.
pub(super) struct Route {
    /// `METHOD /path` of a request that it is about.
    pub(super) call: String,
    scope: String,
    live_only: bool,
}

/// Paths that the proxies send to Keywright itself.
const KEYWRIGHTS: [&str; 2] = ["/v1/auth/", "/v1/user/"];

/// Every route of the service that asks for a scope.
pub(super) async fn routes(walk: &Walk) -> Vec<Route> {
    let api = walk.world.api().await;
    let routes = api["routes"].as_array().expect("routes");
    let asking = routes.iter().filter(|route| route["scope"].is_string());
    asking
        .map(|route| {
            let text = |name: &str| route[name].as_str().expect("text").to_owned();
            let method = text("method").replace('*', "POST");
            let path = text("path").replace("{id}", "7").replace('*', "7");
            let live_only = route["environment"].as_str().unwrap_or("live") == "live";
            Route { call: format!("{method} {path}"), scope: text("scope"), live_only }
        })
        .filter(|route| !KEYWRIGHTS.iter().any(|path| route.call.contains(path)))
        .collect()
}

/// The scope that the statement's row is about, as the instance knows it.
async fn described(walk: &Walk, name: &str) -> Value {
    let api = walk.world.api().await;
    let scopes = api["scopes"].as_array().expect("scopes");
    let found = scopes.iter().find(|scope| scope["name"] == name);
    let found = found.unwrap_or_else(|| panic!("there is no scope {name}")).clone();
    assert!(!found["description"].as_str().expect("a description").is_empty());
    found
}

/// Every scope but this one and those that grant all.
async fn others(walk: &Walk, name: &str) -> Vec<Value> {
    let api = walk.world.api().await;
    let others = api["scopes"].as_array().expect("scopes").iter();
    others
        .filter(|scope| scope["name"] != name && scope["grants_all"] != true)
        .map(|scope| scope["name"].clone())
        .collect()
}

/// The scope is described; a key with it alone passes the route, one with all others is refused.
pub(super) async fn scope(walk: &Walk, told: &Statement) {
    described(walk, &told.says).await;
    let alone = walk.key(json!({"scopes": [told.says]})).await;
    walk.opens(&told.opens, &alone.secret).await;
    let rest = walk.key(json!({"scopes": others(walk, &told.says).await})).await;
    let error = walk.refused(&told.opens, &rest.secret, 403, "INSUFFICIENT_SCOPE").await;
    assert_eq!(error["details"]["required"], told.says.as_str());
}

/// The scope alone opens every route; without it, some are closed.
pub(super) async fn grants_all(walk: &Walk, told: &Statement) {
    assert_eq!(described(walk, &told.says).await["grants_all"], true);
    let alone = walk.key(json!({"scopes": [told.says]})).await;
    let rest = walk.key(json!({"scopes": others(walk, &told.says).await})).await;
    let mut closed = 0;
    for route in routes(walk).await {
        walk.opens(&route.call, &alone.secret).await;
        if route.scope == told.says {
            closed += 1;
            walk.refused(&route.call, &rest.secret, 403, "INSUFFICIENT_SCOPE").await;
        }
    }
    assert!(closed > 0, "no route is for {} alone", told.says);
}

/// A key opens the routes of its scopes, and no others.
pub(super) async fn narrowest(walk: &Walk, told: &Statement) {
    let key = walk.own_key(told).await;
    let (mut open, mut closed) = (0, 0);
    for route in routes(walk).await {
        if told.scopes.contains(&route.scope) {
            open += 1;
            walk.opens(&route.call, &key.secret).await;
        } else {
            closed += 1;
            walk.refused(&route.call, &key.secret, 403, "INSUFFICIENT_SCOPE").await;
        }
    }
    assert!(open > 0 && closed > 0, "{open} open, {closed} closed");
}

async fn shaped(walk: &Walk, told: &Statement, more: Value) -> Key {
    let key = walk.key(more).await;
    assert!(key.secret.starts_with(&told.shape), "the key does not begin with {}", told.shape);
    key
}

/// A key that says nothing of its environment is a production key, and opens what only those do.
pub(super) async fn live_key(walk: &Walk, told: &Statement) {
    let key = shaped(walk, told, json!({"scopes": told.scopes})).await;
    assert_eq!(key.shown["environment"], "live");
    let seen = walk.opens(&told.opens, &key.secret).await;
    assert_eq!(seen.header("x-auth-environment"), "live");
}

/// A test key passes where the service tells test connections from others, and nowhere else.
pub(super) async fn test_key(walk: &Walk, told: &Statement) {
    let key = shaped(walk, told, json!({"scopes": told.scopes, "environment": "test"})).await;
    let seen = walk.opens(&told.opens, &key.secret).await;
    assert_eq!(seen.header("x-auth-environment"), "test");
    for route in &told.refuses {
        walk.refused(route, &key.secret, 403, "WRONG_ENVIRONMENT").await;
    }
    let all = walk.key(json!({"scopes": others(walk, "").await, "environment": "test"})).await;
    for route in routes(walk).await.iter().filter(|route| route.live_only) {
        walk.refused(&route.call, &all.secret, 403, "WRONG_ENVIRONMENT").await;
    }
}

/// The service is told of which environment the key is.
pub(super) async fn told_environment(walk: &Walk, told: &Statement) {
    for environment in ["test", "live"] {
        let key = walk.key(json!({"scopes": told.scopes, "environment": environment})).await;
        let seen = walk.opens(&told.opens, &key.secret).await;
        assert_eq!(seen.header("x-auth-environment"), environment);
    }
}
