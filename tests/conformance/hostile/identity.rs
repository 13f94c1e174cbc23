//! The identity headers that reach the service.

use serde_json::json;

use crate::upstream::Seen;
use crate::wire::Ask;
use crate::world::{Course, Key, MEMBER, refusal};

const OPEN: &str = "GET /v1/queries";
const NAMES: [&str; 8] = [
    "X-Auth-Subject",
    "X-Auth-Kind",
    "X-Auth-Key-Id",
    "X-Auth-User-Id",
    "X-Auth-Client-Id",
    "X-Auth-Owner",
    "X-Auth-Environment",
    "X-Auth-Scopes",
];
/// Identity that the client claims.
const CLAIM: &str = "usr_admin";

/// Claims an identity under every header name, in every spelling that a service may accept.
fn claiming(ask: Ask) -> Ask {
    NAMES.iter().fold(ask, |ask, name| {
        ask.with(name, CLAIM)
            .with(&name.to_lowercase(), CLAIM)
            .with(&name.replace('-', "_"), CLAIM)
            .with(&name.replacen('-', "_", 1), CLAIM)
            .with(&name.replace("Auth-", "Auth_"), CLAIM)
    })
}

/// Asserts that no claimed value was received, under any header name.
fn unclaimed(seen: &Seen) {
    for (name, value) in &seen.headers {
        assert!(value != CLAIM, "{name} came through: {:?}", seen.headers);
        let spelt = name.as_str().replace('_', "-");
        let known = NAMES.iter().any(|known| known.eq_ignore_ascii_case(&spelt));
        assert!(!known || name.as_str() == spelt, "{name} came through: {:?}", seen.headers);
    }
}

/// Asserts that the service received every identity header of this key exactly once.
fn is_told(seen: &Seen, key: &Key) {
    let promise = NAMES.map(|name| seen.header(name));
    let scopes = key.shown["scopes"].as_array().expect("scopes");
    let scopes: Vec<&str> = scopes.iter().map(|scope| scope.as_str().expect("a scope")).collect();
    assert_eq!(promise, [&key.id, "key", &key.id, "", "", "", "live", &scopes.join(" ")]);
}

pub(super) async fn inbound_copies(course: &Course) {
    let key = course.key(json!({"scopes": ["queries:read"]})).await;
    let reply = course.ask(&claiming(Ask::route(OPEN).bearer(&key.secret))).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = course.world.upstream.one();
    unclaimed(&seen);
    is_told(&seen, &key);
    // A header that only some keys have: the owner.
    let owned = course.key(json!({"scopes": ["queries:read"], "owner": "acme"})).await;
    assert_eq!(course.opens(OPEN, &owned.secret).await.header("x-auth-owner"), "acme");
    assert_eq!(course.opens(OPEN, &key.secret).await.header("x-auth-owner"), "");
}

pub(super) async fn public_route(course: &Course) {
    let preflight = Ask::route("OPTIONS /v1/queries")
        .with("Origin", "https://app.example")
        .with("Access-Control-Request-Method", "POST");
    for ask in [Ask::route("GET /v1/health"), preflight] {
        let reply = course.ask(&claiming(ask)).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let seen = course.world.upstream.one();
        unclaimed(&seen);
        for name in NAMES {
            assert_eq!(seen.header(name), "", "{name}");
        }
    }
    // On a public route an invalid credential is ignored and reveals nothing.
    let reply = course.ask(&claiming(Ask::route("GET /v1/health").bearer("nonsense"))).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    unclaimed(&course.world.upstream.one());
}

