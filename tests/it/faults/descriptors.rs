//! A process at its limit of open files.

use std::process::Command;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Program, Server};

/// Limit of open files of `server` from now on.
fn allow(server: &Server, files: u32) {
    let pid = format!("--pid={}", server.pid());
    let done = Command::new("prlimit").args([pid, format!("--nofile={files}:")]).status().unwrap();
    assert!(done.success());
}

#[tokio::test]
async fn a_server_out_of_descriptors_takes_up_again_by_itself() {
    let program = Program::new();
    let server = program.serve::<&str>([]);
    server.anonymous().get("/healthz").await.expect(200);
    // Open files stay open.
    allow(&server, 3);
    // The kernel accepts the connection; the server cannot.
    let mut waiting = TcpStream::connect(server.address()).await.unwrap();
    waiting.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    server.says("cannot accept connections");
    allow(&server, 1_024);
    let mut answer = String::new();
    waiting.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    server.anonymous().get("/readyz").await.expect(200);
}

/// Connections never use the descriptors that the store needs: the cap is derived from the limit.
#[tokio::test]
async fn connections_leave_descriptors_for_the_store() {
    let program = Program::new();
    let stderr = program.refuses_to_serve_after("ulimit -n 100");
    assert!(stderr.contains("100 files") && stderr.contains("ulimit -n"), "{stderr}");
    let server = program.serve_after("ulimit -n 250");
    server.says("max_connections is lowered");
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(server.address()).await.unwrap());
    }
    let made = serde_json::json!({"email": "ada@example.com", "role": "member"});
    server.operator().post("/v1/users", &made).await.expect(201);
    drop(idle);
    server.anonymous().get("/readyz").await.expect(200);
    assert!(!server.stop().stderr.contains("cannot accept connections"));
}
