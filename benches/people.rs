//! What signing in costs, beside what the bare cryptography costs, and what it does to verification meanwhile.
//!
//! The server runs in this process on a runtime of its own; the load comes over real HTTP from another. Arms are
//! measured in turns, so that whatever else the machine does meets them alike; a ratio is the median of the rounds'.
//!
//! `cargo bench --bench people` runs it; `-- --rounds 3 --millis 2000` makes it shorter.
#![expect(clippy::print_stdout, reason = "a report is what this is for")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use keywright::app::{self, Doors, Env};
use keywright::config::Config;
use keywright::domain::passwords::{PasswordHash, usual_size};
use keywright::model::Secret;
use serde_json::{Value, json};
use thread_priority::unix::{NormalThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id};
use thread_priority::{ThreadPriority, ThreadSchedulePolicy};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;

const PASSWORD: &str = "correct horse battery staple";
/// People who sign in during a measurement.
const PEOPLE: usize = 32;
/// Logins in flight while verification is measured.
const FLOOD: usize = 500;

struct Options {
    rounds: usize,
    time: Duration,
}

/// What the load needs to know of the server.
#[derive(Clone)]
struct Target {
    address: std::net::SocketAddr,
    control: PathBuf,
}

fn main() {
    let mut options = Options { rounds: 5, time: Duration::from_secs(3) };
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    for pair in arguments.chunks(2) {
        match pair {
            [name, value] if name == "--rounds" => options.rounds = value.parse().expect("a number"),
            [name, value] if name == "--millis" => {
                options.time = Duration::from_millis(value.parse().expect("a number"));
            }
            _ => panic!("--rounds 5 --millis 3000"),
        }
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = runtime(2);
    let mut config = Config::defaults(directory.path().join("data"));
    config.http.listen = "127.0.0.1:0".parse().expect("an address");
    config.http.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    let running = server.block_on(app::start(&config, Env::default(), Doors::Tcp)).expect("it starts");
    let target =
        Target { address: running.address.expect("a TCP door"), control: config.control_socket_path() };
    let load = runtime(1);
    load.block_on(measure(&options, &target));
    server.block_on(running.stop());
}

fn runtime(threads: usize) -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(threads).enable_all().build().expect("threads")
}

