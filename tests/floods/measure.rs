//! Sends requests as fast as the server answers, and measures the server.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::requests::{Flooded, Target};
use crate::support::Server;

/// Connections of one network.
const CONNECTIONS: u8 = 4;
/// Requests in flight per connection.
const AT_ONCE: usize = 16;

/// Resources of the process.
pub struct Size {
    /// Bytes of the data directory.
    pub data: u64,
    /// Bytes of resident memory.
    pub memory: u64,
}

impl Size {
    pub fn of(server: &Server, data: &Path) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        let memory = line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10;
        Self { data: bytes(data), memory }
    }
}

fn bytes(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        // A file of SQLite that was just removed.
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// Responses to a flood.
#[derive(Default)]
pub struct Counts {
    pub total: u64,
    pub statuses: BTreeMap<u16, u64>,
}

/// Sends `flooded` requests from several networks for a while.
pub async fn flood(
    server: &Server,
    flooded: &Flooded,
    target: &Target,
    networks: u8,
    time: Duration,
) -> Counts {
    // Each flood sends other requests.
    static NUMBERS: AtomicU64 = AtomicU64::new(0);
    let until = Instant::now() + time;
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..networks * CONNECTIONS {
        let (address, flooded, target) = (server.address(), *flooded, target.clone());
        let source = Ipv4Addr::new(127, 1 + sender % networks, 0, 1);
        senders.spawn(async move {
            let mut counts = Counts::default();
            while Instant::now() < until {
                let Ok(stream) = connect(source, address).await else { continue };
                let next = || flooded.request(&target, NUMBERS.fetch_add(1, Ordering::Relaxed));
                let _ = tokio::time::timeout_at(until.into(), send(stream, next, &mut counts)).await;
            }
            counts
        });
    }
    let mut counts = Counts::default();
    while let Some(some) = senders.join_next().await {
        let some = some.unwrap();
        counts.total += some.total;
        for (status, count) in some.statuses {
            *counts.statuses.entry(status).or_default() += count;
        }
    }
    counts
}

async fn connect(source: Ipv4Addr, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    socket.connect(address).await
}

/// Sends until the server closes the connection.
async fn send(mut stream: TcpStream, next: impl Fn() -> String, counts: &mut Counts) -> std::io::Result<()> {
    const LINE: &[u8] = b"HTTP/1.1 ";
    let mut buffer = vec![0; 1 << 16];
    loop {
        let batch: String = (0..AT_ONCE).map(|_| next()).collect();
        stream.write_all(batch.as_bytes()).await?;
        let (mut answers, mut text) = (0, Vec::new());
        while answers < AT_ONCE {
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            text.extend_from_slice(&buffer[..read]);
            let mut seen = 0;
            while let Some(at) = text[seen..].windows(LINE.len()).position(|part| part == LINE) {
                let digits = seen + at + LINE.len();
                let Some(status) = text.get(digits..digits + 3) else { break };
                let status = std::str::from_utf8(status).unwrap().parse().unwrap();
                *counts.statuses.entry(status).or_default() += 1;
                counts.total += 1;
                answers += 1;
                seen = digits + 3;
            }
            let keep = (text.len() - seen).min(LINE.len() + 3);
            text.drain(..text.len() - keep);
        }
    }
}

/// Response times.
#[derive(Default)]
pub struct Waits {
    health: Vec<Duration>,
    verify: Vec<Duration>,
    /// Responses to the authenticated caller.
    pub verified: usize,
}

impl Waits {
    pub fn add(&mut self, other: Self) {
        self.health.extend(other.health);
        self.verify.extend(other.verify);
        self.verified += other.verified;
    }

    /// Median and 99th percentile of `/healthz`, and of a verification.
    pub fn row(&mut self) -> [Duration; 4] {
        let of = |waits: &mut Vec<Duration>| {
            waits.sort_unstable();
            let at = |percent: usize| waits.get(waits.len() * percent / 100).copied().unwrap_or_default();
            [at(50), at(99)]
        };
        let ([p50, p99], [verify_p50, verify_p99]) = (of(&mut self.health), of(&mut self.verify));
        [p50, p99, verify_p50, verify_p99]
    }
}

/// An authenticated caller that calls `/healthz` and verification in turn, one request at a time.
#[derive(Clone)]
pub struct Probe {
    address: SocketAddr,
    health: String,
    verify: String,
}

impl Probe {
    pub fn new(server: &Server, key: &str, question: &Value) -> Self {
        let question = question.to_string();
        Self {
            address: server.address(),
            health: "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
            verify: format!(
                "POST /v1/keys/verify HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{question}",
                question.len()
            ),
        }
    }

    /// Calls until `over`.
    pub async fn run(self, over: Arc<AtomicBool>) -> Waits {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let mut waits = Waits::default();
        while !over.load(Ordering::Relaxed) {
            waits.health.push(ask(&mut stream, &self.health, "HTTP/1.1 200").await);
            waits.verify.push(ask(&mut stream, &self.verify, "\"VALID\"").await);
            waits.verified += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        waits
    }
}

async fn ask(stream: &mut TcpStream, request: &str, wanted: &str) -> Duration {
    let started = Instant::now();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap();
        assert!(read > 0, "the server closed the connection of a known caller");
        text.extend_from_slice(&buffer[..read]);
        let whole = String::from_utf8_lossy(&text);
        let Some((head, body)) = whole.split_once("\r\n\r\n") else { continue };
        let length = head.to_lowercase().split("content-length: ").nth(1).and_then(|rest| {
            rest.split("\r\n").next().and_then(|digits| digits.trim().parse::<usize>().ok())
        });
        if body.len() >= length.unwrap_or(0) {
            assert!(whole.contains(wanted), "{whole}");
            return started.elapsed();
        }
    }
}
