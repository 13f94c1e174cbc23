//! The servers under load, each a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use keywright::app::{self, Doors, Env};
use keywright::config::Config;
use poem::endpoint::make;
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use poem::listener::TcpAcceptor;
use poem::{Request, Response, Route, Server};

/// Which server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// poem's 204.
    Bare,
    /// The headers of an answer in a file.
    Constant,
    /// The same, with its body, after reading the request's.
    ConstantBody,
    /// Ours.
    Keywright,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Constant => "constant",
            Self::ConstantBody => "constant-body",
            Self::Keywright => "keywright",
        }
    }
}

/// A running server. It ends when this is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    pub(crate) port: u16,
}

impl Child {
    /// Starts this program as a server on a core of its own, and waits until it listens.
    pub(crate) fn start(kind: Kind, path: &Path, core: &str) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut process = Command::new("taskset")
            .args(["-c", core])
            .arg(program)
            .args(["serve", kind.name()])
            .arg(path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset (util-linux) starts the server");
        let mut line = String::new();
        let output = process.stdout.as_mut().expect("it was piped");
        BufReader::new(output).read_line(&mut line).expect("the server tells its port");
        Self { port: line.trim().parse().expect("the server tells its port"), process }
    }

    /// CPU time of all its threads.
    pub(crate) fn cpu_time(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("it runs");
        let nanos = tasks.flatten().filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Memory that it holds.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Binds a process to a core.
pub(crate) fn pin(process: u32, core: &str) {
    let status = Command::new("taskset")
        .args(["-a", "-p", "-c", core, &process.to_string()])
        .stdout(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "taskset (util-linux) binds processes to cores");
}

/// Serves until killed.
pub(crate) fn run(kind: &str, path: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("threads can be started").block_on(async {
        match kind {
            "keywright" => keywright(path).await,
            _ => constant(kind, path).await,
        }
    });
}

async fn keywright(path: &Path) {
    let mut config = Config::defaults(path);
    config.http.listen = ([127, 0, 0, 1], 0).into();
    config.http.trusted_proxies = vec!["127.0.0.1/32".parse().expect("it is a network")];
    let running = app::start(&config, Env::default(), Doors::Tcp).await;
    let running = running.unwrap_or_else(|failure| panic!("{failure}"));
    println!("{}", running.address.expect("it listens").port());
    std::future::pending::<()>().await;
}

async fn constant(kind: &str, path: &Path) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    println!("{}", listener.local_addr().expect("it is bound").port());
    let acceptor = TcpAcceptor::from_tokio(listener).expect("it is a listener");
    let server = Server::new_with_acceptor(acceptor);
    let served = match kind {
        "bare" => {
            let endpoint = make(|_| async { StatusCode::NO_CONTENT });
            server.run(Route::new().at("/v1/forward-auth", endpoint)).await
        }
        "constant" => {
            let (headers, _) = answer(path);
            let endpoint = make(move |_| {
                let response = with_headers(Response::default(), &headers);
                async { response }
            });
            server.run(Route::new().at("/v1/forward-auth", endpoint)).await
        }
        _ => {
            let (headers, body) = answer(path);
            let endpoint = make(move |mut request: Request| {
                let response = with_headers(Response::from(body.clone()), &headers);
                async move {
                    request.take_body().into_bytes().await?;
                    Ok::<_, poem::Error>(response)
                }
            });
            server.run(Route::new().at("/v1/keys/verify", endpoint)).await
        }
    };
    served.expect("it serves until it is killed");
}

fn with_headers(mut response: Response, headers: &[(HeaderName, HeaderValue)]) -> Response {
    let target: &mut HeaderMap = response.headers_mut();
    for (name, value) in headers {
        target.insert(name, value.clone());
    }
    response
}

/// The headers of a recorded answer but those that the server makes itself, and its body.
fn answer(path: &Path) -> (Vec<(HeaderName, HeaderValue)>, Vec<u8>) {
    let text = std::fs::read_to_string(path).expect("the answer was recorded");
    let (head, body) = text.split_once("\r\n\r\n").expect("it is an answer");
    let headers = head.lines().skip(1).filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let own = matches!(name, "content-length" | "date" | "connection");
        (!own).then(|| Some((name.parse().ok()?, value.trim().parse().ok()?)))?
    });
    (headers.collect(), body.as_bytes().to_vec())
}
