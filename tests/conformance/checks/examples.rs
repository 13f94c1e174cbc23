//! Examples, run as documented.

use crate::documents::Statement;
use crate::programs::{self, Answer};
use crate::wire::Ask;
use crate::world::{Course, Key};

/// Addition to an example that prints its response.
const NODE_TELLS: &str = "\nconsole.log(await response.text());\nconsole.log(response.status);\n";
const PYTHON_TELLS: &str = "\nprint(response.text)\nprint(response.status_code)\n";

/// Runs a statement's example.
pub(super) async fn run(course: &Course, promise: &Statement) -> Answer {
    let bench = &course.world.bench;
    let exports = promise.exports.as_deref().map(|text| course.fill(text)).unwrap_or_default();
    let then = promise.ends_with.as_deref().map(|text| course.fill(text)).unwrap_or_default();
    if let Some(script) = &promise.shell {
        let script = format!("{exports}\n{}\n{then}", course.fill(script));
        programs::answer(&bench.shell(&script, &[]).await)
    } else if let Some(code) = &promise.node {
        programs::answer(&bench.node(&exports, &(course.fill(code) + NODE_TELLS)).await)
    } else if let Some(code) = &promise.python {
        programs::answer(&bench.python(&exports, &(course.fill(code) + PYTHON_TELLS)).await)
    } else {
        let text = promise.http.as_deref().expect("an example");
        let reply = course.ask(&written(&course.fill(text)).1).await;
        Answer { status: reply.status, body: reply.text() }
    }
}

/// An example gets a response, and the service receives the documented request with its identity.
pub(super) async fn example(course: &Course, promise: &Statement) {
    let key = if promise.scopes.is_empty() { None } else { Some(course.own_key(promise).await) };
    let answer = run(course, promise).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    arrived(course, promise, key.as_ref());
}

fn arrived(course: &Course, promise: &Statement, key: Option<&Key>) {
    let wanted = promise.arrives.as_ref().expect("what must arrive");
    let seen = course.world.upstream.one();
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
            assert_eq!(seen.header("x-auth-scopes"), promise.scopes.join(" "));
        }
        None => {
            assert_eq!(seen.header("x-auth-kind"), "token");
            assert_eq!(seen.header("x-auth-client-id"), course.known("client_id"));
        }
    }
}

/// The documented header opens a route.
pub(super) async fn header_alone(course: &Course, promise: &Statement) {
    let key = course.own_key(promise).await;
    let header = course.fill(promise.http.as_deref().expect("a header"));
    let (name, value) = header.trim().split_once(": ").expect("a header");
    let reply = course.ask(&Ask::route(&promise.opens).with(name, value)).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(course.world.upstream.one().header("x-auth-key-id"), key.id);
}

/// A documented request: its address and the request. An address or a form over several lines is one.
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
