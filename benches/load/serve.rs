//! A child process: a server that obeys orders, one per line.

use std::io::BufRead as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keywright::app::{self, Env, Listen};
use keywright::config::Config;
use keywright::domain::identity::Services;
use keywright::model::setting::SigningAlg;
use keywright::model::{Bounds, RateLimit};
use poem::endpoint::make;
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use poem::listener::TcpAcceptor;
use poem::{Request, Response, Route, Server};

use super::{log, raw};

/// Serves until killed.
pub(crate) fn run(kind: &str, path: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("threads can be started").block_on(async {
        match kind {
            "keywright" => keywright(path, SigningAlg::Rs256).await,
            "keywright-es256" => keywright(path, SigningAlg::Es256).await,
            _ => constant(kind, path).await,
        }
    });
}

async fn keywright(path: &Path, alg: SigningAlg) {
    let mut config = Config::defaults(path);
    config.http.listen = ([127, 0, 0, 1], 0).into();
    config.http.trusted_proxies = vec!["127.0.0.1/32".parse().expect("it is a network")];
    config.sign_in.signing_alg = alg;
    // The rows of the stores are of one day, and retention is measured separately.
    config.activity.retention_days = 36_500;
    // A few people make all sign-ins and refreshes.
    let unlimited = RateLimit { limit: None, window_seconds: 60, burst: None };
    let bounds = Bounds { sign_ins_per_person: unlimited, tokens_per_person: unlimited, ..Bounds::default() };
    let running = app::start(&config, Env { bounds, ..Env::default() }, Listen::Tcp).await;
    let running = running.unwrap_or_else(|failure| panic!("{failure}"));
    println!("{}", running.address.expect("it listens").port());
    let (orders, mut next) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        std::io::stdin().lock().lines().map_while(Result::ok).for_each(|line| {
            let _ = orders.send(line);
        });
    });
    while let Some(order) = next.recv().await {
        println!("{}", obey(&running.services, &order).await);
    }
}

async fn obey(services: &Arc<Services>, order: &str) -> String {
    let (word, rest) = order.split_once(' ').unwrap_or((order, ""));
    let time = || Duration::from_millis(rest.parse().expect("a number of milliseconds"));
    match word {
        "log" => {
            services.log.discard(rest == "off");
            rest.to_owned()
        }
        "sign" => raw::signatures(services.signing_keys.alg(), time()).await,
        "hash" => raw::hashes(time()).await,
        "pages" => log::pages(services, rest.parse().expect("a number of pages")).await,
        _ => panic!("no order is called {word}"),
    }
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

/// The headers of a recorded response without those that the server adds itself, and its body.
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

/// A measured duration.
pub(crate) fn took_us(started: Instant) -> f64 {
    started.elapsed().as_secs_f64() * 1e6
}
