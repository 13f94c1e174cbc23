//! Limits, counted request by request with a fixed clock.

use serde_json::json;

use crate::documents::Statement;
use crate::support::Reply;
use crate::wire::{Ask, Wire};
use crate::world::{Course, Key, refusal};

/// Window of every limit here.
const WINDOW_SECONDS: u64 = 60;

fn seconds(reply: &Reply, name: &str) -> u64 {
    let text = reply.header(name);
    text.parse().unwrap_or_else(|_| panic!("{name}: {text:?}"))
}

/// Sends requests until one is refused, at most `most`; returns the number that passed, and the refusal.
async fn until_refused(course: &Course, promise: &Statement, key: &Key, most: u32) -> (u32, Option<Reply>) {
    let mut wire = Wire::open(course.proxy.address).await;
    let ask = Ask::route(&promise.opens).bearer(&key.secret);
    for passed in 0..most {
        let reply = wire.send(&ask).await;
        if reply.status != 200 {
            return (passed, Some(reply));
        }
    }
    (most, None)
}

/// Exactly as many as the tier allows pass in a minute, and again in the next.
pub(super) async fn tier(course: &Course, promise: &Statement) {
    let key = course.key(json!({"scopes": promise.scopes, "tier": promise.tier})).await;
    for _ in 0..2 {
        let (passed, reply) = until_refused(course, promise, &key, promise.limit + 1).await;
        let reply = reply.expect("the next one is refused");
        let error = refusal(&reply, 429, "RATE_LIMITED");
        assert_eq!((passed, course.world.upstream.take().len()), (promise.limit, promise.limit as usize));
        assert_eq!(error["details"]["limit"], promise.limit);
        assert_eq!(error["details"]["window_seconds"], WINDOW_SECONDS);
        course.world.app.advance(WINDOW_SECONDS);
    }
    // A key without a tier has the first one.
    if promise.tier == "free" {
        assert_eq!(course.own_key(promise).await.shown["tier"], "free");
    }
}

/// An agreed limit, and no limit.
pub(super) async fn custom_limit(course: &Course, promise: &Statement) {
    let limit = json!({"limit": 3, "window_seconds": WINDOW_SECONDS});
    let key = course.key(json!({"scopes": promise.scopes, "ratelimit": limit})).await;
    let (passed, reply) = until_refused(course, promise, &key, 10).await;
    assert_eq!(refusal(&reply.expect("a refusal"), 429, "RATE_LIMITED")["details"]["limit"], 3);
    assert_eq!((passed, course.world.upstream.take().len()), (3, 3));
    let key = course.key(json!({"scopes": promise.scopes, "tier": "enterprise"})).await;
    let (passed, reply) = until_refused(course, promise, &key, 150).await;
    assert!(reply.is_none() && passed == 150, "{passed}");
    course.world.upstream.take();
}

/// Every response has the remaining requests, so that a program can stop in time.
pub(super) async fn headers_tell(course: &Course, promise: &Statement) {
    let limit = json!({"limit": 5, "window_seconds": WINDOW_SECONDS});
    let key = course.key(json!({"scopes": promise.scopes, "ratelimit": limit})).await;
    let mut wire = Wire::open(course.proxy.address).await;
    let ask = Ask::route(&promise.opens).bearer(&key.secret);
    for left in (0..5).rev() {
        let reply = wire.send(&ask).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(
            (seconds(&reply, "x-ratelimit-limit"), seconds(&reply, "x-ratelimit-remaining")),
            (5, left)
        );
        assert!(reply.header("ratelimit").contains(&format!(";r={left};")), "{:?}", reply.headers);
        assert_eq!(reply.header("ratelimit-policy"), "\"custom\";q=5;w=60");
    }
    // A client that waits for Retry-After is not refused.
    let reset = seconds(&wire.send(&ask).await, "retry-after");
    course.world.app.advance(reset);
    assert_eq!(wire.send(&ask).await.status, 200);
    course.world.upstream.take();
}

/// 429 has a Retry-After; exponential backoff succeeds.
pub(super) async fn too_many(course: &Course, promise: &Statement) {
    let limit = json!({"limit": 1, "window_seconds": WINDOW_SECONDS});
    let key = course.key(json!({"scopes": promise.scopes, "ratelimit": limit})).await;
    course.opens(&promise.opens, &key.secret).await;
    let reply = course.call(&promise.opens, &key.secret).await;
    refusal(&reply, 429, "RATE_LIMITED");
    assert_eq!(seconds(&reply, "retry-after"), WINDOW_SECONDS);
    let (mut waited, mut pause) = (0, 1);
    while waited + pause < WINDOW_SECONDS {
        waited += pause;
        course.world.app.advance(pause);
        pause *= 2;
        let reply = course.call(&promise.opens, &key.secret).await;
        refusal(&reply, 429, "RATE_LIMITED");
        assert_eq!(seconds(&reply, "retry-after"), WINDOW_SECONDS - waited);
    }
    course.world.upstream.untouched();
    course.world.app.advance(pause);
    course.opens(&promise.opens, &key.secret).await;
}
