//! HTTP/1.1 by hand: requests are sent byte for byte, however malformed, on a persistent connection.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::Bytes;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::deadline;
use crate::support::Reply;

/// A request to send.
#[derive(Debug, Clone)]
pub struct Ask {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    /// Content-Length or chunked.
    chunked: bool,
}

/// Bytes in each chunk.
const CHUNK: usize = 10_000;

impl Ask {
    /// Any request, from `METHOD /target`.
    pub fn route(route: &str) -> Self {
        let (method, target) = route.split_once(' ').unwrap_or_else(|| panic!("no route: {route}"));
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, headers: Vec::new(), body: None, chunked: false }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a bearer credential.
    #[must_use]
    pub fn bearer(self, credential: &str) -> Self {
        self.with("Authorization", &format!("Bearer {credential}"))
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.with("Content-Type", content_type)
    }

    /// With a body in chunks.
    #[must_use]
    pub fn chunked(mut self, body: &[u8]) -> Self {
        let mut chunks = Vec::with_capacity(body.len() + body.len() / 500);
        for chunk in body.chunks(CHUNK) {
            chunks.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            chunks.extend_from_slice(chunk);
            chunks.extend_from_slice(b"\r\n");
        }
        chunks.extend_from_slice(b"0\r\n\r\n");
        self.body = Some(chunks);
        self.chunked = true;
        self.with("Transfer-Encoding", "chunked")
    }

    /// With a body of JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// With a form.
    #[must_use]
    pub fn form(self, body: &str) -> Self {
        self.body("application/x-www-form-urlencoded", body)
    }

    fn bytes(&self, address: SocketAddr) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            text += &format!("Host: {address}\r\n");
        }
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = self.body.as_ref().filter(|_| !self.chunked) {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        let mut bytes = (text + "\r\n").into_bytes();
        bytes.extend(self.body.iter().flatten());
        bytes
    }

    /// Sends it on a connection of its own.
    pub async fn send(&self, address: SocketAddr) -> Reply {
        Wire::open(address).await.send(self).await
    }
}

/// A connection.
pub struct Wire {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
    /// Whether the server announced that this is the last response.
    ended: bool,
}

impl Wire {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = deadline("a connection", TcpStream::connect(address)).await.expect("it is taken");
        stream.set_nodelay(true).expect("a socket");
        Self { address, stream: BufReader::new(stream), ended: false }
    }

    /// Sends a request and reads its answer.
    pub async fn send(&mut self, ask: &Ask) -> Reply {
        if self.ended {
            *self = Self::open(self.address).await;
        }
        let bytes = ask.bytes(self.address);
        let is_head = ask.method == "HEAD";
        self.say(&bytes, is_head).await
    }

    /// Sends bytes and reads a response.
    pub async fn say(&mut self, bytes: &[u8], is_head: bool) -> Reply {
        deadline("an answer", async {
            // A server that refuses a request early may close before all of it was sent.
            let _ = self.stream.get_mut().write_all(bytes).await;
            self.read(is_head).await.expect("an answer")
        })
        .await
    }

    async fn read(&mut self, is_head: bool) -> std::io::Result<Reply> {
        loop {
            let first = self.line().await?;
            let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
            let status: u16 = status.ok_or_else(|| wrong(&first))?;
            let headers = self.headers().await?;
            self.ended = headers.get("connection").is_some_and(|value| value == "close");
            if status >= 200 {
                let body = if is_head || matches!(status, 204 | 304) {
                    Vec::new()
                } else {
                    self.body(&headers).await?
                };
                return Ok(Reply { status, headers, body: Bytes::from(body) });
            }
        }
    }

    async fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await?;
        line.strip_suffix("\r\n").map(str::to_owned).ok_or_else(|| wrong(&line))
    }

    async fn headers(&mut self) -> std::io::Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Ok(headers);
            }
            let (name, value) = line.split_once(':').ok_or_else(|| wrong(&line))?;
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(&line))?;
            let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong(&line))?;
            headers.append(name, value);
        }
    }

    async fn body(&mut self, headers: &HeaderMap) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            loop {
                let size = self.line().await?;
                let size = usize::from_str_radix(&size, 16).map_err(|_| wrong(&size))?;
                let start = body.len();
                body.resize(start + size, 0);
                self.stream.read_exact(&mut body[start..]).await?;
                self.line().await?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        match headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok()) {
            Some(length) => {
                body.resize(length, 0);
                self.stream.read_exact(&mut body).await?;
            }
            None => {
                self.stream.read_to_end(&mut body).await?;
            }
        }
        Ok(body)
    }
}

fn wrong(line: &str) -> std::io::Error {
    std::io::Error::other(format!("not HTTP: {line:?}"))
}
