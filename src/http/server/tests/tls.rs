use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::{Identity as Shown, tls_config};
use super::*;

/// A certificate of `localhost` with its key, as files.
struct Identity {
    directory: TempDir,
    authority: CertificateDer<'static>,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Identity {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = issuer.as_ref().der().clone();
        let identity = Self { directory: tempfile::tempdir().unwrap(), authority, issuer };
        identity.renew();
        identity
    }

    /// Writes a new certificate and key, and returns the certificate.
    fn renew(&self) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.file("cert.pem"), leaf.pem()).unwrap();
        std::fs::write(self.file("key.pem"), key.serialize_pem()).unwrap();
        leaf.der().clone()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn shown(&self) -> Arc<Shown> {
        Arc::new(Shown::read(self.file("cert.pem"), self.file("key.pem")).unwrap())
    }

    fn config(&self) -> Arc<rustls::ServerConfig> {
        tls_config(&self.shown()).unwrap()
    }

    async fn connect(&self, server: &Server, alpn: &[u8]) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await.unwrap()
    }

    async fn http2(&self, server: &Server) -> (SendRequest<Upload>, JoinHandle<hyper::Result<()>>) {
        let stream = self.connect(server, b"h2").await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (requests, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        (requests, tokio::spawn(connection))
    }
}

/// A body whose first byte never arrives.
struct Stalled;

impl Body for Stalled {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Self::Error>>> {
        Poll::Pending
    }
}

type Upload = BoxBody<Bytes, std::convert::Infallible>;

async fn get(requests: &mut SendRequest<Upload>, path: &str) -> hyper::Result<http::Response<Incoming>> {
    let request = http::Request::get(format!("https://localhost{path}")).body(Empty::new().boxed()).unwrap();
    patiently(requests.send_request(request)).await
}

