//! Floods: many logins, addresses or keys at once cost bounded memory, and others are answered meanwhile.

#![expect(clippy::disallowed_methods, reason = "how long an answer takes is a part of it")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Program, Server, afdb};

/// A server that believes `X-Forwarded-For` from this machine, so that a test can come from many networks.
fn with_networks() -> (Program, Server) {
    let mut program = Program::new();
    program.set("KEYWRIGHT_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = program.serve::<&str>([]);
    (program, server)
}

/// The most memory that the server ever took, in MiB.
fn most_memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}

async fn key(server: &Server) -> Value {
    server.operator().post("/v1/apis", &afdb()).await.expect(201);
    let body = json!({"api": "afdb", "name": "x", "scopes": ["queries:read"], "tier": "enterprise"});
    server.operator().post("/v1/keys", &body).await.expect(201)
}

/// Five hundred logins in flight: one Argon2 hash takes 19 MiB, and five hundred of them would take ten gigabytes.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logins_is_bounded_and_others_are_answered() {
    let (_program, server) = with_networks();
    let key = key(&server).await;
    let ada =
        json!({"email": "ada@example.com", "role": "member", "password": "correct horse battery staple"});
    server.operator().post("/v1/users", &ada).await.expect(201);
    let before = most_memory(&server);
    let mut tasks = tokio::task::JoinSet::new();
    for attempt in 0..500_u32 {
        let address = format!("198.{}.{}.1", attempt / 250, attempt % 250);
        // Half of them guess at one account from one network, which is slowed for itself.
        let (address, who) =
            if attempt % 2 == 0 { (address, attempt) } else { ("203.0.113.1".to_owned(), 0) };
        let client = server.anonymous().with("x-forwarded-for", &address);
        let body = json!({"email": format!("user{who}@example.com"), "password": "wrong password"});
        tasks.spawn(async move { client.post("/v1/auth/login", &body).await });
    }
    let (mut waits, mut answers) = (Vec::new(), Vec::new());
    while !tasks.is_empty() {
        let started = Instant::now();
        server.anonymous().get("/healthz").await.expect(200);
        waits.push(started.elapsed());
        let question = json!({"api": "afdb", "key": key["key"]});
        assert_eq!(server.operator().post("/v1/keys/verify", &question).await.expect(200)["code"], "VALID");
        while let Some(answer) = tasks.try_join_next() {
            answers.push(answer.unwrap());
        }
    }
    assert!(waits.len() > 10, "others were answered meanwhile: {}", waits.len());
    // Other tests run beside this one: not every wait is the flood's.
    waits.sort_unstable();
    let usual = waits[waits.len() * 9 / 10];
    assert!(usual < Duration::from_secs(1), "{waits:?}");
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(count(401) + count(429) + count(503), 500, "and nothing else");
    assert!(
        count(401) > 0 && count(429) > 0 && count(503) > 0,
        "{} {} {}",
        count(401),
        count(429),
        count(503)
    );
    assert!(answers.iter().all(|answer| answer.status == 401 || !answer.header("retry-after").is_empty()));
    let more = most_memory(&server) - before;
    assert!(more < 128, "{more} MiB more");
    let login = json!({"email": "ada@example.com", "password": "correct horse battery staple"});
    server.anonymous().post("/v1/auth/login", &login).await.expect(200);
}

/// Sends one request after the other over one connection, many in flight, and counts the answers by status.
async fn pipeline(server: &Server, requests: Vec<String>) -> Vec<u16> {
    let (mut reader, mut writer) = TcpStream::connect(server.address()).await.unwrap().into_split();
    let wanted = requests.len();
    let sending = tokio::spawn(async move {
        for some in requests.chunks(64) {
            writer.write_all(some.concat().as_bytes()).await.unwrap();
        }
        writer
    });
    let (mut statuses, mut text, mut buffer) = (Vec::new(), Vec::new(), vec![0; 1 << 16]);
    while statuses.len() < wanted {
        let read = reader.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the server closed");
        text.extend_from_slice(&buffer[..read]);
        let mut seen = 0;
        while let Some(at) = find(&text[seen..], b"HTTP/1.1 ") {
            let status = seen + at + 9;
            if text.len() < status + 3 {
                break;
            }
            statuses.push(std::str::from_utf8(&text[status..status + 3]).unwrap().parse().unwrap());
            seen = status + 3;
        }
        // What is left is the rest of an answer, and perhaps a part of the next one's first line.
        let keep = (text.len() - seen).min(12);
        text.drain(..text.len() - keep);
    }
    drop(sending.await.unwrap());
    statuses
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == part[0]) {
        if text[from + at..].starts_with(part) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// Each request from an address of its own, with a key that nobody has.
fn strangers(from: u32, count: u32) -> Vec<String> {
    let request = |number: u32| {
        let [_, b, c, d] = number.to_be_bytes();
        format!(
            "GET /v1/forward-auth?api=afdb HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 100.{b}.{c}.{d}\r\n\
             x-forwarded-method: GET\r\nx-forwarded-uri: /{number}\r\nauthorization: Bearer afdb_live_{number}\r\n\r\n"
        )
    };
    (from..from + count).map(request).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_strangers_leave_memory_flat() {
    let (_program, server) = with_networks();
    let key = key(&server).await;
    let flood = async |from: u32, count: u32| {
        let statuses = pipeline(&server, strangers(from, count)).await;
        assert!(
            statuses.iter().all(|status| [401, 429, 503].contains(status)),
            "{:?}",
            statuses.iter().max()
        );
    };
    flood(0, 20_000).await;
    let before = most_memory(&server);
    flood(20_000, 80_000).await;
    let more = most_memory(&server) - before;
    assert!(more < 32, "{more} MiB more");
    let question = json!({"api": "afdb", "key": key["key"]});
    assert_eq!(server.operator().post("/v1/keys/verify", &question).await.expect(200)["code"], "VALID");
}
