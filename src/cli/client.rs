//! REST through `control.sock`.

use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::Value;
use tokio::net::UnixStream;

use super::Context;
use super::failure::Failure;
use super::instance;
use crate::app::Running;

/// Explains a connection that the server closed.
fn hung_up(error: impl std::fmt::Display) -> Failure {
    Failure::new(format!("The server closed the connection ({error}); see its log."))
}

/// The operator: may do everything, because it may open the data directory.
pub(super) struct Client {
    requests: SendRequest<Full<Bytes>>,
    /// The server, if it was started for this command.
    own: Option<Running>,
}

impl Client {
    /// Finds the server or starts one.
    pub(super) async fn open(context: &Context) -> Result<Self, Failure> {
        let (stream, own) = instance::connect(context).await?;
        Self::on(stream, own).await
    }

    /// Connects to a server in this process.
    pub(super) async fn to(running: &Running) -> Result<Self, Failure> {
        Self::on(UnixStream::connect(&running.control).await.map_err(hung_up)?, None).await
    }

    async fn on(stream: UnixStream, own: Option<Running>) -> Result<Self, Failure> {
        let (requests, connection) = handshake(TokioIo::new(stream)).await.map_err(hung_up)?;
        tokio::spawn(connection);
        Ok(Self { requests, own })
    }

    /// Stops the server that was started for this command.
    pub(super) async fn close(self) {
        drop(self.requests);
        if let Some(running) = self.own {
            running.stop().await;
        }
    }

    pub(super) async fn get(&mut self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, None::<&()>).await
    }

    pub(super) async fn post(&mut self, path: &str, body: &impl Serialize) -> Result<Value, Failure> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(super) async fn put(&mut self, path: &str, body: &impl Serialize) -> Result<Value, Failure> {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub(super) async fn delete(&mut self, path: &str) -> Result<(), Failure> {
        self.call(Method::DELETE, path, None::<&()>).await.map(drop)
    }

    /// Iterates over a list, page by page, until `visit` returns false.
    pub(super) async fn each(
        &mut self,
        path: &str,
        query: &Query,
        mut visit: impl FnMut(Value) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut query = query.clone();
        loop {
            let mut page = self.get(&query.on(path)).await?;
            let Value::Array(items) = page["data"].take() else { return Ok(()) };
            for item in items {
                if !visit(item)? {
                    return Ok(());
                }
            }
            match page["next_cursor"].as_str() {
                Some(cursor) => query.set("cursor", cursor),
                None => return Ok(()),
            }
        }
    }

    /// Calls and reads the response; an empty one is null.
    async fn call(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<Value, Failure> {
        let body = match body {
            Some(body) => serde_json::to_vec(body).map_err(|error| Failure::usage(error.to_string()))?,
            None => Vec::new(),
        };
        let answer = self.send(method, path, body).await?;
        let bytes = answer.collect().await.map_err(hung_up)?.to_bytes();
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| Failure::new(format!("The server's response is not JSON: {error}.")))
    }

    /// The body of a successful response, streamed.
    pub(super) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Incoming, Failure> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::from(body)).map_err(|error| Failure::usage(error.to_string()))?;
        self.requests.ready().await.map_err(hung_up)?;
        let answer = self.requests.send_request(request).await.map_err(hung_up)?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.map_err(hung_up)?.to_bytes();
        Err(Failure::answered(status, &bytes))
    }
}

/// A query string.
#[derive(Clone, Default)]
pub(super) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Adds `name` if there is a value.
    pub(super) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.set(name, &value.to_string());
        }
        self
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.0.retain(|(other, _)| *other != name);
        self.0.push((name, value.to_owned()));
    }

    /// `path` with the query.
    pub(super) fn on(&self, path: &str) -> String {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={}", percent(value)));
        match pairs.collect::<Vec<_>>().join("&") {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }
}

/// Text as one part of a path or a query (RFC 3986, section 2.1).
pub(super) fn percent(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_carries_any_text() {
        let query =
            Query::default().with("q", Some("a b&c=ä")).with("none", None::<String>).with("limit", Some(3));
        assert_eq!(query.on("/v1/keys"), "/v1/keys?q=a%20b%26c%3D%C3%A4&limit=3");
        assert_eq!(Query::default().on("/x"), "/x");
    }
}
