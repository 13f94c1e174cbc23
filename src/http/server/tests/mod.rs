//! Tests over real loopback sockets, with deadlines short enough to wait for. A test waits for what it expects
//! (an answer, a close), never for a time to pass.

mod deadlines;
mod requests;
mod stop;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use poem::error::ReadBodyError;
use poem::http::StatusCode;
use poem::{Endpoint, Request, Response, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::{ControlPeer, Deadlines, Listener, Options, serve};

/// A deadline that a test waits for.
const SHORT: Duration = Duration::from_millis(150);
/// A deadline that must not be what ends the wait.
const LONG: Duration = Duration::from_secs(3600);
/// How long to wait for what must happen.
const PATIENCE: Duration = Duration::from_secs(20);

const LONG_DEADLINES: Deadlines = Deadlines { first_request: LONG, header: LONG, idle: LONG, body: LONG };
const SHORT_DEADLINES: Deadlines =
    Deadlines { first_request: SHORT, header: SHORT, idle: SHORT, body: SHORT };

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn with(deadlines: Deadlines) -> Options {
    Options { deadlines, ..Options::default() }
}

/// An endpoint for every occasion.
#[derive(Default)]
struct Probe {
    /// A request for `/hold` arrived.
    held: Notify,
    /// Lets one `/hold` answer.
    release: Notify,
    /// Calls of `/hold` under way, and the most there ever were.
    holding: AtomicUsize,
    most_held: AtomicUsize,
    /// What `/feed` answers with.
    feed: Mutex<Option<DuplexStream>>,
}

impl Endpoint for Probe {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        Ok(match request.uri().path() {
            "/length" => match request.take_body().into_bytes_limit(1 << 20).await {
                Ok(body) => body.len().to_string().into(),
                Err(ReadBodyError::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                    StatusCode::REQUEST_TIMEOUT.into()
                }
                Err(error) => return Err(error.into()),
            },
            "/early" => StatusCode::PAYLOAD_TOO_LARGE.into(),
            "/hold" => {
                let holding = self.holding.fetch_add(1, Ordering::SeqCst) + 1;
                self.most_held.fetch_max(holding, Ordering::SeqCst);
                self.held.notify_one();
                self.release.notified().await;
                self.holding.fetch_sub(1, Ordering::SeqCst);
                "held".into()
            }
            "/feed" => {
                let feed = self.feed.lock().unwrap().take().unwrap();
                Response::builder().body(poem::Body::from_async_read(feed))
            }
            "/peer" => {
                let control = request.extensions().get::<ControlPeer>();
                format!("{} {} {control:?}", request.remote_addr(), request.scheme()).into()
            }
            "/panic" => panic!("asked for"),
            _ => "hello".into(),
        })
    }
}

struct Server {
    probe: Arc<Probe>,
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    done: JoinHandle<()>,
}

impl Server {
    async fn start(options: Options) -> Self {
        Self::start_with(options, None).await
    }

    async fn start_with(options: Options, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let probe = Arc::new(Probe::default());
        let done = tokio::spawn(serve(Listener::Tcp { listener, tls }, probe.clone(), options, stopped));
        Self { probe, addr, stop, done }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// A connection that has had one answer and is idle.
    async fn idle(&self) -> TcpStream {
        let mut stream = self.connect().await;
        ask(&mut stream, "/").await;
        stream
    }

    /// Makes `/feed` answer with what is written to the returned stream.
    fn feed(&self) -> DuplexStream {
        let (near, far) = tokio::io::duplex(64 * 1024);
        *self.probe.feed.lock().unwrap() = Some(far);
        near
    }
}

async fn patiently<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it happens in time")
}

/// Sends a GET and returns the head and body of the answer.
async fn ask<S: AsyncRead + AsyncWriteExt + Unpin>(stream: &mut S, path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
    answer(stream).await
}

/// Reads one answer whose length its head gives.
async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut text = head(stream).await;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    patiently(stream.read_exact(&mut body)).await.unwrap();
    text.push_str(std::str::from_utf8(&body).unwrap());
    text
}

async fn head<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(patiently(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Reads until the server closes, in good order or not.
async fn rest<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut bytes = Vec::new();
    let _ = patiently(stream.read_to_end(&mut bytes)).await;
    String::from_utf8(bytes).unwrap()
}
