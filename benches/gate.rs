//! Cost of the gate behind nginx: requests per second through nginx that asks Keywright about each of them, compared
//! with the same nginx that asks a poem handler which always answers 204, and one that always answers Keywright's
//! headers.
//!
//! `cargo bench --bench gate` needs nginx and taskset. All servers run on one core, the load on another.

#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench that cannot go on has failed, and it prints"
)]

#[path = "../tests/it/support/mod.rs"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "the tests use the rest of it")]
mod support;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use poem::endpoint::make;
use poem::http::{HeaderName, HeaderValue, StatusCode};
use poem::listener::TcpAcceptor;
use poem::{Response, Route, Server};
use serde_json::Value;

use support::Program;

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 15;
const SLICE: Duration = Duration::from_millis(1_000);
const SERVERS: &str = "0";
const LOAD: &str = "1";
const GOAL: f64 = 0.90;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "serve") {
        return serve(&arguments[at + 1], Path::new(&arguments[at + 2]));
    }
    let pinned = Command::new("taskset").args(["-p", "-c", LOAD, &std::process::id().to_string()]).output();
    assert!(pinned.unwrap().status.success(), "taskset (util-linux) binds processes to cores");
    let directory = tempfile::tempdir().unwrap();
    let world = World::start(directory.path());
    let arms = [("gate", world.gate), ("bare", world.bare), ("constant", world.constant)];
    let mut rates = [const { Vec::new() }; 3];
    for round in 0..=ROUNDS {
        for (rates, (_, port)) in rates.iter_mut().zip(arms) {
            let rate = load(port, &world.key);
            // The first round warms up.
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    for ((name, _), rates) in arms.iter().zip(&rates) {
        println!("nginx asking {name:<8} {:>8.0} requests/s (median of {ROUNDS})", median(rates.clone()));
    }
    let ratio = |above: usize, below: usize| {
        median(rates[above].iter().zip(&rates[below]).map(|(above, below)| above / below).collect())
    };
    println!("nginx with the gate ÷ nginx with a bare handler: {:.3} (goal {GOAL:.2})", ratio(0, 1));
    println!("nginx with the gate ÷ nginx with a handler of the same headers: {:.3}", ratio(0, 2));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// All processes besides the load; dropping it ends them.
struct World {
    _children: Vec<Running>,
    _keywright: (support::Server, Program),
    gate: u16,
    bare: u16,
    constant: u16,
    key: String,
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // nginx' master ends its worker on SIGTERM, but not when it is killed.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

impl World {
    fn start(directory: &Path) -> Self {
        let (service, service_port) = own("service", Path::new("-"));
        let (bare, bare_port) = own("bare", Path::new("-"));
        let (program, keywright) = keywright();
        let address = keywright.address().to_string();
        let cli = |arguments: &[&str]| program.run(arguments).good().to_owned();
        cli(&["api", "apply", concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/ai-for-database.toml")]);
        let made = cli(&[
            "key",
            "create",
            "--api",
            "afdb",
            "--name",
            "Bench",
            "--scope",
            "queries:read",
            "--ratelimit",
            "1000000000/60",
            "--json",
        ]);
        let key = serde_json::from_str::<Value>(&made).unwrap()["key"].as_str().unwrap().to_owned();
        let recorded = directory.join("answer");
        std::fs::write(&recorded, ask(&address, &key)).unwrap();
        let (constant, constant_port) = own("constant", &recorded);
        let behind = |name: &str, asked: &str| {
            let port = free_port();
            let upstream = format!("http://127.0.0.1:{service_port}");
            let listen = format!("127.0.0.1:{port}");
            let proxy =
                ["proxy-config", "nginx", "--api", "afdb", "--upstream", &upstream, "--listen", &listen];
            let config = cli(&proxy).replace("worker_processes auto", "worker_processes 1");
            (nginx(&directory.join(name), &config.replace(&address, asked), port), port)
        };
        let (with_gate, gate) = behind("gate", &address);
        let (with_bare, beside) = behind("bare", &format!("127.0.0.1:{bare_port}"));
        let (with_constant, same) = behind("constant", &format!("127.0.0.1:{constant_port}"));
        let children = vec![with_gate, with_bare, with_constant, bare, constant, service];
        Self {
            _children: children,
            _keywright: (keywright, program),
            gate,
            bare: beside,
            constant: same,
            key,
        }
    }
}

/// The head of Keywright's answer to the question that nginx asks.
fn ask(address: &str, key: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    let question = format!(
        "GET /v1/forward-auth?api=afdb&nginx=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         X-Original-Method: GET\r\nX-Original-URI: /v1/queries\r\nAuthorization: Bearer {key}\r\n\r\n"
    );
    stream.write_all(question.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    answer
}

/// A process on the servers' core.
fn on_core(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", SERVERS]).arg(program);
    command
}

/// The real program on the servers' core.
fn keywright() -> (Program, support::Server) {
    let mut program = Program::new();
    program.set("KEYWRIGHT_TRUSTED_PROXIES", "127.0.0.1/32");
    program.set("UNDER", &format!("taskset -c {SERVERS}"));
    let server = program.serve_after("");
    (program, server)
}

/// A poem server in a process of its own, and its port.
fn own(kind: &str, answer: &Path) -> (Running, u16) {
    let program = std::env::current_exe().unwrap();
    let mut child =
        on_core(program).args(["serve", kind]).arg(answer).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (Running(child), line.trim().parse().unwrap())
}

fn serve(kind: &str, answer: &Path) {
    let response = match kind {
        "bare" => (StatusCode::NO_CONTENT, Vec::new(), ""),
        "constant" => (StatusCode::OK, headers(answer), ""),
        _ => (StatusCode::OK, Vec::new(), "{\"rows\":[]}"),
    };
    let endpoint = make(move |_| {
        let (status, headers, body) = response.clone();
        async move {
            let mut response = Response::from(body);
            response.set_status(status);
            response.headers_mut().extend(headers.into_iter().map(|(name, value)| (Some(name), value)));
            response
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        let server = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener).unwrap());
        server.run(Route::new().at("/*path", endpoint)).await.unwrap();
    });
}

/// The headers of a recorded response without those that the server adds itself.
fn headers(answer: &Path) -> Vec<(HeaderName, HeaderValue)> {
    let text = std::fs::read_to_string(answer).unwrap();
    let lines = text.lines().skip(1).take_while(|line| !line.is_empty());
    let pairs = lines.filter_map(|line| line.split_once(':'));
    let others = pairs.filter(|(name, _)| !matches!(*name, "content-length" | "date" | "connection"));
    others.map(|(name, value)| (name.parse().unwrap(), value.trim().parse().unwrap())).collect()
}

fn nginx(directory: &PathBuf, config: &str, port: u16) -> Running {
    std::fs::create_dir(directory).unwrap();
    let file = directory.join("nginx.conf");
    std::fs::write(&file, config).unwrap();
    let child =
        on_core("nginx").arg("-p").arg(directory).arg("-c").arg(&file).args(["-g", "daemon off;"]).spawn();
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "nginx does not listen");
        std::thread::yield_now();
    }
    Running(child.unwrap())
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Requests per second over one slice: one thread, many connections, each with one request in flight.
fn load(port: u16, key: &str) -> f64 {
    let request = format!(
        "GET /v1/queries?limit=10 HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: python-requests/2.32.3\r\n\
         Accept: */*\r\nAuthorization: Bearer {key}\r\n\r\n"
    );
    let mut streams: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            stream.set_nodelay(true).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    let (start, mut count, mut buffer) = (Instant::now(), 0_u32, [0; 16 << 10]);
    while start.elapsed() < SLICE {
        for stream in &mut streams {
            let read = match stream.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                read => read.unwrap(),
            };
            let answer = &buffer[..read];
            // nginx sends head and body of such a small response at once.
            let whole = answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"{\"rows\":[]}");
            assert!(whole, "{}", String::from_utf8_lossy(answer));
            count += 1;
            stream.write_all(request.as_bytes()).unwrap();
        }
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}
