//! A service with the router of axum, for the differential suite. See `services/node/service.mjs` for `TABLES`.

#![allow(clippy::unwrap_used, reason = "a service of a test that cannot start has failed")]

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

#[derive(Deserialize)]
struct Table {
    port: u16,
    routes: Vec<Route>,
}

#[derive(Deserialize)]
struct Route {
    id: u32,
    method: String,
    path: String,
}

impl Route {
    fn methods(&self) -> MethodFilter {
        match self.method.as_str() {
            // A handler of GET answers HEAD too.
            "GET" => MethodFilter::GET,
            "POST" => MethodFilter::POST,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::GET
                .or(MethodFilter::POST)
                .or(MethodFilter::PUT)
                .or(MethodFilter::PATCH)
                .or(MethodFilter::DELETE)
                .or(MethodFilter::OPTIONS),
        }
    }

    /// A last `*` is the path itself and all paths below it.
    fn paths(&self) -> Vec<String> {
        match self.path.strip_suffix("/*") {
            None => vec![self.path.clone()],
            Some("") => vec!["/".to_owned(), "/{*rest}".to_owned()],
            // The router's catch-all needs at least one character.
            Some(base) => vec![base.to_owned(), format!("{base}/"), format!("{base}/{{*rest}}")],
        }
    }
}

fn answer(id: u32, request: &Request) -> Response {
    let headers: BTreeMap<&str, String> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let body = json!({"handler": id, "method": request.method().as_str(), "headers": headers}).to_string();
    ([("x-handler", id.to_string()), ("content-type", "application/json".to_owned())], body).into_response()
}

#[tokio::main]
async fn main() {
    let tables: Vec<Table> = serde_json::from_str(&std::env::var("TABLES").unwrap()).unwrap();
    let mut servers = tokio::task::JoinSet::new();
    for table in tables {
        let mut router = Router::new();
        for route in &table.routes {
            let id = route.id;
            for path in route.paths() {
                let handler = move |request: Request| async move { answer(id, &request) };
                router = router.route(&path, on(route.methods(), handler));
            }
        }
        let listener = TcpListener::bind(("127.0.0.1", table.port)).await.unwrap();
        servers.spawn(async move { axum::serve(listener, router).await });
    }
    servers.join_all().await;
}