pub(super) async fn connection_header(course: &Course) {
    let key = course.key(json!({"scopes": ["queries:read"]})).await;
    let names = NAMES.join(", ");
    for value in
        [names.clone(), format!("keep-alive, {names}"), names.to_lowercase(), "close, x-AUTH-subject".into()]
    {
        for header in ["Connection", "Proxy-Connection", "Keep-Alive", "TE"] {
            let reply = course.ask(&Ask::route(OPEN).bearer(&key.secret).with(header, &value)).await;
            assert_eq!(reply.status, 200, "{header}: {}", reply.text());
            is_told(&course.world.upstream.one(), &key);
        }
    }
    // A header must not remove the credential on its way to Keywright either.
    for name in
        ["Authorization", "X-Forwarded-Uri", "X-Original-URI", "X-Forwarded-For", "X-Forwarded-Method"]
    {
        let ask = Ask::route("POST /v1/team/members").bearer(&key.secret).with("Connection", name);
        let reply = course.ask(&ask).await;
        assert!(matches!(reply.status, 400 | 401 | 403), "{name}: {} {}", reply.status, reply.text());
    }
    course.world.upstream.untouched();
}

pub(super) async fn other_names(course: &Course) {
    let key = course.key(json!({"scopes": ["queries:read"]})).await;
    let mut ask = Ask::route(OPEN).bearer(&key.secret);
    for name in ["X_Forwarded_User", "X-Forwarded_User", "X_Forwarded_For", "X_HTTP_Method_Override"] {
        ask = ask.with(name, CLAIM);
    }
    for name in
        ["X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "Remote-User", "X-Remote-User"]
    {
        ask = ask.with(name, CLAIM);
    }
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        ask = ask.with(name, "DELETE");
    }
    let reply = course.ask(&ask).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = course.world.upstream.one();
    unclaimed(&seen);
    assert!(seen.headers.values().all(|value| value != "DELETE"), "{:?}", seen.headers);
    is_told(&seen, &key);
}

pub(super) async fn one_credential(course: &Course) {
    let key = course.key(json!({"scopes": ["queries:read"]})).await;
    let signed_in = course.world.signed_in(MEMBER).await.cookie();
    for cookie in
        [signed_in, format!("keywright={}", key.secret), format!("Authorization=Bearer {}", key.secret)]
    {
        let reply = course.ask(&Ask::route(OPEN).with("Cookie", &cookie)).await;
        refusal(&reply, 401, "MISSING_API_KEY");
    }
    let twice = [
        Ask::route(OPEN).bearer(&key.secret).bearer(&key.secret),
        Ask::route(OPEN).bearer("nonsense").bearer(&key.secret),
        Ask::route(OPEN).bearer(&format!("{}, Bearer {}", key.secret, key.secret)),
    ];
    for ask in twice {
        let reply = course.ask(&ask).await;
        assert!(matches!(reply.status, 400 | 401), "{} {}", reply.status, reply.text());
    }
    course.world.upstream.untouched();
}

pub(super) async fn key_in_url(course: &Course) {
    let key = course.key(json!({"scopes": ["queries:read"]})).await;
    let secret = &key.secret;
    let places = [
        format!("/v1/queries?api_key={secret}"),
        format!("/v1/queries?limit=1&access_token={secret}&x=1"),
        format!("/v1/queries/{secret}"),
        format!("/v1/queries?key={}", secret.replace('_', "%5F")),
    ];
    for target in &places {
        let reply = course.ask(&Ask::route(&format!("GET {target}"))).await;
        assert_eq!(reply.status, 401, "{target}: {}", reply.text());
        let reply = course.ask(&Ask::route(&format!("GET {target}")).bearer(secret)).await;
        assert_eq!(reply.status, 401, "{target}: {}", reply.text());
        assert!(!reply.text().contains(secret), "{}", reply.text());
    }
    course.world.upstream.untouched();
    let hidden = secret.rsplit('_').next().expect("its random part");
    let log = course.world.app.operator().get("/v1/activity/export?format=ndjson").await;
    assert_eq!(log.status, 200);
    assert!(
        log.text().contains("/v1/queries") && !log.text().contains(hidden),
        "the activity log has the key"
    );
    assert!(!course.proxy.wrote(hidden), "the proxy's log has the key");
}
