//! OAuth: tokens for machines compared with the raw signature, introspection compared with bare poem.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use super::Options;
use super::child::Child;
use super::drive::{Connections, Requests, sample};
use super::fill::Scratch;
use super::raw::per_second;
use super::rest::Client;
use super::table::{Goal, Table};

pub(crate) const TOKEN: &[u8] = b"\"access_token\"";
pub(crate) const ACTIVE: &[u8] = b"\"active\":true";
/// Introspected tokens, all of them seen before.
pub(crate) const TOKENS: usize = 100;

/// Measures everything about tokens.
pub(crate) fn measure(table: &mut Table, scratch: &Scratch, options: &Options, bare: &Child) {
    for (kind, alg, goal) in [("keywright", "RS256", 0.9), ("keywright-es256", "ES256", 0.5)] {
        let data = scratch.path(kind);
        let mut child = Child::start(kind, &data, &options.cores.0);
        let basic = prepare(&data);
        let mut tokens = Requests::Whole { texts: vec![token_request(&basic)], next: 0 };
        let issued = (0..TOKENS).map(|_| access_token(&sample(child.port, &mut tokens)));
        let texts = issued.map(|token| introspection_request(&basic, &token)).collect();
        let mut questions = Requests::Whole { texts, next: 0 };
        let (arm, asked) = (format!("client credentials, {alg}"), format!("introspection, {alg}"));
        let mut raw = Vec::new();
        for round in 0..=options.rounds {
            let signed = per_second(&child.tell(&format!("sign {}", options.time.as_millis())));
            let rate = run(table, (&child, &arm, TOKEN), &mut tokens, options, round);
            run(table, (&child, &asked, ACTIVE), &mut questions, options, round);
            let mut nothing =
                super::arms::What::Forward.requests(&[[b'0'; super::fill::KEY_LENGTH]], vec![0]);
            run(table, (bare, &format!("bare 204 beside {alg}"), b""), &mut nothing, options, round);
            if round > 0 {
                raw.push((rate / signed, signed));
            }
        }
        let ratio = super::table::median(raw.iter().map(|(ratio, _)| *ratio));
        table.line(
            format!("client-credentials tokens ÷ raw {alg} signatures"),
            Goal::AtLeast(goal),
            ratio,
            "",
        );
        let signed = super::table::median(raw.iter().map(|(_, signed)| *signed));
        table.line(format!("… raw {alg} signatures a second, one core"), Goal::None, signed, "");
        table.rate("… tokens a second", &arm, "");
        let goal = if alg == "RS256" { Goal::AtLeast(0.5) } else { Goal::None };
        let what = format!("introspection of a token seen before ({alg}) ÷ bare 204");
        table.ratio(&what, &asked, &format!("bare 204 beside {alg}"), goal);
    }
}

fn run(
    table: &mut Table,
    (child, arm, good): (&Child, &str, &'static [u8]),
    requests: &mut Requests<'_>,
    options: &Options,
    round: usize,
) -> f64 {
    let mut connections = Connections::open(child.port, options.connections, good);
    connections.send(requests, 200);
    let cpu = child.cpu_time();
    let (count, took) = connections.send_for(requests, options.time);
    if round > 0 {
        table.sample(arm, count, took, child.cpu_time() - cpu);
    }
    count as f64 / took.as_secs_f64()
}

/// Creates an API and a client of it; returns the credentials of the client.
fn prepare(data: &std::path::Path) -> String {
    let api = json!({
        "slug": "bench", "name": "Bench", "audience": "https://bench.example.com",
        "scopes": [{"name": "queries:read", "description": "Read"}],
    });
    create(data, &[("/v1/apis", api)])
}

/// Creates a client of the existing API; returns its credentials.
pub(crate) fn client(data: &std::path::Path) -> String {
    create(data, &[])
}

fn create(data: &std::path::Path, before: &[(&str, serde_json::Value)]) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("threads can be started").block_on(async {
        let mut operator = Client::operator(data).await;
        for (path, body) in before {
            operator.expect(path, body, 201).await;
        }
        let client = json!({
            "name": "Nightly job", "grant_types": ["client_credentials"],
            "access": [{"api": "bench", "scopes": ["queries:read"]}],
        });
        let client = operator.expect("/v1/clients", &client, 201).await;
        let text = |field: &str| client[field].as_str().expect("a text").to_owned();
        BASE64.encode(format!("{}:{}", text("client_id"), text("client_secret")))
    })
}

pub(crate) fn token_request(basic: &str) -> Vec<u8> {
    form("/oauth/token", basic, "grant_type=client_credentials&scope=queries%3Aread")
}

pub(crate) fn introspection_request(basic: &str, token: &str) -> Vec<u8> {
    form("/oauth/introspect", basic, &format!("token={token}"))
}

fn form(path: &str, basic: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: job/1\r\nAccept: */*\r\nAuthorization: Basic {basic}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

pub(crate) fn access_token(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let (_, body) = text.split_once("\r\n\r\n").expect("it is an answer");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    body["access_token"].as_str().expect("a token").to_owned()
}