async fn measure(options: &Options, target: &Target) {
    let key = prepare(target).await;
    let threads = usual_size().threads;
    println!("argon2id m=19456 KiB t=2 p=1 on {threads} thread(s); RS256 with 3,072 bits\n");
    let mut logins = Ratio::default();
    for _ in 0..options.rounds {
        let raw = raw_hashes(threads, options.time);
        let ours = login_rate(target, options.time).await;
        logins.add(ours, raw);
    }
    logins.print("logins/s", "raw argon2id/s");

    let (signature_us, mut refreshes, mut cpu) = (raw_signature_us(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let (rate, cpu_us) = refresh_rate(target, options.time).await;
        refreshes.push(rate);
        cpu.push(cpu_us);
    }
    println!(
        "refreshes/s {:.0}; CPU per refresh {:.0} µs (client included); one raw RS256 signature {signature_us:.0} µs",
        median(&mut refreshes),
        median(&mut cpu)
    );

    let mut slower = Ratio::default();
    let before = resident_kib();
    let mut highest = before;
    for _ in 0..options.rounds {
        let quiet = verify_p99_us(target, &key, options.time).await;
        let flood = Flood::start(target);
        let flooded = verify_p99_us(target, &key, options.time).await;
        highest = highest.max(resident_kib());
        println!("  answered during the flood: {}", flood.stop().await);
        slower.add(flooded, quiet);
    }
    slower.print(&format!("verify p99 µs with {FLOOD} logins in flight"), "without");
    println!("resident memory {} → at most {} MiB", before >> 10, highest >> 10);
}

/// Pairs of figures that were measured one after the other.
#[derive(Default)]
struct Ratio {
    ours: Vec<f64>,
    other: Vec<f64>,
    ratios: Vec<f64>,
}

impl Ratio {
    fn add(&mut self, ours: f64, other: f64) {
        self.ours.push(ours);
        self.other.push(other);
        self.ratios.push(ours / other);
    }

    fn print(mut self, ours: &str, other: &str) {
        println!(
            "{ours} {:.1}; {other} {:.1}; ratio {:.2}",
            median(&mut self.ours),
            median(&mut self.other),
            median(&mut self.ratios)
        );
    }
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The same hash on as many threads, at the same scheduling priority.
fn raw_hashes(threads: usize, time: Duration) -> f64 {
    let count = AtomicU64::new(0);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
                let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy);
                let (mut memory, password) = (Vec::new(), Secret::new(PASSWORD.to_owned()));
                while started.elapsed() < time {
                    let _ = PasswordHash::new(&password, [7; 16], &mut memory);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    count.into_inner() as f64 / started.elapsed().as_secs_f64()
}

fn raw_signature_us() -> f64 {
    let key = KeyPair::generate(KeySize::Rsa3072).expect("a key");
    let (rng, mut signature) = (SystemRandom::new(), vec![0; key.public_modulus_len()]);
    let started = Instant::now();
    for _ in 0..300 {
        key.sign(&RSA_PKCS1_SHA256, &rng, &[7; 700], &mut signature).expect("a signature");
    }
    started.elapsed().as_secs_f64() * 1e6 / 300.0
}

/// An API with a key, and people; answers the key.
async fn prepare(target: &Target) -> String {
    let mut operator = operator(target).await;
    let api = json!({
        "slug": "afdb", "name": "Bench", "audience": "https://api.example.com",
        "scopes": [{"name": "queries:read", "description": "Read"}],
    });
    expect(post(&mut operator, "/v1/apis", &api, None).await, 201);
    for person in 0..PEOPLE {
        let body = json!({"email": email(person), "role": "member", "password": PASSWORD});
        expect(post(&mut operator, "/v1/users", &body, None).await, 201);
    }
    let key = json!({"api": "afdb", "name": "bench", "scopes": ["queries:read"]});
    let key = expect(post(&mut operator, "/v1/keys", &key, None).await, 201);
    let own = json!({"api": "keywright", "name": "gateway", "scopes": ["keys:verify"]});
    let own = expect(post(&mut operator, "/v1/keys", &own, None).await, 201);
    format!("{} {}", own["key"].as_str().expect("a key"), key["key"].as_str().expect("a key"))
}

fn email(person: usize) -> String {
    format!("person{person}@example.com")
}

/// Right logins, by as many people as there are connections.
async fn login_rate(target: &Target, time: Duration) -> f64 {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for person in 0..PEOPLE {
        let target = target.clone();
        tasks.spawn(async move {
            let (mut connection, mut count) = (connect(&target).await, 0_u64);
            let body = json!({"email": email(person), "password": PASSWORD});
            while started.elapsed() < time {
                expect(post(&mut connection, "/v1/auth/login", &body, None).await, 200);
                count += 1;
            }
            count
        });
    }
    let count: u64 = tasks.join_all().await.into_iter().sum();
    count as f64 / started.elapsed().as_secs_f64()
}

/// Chains of refreshes, and the CPU time that each takes.
async fn refresh_rate(target: &Target, time: Duration) -> (f64, f64) {
    let mut chains = Vec::new();
    for person in 0..8 {
        let mut connection = connect(target).await;
        let body = json!({"email": email(person), "password": PASSWORD});
        let tokens = expect(post(&mut connection, "/v1/auth/login", &body, None).await, 200);
        chains.push((connection, tokens));
    }
    let (started, cpu) = (Instant::now(), cpu_us());
    let mut tasks = JoinSet::new();
    for (mut connection, mut tokens) in chains {
        tasks.spawn(async move {
            let mut count = 0_u64;
            while started.elapsed() < time {
                let body = json!({"refresh_token": tokens["refresh_token"]});
                tokens = expect(post(&mut connection, "/v1/auth/refresh", &body, None).await, 200);
                count += 1;
            }
            count
        });
    }
    let count: u64 = tasks.join_all().await.into_iter().sum();
    (count as f64 / started.elapsed().as_secs_f64(), (cpu_us() - cpu) / count as f64)
}

/// The 99th percentile of verification, asked one after the other on a few connections.
async fn verify_p99_us(target: &Target, keys: &str, time: Duration) -> f64 {
    let (own, key) = keys.split_once(' ').expect("two keys");
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let (target, own) = (target.clone(), format!("Bearer {own}"));
        let body = json!({"api": "afdb", "key": key});
        tasks.spawn(async move {
            let (mut connection, mut took) = (connect(&target).await, Vec::new());
            while started.elapsed() < time {
                let asked = Instant::now();
                let headers = Some((header::AUTHORIZATION.as_str(), own.as_str()));
                expect(post(&mut connection, "/v1/keys/verify", &body, headers).await, 200);
                took.push(asked.elapsed().as_secs_f64() * 1e6);
            }
            took
        });
    }
    let mut took: Vec<f64> = tasks.join_all().await.into_iter().flatten().collect();
    took.sort_by(f64::total_cmp);
    took[took.len() * 99 / 100]
}

/// [`FLOOD`] logins that are always in flight, each from a network of its own.
struct Flood {
    stop: Arc<std::sync::atomic::AtomicBool>,
    answered: Arc<[AtomicU64; 4]>,
    tasks: JoinSet<()>,
}

impl Flood {
    fn start(target: &Target) -> Self {
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let answered: Arc<[AtomicU64; 4]> = Arc::default();
        let mut tasks = JoinSet::new();
        for number in 0..FLOOD {
            let (target, stop, answered) = (target.clone(), stop.clone(), answered.clone());
            tasks.spawn(async move {
                let mut connection = connect(&target).await;
                let network = format!("198.{}.{}.1", number / 250, number % 250);
                let body = json!({"email": format!("nobody{number}@example.com"), "password": PASSWORD});
                while !stop.load(Ordering::Relaxed) {
                    let headers = Some(("x-forwarded-for", network.as_str()));
                    let (status, _) = post(&mut connection, "/v1/auth/login", &body, headers).await;
                    let slot = [401, 429, 503].iter().position(|known| *known == status).unwrap_or(3);
                    answered[slot].fetch_add(1, Ordering::Relaxed);
                    if status != 401 {
                        // As a client does that was told to come back later.
                        tokio::time::sleep(Duration::from_millis(250)).await;
                    }
                }
            });
        }
        Self { stop, answered, tasks }
    }

    async fn stop(self) -> String {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.tasks.join_all().await;
        let [wrong, slowed, full, other] =
            [0, 1, 2, 3].map(|slot| self.answered[slot].load(Ordering::Relaxed));
        format!("{wrong} × 401, {slowed} × 429, {full} × 503, {other} × anything else")
    }
}

type Connection = SendRequest<Full<Bytes>>;

async fn connect(target: &Target) -> Connection {
    let stream = TcpStream::connect(target.address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a TCP stream");
    let (requests, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
    tokio::spawn(connection);
    requests
}

async fn operator(target: &Target) -> Connection {
    let stream = UnixStream::connect(&target.control).await.expect("the server listens");
    let (requests, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
    tokio::spawn(connection);
    requests
}

async fn post(
    connection: &mut Connection,
    path: &str,
    body: &Value,
    headers: Option<(&str, &str)>,
) -> (u16, Bytes) {
    let mut request = Request::post(path)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json");
    if let Some((name, value)) = headers {
        request = request.header(name, value);
    }
    let request = request.body(Full::from(body.to_string())).expect("a well-formed request");
    connection.ready().await.expect("the connection stays open");
    let answer = connection.send_request(request).await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.into_body().collect().await.expect("a whole body").to_bytes())
}

fn expect((status, body): (u16, Bytes), wanted: u16) -> Value {
    assert_eq!(status, wanted, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).expect("JSON")
}

/// CPU time of this process so far.
fn cpu_us() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) * 10_000.0
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}
