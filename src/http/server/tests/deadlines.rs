use super::*;

#[tokio::test]
async fn a_connection_without_a_byte_is_closed() {
    let server = Server::start(with(Deadlines { first_request: SHORT, ..LONG_DEADLINES })).await;
    assert_eq!(rest(&mut server.connect().await).await, "");
}

#[tokio::test]
async fn a_partial_head_is_closed_and_an_idle_connection_is_not() {
    let server = Server::start(with(Deadlines { header: SHORT, ..LONG_DEADLINES })).await;
    let mut idle = server.idle().await;
    for mut slow in [server.connect().await, server.idle().await] {
        slow.write_all(&GET[..20]).await.unwrap();
        assert_eq!(rest(&mut slow).await, "");
    }
    assert!(ask(&mut idle, "/").await.ends_with("hello"));
}

#[tokio::test]
async fn a_head_that_trickles_is_closed() {
    let server = Server::start(with(Deadlines { header: SHORT, ..LONG_DEADLINES })).await;
    let (mut reader, mut writer) = server.connect().await.into_split();
    writer.write_all(&GET[..20]).await.unwrap();
    let trickle = tokio::spawn(async move {
        let mut pace = tokio::time::interval(SHORT / 5);
        while writer.write_all(b"x").await.is_ok() {
            pace.tick().await;
        }
    });
    assert_eq!(rest(&mut reader).await, "");
    patiently(trickle).await.unwrap();
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = Server::start(with(Deadlines { idle: SHORT, ..LONG_DEADLINES })).await;
    let mut stream = server.idle().await;
    assert_eq!(patiently(stream.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn a_body_that_stalls_is_408_and_closed() {
    let server = Server::start(with(Deadlines { body: SHORT, ..LONG_DEADLINES })).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n123").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 408 "));
}

#[tokio::test]
async fn a_body_that_trickles_is_408_and_closed() {
    let server = Server::start(with(Deadlines { body: SHORT, ..LONG_DEADLINES })).await;
    let (mut reader, mut writer) = server.connect().await.into_split();
    writer
        .write_all(b"POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    let trickle = tokio::spawn(async move {
        let mut pace = tokio::time::interval(SHORT / 5);
        while writer.write_all(b"1\r\nx\r\n").await.is_ok() {
            pace.tick().await;
        }
    });
    assert!(rest(&mut reader).await.starts_with("HTTP/1.1 408 "));
    patiently(trickle).await.unwrap();
}

#[tokio::test]
async fn time_the_endpoint_takes_is_no_time_of_the_peers() {
    let server = Server::start(with(SHORT_DEADLINES)).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    for _ in 0..2 {
        rest(&mut server.connect().await).await;
    }
    server.probe.release.notify_one();
    assert!(answer(&mut stream).await.ends_with("held"));
}

#[tokio::test]
async fn a_response_may_last_longer_than_all_deadlines() {
    let server = Server::start(with(SHORT_DEADLINES)).await;
    let mut feeder = server.feed();
    let mut stream = server.connect().await;
    stream.write_all(b"GET /feed HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    head(&mut stream).await;
    for _ in 0..3 {
        // An idle connection is closed: the deadlines have passed.
        rest(&mut server.connect().await).await;
        feeder.write_all(b"more").await.unwrap();
        let mut chunk = [0; 9];
        patiently(stream.read_exact(&mut chunk)).await.unwrap();
        assert_eq!(&chunk, b"4\r\nmore\r\n");
    }
    drop(feeder);
    assert_eq!(rest(&mut stream).await, "0\r\n\r\n");
}

#[tokio::test]
async fn a_peer_that_does_not_read_its_response_is_cut() {
    let server = Server::start(with(Deadlines { body: SHORT, ..LONG_DEADLINES })).await;
    let mut feeder = server.feed();
    let mut stream = server.connect().await;
    stream.write_all(b"GET /feed HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let chunk = vec![b'x'; 1 << 20];
    let cut = async { while feeder.write_all(&chunk).await.is_ok() {} };
    patiently(cut).await;
}
