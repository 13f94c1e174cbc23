use std::os::unix::fs::MetadataExt;

use tokio::net::{UnixListener, UnixStream};

use super::*;

#[tokio::test]
async fn two_requests_share_a_connection() {
    let server = Server::start(Options::default()).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        let answer = ask(&mut stream, "/").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"), "{answer}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(Options::default()).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    assert!(answer(&mut stream).await.ends_with("\r\n\r\n5"));
    assert!(answer(&mut stream).await.ends_with("hello"));
}

#[tokio::test]
async fn a_request_knows_its_peer() {
    let server = Server::start(Options::default()).await;
    let mut stream = server.connect().await;
    let expected = format!("socket://{} http None", stream.local_addr().unwrap());
    assert!(ask(&mut stream, "/peer").await.ends_with(&expected));
}

#[tokio::test]
async fn a_peer_by_ipv4_is_known_as_such_on_an_ipv6_socket() {
    let listener = TcpListener::bind("[::]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (_stop, stopped) = watch::channel(false);
    let listener = Listener::Tcp { listener, tls: None };
    tokio::spawn(serve(listener, Arc::new(Probe::default()), Options::default(), stopped));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert!(ask(&mut stream, "/peer").await.contains("socket://127.0.0.1:"));
}

#[tokio::test]
async fn a_request_by_the_unix_socket_carries_the_user_id() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let (_stop, stopped) = watch::channel(false);
    let listener = Listener::Unix(UnixListener::bind(&path).unwrap());
    tokio::spawn(serve(listener, Arc::new(Probe::default()), Options::default(), stopped));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let uid = std::fs::metadata(&path).unwrap().uid();
    let answer = ask(&mut stream, "/peer").await;
    assert!(answer.ends_with(&format!("http Some(ControlPeer {{ uid: {uid} }})")), "{answer}");
}

#[tokio::test]
async fn a_head_beyond_16_kb_is_431_and_the_answer_arrives() {
    let server = Server::start(Options::default()).await;
    let mut stream = server.connect().await;
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_has_been_sent_arrives() {
    let server = Server::start(Options::default()).await;
    let mut stream = server.connect().await;
    let body = vec![b'x'; 8 << 20];
    let head = format!("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    patiently(stream.write_all(&body)).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 413 "));
    assert_eq!(patiently(stream.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn http2_in_cleartext_is_not_spoken() {
    let server = Server::start(with(LONG_DEADLINES)).await;
    let mut stream = server.connect().await;
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn connections_over_the_cap_wait_for_a_free_slot() {
    let server = Server::start(Options { max_connections: 1, ..with(LONG_DEADLINES) }).await;
    let mut first = server.idle().await;
    let mut second = server.connect().await;
    second.write_all(GET).await.unwrap();
    for _ in 0..3 {
        ask(&mut first, "/").await;
    }
    assert_eq!(second.try_read(&mut [0]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(first);
    assert!(answer(&mut second).await.ends_with("hello"));
}

#[tokio::test]
async fn idle_connections_make_room_when_the_cap_is_reached() {
    let deadlines = Deadlines { header: SHORT, ..LONG_DEADLINES };
    let server = Server::start(Options { max_connections: 1, ..with(deadlines) }).await;
    let mut first = server.idle().await;
    let mut second = server.connect().await;
    second.write_all(GET).await.unwrap();
    assert!(answer(&mut second).await.ends_with("hello"));
    assert_eq!(rest(&mut first).await, "");
}

#[tokio::test]
async fn a_panic_ends_its_connection_only() {
    let server = Server::start(Options { max_connections: 1, ..with(LONG_DEADLINES) }).await;
    for _ in 0..3 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert_eq!(rest(&mut stream).await, "");
    }
    server.idle().await;
}
