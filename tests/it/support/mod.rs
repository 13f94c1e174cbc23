//! A whole server per test: its own data directory, its own port, a clock that the test advances, and actors that call
//! it over real HTTP.

pub mod certificates;
mod client;
pub mod libraries;
mod openapi;
mod program;

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use keywright::app::{self, Env, Listen, Running};
use keywright::config::Config;
use keywright::domain::identity::Services;
use keywright::env::{ManualClock, SystemRng};
use keywright::model::setting::SigningAlg;
use keywright::model::{Bounds, Timestamp};
use serde_json::{Value, json};

pub use client::{Client, Reply};
pub use program::{PROGRAM, Program, Server};

/// Initial time of the clock: a Monday noon.
pub const START: &str = "2026-06-01T12:00:00Z";

/// A running server.
pub struct TestApp {
    /// The clock.
    pub clock: Arc<ManualClock>,
    /// Its address.
    pub address: SocketAddr,
    running: Option<Running>,
    config: Config,
    bounds: Bounds,
    /// None if the test has a directory of its own.
    directory: Option<tempfile::TempDir>,
}

impl TestApp {
    /// A server with only the built-in API.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A server with another configuration.
    pub async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        Self::bounded(Bounds::default(), configure).await
    }

    /// A server with another configuration and other bounds.
    pub async fn bounded(bounds: Bounds, configure: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut config = Config::defaults(directory.path().join("data"));
        config.http.listen = "127.0.0.1:0".parse().expect("an address");
        // Ed25519 keys are generated quickly; tests of RSA set it.
        config.sign_in.signing_alg = SigningAlg::EdDsa;
        configure(&mut config);
        let clock = Arc::new(ManualClock::new(START.parse().expect("a time")));
        let running = run(&config, &clock, bounds).await;
        let address = running.address.expect("a TCP listener");
        Self { clock, address, running: Some(running), config, bounds, directory: Some(directory) }
    }

    /// A server that also protects the API `afdb`: scopes `queries:read`, `queries:write` and `admin` (all), tiers
    /// `free` (100 a minute), `pro` (1,000) and `enterprise` (unlimited).
    pub async fn with_afdb() -> Self {
        let app = Self::start().await;
        app.add_api(afdb()).await;
        app
    }

    /// Adds an API.
    pub async fn add_api(&self, description: Value) -> Value {
        self.operator().post("/v1/apis", &description).await.expect(201)
    }

    /// Stops the server gracefully and starts another one on the same data.
    pub async fn restart(&mut self) {
        self.stop().await;
        let running = run(&self.config, &self.clock, self.bounds).await;
        self.address = running.address.expect("a TCP listener");
        self.running = Some(running);
    }

    /// Stops the server gracefully; its data is kept until the test ends.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Services of the server, for jobs without a route.
    pub fn services(&self) -> &Arc<Services> {
        &self.running.as_ref().expect("the server runs").services
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.config.data_dir
    }

    /// The command line with this data directory and an empty environment.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("KEYWRIGHT_DATA", self.data()).args(arguments);
        command
    }

    /// Advances time.
    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Current time of the clock.
    pub fn now(&self) -> Timestamp {
        self.services().now()
    }

    /// A caller of the metrics listener.
    pub fn scraper(&self) -> Client {
        let running = self.running.as_ref().expect("the server runs");
        Client::tcp(running.metrics_address.expect("metrics have a listener"))
    }

    /// A caller without a credential.
    pub fn anonymous(&self) -> Client {
        Client::tcp(self.address)
    }

    /// The operator: the command line.
    pub fn operator(&self) -> Client {
        Client::unix(self.config.control_socket_path())
    }

    /// A caller with this bearer credential.
    pub fn bearer(&self, credential: &str) -> Client {
        self.anonymous().with("authorization", &format!("Bearer {credential}"))
    }

    /// A caller with a new management key with `scopes`.
    pub async fn key(&self, scopes: &[&str]) -> Client {
        let body = json!({"api": "keywright", "name": "test", "scopes": scopes});
        let key = self.operator().post("/v1/keys", &body).await.expect(201);
        self.bearer(key["key"].as_str().expect("the key, once"))
    }

    /// A key of `afdb` with `queries:read` and the members of `more`; returns the whole resource with `key`.
    pub async fn afdb_key(&self, more: Value) -> Value {
        let mut body = json!({"api": "afdb", "name": "Production Backend", "scopes": ["queries:read"]});
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        self.operator().post("/v1/keys", &body).await.expect(201)
    }

    /// Verifies a key of `afdb`.
    pub async fn verify(&self, key: &str) -> Value {
        self.operator().post("/v1/keys/verify", &json!({"api": "afdb", "key": key})).await.expect(200)
    }

    /// The temporary directory, for files beside the data.
    pub fn scratch(&self) -> PathBuf {
        self.directory.as_ref().expect("a directory of our own").path().to_owned()
    }
}

/// The API that most tests protect.
pub fn afdb() -> Value {
    json!({
        "slug": "afdb", "name": "AI for Database", "audience": "https://api.aifordatabase.example",
        "scopes": [
            {"name": "queries:read", "description": "Run queries"},
            {"name": "queries:write", "description": "Save queries"},
            {"name": "admin", "description": "Everything", "grants_all": true},
        ],
        "presets": [{"name": "Read", "description": "Look only", "scopes": ["queries:read"]}],
    })
}

async fn run(config: &Config, clock: &Arc<ManualClock>, bounds: Bounds) -> Running {
    let env = Env { clock: clock.clone(), rng: Arc::new(SystemRng), bounds };
    app::start(config, env, Listen::Tcp).await.expect("the server starts")
}
