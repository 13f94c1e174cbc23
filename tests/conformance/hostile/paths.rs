//! Paths that a gate and a service may read differently.

use serde_json::json;

use crate::upstream::Seen;
use crate::wire::Ask;
use crate::world::{Course, Key};

/// A route that the key opens, and a public route.
const OPEN: [&str; 2] = ["/v1/queries", "/v1/health"];
/// Spellings of the path of a denied route that begin with an allowed one.
const WAYS: [&str; 48] = [
    "//v1/team/members",
    "/v1//team/members",
    "/v1/./team/members",
    "/v1/queries/../team/members",
    "/v1/health/../team/members",
    "/v1/health/..%2fteam/members",
    "/v1/health%2f..%2fteam%2fmembers",
    "/v1/health%2F%2E%2E%2Fteam/members",
    "/v1/health/%2e%2e/team/members",
    "/v1/health/.%2e/team/members",
    "/v1/health/%252e%252e/team/members",
    "/v1/health/..%252fteam/members",
    "/v1/health/..%c0%afteam/members",
    "/v1/health/..;/team/members",
    "/v1/health;/../team/members",
    "/v1/health;x=/team/members",
    "/v1/health/..\\team\\members",
    "/v1/health/..%5cteam/members",
    "/v1/health%00/../team/members",
    "/v1/team/members%00",
    "/v1/team/members%00/../../health",
    "/v1/health%23/../team/members",
    "/v1/health#/../team/members",
    "/v1/team/members#/../../health",
    "/v1/health%3f/../team/members",
    "/v1/health?/../team/members",
    "/v1/health/%09../team/members",
    "/v1/health/%20/../team/members",
    "/v1/health/%0d%0aX-Auth-Subject:%20admin",
    "/v1/health/%",
    "/v1/health/%zz",
    "/V1/TEAM/MEMBERS",
    "/v1/Team/members",
    "//h/v1/team/members",
    "/\\h/v1/team/members",
    "x:http://z?action=x&y=/v1/health",
    "/v1/team/members.json",
    "/v1/team/members/",
    "/v1/team/members/.",
    "/v1/team%2fmembers",
    "/v1/%74eam/members",
    "http://127.0.0.1/v1/team/members",
    "http://127.0.0.1/v1/health/../team/members",
    "/../v1/team/members",
    "/v1/oauth/../team/members",
    "/v1/team/../queries",
    "/v1/team/../health",
    "/v1/team/%2e%2e/health",
];
/// Other spellings of an allowed path.
const ALIASES: [&str; 6] = [
    "//v1/queries",
    "/v1//queries",
    "/v1/./queries",
    "/v1/x/../queries",
    "/v1/%71ueries",
    "/v1/queries?x=/../team/members",
];

/// A path as the most lenient service would read it.
fn lenient(target: &str) -> String {
    let mut path = target.split(['?', '#']).next().unwrap_or_default().to_lowercase();
    for _ in 0..3 {
        for (escape, plain) in [
            ("%2f", "/"),
            ("%2e", "."),
            ("%5c", "\\"),
            ("%00", "\0"),
            ("%3b", ";"),
            ("%23", "#"),
            ("%3f", "?"),
            ("%c0%af", "/"),
            ("%74", "t"),
            ("%71", "q"),
            ("%25", "%"),
        ] {
            path = path.replace(escape, plain);
        }
    }
    let path = path.replace('\\', "/");
    let path = path.split(['\0', '#', '?']).next().unwrap_or_default();
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').map(|segment| segment.split(';').next().unwrap_or_default().trim()) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}

/// Every path that reaches the service must be allowed for the caller in every reading: with everything resolved, or
/// with dot segments or escapes kept.
fn is_open(seen: &Seen, asked: &str) {
    let reading = lenient(&seen.target);
    let open = OPEN.iter().any(|open| reading == *open || reading.starts_with(&format!("{open}/")));
    let literal = seen.target.to_lowercase().replace("//", "/");
    let unescaped = literal.replace("%74", "t").replace("%2e", ".").replace("%2f", "/");
    let closed = [literal, unescaped].iter().any(|path| path.starts_with("/v1/team"));
    assert!(open && !closed, "{asked} came through as {}, which may be read as {reading}", seen.target);
}

async fn tried(course: &Course, method: &str, target: &str, key: Option<&Key>) -> u16 {
    let ask = Ask::route(&format!("{method} {target}"));
    let reply = course.ask(&key.map_or(ask.clone(), |key| ask.bearer(&key.secret))).await;
    let seen = course.world.upstream.take();
    if reply.status == 200 {
        assert_eq!(seen.len(), 1, "{target}: {}", reply.text());
    } else {
        assert!(seen.is_empty(), "{target}: the service saw it, and {} was answered", reply.status);
        assert!(matches!(reply.status, 301 | 308 | 400..=404), "{target}: {} {}", reply.status, reply.text());
    }
    for seen in &seen {
        is_open(seen, target);
    }
    reply.status
}

pub(super) async fn one_meaning(course: &Course) {
    let key = course.key(json!({"scopes": ["queries:read"]})).await;
    for target in WAYS {
        for key in [None, Some(&key)] {
            for method in ["GET", "POST"] {
                tried(course, method, target, key).await;
            }
        }
    }
    // An allowed route is refused under an ambiguous spelling.
    let all = course.key(json!({"preset": "Full Access"})).await;
    let reply = course.call("POST /v1/team%2fmembers", &all.secret).await;
    assert!((400..404).contains(&reply.status), "{}", reply.status);
    course.world.upstream.untouched();
    course.opens("POST /v1/team/members", &all.secret).await;
    for target in ALIASES {
        tried(course, "GET", target, Some(&key)).await;
        let status = tried(course, "GET", target, None).await;
        assert_ne!(status, 200, "{target} opens without a key");
    }
}

/// No rule depends on the host, and neither does the issuer.
pub(super) async fn host_in_mixed_case(course: &Course) {
    let key = course.key(json!({"scopes": ["queries:read"]})).await;
    for host in
        ["API.AIforDatabase.COM", "api.aifordatabase.com.", "Evil.Example:99999", "evil.example@127.0.0.1"]
    {
        let ask = |route: &str| Ask::route(route).bearer(&key.secret).with("Host", host);
        let reply = course.ask(&ask("GET /v1/queries")).await;
        assert!(matches!(reply.status, 200 | 400), "{host}: {} {}", reply.status, reply.text());
        course.world.upstream.take();
        let reply = course.ask(&ask("POST /v1/team/members")).await;
        assert!(matches!(reply.status, 400 | 403), "{host}: {} {}", reply.status, reply.text());
        course.world.upstream.untouched();
        // The issuer is the same for every host.
        let metadata = course.ask(&ask("GET /.well-known/oauth-authorization-server")).await;
        if metadata.status == 200 {
            assert_eq!(metadata.json()["issuer"], course.world.app.services().settings.public_url);
        }
    }
}

pub(super) async fn odd_methods(course: &Course) {
    let key = course.key(json!({"scopes": ["queries:read"]})).await;
    for method in ["get", "Get", "PURGE", "TRACE", "CONNECT", "GET\u{b}", "PROPFIND"] {
        let route = format!("{method} /v1/queries");
        let reply = course.call(&route, &key.secret).await;
        assert!((400..=405).contains(&reply.status), "{method}: {} {}", reply.status, reply.text());
        course.world.upstream.untouched();
    }
    // HEAD requires what GET requires.
    let reply = course.call("HEAD /v1/team/members", &key.secret).await;
    assert_eq!(reply.status, 403);
    course.world.upstream.untouched();
}
