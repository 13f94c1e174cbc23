//! A client of the REST API, for the setup of a measurement and for sequential calls.

use std::path::Path;

use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// A persistent connection.
pub(crate) struct Client(SendRequest<Full<Bytes>>);

impl Client {
    /// Over the network.
    pub(crate) async fn tcp(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the server listens");
        stream.set_nodelay(true).expect("TCP has the option");
        Self::over(stream).await
    }

    /// As the operator, through the control socket of a data directory.
    pub(crate) async fn operator(data: &Path) -> Self {
        Self::over(UnixStream::connect(data.join("control.sock")).await.expect("the server listens")).await
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (requests, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
        tokio::spawn(connection);
        Self(requests)
    }

    /// Posts JSON; returns the status and the body.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        body: &Value,
        extra: Option<(&str, &str)>,
    ) -> (u16, Bytes) {
        let mut request = Request::post(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json");
        if let Some((name, value)) = extra {
            request = request.header(name, value);
        }
        let request = request.body(Full::from(body.to_string())).expect("a well-formed request");
        self.0.ready().await.expect("the connection stays open");
        let answer = self.0.send_request(request).await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.into_body().collect().await.expect("a whole body").to_bytes())
    }

    /// Posts JSON; asserts the status `wanted`.
    pub(crate) async fn expect(&mut self, path: &str, body: &Value, wanted: u16) -> Value {
        let (status, body) = self.post(path, body, None).await;
        assert_eq!(status, wanted, "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }
}
