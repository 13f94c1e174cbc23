//! Floods from unauthenticated callers, against the real program at full speed.
//!
//! Each endpoint for such callers is flooded for some seconds from several networks, while an authenticated client
//! verifies a key and calls `/healthz` in turn. At the end the data directory, the memory, the percentiles and the log
//! must be within the bounds of `docs/architecture.md`. It runs alone, because it measures the whole process: `cargo
//! test --test floods -- --seconds 60`.

#![expect(clippy::disallowed_methods, reason = "how long an answer takes is what is measured")]
#![expect(clippy::print_stdout, reason = "the table is the result")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(unreachable_pub, reason = "a test is no library")]

#[path = "../it/support/mod.rs"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "other tests use the rest of it")]
mod support;

mod measure;
mod requests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use measure::{Counts, Probe, Size, Waits, flood};
use support::{Program, Server, afdb};

/// Maximum growth of the data directory over all floods: log, links, counters, requests and mail files.
const MAX_GROWTH: u64 = 2 << 20;
/// Maximum growth of the resident memory.
const MAX_MEMORY: u64 = 30 << 20;
/// A row of the log on disk, index included: see `docs/performance.md`.
const ROW_BYTES: u64 = 89;
/// Rows of an authenticated caller before the floods.
const KNOWN: usize = 150;
/// Networks of the floods.
const NETWORKS: u8 = 4;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut seconds, mut wanted) = (3, true);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--seconds" => seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap(),
            flag if flag.starts_with('-') => {}
            filter => wanted &= "floods".contains(filter),
        }
    }
    if wanted {
        tokio::runtime::Runtime::new().unwrap().block_on(run(Duration::from_secs(seconds)));
    }
}

/// A server with every endpoint for unauthenticated callers enabled.
fn start() -> (Program, Server) {
    let mut program = Program::new();
    for (name, value) in [
        ("KEYWRIGHT_SIGNUP", "open"),
        ("KEYWRIGHT_DYNAMIC_REGISTRATION", "true"),
        ("KEYWRIGHT_REGISTRATION_API", "afdb"),
        ("KEYWRIGHT_ACTIVITY_MAX_BYTES", "16MiB"),
    ] {
        program.set(name, value);
    }
    let server = program.serve::<&str>([]);
    (program, server)
}

async fn run(each: Duration) {
    let (program, server) = start();
    let operator = server.operator();
    operator.post("/v1/apis", &afdb()).await.expect(201);
    let key = json!({"api": "afdb", "name": "known", "scopes": ["queries:read"], "tier": "enterprise"});
    let key = operator.post("/v1/keys", &key).await.expect(201);
    let manager = json!({"api": "keywright", "name": "gateway", "scopes": ["keys:verify"]});
    let manager = operator.post("/v1/keys", &manager).await.expect(201);
    let app = json!({
        "name": "App", "type": "public", "redirect_uris": ["https://app.example/callback"],
        "access": [{"api": "afdb", "scopes": ["queries:read"]}],
    });
    let app = operator.post("/v1/clients", &app).await.expect(201);
    let ada =
        json!({"email": "ada@example.com", "role": "member", "password": "correct horse battery staple"});
    operator.post("/v1/users", &ada).await.expect(201);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let target = requests::Target { client_id: text(&app["id"]) };

    let gateway = server.anonymous().with("authorization", &format!("Bearer {}", text(&manager["key"])));
    let question = json!({"api": "afdb", "key": key["key"]});
    for _ in 0..KNOWN {
        assert_eq!(gateway.post("/v1/keys/verify", &question).await.expect(200)["code"], "VALID");
    }
    // Memory that is allocated once: a block for each thread that hashes passwords, buffers, pages of the store.
    for flooded in requests::ALL {
        flood(&server, flooded, &target, NETWORKS, Duration::from_millis(200)).await;
    }
    let before = Size::of(&server, program.data());

    let probe = Probe::new(&server, &text(&manager["key"]), &question);
    let (mut all, mut table) = (Waits::default(), Vec::new());
    for flooded in requests::ALL {
        let over = Arc::new(AtomicBool::new(false));
        let probing = tokio::spawn(probe.clone().run(over.clone()));
        let counts = flood(&server, flooded, &target, NETWORKS, each).await;
        over.store(true, Ordering::Relaxed);
        let mut waits = probing.await.unwrap();
        table.push((flooded.name, counts, waits.row()));
        all.add(waits);
    }
    let after = Size::of(&server, program.data());

    println!(
        "{:<14} {:>9} {:>22} {:>12} {:>12} {:>12} {:>12}",
        "flood", "requests", "statuses", "healthz p50", "p99", "verify p50", "p99"
    );
    for (name, Counts { total, statuses }, [p50, p99, verify_p50, verify_p99]) in &table {
        let statuses: Vec<String> =
            statuses.iter().map(|(status, count)| format!("{status}:{count}")).collect();
        println!(
            "{name:<14} {total:>9} {:>22} {p50:>12?} {p99:>12?} {verify_p50:>12?} {verify_p99:>12?}",
            statuses.join(" ")
        );
    }
    let [_, health, _, verify] = all.row();
    let (grown, more) = (after.data.saturating_sub(before.data), after.memory.saturating_sub(before.memory));
    // The rows of the known caller are not the flood's.
    let (known, grown) = (all.verified as u64, grown.saturating_sub(all.verified as u64 * ROW_BYTES));
    println!(
        "data +{} KiB of {} KiB beside {known} rows of the known caller, memory +{} KiB of {} KiB, \
         p99 of healthz {health:?}, of verify {verify:?}",
        grown >> 10,
        before.data >> 10,
        more >> 10,
        before.memory >> 10
    );
    let rows = known_rows(&server, key["id"].as_str().unwrap()).await;

    assert!(all.verified > 100, "a known caller is served meanwhile: {}", all.verified);
    // One password takes tens of milliseconds: the first sign-ins take seconds.
    assert!(table.iter().all(|(_, counts, _)| counts.total > 0), "every endpoint was flooded");
    assert!(grown < MAX_GROWTH, "the data directory grew by {grown} bytes");
    assert!(more < MAX_MEMORY, "the memory grew by {more} bytes");
    assert!(verify <= health * 2, "p99 of verify {verify:?}, of healthz {health:?}");
    assert_eq!(rows, KNOWN + all.verified, "every row of the known key is there");
    let report = operator.get("/v1/activity/verify").await;
    assert!(report.status != 200 || report.json()["bad"].is_null(), "{}", report.text());
    let login = json!({"email": "ada@example.com", "password": "correct horse battery staple"});
    server.anonymous().post("/v1/auth/login", &login).await.expect(200);
    println!("floods: ok");
}

/// Rows about a key with code `VALID`.
async fn known_rows(server: &Server, id: &str) -> usize {
    let (mut rows, mut cursor) = (0, String::new());
    loop {
        let page =
            server.operator().get(&format!("/v1/keys/{id}/activity?limit=200{cursor}")).await.expect(200);
        let data = page["data"].as_array().unwrap();
        rows += data.iter().filter(|row| row["type"] == "key.verify" || row["kind"] == "key.verify").count();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}
