//! Scope tables and environments.

use serde_json::{Value, json};

use crate::documents::Statement;
use crate::world::{Course, Key};

/// A route of the product with a scope.
pub(super) struct Route {
    /// `METHOD /path` of a matching request.
    pub(super) call: String,
    scope: String,
    live_only: bool,
}

/// Paths that the proxies send to Keywright itself.
const KEYWRIGHTS: [&str; 2] = ["/v1/auth/", "/v1/user/"];

/// Every route of the service with a scope.
pub(super) async fn routes(course: &Course) -> Vec<Route> {
    let api = course.world.api().await;
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

/// The scope of the statement's row, as the instance has it.
async fn described(course: &Course, name: &str) -> Value {
    let api = course.world.api().await;
    let scopes = api["scopes"].as_array().expect("scopes");
    let found = scopes.iter().find(|scope| scope["name"] == name);
    let found = found.unwrap_or_else(|| panic!("there is no scope {name}")).clone();
    assert!(!found["description"].as_str().expect("a description").is_empty());
    found
}

/// Every scope but this one and those that grant all.
async fn others(course: &Course, name: &str) -> Vec<Value> {
    let api = course.world.api().await;
    let others = api["scopes"].as_array().expect("scopes").iter();
    others
        .filter(|scope| scope["name"] != name && scope["grants_all"] != true)
        .map(|scope| scope["name"].clone())
        .collect()
}

/// The scope has a description; a key with it alone passes the route, one with all others is refused.
pub(super) async fn scope(course: &Course, promise: &Statement) {
    described(course, &promise.says).await;
    let alone = course.key(json!({"scopes": [promise.says]})).await;
    course.opens(&promise.opens, &alone.secret).await;
    let rest = course.key(json!({"scopes": others(course, &promise.says).await})).await;
    let error = course.refused(&promise.opens, &rest.secret, 403, "INSUFFICIENT_SCOPE").await;
    assert_eq!(error["details"]["required"], promise.says.as_str());
}

/// The scope alone opens every route; without it, some are refused.
pub(super) async fn grants_all(course: &Course, promise: &Statement) {
    assert_eq!(described(course, &promise.says).await["grants_all"], true);
    let alone = course.key(json!({"scopes": [promise.says]})).await;
    let rest = course.key(json!({"scopes": others(course, &promise.says).await})).await;
    let mut closed = 0;
    for route in routes(course).await {
        course.opens(&route.call, &alone.secret).await;
        if route.scope == promise.says {
            closed += 1;
            course.refused(&route.call, &rest.secret, 403, "INSUFFICIENT_SCOPE").await;
        }
    }
    assert!(closed > 0, "no route is for {} alone", promise.says);
}

/// A key opens the routes of its scopes, and no others.
pub(super) async fn narrowest(course: &Course, promise: &Statement) {
    let key = course.own_key(promise).await;
    let (mut open, mut closed) = (0, 0);
    for route in routes(course).await {
        if promise.scopes.contains(&route.scope) {
            open += 1;
            course.opens(&route.call, &key.secret).await;
        } else {
            closed += 1;
            course.refused(&route.call, &key.secret, 403, "INSUFFICIENT_SCOPE").await;
        }
    }
    assert!(open > 0 && closed > 0, "{open} open, {closed} closed");
}

async fn shaped(course: &Course, promise: &Statement, more: Value) -> Key {
    let key = course.key(more).await;
    assert!(key.secret.starts_with(&promise.shape), "the key does not begin with {}", promise.shape);
    key
}

/// A key without an environment is a production key, and opens the routes of production keys.
pub(super) async fn live_key(course: &Course, promise: &Statement) {
    let key = shaped(course, promise, json!({"scopes": promise.scopes})).await;
    assert_eq!(key.shown["environment"], "live");
    let seen = course.opens(&promise.opens, &key.secret).await;
    assert_eq!(seen.header("x-auth-environment"), "live");
}

/// A test key passes where the service supports test connections, and nowhere else.
pub(super) async fn test_key(course: &Course, promise: &Statement) {
    let key = shaped(course, promise, json!({"scopes": promise.scopes, "environment": "test"})).await;
    let seen = course.opens(&promise.opens, &key.secret).await;
    assert_eq!(seen.header("x-auth-environment"), "test");
    for route in &promise.refuses {
        course.refused(route, &key.secret, 403, "WRONG_ENVIRONMENT").await;
    }
    let all = course.key(json!({"scopes": others(course, "").await, "environment": "test"})).await;
    for route in routes(course).await.iter().filter(|route| route.live_only) {
        course.refused(&route.call, &all.secret, 403, "WRONG_ENVIRONMENT").await;
    }
}

/// The service receives the environment of the key.
pub(super) async fn told_environment(course: &Course, promise: &Statement) {
    for environment in ["test", "live"] {
        let key = course.key(json!({"scopes": promise.scopes, "environment": environment})).await;
        let seen = course.opens(&promise.opens, &key.secret).await;
        assert_eq!(seen.header("x-auth-environment"), environment);
    }
}
