//! Instructions of a decision, from the parsed request to the response: independent of other load on the machine.
//! `cargo bench --bench instructions` counts them with valgrind and compares them with `benches/instructions.toml`;
//! `UPDATE_INSTRUCTIONS=1` writes that file anew.
#![expect(clippy::disallowed_methods, reason = "it reads the real clock")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a report is what this is for")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use keywright::app::{self, Env, Listen, Running};
use keywright::config::Config;
use keywright::domain::setup;
use keywright::env::Clock;
use keywright::http::metrics::Metrics;
use keywright::http::{self, Options, context::Trust};
use keywright::model::{Secret, Timestamp};
use poem::http::{Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, RequestBuilder, Response};
use serde_json::{Value, json};

/// The counted cases.
const CASES: [&str; 3] = ["verify", "forward-auth", "forward-auth-token"];
/// Requests per count.
const REQUESTS: u64 = 2_000;
/// Requests before the count, which fill the caches.
const WARM_UP: u64 = 200;
/// Tolerated difference between a count and the checked-in one.
const TOLERANCE: f64 = 0.02;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", case] => {
            run(case);
            ExitCode::SUCCESS
        }
        _ => compare(),
    }
}

/// Counts every case and compares the counts.
fn compare() -> ExitCode {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.toml");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let known: BTreeMap<String, u64> = toml::from_str(&text).expect("the file holds a number for each case");
    let counted: BTreeMap<String, u64> = CASES.iter().map(|case| ((*case).to_owned(), count(case))).collect();
    if std::env::var_os("UPDATE_INSTRUCTIONS").is_some() {
        let figures = toml::to_string(&counted).expect("numbers");
        let text = format!(
            "# Instructions of one request, from the parsed request to the response, counted by valgrind on x86-64.\n\
             # Written by `UPDATE_INSTRUCTIONS=1 cargo bench --bench instructions`.\n\n{figures}"
        );
        std::fs::write(&file, text).expect("the file can be written");
    }
    println!("| instructions of one | counted | checked in | ÷ |\n| --- | ---: | ---: | ---: |");
    let mut fits = true;
    for (case, count) in &counted {
        let before = known.get(case).copied().unwrap_or(*count);
        let ratio = *count as f64 / before as f64;
        fits &= (ratio - 1.0).abs() <= TOLERANCE;
        println!("| {case} | {count} | {before} | {ratio:.3} |");
    }
    if fits {
        return ExitCode::SUCCESS;
    }
    eprintln!("a count differs by more than 2 %: if that is meant, write the file anew and say why");
    ExitCode::FAILURE
}

/// The instructions of one request of a case.
fn count(case: &str) -> u64 {
    let program = std::env::current_exe().expect("this program has a path");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        // The exact name: the closure inside it would switch the counting off again.
        .arg("--toggle-collect=instructions::measured")
        .arg(program)
        .args(["run", case])
        .output()
        .expect("valgrind is installed");
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}");
    let total = report.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, number)| number);
    let total = total.and_then(|number| number.trim().parse::<u64>().ok());
    total.filter(|total| *total > 0).unwrap_or_else(|| panic!("valgrind counts nothing: {report}")) / REQUESTS
}

/// The clock of the standard library. Valgrind cannot run code that finds the kernel's clock by itself, as
/// `SystemClock` does for the time since boot.
struct PlainClock(Instant);

impl Clock for PlainClock {
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
        Timestamp::from_millis(since.as_millis() as i64)
    }

    fn boot(&self) -> Duration {
        self.0.elapsed()
    }
}

fn env() -> Env {
    Env { clock: Arc::new(PlainClock(Instant::now())), ..Env::default() }
}

/// Answers the requests of a case in this process.
fn run(case: &str) {
    // One thread: callgrind's switch belongs to the thread that enters the function.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let config = Config::defaults(directory.path().join("data"));
    let running = runtime.block_on(app::start(&config, env(), Listen::ControlOnly)).expect("it starts");
    let options = Options { trust: Trust { proxies: vec![], operator_uid: u32::MAX }, https: false };
    let metrics = Metrics::new(Arc::default(), None, Timestamp::MIN, 0);
    let endpoint = http::endpoint(&running.services, options, &Arc::new(metrics));
    let credentials = runtime.block_on(prepare(&running, &endpoint));
    // Rows are buffered as usual, and dropped instead of written: the writer has a thread of its own.
    running.services.log.discard(true);
    for _ in 0..WARM_UP {
        check(case, &runtime.block_on(send(&endpoint, credentials.request(case))));
    }
    let requests: Vec<Request> = (0..REQUESTS).map(|_| credentials.request(case)).collect();
    let mut answered = Vec::with_capacity(requests.len());
    measured(&runtime, &endpoint, requests, &mut answered);
    answered.iter().for_each(|response| check(case, response));
    runtime.block_on(running.stop());
}

