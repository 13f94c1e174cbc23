//! Faulty answers of the gate, which must not let a request pass.

use std::io::Write as _;
use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::proxy::Proxy;
use crate::support::Reply;
use crate::support::certificates::certify;
use crate::wire::Ask;
use crate::world::{Course, World};

/// Routes of each kind: with a scope, denied, and public.
const ROUTES: [&str; 3] = ["GET /v1/queries", "POST /v1/team/members", "GET /v1/health"];

async fn statuses(course: &Course, proxy: &Proxy) -> Vec<u16> {
    let mut statuses = Vec::new();
    for route in ROUTES {
        let reply = Ask::route(route).bearer("afdb_live_whatever").send(proxy.address).await;
        assert!(!reply.text().contains("received"), "{route}: {}", reply.text());
        statuses.push(reply.status);
    }
    course.world.upstream.untouched();
    statuses
}

/// A port without a listener: only root may take it, and its service is extinct.
const NO_SERVER: &str = "http://127.0.0.1:1";

pub(super) async fn down(course: &Course) {
    let proxy = Proxy::start(course.proxy.kind, &course.world, Some(NO_SERVER)).await;
    for route in ROUTES {
        is_unavailable(&Ask::route(route).bearer("afdb_live_whatever").send(proxy.address).await);
    }
    course.world.upstream.untouched();
}

#[track_caller]
fn is_unavailable(reply: &Reply) {
    assert!(matches!(reply.status, 500..=504), "{} {}", reply.status, reply.text());
    assert_eq!(reply.json()["success"], false, "it is said in the envelope");
}

/// Another server in place of Keywright, with a certificate of an unknown authority.
pub(super) async fn unvouched(course: &Course) {
    let folder = tempfile::tempdir().expect("a folder");
    let (tls, _) = certify(folder.path(), &["127.0.0.1"]);
    let document = course.world.document.clone();
    let world = Arc::new(World::with(document, |config| config.http.tls = Some(tls)).await);
    let through = Course::start(world.clone(), course.proxy.kind).await;
    let key = through.key(json!({"preset": "Full Access"})).await;
    for route in ROUTES {
        is_unavailable(&through.call(route, &key.secret).await);
    }
    world.upstream.untouched();
}

/// The database file is overwritten while Keywright runs, so that it can verify only cached keys.
pub(super) async fn damaged(course: &Course) {
    let world = Arc::new(World::start(course.world.document.clone()).await);
    let through = Course::start(world.clone(), course.proxy.kind).await;
    let fresh = through.key(json!({"preset": "Full Access"})).await;
    let gone = through.key(json!({"preset": "Full Access"})).await;
    world.app.operator().delete(&format!("/v1/keys/{}", gone.id)).await.expect(204);
    for name in ["keywright.db", "keywright.db-wal"] {
        let path = world.app.data().join(name);
        let length = usize::try_from(path.metadata().expect("it is there").len()).expect("it is small");
        let mut file = std::fs::OpenOptions::new().write(true).open(path).expect("it may be written");
        file.write_all(&vec![0xff; length]).expect("written");
    }
    for key in [&fresh, &gone] {
        is_unavailable(&through.call("GET /v1/queries", &key.secret).await);
        is_unavailable(&through.call("POST /v1/team/members", &key.secret).await);
    }
    world.upstream.untouched();
}

/// A server that answers every connection with these bytes; it is silent without bytes.
async fn answering(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, bytes));
        }
    });
    format!("http://{address}")
}

async fn answer(mut stream: TcpStream, bytes: &'static [u8]) {
    let mut question = [0; 8 << 10];
    while stream.read(&mut question).await.is_ok_and(|length| length > 0) {
        // A silent server reads until the client closes the connection.
        if !bytes.is_empty() {
            let _ = stream.write_all(bytes).await;
            return;
        }
    }
}

/// Answers without identity headers, and whether they are a refusal that may be passed on.
const ANSWERS: [(&str, &[u8], bool); 9] = [
    ("500", b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}", false),
    ("503", b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}", false),
    ("404", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", true),
    ("302", b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", true),
    ("304", b"HTTP/1.1 304 Not Modified\r\n\r\n", true),
    ("100 alone", b"HTTP/1.1 100 Continue\r\n\r\n", false),
    ("nonsense", b"200 OK, do come in\r\n\r\n", false),
    ("half a yes", b"HTTP/1.1 200 OK\r\nX-Auth-Subj", false),
    ("silence", b"", false),
];

pub(super) async fn failing(course: &Course) {
    for (what, bytes, may_pass_on) in ANSWERS {
        let url = answering(bytes).await;
        let proxy = Proxy::start(course.proxy.kind, &course.world, Some(&url)).await;
        for status in statuses(course, &proxy).await {
            let is_no = (500..=504).contains(&status) || may_pass_on && (300..500).contains(&status);
            assert!(is_no, "{what}: {status}");
        }
    }
}
