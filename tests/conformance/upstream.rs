//! The protected service: it stores the requests that it receives, and answers JSON.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A received request.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Number of its connection.
    pub connection: usize,
}

impl Seen {
    /// Value of a header, empty if absent; asserts that it is not repeated.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map_or("", |value| value.to_str().expect("ASCII"));
        assert!(values.next().is_none(), "{name} came twice: {:?}", self.headers);
        value
    }

    /// `METHOD /path`.
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// A running service.
pub struct Upstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    taken: AtomicUsize,
}

/// The path that gets an error of the service itself.
pub const UNPROCESSABLE: &str = "/v1/unprocessable";
/// Message of that error.
pub const OWN_MESSAGE: &str = "The document is of no known kind";

impl Upstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = seen.clone();
        tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                let seen = kept.clone();
                let service = service_fn(move |request| answer(request, seen.clone(), connection));
                let io = TokioIo::new(stream);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
            }
        });
        Self { address, seen, taken: AtomicUsize::new(0) }
    }

    /// Requests since the last call.
    pub fn take(&self) -> Vec<Seen> {
        let seen = std::mem::take(&mut *self.seen.lock().expect("not poisoned"));
        self.taken.fetch_add(seen.len(), Ordering::Relaxed);
        seen
    }

    /// Number of requests since the start.
    pub fn total(&self) -> usize {
        self.take();
        self.taken.load(Ordering::Relaxed)
    }

    /// The only request.
    #[track_caller]
    pub fn one(&self) -> Seen {
        let mut seen = self.take();
        let routes: Vec<String> = seen.iter().map(Seen::route).collect();
        assert_eq!(seen.len(), 1, "the service saw {routes:?}");
        seen.remove(0)
    }

    /// Asserts that there was no request.
    #[track_caller]
    pub fn untouched(&self) {
        let routes: Vec<String> = self.take().iter().map(Seen::route).collect();
        assert!(routes.is_empty(), "the service saw {routes:?}");
    }
}

/// Number of connections of these requests.
pub fn connections(seen: &[Seen]) -> usize {
    seen.iter().map(|seen| seen.connection).collect::<BTreeSet<_>>().len()
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Seen>>>,
    connection: usize,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    // A body that breaks off is not a received request.
    let Ok(body) = body.collect().await else { return Ok(reply(400, &Value::Null)) };
    let target = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    // Answers 204 to every request.
    let no_words = parts.uri.path() == "/v1/forward-auth";
    let (status, json) = if parts.uri.path() == UNPROCESSABLE {
        (422, json!({"success": false, "error": {"code": "UNPROCESSABLE", "message": OWN_MESSAGE}}))
    } else {
        (200, json!({"received": {"method": parts.method.as_str(), "target": target}}))
    };
    seen.lock().expect("not poisoned").push(Seen {
        method: parts.method.to_string(),
        target,
        headers: parts.headers,
        body: body.to_bytes(),
        connection,
    });
    Ok(if no_words { Response::default() } else { reply(status, &json) })
}

fn reply(status: u16, json: &Value) -> Response<Full<Bytes>> {
    let body = Full::new(Bytes::from(json.to_string()));
    let response = Response::builder().status(status).header("content-type", "application/json").body(body);
    response.expect("a well-formed answer")
}
