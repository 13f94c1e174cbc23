//! A small HTTP client: one connection per request.

use std::net::SocketAddr;
use std::path::PathBuf;

use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use super::openapi;

#[derive(Clone)]
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// A caller of the server.
#[derive(Clone)]
pub struct Client {
    address: Address,
    headers: Vec<(String, String)>,
}

/// A response.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Client {
    pub(super) fn tcp(address: SocketAddr) -> Self {
        Self { address: Address::Tcp(address), headers: Vec::new() }
    }

    pub(super) fn unix(path: PathBuf) -> Self {
        Self { address: Address::Unix(path), headers: Vec::new() }
    }

    /// The same caller with one more header.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None, Vec::new()).await
    }

    /// POST with JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::POST, path, Some("application/json"), body.to_string().into_bytes()).await
    }

    /// PATCH with JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::PATCH, path, Some("application/json"), body.to_string().into_bytes()).await
    }

    /// PUT with JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.send(Method::PUT, path, Some("application/json"), body.to_string().into_bytes()).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None, Vec::new()).await
    }

    /// POST of a form.
    pub async fn form(&self, path: &str, body: &str) -> Reply {
        let form = Some("application/x-www-form-urlencoded");
        self.send(Method::POST, path, form, body.as_bytes().to_vec()).await
    }

    /// Any request.
    pub async fn send(&self, method: Method, path: &str, content_type: Option<&str>, body: Vec<u8>) -> Reply {
        self.attempt(method, path, content_type, body).await.expect("an answer")
    }

    /// POST with JSON to a server that may be killed; none without a complete response.
    pub async fn try_post(&self, path: &str, body: &Value) -> Option<Reply> {
        self.attempt(Method::POST, path, Some("application/json"), body.to_string().into_bytes()).await
    }

    /// DELETE at a server that may be killed.
    pub async fn try_delete(&self, path: &str) -> Option<Reply> {
        self.attempt(Method::DELETE, path, None, Vec::new()).await
    }

    async fn attempt(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: Vec<u8>,
    ) -> Option<Reply> {
        let mut request =
            Request::builder().method(method.clone()).uri(path).header("host", "keywright.test");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let request = request.body(Full::new(Bytes::from(body))).expect("a well-formed request");
        let reply = match &self.address {
            Address::Tcp(address) => exchange(TcpStream::connect(address).await.ok()?, request).await?,
            Address::Unix(socket) => exchange(UnixStream::connect(socket).await.ok()?, request).await?,
        };
        openapi::validate(&method, path, &reply);
        Some(reply)
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Option<Reply>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let connection = tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    drop(sender);
    let _ = connection.await;
    Some(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; asserts the status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// Asserts the error envelope with this status and code; returns its `error`.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        let body = self.json();
        assert_eq!(body["success"], false, "{body}");
        assert_eq!(body["error"]["code"], code, "{body}");
        assert_eq!(body["error"]["request_id"], self.header("x-request-id"), "{body}");
        body["error"].clone()
    }

    /// Value of a header, or an empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
