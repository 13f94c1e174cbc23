//! Ordinary traffic: limits, preflights, connections, bodies.

use keywright::config::Config;
use serde_json::json;

use crate::browser::{Browser, parameter};
use crate::proxy::{PORTS, Proxy, free_port};
use crate::upstream::{Upstream, connections};
use crate::wire::{Ask, Wire};
use crate::world::{Course, MEMBER, World, refusal};

const OPEN: &str = "GET /v1/queries";
/// Larger than the default body limit of a proxy.
const LARGE: usize = 16 << 20;
/// Requests on one connection.
const MANY: usize = 60;
/// Connections that a proxy with two workers may open for them.
const FEW: usize = 6;

pub(super) async fn limited_in_full(course: &Course) {
    let limit = json!({"limit": 2, "window_seconds": 60});
    let key = course.key(json!({"scopes": ["queries:read"], "ratelimit": limit})).await;
    for _ in 0..2 {
        course.opens(OPEN, &key.secret).await;
    }
    let reply = course.call(OPEN, &key.secret).await;
    let error = refusal(&reply, 429, "RATE_LIMITED");
    let shown = ["retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"];
    assert_eq!(shown.map(|name| reply.header(name)), ["30", "2", "0", "60"]);
    assert_eq!(reply.header("ratelimit-policy"), "\"custom\";q=2;w=60");
    assert_eq!(reply.header("ratelimit"), "\"custom\";r=0;t=60");
    assert_eq!(error["details"]["retry_after_seconds"], 30);
    assert_eq!(error["request_id"], reply.header("x-request-id"));
    assert_eq!(reply.header("cache-control"), "no-store");
    // An exhausted quota stays exhausted within its period.
    let quota = json!({"scopes": ["queries:read"], "quota": {"limit": 1, "period": "total"}});
    let key = course.key(quota).await;
    course.opens(OPEN, &key.secret).await;
    let reply = course.call(OPEN, &key.secret).await;
    refusal(&reply, 429, "QUOTA_EXCEEDED");
    assert_eq!(reply.header("retry-after"), "");
}

pub(super) async fn preflight(course: &Course) {
    let ask =
        |method: &str| Ask::route(&format!("{method} /v1/queries")).with("Origin", "https://app.example");
    let asked = |method: &str| ask(method).with("Access-Control-Request-Method", "POST");
    assert_eq!(course.ask(&asked("OPTIONS")).await.status, 200);
    let seen = course.world.upstream.one();
    assert_eq!((seen.method.as_str(), seen.header("origin")), ("OPTIONS", "https://app.example"));
    let without_origin = Ask::route("OPTIONS /v1/queries").with("Access-Control-Request-Method", "POST");
    for ask in [ask("OPTIONS"), without_origin, asked("POST"), asked("GET"), asked("DELETE")] {
        let reply = course.ask(&ask).await;
        assert!(matches!(reply.status, 401 | 403), "{ask:?}: {}", reply.text());
    }
    course.world.upstream.untouched();
}

pub(super) async fn kept_alive(course: &Course) {
    let key = course.key(json!({"scopes": ["queries:read"]})).await;
    let mut wire = Wire::open(course.proxy.address).await;
    for _ in 0..MANY {
        assert_eq!(wire.send(&Ask::route(OPEN).bearer(&key.secret)).await.status, 200);
    }
    let seen = course.world.upstream.take();
    assert_eq!(seen.len(), MANY);
    assert!(connections(&seen) <= FEW, "{} connections for {MANY} requests", connections(&seen));
    // A server in place of Keywright that allows every request and counts.
    let keywright = Upstream::start().await;
    let url = format!("http://{}", keywright.address);
    let proxy = Proxy::start(course.proxy.kind, &course.world, Some(&url)).await;
    let mut wire = Wire::open(proxy.address).await;
    for _ in 0..MANY {
        assert_eq!(wire.send(&Ask::route(OPEN)).await.status, 200);
    }
    let asked = keywright.take();
    assert_eq!(asked.len(), MANY);
    assert!(connections(&asked) <= FEW, "{} connections for {MANY} questions", connections(&asked));
    assert!(asked.iter().all(|seen| seen.body.is_empty()));
    course.world.upstream.take();
}

pub(super) async fn large_body(course: &Course) {
    let key = course.key(json!({"scopes": ["queries:read"]})).await;
    let body: Vec<u8> = (0..LARGE).map(|at| (at * 31 % 251) as u8).collect();
    let ask = Ask::route("POST /v1/queries").bearer(&key.secret);
    let reply = course.ask(&ask.clone().body("application/octet-stream", body.clone())).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(course.world.upstream.one().body == body, "another body came through");
    let reply = course.ask(&ask.clone().chunked(&body)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(course.world.upstream.one().body == body, "another body came through");
    // A refused request is not passed on.
    let reply = course.ask(&Ask::route("POST /v1/queries").body("application/json", body)).await;
    assert_eq!(reply.status, 401);
    course.world.upstream.untouched();
}

/// A proxy on the address that is the instance's `public_url`.
async fn sharing(course: &Course) -> (World, Proxy) {
    for _ in 0..PORTS {
        let address = free_port();
        let document = course.world.document.clone();
        let here = |config: &mut Config| config.http.public_url = Some(format!("http://{address}"));
        let world = World::with(document, here).await;
        if let Some(proxy) = Proxy::run(course.proxy.kind, &world, address, None).await {
            return (world, proxy);
        }
    }
    panic!("no port stays free");
}

/// The other setup: `public_url` is the host of the proxy.
pub(super) async fn shared_host(course: &Course) {
    let (world, proxy) = sharing(course).await;
    let url = format!("http://{}", proxy.address);
    let body = json!({
        "name": "Dashboards", "redirect_uris": ["https://yourapp.example/callback"], "require_pkce": false,
        "access": [{"api": "afdb", "scopes": ["queries:read"]}],
    });
    let client = world.app.operator().post("/v1/clients", &body).await.expect(201);
    let id = client["client_id"].as_str().expect("an id");
    let query = format!("response_type=code&client_id={id}&redirect_uri=https://yourapp.example/callback");
    let mut browser = Browser::new(&url);
    let back = browser.allow(&format!("{url}/oauth/authorize?{query}&scope=queries:read"), MEMBER).await;
    let form = format!(
        "grant_type=authorization_code&code={}&client_id={id}&client_secret={}&redirect_uri={}",
        parameter(&back, "code"),
        client["client_secret"].as_str().expect("a secret"),
        "https://yourapp.example/callback",
    );
    let tokens = Ask::route("POST /oauth/token").form(&form).send(proxy.address).await.expect(200);
    let token = tokens["access_token"].as_str().expect("a token");
    assert_eq!(Ask::route(OPEN).bearer(token).send(proxy.address).await.status, 200);
    assert_eq!(world.upstream.one().header("x-auth-kind"), "token");
}
