//! Trust in forwarded headers.

use std::sync::Arc;

use serde_json::json;

use crate::wire::Ask;
use crate::world::{Course, MEMBER, PASSWORD, World, refusal};

/// A route that no key here opens.
const CLOSED: &str = "POST /v1/team/members";
const OPEN: &str = "GET /v1/queries";

/// Headers with which a client claims another identity or request.
fn lying(ask: Ask) -> Ask {
    ask.with("X-Forwarded-Uri", "/v1/health")
        .with("X-Forwarded-Uri", "/v1/queries")
        .with("X-Original-URI", "/v1/health")
        .with("X-Forwarded-Method", "GET")
        .with("X-Original-Method", "GET")
        .with("X-Forwarded-Host", "evil.example")
        .with("X-Forwarded-Proto", "https")
        .with("X-Forwarded-For", "203.0.113.9")
        .with("X-Real-IP", "203.0.113.9")
        .with("Forwarded", "for=203.0.113.9;host=evil.example")
}

pub(super) async fn own_words(course: &Course) {
    let key = course.key(json!({"scopes": ["queries:read"]})).await;
    let reply = course.ask(&lying(Ask::route(CLOSED).bearer(&key.secret))).await;
    refusal(&reply, 403, "INSUFFICIENT_SCOPE");
    refusal(&course.ask(&lying(Ask::route(CLOSED))).await, 401, "MISSING_API_KEY");
    course.world.upstream.untouched();
    let path = format!("/v1/keys/{}/activity", key.id);
    let log = course.world.app.operator().get(&path).await.expect(200);
    let row = &log["data"][0];
    let promise = (&row["method"], &row["path"], &row["ip"]);
    assert_eq!(promise, (&json!("POST"), &json!("/v1/team/members"), &json!("127.0.0.1")), "{log}");
    // An allowed request has its own identity.
    let reply = course.ask(&lying(Ask::route(OPEN).bearer(&key.secret))).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = course.world.upstream.one();
    assert_eq!(seen.route(), OPEN);
    assert_ne!(seen.header("x-forwarded-host"), "evil.example");
    assert!(!seen.header("x-forwarded-for").contains("203.0.113.9"), "{:?}", seen.headers);
}

/// The same configuration in front of an instance without trusted proxies, called directly.
pub(super) async fn untrusted_peer(course: &Course) {
    let document = course.world.document.clone();
    let world = Arc::new(World::with(document, |config| config.http.trusted_proxies.clear()).await);
    let through = Course::start(world.clone(), course.proxy.kind).await;
    let key = through.key(json!({"preset": "Full Access"})).await;
    through.refused(OPEN, &key.secret, 403, "FORBIDDEN").await;
    let public = through.ask(&Ask::route("GET /v1/health")).await;
    refusal(&public, 403, "FORBIDDEN");
    world.upstream.untouched();
    let direct = world.app.bearer(&key.secret);
    let direct = direct.with("x-forwarded-uri", "/v1/queries").with("x-forwarded-method", "GET");
    direct.get("/v1/forward-auth?api=afdb").await.refused(403, "FORBIDDEN");
}

pub(super) async fn described_once(course: &Course) {
    let key = course.key(json!({"scopes": ["queries:read"]})).await;
    let silent = || Ask::route("GET /v1/forward-auth?api=afdb").bearer(&key.secret);
    let question = || silent().with("X-Forwarded-Method", "GET");
    let uri = |ask: Ask, name: &str| ask.with(name, "/v1/queries");
    let unclear = [
        question(),
        uri(silent(), "X-Forwarded-Uri"),
        uri(uri(question(), "X-Forwarded-Uri"), "X-Forwarded-Uri"),
        uri(uri(question(), "X-Forwarded-Uri"), "X-Original-URI"),
        uri(question(), "X-Forwarded-Uri").with("X-Forwarded-Method", "POST"),
    ];
    for ask in unclear {
        refusal(&ask.send(course.world.app.address).await, 400, "INVALID_REQUEST");
    }
    assert_eq!(uri(question(), "X-Forwarded-Uri").send(course.world.app.address).await.status, 200);
    // Through the proxy the headers of the client are replaced.
    let ask = uri(uri(Ask::route(OPEN).bearer(&key.secret), "X-Forwarded-Uri"), "X-Original-URI");
    assert_eq!(course.ask(&ask).await.status, 200);
}

fn from(ask: Ask, number: usize) -> Ask {
    let address = format!("198.51.{number}.7");
    ask.with("X-Forwarded-For", &address)
        .with("X-Real-IP", &address)
        .with("Forwarded", &format!("for={address}"))
}

pub(super) async fn rotating_address(course: &Course) {
    let limit = json!({"limit": 3, "window_seconds": 60});
    let key = course.key(json!({"scopes": ["queries:read"], "ratelimit": limit})).await;
    let mut statuses = Vec::new();
    for number in 0..6 {
        statuses.push(course.ask(&from(Ask::route(OPEN).bearer(&key.secret), number)).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429]);
    // A network that guesses passwords is throttled as a whole, also with the right one.
    let login = |number: usize, password: &str| {
        let body = json!({"email": MEMBER, "password": password});
        from(Ask::route("POST /v1/auth/login").json(&body), number)
    };
    for number in 0..5 {
        refusal(&course.ask(&login(number, "a wrong password")).await, 401, "INVALID_CREDENTIALS");
    }
    let reply = course.ask(&login(6, PASSWORD)).await;
    refusal(&reply, 429, "LOCKED_OUT");
    assert_ne!(reply.header("retry-after"), "");
    // So that the next one may sign in.
    course.world.app.advance(86_400);
}

pub(super) async fn allowed_address(course: &Course) {
    let allowed = json!({"scopes": ["queries:read"], "allowed_ips": ["203.0.113.9/32"]});
    let key = course.key(allowed).await;
    let reply = course.ask(&lying(Ask::route(OPEN).bearer(&key.secret))).await;
    refusal(&reply, 403, "IP_NOT_ALLOWED");
    let here = course.key(json!({"scopes": ["queries:read"], "allowed_ips": ["127.0.0.1/32"]})).await;
    course.world.upstream.untouched();
    course.opens(OPEN, &here.secret).await;
}
