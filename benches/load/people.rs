//! Cost of sign-in compared with the bare cryptography, and its effect on verification.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Options;
use super::arms::What;
use super::child::Child;
use super::drive::{Connections, Requests};
use super::fill::{self, Scratch};
use super::raw::per_second;
use super::rest::Client;
use super::table::{Goal, Table, median, quantile};

const PASSWORD: &str = "correct horse battery staple";
/// People who sign in during a measurement.
const PEOPLE: usize = 32;
/// Chains of refreshes at a time.
const CHAINS: usize = 8;
/// Logins in flight while verification is measured.
const FLOOD: usize = 500;
/// Connections that verify at the same time.
const VERIFIERS: usize = 4;

/// Measures everything about people.
pub(crate) fn measure(table: &mut Table, scratch: &Scratch, options: &Options) {
    let data = scratch.copy(fill::Store::Keys(fill::FEW), "people");
    let mut child = Child::start("keywright", &data, &options.cores.0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("threads can be started");
    runtime.block_on(add_people(&data));
    let port = child.port;

    let (mut logins, mut ratios) = (Vec::new(), Vec::new());
    // Hashing has a core for itself; the rest of a login runs on the other one.
    child.pin(&format!("{},{}", options.cores.0, options.cores.1));
    for _ in 0..options.rounds {
        let raw = per_second(&child.tell(&format!("hash {}", options.time.as_millis())));
        let ours = runtime.block_on(login_rate(port, options.time));
        logins.push(ours);
        ratios.push(ours / raw);
    }
    table.line("logins ÷ raw argon2id on as many threads", Goal::AtLeast(0.9), median(ratios), "");
    table.line("… logins a second", Goal::None, median(logins), "");

    child.pin(&options.cores.0);
    let (mut refreshes, mut cpu, mut signature) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        signature.push(1e6 / per_second(&child.tell(&format!("sign {}", options.time.as_millis()))));
        let before = child.cpu_time();
        let (count, took) = runtime.block_on(refresh(port, options.time));
        cpu.push((child.cpu_time() - before).as_secs_f64() * 1e6 / count as f64);
        refreshes.push(count as f64 / took.as_secs_f64());
    }
    table.line("refreshes a second", Goal::None, median(refreshes), "");
    table.line("… server CPU for one", Goal::None, median(cpu), "µs");
    table.line("… one raw RS256 signature", Goal::None, median(signature), "µs");

    let keys = fill::keys(fill::FEW);
    let mut requests = What::Verify.requests(&keys, super::arms::shuffled(fill::FEW));
    let before = child.resident_mib();
    let (mut slower, mut highest, mut alone) = (Vec::new(), before, Vec::new());
    for _ in 0..options.rounds {
        let quiet = verify_p99_us(port, &mut requests, options.time);
        let flood = Flood::start(port);
        // Until every thread and queue of the server is full.
        std::thread::sleep(Duration::from_millis(500));
        let flooded = verify_p99_us(port, &mut requests, options.time);
        highest = highest.max(child.resident_mib());
        eprintln!("  answered during the flood: {}", flood.stop());
        slower.push(flooded / quiet);
        alone.push(quiet);
    }
    table.line(
        format!("verify p99 with {FLOOD} logins in flight ÷ without"),
        Goal::AtMost(2.0),
        median(slower),
        "",
    );
    table.line("… without", Goal::None, median(alone), "µs");
    table.line("… memory before the flood", Goal::None, before, "MiB");
    table.line("… at most in it", Goal::None, highest, "MiB");
}

async fn add_people(data: &std::path::Path) {
    let mut operator = Client::operator(data).await;
    for person in 0..PEOPLE {
        let body = json!({"email": email(person), "role": "member", "password": PASSWORD});
        operator.expect("/v1/users", &body, 201).await;
    }
}

fn email(person: usize) -> String {
    format!("person{person}@example.com")
}

/// Successful logins, by as many people as there are connections.
async fn login_rate(port: u16, time: Duration) -> f64 {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for person in 0..PEOPLE {
        tasks.spawn(async move {
            let (mut client, mut count) = (Client::tcp(port).await, 0_u64);
            let body = json!({"email": email(person), "password": PASSWORD});
            while started.elapsed() < time {
                client.expect("/v1/auth/login", &body, 200).await;
                count += 1;
            }
            count
        });
    }
    let count: u64 = tasks.join_all().await.into_iter().sum();
    count as f64 / started.elapsed().as_secs_f64()
}

/// Chains of refreshes: their number and duration.
async fn refresh(port: u16, time: Duration) -> (u64, Duration) {
    let mut chains = Vec::new();
    for person in 0..CHAINS {
        let mut client = Client::tcp(port).await;
        let body = json!({"email": email(person), "password": PASSWORD});
        let tokens = client.expect("/v1/auth/login", &body, 200).await;
        chains.push((client, tokens));
    }
    let (started, mut tasks) = (Instant::now(), JoinSet::new());
    for (mut client, mut tokens) in chains {
        tasks.spawn(async move {
            let mut count = 0_u64;
            while started.elapsed() < time {
                let body: Value = json!({"refresh_token": tokens["refresh_token"]});
                tokens = client.expect("/v1/auth/refresh", &body, 200).await;
                count += 1;
            }
            count
        });
    }
    (tasks.join_all().await.into_iter().sum(), started.elapsed())
}

/// The 99th percentile of verification, sequentially on a few connections.
fn verify_p99_us(port: u16, requests: &mut Requests<'_>, time: Duration) -> f64 {
    let (started, mut took) = (Instant::now(), Vec::new());
    let mut connections: Vec<_> =
        (0..VERIFIERS).map(|_| Connections::open(port, 1, What::Verify.good())).collect();
    while started.elapsed() < time {
        for connection in &mut connections {
            took.extend(connection.latencies_us(requests, 25));
        }
    }
    quantile(took, 99)
}

/// [`FLOOD`] logins always in flight, each from a network of its own, by a separate thread.
struct Flood {
    stop: Arc<AtomicBool>,
    answered: Arc<[AtomicU64; 4]>,
    thread: std::thread::JoinHandle<()>,
}

impl Flood {
    fn start(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answered: Arc<[AtomicU64; 4]> = Arc::default();
        let shared = (stop.clone(), answered.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("threads can be started").block_on(async {
                let mut tasks = JoinSet::new();
                for number in 0..FLOOD {
                    let (stop, answered) = shared.clone();
                    tasks.spawn(async move { guess(port, number, &stop, &answered).await });
                }
                tasks.join_all().await;
            });
        });
        Self { stop, answered, thread }
    }

    fn stop(self) -> String {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the load does not panic");
        let [wrong, slowed, full, other] =
            [0, 1, 2, 3].map(|slot| self.answered[slot].load(Ordering::Relaxed));
        format!("{wrong} × 401, {slowed} × 429, {full} × 503, {other} × anything else")
    }
}

async fn guess(port: u16, number: usize, stop: &AtomicBool, answered: &[AtomicU64; 4]) {
    let mut client = Client::tcp(port).await;
    let network = format!("198.{}.{}.1", number / 250, number % 250);
    let body = json!({"email": format!("nobody{number}@example.com"), "password": PASSWORD});
    while !stop.load(Ordering::Relaxed) {
        let from = Some(("x-forwarded-for", network.as_str()));
        let (status, _) = client.post("/v1/auth/login", &body, from).await;
        let slot = [401, 429, 503].iter().position(|known| *known == status).unwrap_or(3);
        answered[slot].fetch_add(1, Ordering::Relaxed);
        if status != 401 {
            // Like a client that honours Retry-After.
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}