async fn text(response: http::Response<Incoming>) -> String {
    let body = patiently(response.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8(body.into()).unwrap()
}

#[tokio::test]
async fn http1_within_tls() {
    let identity = Identity::new();
    let server = Server::start_with(Options::default(), Some(identity.config())).await;
    let mut stream = identity.connect(&server, b"http/1.1").await;
    assert!(ask(&mut stream, "/").await.ends_with("hello"));
    assert!(ask(&mut stream, "/peer").await.ends_with(" https None"));
}

#[tokio::test]
async fn http2_within_tls_and_a_panic_ends_its_stream_only() {
    let identity = Identity::new();
    let server = Server::start_with(Options::default(), Some(identity.config())).await;
    let (mut requests, _connection) = identity.http2(&server).await;
    assert!(get(&mut requests, "/panic").await.is_err());
    assert_eq!(text(get(&mut requests, "/").await.unwrap()).await, "hello");
    assert!(text(get(&mut requests, "/peer").await.unwrap()).await.ends_with(" https None"));
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_closed() {
    let identity = Identity::new();
    let options = with(Deadlines { first_request: SHORT, ..LONG_DEADLINES });
    let server = Server::start_with(options, Some(identity.config())).await;
    assert_eq!(rest(&mut server.connect().await).await, "");
    // The handshake alone does not buy more time.
    let mut stream = identity.connect(&server, b"http/1.1").await;
    assert_eq!(rest(&mut stream).await, "");
    let (_requests, closed) = identity.http2(&server).await;
    let _ = patiently(closed).await.unwrap();
}

#[tokio::test]
async fn an_http2_connection_is_closed_when_idle_but_not_while_it_answers() {
    let identity = Identity::new();
    let options = with(Deadlines { idle: SHORT, body: SHORT, ..LONG_DEADLINES });
    let server = Server::start_with(options, Some(identity.config())).await;
    let (mut busy, _connection) = identity.http2(&server).await;
    assert_eq!(text(get(&mut busy, "/").await.unwrap()).await, "hello");
    let mut feeder = server.feed();
    let mut feed = get(&mut busy, "/feed").await.unwrap();
    for _ in 0..3 {
        let (mut idle, closed) = identity.http2(&server).await;
        assert_eq!(text(get(&mut idle, "/").await.unwrap()).await, "hello");
        patiently(closed).await.unwrap().unwrap();
        feeder.write_all(b"more").await.unwrap();
        let frame = patiently(feed.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "more");
    }
    drop(feeder);
    assert_eq!(text(feed).await, "");
}

#[tokio::test]
async fn an_http2_connection_has_a_hundred_streams_at_once() {
    let identity = Identity::new();
    let server = Server::start_with(with(LONG_DEADLINES), Some(identity.config())).await;
    let (requests, _connection) = identity.http2(&server).await;
    let mut held = tokio::task::JoinSet::new();
    for _ in 0..250 {
        let mut requests = requests.clone();
        held.spawn(async move { text(get(&mut requests, "/hold").await.unwrap()).await });
    }
    let probe = server.probe.clone();
    for answered in 0..250 {
        let all = (250 - answered).min(100);
        while probe.holding.load(Ordering::SeqCst) < all {
            patiently(probe.held.notified()).await;
        }
        probe.release.notify_one();
        assert_eq!(patiently(held.join_next()).await.unwrap().unwrap(), "held");
    }
    assert_eq!(probe.most_held.load(Ordering::SeqCst), 100);
}

#[tokio::test]
async fn an_http2_body_that_stalls_is_408_and_other_requests_go_on() {
    let identity = Identity::new();
    let options = with(Deadlines { body: SHORT, ..LONG_DEADLINES });
    let server = Server::start_with(options, Some(identity.config())).await;
    let (mut requests, _connection) = identity.http2(&server).await;
    let request = http::Request::post("https://localhost/length").body(Stalled.boxed()).unwrap();
    let response = patiently(requests.send_request(request)).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(text(get(&mut requests, "/").await.unwrap()).await, "hello");
}

#[tokio::test]
async fn an_http2_peer_that_gives_no_window_is_cut() {
    let identity = Identity::new();
    let options = with(Deadlines { body: SHORT, ..LONG_DEADLINES });
    let server = Server::start_with(options, Some(identity.config())).await;
    let mut feeder = server.feed();
    let (mut requests, closed) = identity.http2(&server).await;
    let _unread = get(&mut requests, "/feed").await.unwrap();
    let chunk = vec![b'x'; 1 << 20];
    patiently(async { while feeder.write_all(&chunk).await.is_ok() {} }).await;
    let _ = patiently(closed).await.unwrap();
}

#[tokio::test]
async fn a_stop_finishes_http2_requests_in_flight() {
    let identity = Identity::new();
    let server = Server::start_with(with(LONG_DEADLINES), Some(identity.config())).await;
    let (_idle, idle_closed) = identity.http2(&server).await;
    let (mut requests, closed) = identity.http2(&server).await;
    let held = tokio::spawn(async move { get(&mut requests, "/hold").await.unwrap() });
    patiently(server.probe.held.notified()).await;
    server.stop.send(true).unwrap();
    let _ = patiently(idle_closed).await.unwrap();
    server.probe.release.notify_one();
    assert_eq!(text(patiently(held).await.unwrap()).await, "held");
    patiently(closed).await.unwrap().unwrap();
    patiently(server.done).await.unwrap();
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_with_a_remedy() {
    let (identity, other) = (Identity::new(), Identity::new());
    let (cert, key) = (identity.file("cert.pem"), identity.file("key.pem"));
    let missing = identity.file("missing.pem");
    let refused = |cert: &PathBuf, key: &PathBuf| Shown::read(cert, key).unwrap_err();

    let said = refused(&missing, &key);
    assert!(said.contains("missing.pem") && said.contains("`tls_cert`"), "{said}");
    let said = refused(&cert, &missing);
    assert!(said.contains("missing.pem") && said.contains("`tls_key`"), "{said}");
    let said = refused(&key, &key);
    assert!(said.contains("key.pem holds no certificate"), "{said}");
    let said = refused(&cert, &cert);
    assert!(said.contains("cert.pem holds no private key"), "{said}");
    let said = refused(&cert, &other.file("key.pem"));
    assert!(said.contains("does not belong"), "{said}");

    std::fs::write(&missing, "-----BEGIN PRIVATE KEY-----\nhush!\n-----END PRIVATE KEY-----\n").unwrap();
    let said = refused(&cert, &missing);
    assert!(said.contains("damaged") && !said.contains("hush"), "{said}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
    let identity = Identity::new();
    let shown = identity.shown();
    let server = Server::start_with(with(LONG_DEADLINES), Some(tls_config(&shown).unwrap())).await;
    let seen = async || {
        let stream = identity.connect(&server, b"http/1.1").await;
        stream.get_ref().1.peer_certificates().unwrap()[0].clone()
    };
    let first = seen().await;
    assert_eq!(shown.refresh(), Ok(false));
    let second = identity.renew();
    assert_eq!(seen().await, first, "the files have not been read again yet");
    assert_eq!(shown.refresh(), Ok(true));
    assert_eq!(seen().await, second);
    assert_eq!(shown.refresh(), Ok(false));

    let key = std::fs::read(identity.file("key.pem")).unwrap();
    identity.renew();
    std::fs::write(identity.file("key.pem"), &key).unwrap();
    assert!(shown.refresh().unwrap_err().contains("does not belong"), "half of a renewal");
    assert_eq!(seen().await, second);
    let third = identity.renew();
    assert_eq!(shown.refresh(), Ok(true));
    assert_eq!(seen().await, third);
}
