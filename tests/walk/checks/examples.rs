//! Examples, run as they stand there.

use crate::documents::Statement;
use crate::programs::{self, Answer};
use crate::wire::Ask;
use crate::world::{Key, Walk};

/// What makes an example tell what it was answered.
const NODE_TELLS: &str = "\nconsole.log(await response.text());\nconsole.log(response.status);\n";
const PYTHON_TELLS: &str = "\nprint(response.text)\nprint(response.status_code)\n";

/// Runs a statement's example.
pub(super) async fn run(walk: &Walk, told: &Statement) -> Answer {
    let bench = &walk.world.bench;
    let exports = told.exports.as_deref().map(|text| walk.fill(text)).unwrap_or_default();
    let then = told.ends_with.as_deref().map(|text| walk.fill(text)).unwrap_or_default();
    if let Some(script) = &told.shell {
        let script = format!("{exports}\n{}\n{then}", walk.fill(script));
        programs::answer(&bench.shell(&script, &[]).await)
    } else if let Some(code) = &told.node {
        programs::answer(&bench.node(&exports, &(walk.fill(code) + NODE_TELLS)).await)
    } else if let Some(code) = &told.python {
        programs::answer(&bench.python(&exports, &(walk.fill(code) + PYTHON_TELLS)).await)
    } else {
        let text = told.http.as_deref().expect("an example");
        let reply = walk.ask(&written(&walk.fill(text)).1).await;
        Answer { status: reply.status, body: reply.text() }
    }
}

/// An example is answered, and the service sees the request as it is written, from whom it is.
pub(super) async fn example(walk: &Walk, told: &Statement) {
    let key = if told.scopes.is_empty() { None } else { Some(walk.own_key(told).await) };
    let answer = run(walk, told).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    arrived(walk, told, key.as_ref());
}

fn arrived(walk: &Walk, told: &Statement, key: Option<&Key>) {
    let wanted = told.arrives.as_ref().expect("what must arrive");
    let seen = walk.world.upstream.one();
    assert_eq!(seen.route(), format!("{} {}", wanted.method, wanted.path));
    if let Some(json) = &wanted.json {
        assert_eq!(&serde_json::from_slice::<serde_json::Value>(&seen.body).expect("JSON"), json);
        assert_eq!(seen.header("content-type"), "application/json");
    }
    if let Some(content_type) = &wanted.content_type {
        assert_eq!(seen.header("content-type"), content_type);
    }
    match key {
        Some(key) => {
            assert_eq!((seen.header("x-auth-kind"), seen.header("x-auth-key-id")), ("key", key.id.as_str()));
            assert_eq!(seen.header("x-auth-scopes"), told.scopes.join(" "));
        }
        None => {
            assert_eq!(seen.header("x-auth-kind"), "token");
            assert_eq!(seen.header("x-auth-client-id"), walk.known("client_id"));
        }
    }
}

/// The header that is shown opens a route.
pub(super) async fn header_alone(walk: &Walk, told: &Statement) {
    let key = walk.own_key(told).await;
    let header = walk.fill(told.http.as_deref().expect("a header"));
    let (name, value) = header.trim().split_once(": ").expect("a header");
    let reply = walk.ask(&Ask::route(&told.opens).with(name, value)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(walk.world.upstream.one().header("x-auth-key-id"), key.id);
}

/// A request that is written out: where it goes, and the request. An address or a form over several lines is one.
pub(super) fn written(text: &str) -> (String, Ask) {
    let mut lines = text.trim().lines().map(str::trim);
    let first = lines.next().expect("a request line");
    let first = first.strip_suffix("HTTP/1.1").unwrap_or(first).trim();
    let (method, url) = first.split_once(' ').unwrap_or(("GET", first));
    let mut url = url.to_owned();
    if url.ends_with('?') {
        url.extend(lines.by_ref());
    }
    let target = match url.split_once("://").map_or(url.as_str(), |(_, rest)| rest).split_once('/') {
        Some((_, path)) => format!("/{path}"),
        None => panic!("no path: {url}"),
    };
    let mut ask = Ask::route(&format!("{method} {target}"));
    let mut body = String::new();
    for line in lines {
        match line.split_once(": ") {
            Some(("Content-Type", _)) => {}
            Some((name, value)) if body.is_empty() => ask = ask.with(name, value),
            _ => body.push_str(line),
        }
    }
    (url, if body.is_empty() { ask } else { ask.form(&body) })
}
