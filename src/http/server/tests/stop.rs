use super::*;

#[tokio::test]
async fn a_stop_finishes_what_is_in_flight_and_closes_the_rest_at_once() {
    let server = Server::start(with(LONG_DEADLINES)).await;
    let (mut silent, mut idle) = (server.connect().await, server.idle().await);
    let mut busy = server.idle().await;
    busy.write_all(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    patiently(server.probe.held.notified()).await;

    server.stop.send(true).unwrap();
    assert_eq!(patiently(silent.read(&mut [0])).await.unwrap(), 0);
    assert_eq!(patiently(idle.read(&mut [0])).await.unwrap(), 0);
    TcpStream::connect(server.addr).await.unwrap_err();
    assert!(!server.done.is_finished());

    server.probe.release.notify_one();
    let answer = answer(&mut busy).await;
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("held"), "{answer}");
    assert_eq!(patiently(busy.read(&mut [0])).await.unwrap(), 0);
    patiently(server.done).await.unwrap();
}

#[tokio::test]
async fn a_stop_cuts_off_what_outlasts_the_grace() {
    let server = Server::start(Options { grace: SHORT, ..with(LONG_DEADLINES) }).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    patiently(server.probe.held.notified()).await;
    server.stop.send(true).unwrap();
    patiently(server.done).await.unwrap();
    assert_eq!(rest(&mut busy).await, "");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_slot_or_a_connection() {
    let server = Server::start(Options { max_connections: 1, ..with(LONG_DEADLINES) }).await;
    let _only = server.idle().await;
    drop(server.stop);
    patiently(server.done).await.unwrap();
}

#[tokio::test]
async fn a_stop_reaches_a_connection_that_never_pauses() {
    let server = Server::start(with(LONG_DEADLINES)).await;
    let (mut reader, mut writer) = server.connect().await.into_split();
    let requests = GET.repeat(1000);
    let flood = tokio::spawn(async move { while writer.write_all(&requests).await.is_ok() {} });
    let drain = tokio::spawn(async move { while matches!(reader.read(&mut [0; 65536]).await, Ok(1..)) {} });
    let mut other = server.idle().await;
    ask(&mut other, "/").await;
    server.stop.send(true).unwrap();
    patiently(server.done).await.unwrap();
    patiently(flood).await.unwrap();
    patiently(drain).await.unwrap();
}