/// The function that callgrind counts.
#[inline(never)]
fn measured<E: Endpoint>(
    runtime: &tokio::runtime::Runtime,
    endpoint: &E,
    requests: Vec<Request>,
    answered: &mut Vec<Response>,
) {
    runtime.block_on(async {
        for request in requests {
            answered.push(send(endpoint, request).await);
        }
    });
}

async fn send<E: Endpoint>(endpoint: &E, request: Request) -> Response {
    endpoint.call(request).await.map_or_else(poem::Error::into_response, IntoResponse::into_response)
}

fn check(case: &str, response: &Response) {
    assert_eq!(response.status(), StatusCode::OK, "{case}");
}

/// Credentials of the API `bench`.
struct Credentials {
    management_key: String,
    key: String,
    token: String,
}

impl Credentials {
    fn request(&self, case: &str) -> Request {
        let forwarded = |credential: &str| {
            base_request()
                .uri_str("/v1/forward-auth?api=bench&scope=queries:read")
                .header(header::AUTHORIZATION, format!("Bearer {credential}"))
                .header(header::USER_AGENT, "python-requests/2.32.3")
                .header("X-Forwarded-Method", "POST")
                .header("X-Forwarded-Uri", "/v1/queries?limit=10")
                .finish()
        };
        match case {
            "forward-auth" => forwarded(&self.key),
            "forward-auth-token" => forwarded(&self.token),
            _ => {
                let request = json!({"ip": "203.0.113.9", "method": "POST", "path": "/v1/queries"});
                let body =
                    json!({"key": self.key, "api": "bench", "scopes": "queries:read", "request": request});
                post("/v1/keys/verify", &self.management_key, &body)
            }
        }
    }
}

/// A request with the headers that every request has.
fn base_request() -> RequestBuilder {
    Request::builder().header(header::HOST, "127.0.0.1:8080")
}

fn post(path: &str, key: &str, body: &Value) -> Request {
    base_request()
        .method(Method::POST)
        .uri_str(path)
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.to_string())
}

/// Makes an API, a key and an access token.
async fn prepare<E: Endpoint>(running: &Running, endpoint: &E) -> Credentials {
    let password = Secret::new("correct horse battery staple".to_owned());
    let owner = setup::initialise(&running.services, "owner@example.com", password).await;
    let management_key = owner.expect("a new instance").management_key.expose().to_owned();
    let create = async |path: &str, body: Value| -> Value {
        let response = send(endpoint, post(path, &management_key, &body)).await;
        let text = response.into_body().into_string().await.expect("a whole body");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    };
    let text = |value: &Value, field: &str| {
        value[field].as_str().unwrap_or_else(|| panic!("no {field}: {value}")).to_owned()
    };
    let api = json!({
        "slug": "bench", "name": "Bench", "audience": "https://bench.example.com",
        "scopes": [{"name": "queries:read", "description": "Read"}],
        "tiers": [{"name": "pro", "limit": 100_000_000, "window_seconds": 60}], "default_tier": "pro",
    });
    create("/v1/apis", api).await;
    let key = json!({"api": "bench", "name": "Backend", "scopes": ["queries:read"], "owner": "customer-7"});
    let key = text(&create("/v1/keys", key).await, "key");
    let client = json!({
        "name": "Nightly job", "grant_types": ["client_credentials"],
        "access": [{"api": "bench", "scopes": ["queries:read"]}],
    });
    let client = create("/v1/clients", client).await;
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        text(&client, "client_id"),
        text(&client, "client_secret")
    );
    let request = base_request()
        .method(Method::POST)
        .uri_str("/oauth/token")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form);
    let issued = send(endpoint, request).await.into_body().into_string().await.expect("a whole body");
    let issued: Value = serde_json::from_str(&issued).expect("JSON");
    Credentials { token: text(&issued, "access_token"), management_key, key }
}
