//! The service that is protected: it keeps what it received, and answers JSON.

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

/// A request that came through.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// On which connection.
    pub connection: usize,
}

impl Seen {
    /// A header's value, empty where it did not come; it must not have come twice.
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

/// The path that answers an error of the service's own.
pub const UNPROCESSABLE: &str = "/v1/unprocessable";
/// What its message is.
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

    /// What came since this was last asked.
    pub fn take(&self) -> Vec<Seen> {
        let seen = std::mem::take(&mut *self.seen.lock().expect("not poisoned"));
        self.taken.fetch_add(seen.len(), Ordering::Relaxed);
        seen
    }

    /// How many came since it started.
    pub fn total(&self) -> usize {
        self.take();
        self.taken.load(Ordering::Relaxed)
    }

    /// The one request that came.
    #[track_caller]
    pub fn one(&self) -> Seen {
        let mut seen = self.take();
        let routes: Vec<String> = seen.iter().map(Seen::route).collect();
        assert_eq!(seen.len(), 1, "the service saw {routes:?}");
        seen.remove(0)
    }

    /// Makes sure that nothing came.
    #[track_caller]
    pub fn untouched(&self) {
        let routes: Vec<String> = self.take().iter().map(Seen::route).collect();
        assert!(routes.is_empty(), "the service saw {routes:?}");
    }
}

/// How many connections these requests came on.
pub fn connections(seen: &[Seen]) -> usize {
    seen.iter().map(|seen| seen.connection).collect::<BTreeSet<_>>().len()
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Mutex<Vec<Seen>>>,
    connection: usize,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    // A body that breaks off is not a request that came.
    let Ok(body) = body.collect().await else { return Ok(reply(400, &Value::Null)) };
    let target = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
    // Whoever is asked for a yes says it, in no words.
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
