//! The metrics, read by the strict parser of Prometheus' own Python client.

use keywright::config::Tls;
use serde_json::{Value, json};

use crate::support::certificates::certify;
use crate::support::{TestApp, libraries};

/// Every family with its type, as docs/metrics.md lists them.
const FAMILIES: &[(&str, &str)] = &[
    ("keywright_activity_batches", "counter"),
    ("keywright_activity_largest_batch", "gauge"),
    ("keywright_activity_refusals", "counter"),
    ("keywright_activity_rows", "counter"),
    ("keywright_activity_waiting", "gauge"),
    ("keywright_activity_waits", "counter"),
    ("keywright_build_info", "gauge"),
    ("keywright_cache_bytes", "gauge"),
    ("keywright_cache_hits", "counter"),
    ("keywright_cache_keys", "gauge"),
    ("keywright_cache_misses", "counter"),
    ("keywright_clock_ahead_seconds", "gauge"),
    ("keywright_commit_duration_seconds", "histogram"),
    ("keywright_commits", "counter"),
    ("keywright_connections", "gauge"),
    ("keywright_decisions", "counter"),
    ("keywright_disk_free_bytes", "gauge"),
    ("keywright_http_requests", "counter"),
    ("keywright_job_consecutive_failures", "gauge"),
    ("keywright_job_last_success_timestamp_seconds", "gauge"),
    ("keywright_lane_attempts", "counter"),
    ("keywright_max_connections", "gauge"),
    ("keywright_password_hashes_waiting", "gauge"),
    ("keywright_queue_items", "gauge"),
    ("keywright_queue_oldest_age_seconds", "gauge"),
    ("keywright_rate_limit_buckets", "gauge"),
    ("keywright_request_duration_seconds", "histogram"),
    ("keywright_signing_key_activated_timestamp_seconds", "gauge"),
    ("keywright_signing_key_expiry_timestamp_seconds", "gauge"),
    ("keywright_store_bytes", "gauge"),
    ("keywright_store_failing", "gauge"),
    ("keywright_writes", "counter"),
    ("keywright_writes_waiting", "gauge"),
    ("process_cpu_seconds", "counter"),
    ("process_max_fds", "gauge"),
    ("process_open_fds", "gauge"),
    ("process_resident_memory_bytes", "gauge"),
    ("process_start_time_seconds", "gauge"),
];

/// A parsed page.
struct Page(Value);

impl Page {
    async fn scrape(app: &TestApp) -> Self {
        let reply = app.scraper().get("/metrics").await;
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.header("content-type"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        );
        let file = app.scratch().join("metrics.txt");
        std::fs::write(&file, &reply.body).unwrap();
        let mut parser = libraries::script("openmetrics.py").await;
        parser.arg(file);
        Self(serde_json::from_str(&libraries::run(parser).await).unwrap())
    }

    /// The sum of the samples of this name whose labels include these.
    fn sum(&self, name: &str, labels: Value) -> f64 {
        let families = self.0.as_object().unwrap().values();
        let samples = families.flat_map(|family| family["samples"].as_array().unwrap());
        let fits = |sample: &&Value| {
            let wanted = labels.as_object().unwrap();
            sample["name"] == name && wanted.iter().all(|(label, value)| sample["labels"][label] == *value)
        };
        samples.filter(fits).map(|sample| sample["value"].as_f64().unwrap()).sum()
    }
}

async fn started() -> TestApp {
    let app = TestApp::with(|config| config.http.metrics_listen = Some(([127, 0, 0, 1], 0).into())).await;
    app.add_api(crate::support::afdb()).await;
    app
}

#[tokio::test]
async fn every_family_is_there_and_described() {
    let app = started().await;
    keywright::worker::run_due(app.services()).await;
    let page = Page::scrape(&app).await;
    let mut found: Vec<(&str, &str)> = page
        .0
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, family)| {
            let help = family["help"].as_str().unwrap();
            assert!(help.ends_with('.') && !help.ends_with(".."), "{name}: {help}");
            (name.as_str(), family["type"].as_str().unwrap())
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, FAMILIES);
    let documented =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap();
    for (name, kind) in FAMILIES {
        let shown = if *kind == "counter" { format!("`{name}_total`") } else { format!("`{name}`") };
        assert!(documented.contains(&shown), "docs/metrics.md does not describe {shown}");
    }
}

#[tokio::test]
async fn what_happens_is_counted() {
    let app = started().await;
    let key = app.afdb_key(json!({})).await;
    let secret = key["key"].as_str().unwrap();
    keywright::worker::run_due(app.services()).await;
    let before = Page::scrape(&app).await;
    for _ in 0..3 {
        assert_eq!(app.verify(secret).await["valid"], true);
    }
    let scopes = json!({"api": "afdb", "key": secret, "scopes": "queries:write"});
    app.operator().post("/v1/keys/verify", &scopes).await.expect(200);
    app.anonymous().get("/v1/forward-auth?api=afdb").await;
    app.anonymous().get("/v1/no-such-path").await.refused(404, "NOT_FOUND");
    app.operator().get(&format!("/v1/keys/{}", key["id"].as_str().unwrap())).await.expect(200);
    app.operator()
        .post("/v1/invitations", &json!({"email": "ada@example.com", "role": "member"}))
        .await
        .expect(201);
    app.advance(120);
    keywright::worker::run_due(app.services()).await;
    // Decisions are counted when the writer takes them.
    app.operator().get("/v1/activity").await.expect(200);
    let after = Page::scrape(&app).await;
    let grew = |name: &str, labels: Value| after.sum(name, labels.clone()) - before.sum(name, labels);

    let decided = |code: &str| json!({"kind": "key.verify", "api": "afdb", "code": code});
    assert_eq!(grew("keywright_decisions_total", decided("VALID")), 3.0);
    assert_eq!(grew("keywright_decisions_total", decided("INSUFFICIENT_SCOPE")), 1.0);
    assert_eq!(grew("keywright_request_duration_seconds_count", json!({"route": "verify"})), 4.0);
    assert_eq!(grew("keywright_request_duration_seconds_count", json!({"route": "forward_auth"})), 1.0);
    assert!(grew("keywright_request_duration_seconds_count", json!({"route": "other"})) >= 3.0);
    assert_eq!(grew("keywright_cache_misses_total", json!({})), 1.0);
    assert_eq!(grew("keywright_cache_hits_total", json!({})), 3.0);
    let answered = |route: &str, status: &str| json!({"route": route, "status": status});
    assert_eq!(grew("keywright_http_requests_total", answered("/v1/keys/verify", "2xx")), 4.0);
    assert_eq!(grew("keywright_http_requests_total", answered("/v1/forward-auth", "4xx")), 1.0);
    assert_eq!(grew("keywright_http_requests_total", answered("/v1/keys/{id}", "2xx")), 1.0);
    assert_eq!(grew("keywright_http_requests_total", answered("unmatched", "4xx")), 1.0);
    for moved in ["keywright_commits_total", "keywright_writes_total", "keywright_activity_rows_total"] {
        assert!(grew(moved, json!({})) > 0.0, "{moved}");
    }
    assert!(grew("keywright_commit_duration_seconds_count", json!({})) > 0.0);
    assert_eq!(grew("keywright_lane_attempts_total", json!({"lane": "mail", "outcome": "succeeded"})), 1.0);
    let job = json!({"job": "oauth.sweep"});
    assert_eq!(grew("keywright_job_last_success_timestamp_seconds", job), 120.0);
    for positive in ["keywright_store_bytes", "keywright_disk_free_bytes", "process_resident_memory_bytes"] {
        assert!(after.sum(positive, json!({})) > 0.0, "{positive}");
    }
    assert!(after.sum("process_max_fds", json!({})) > after.sum("process_open_fds", json!({})));
    assert_eq!(after.sum("keywright_build_info", json!({"version": env!("CARGO_PKG_VERSION")})), 1.0);
    assert!(
        after.sum("keywright_max_connections", json!({})) >= after.sum("keywright_connections", json!({}))
    );
    let activated = after.sum("keywright_signing_key_activated_timestamp_seconds", json!({}));
    assert_eq!(activated, app.now().seconds() as f64 - 120.0);
}

#[tokio::test]
async fn a_mail_that_waits_is_seen_and_so_is_one_that_failed_for_good() {
    use keywright::config::{Mail, SmtpSecurity, SmtpUrl};
    let nothing = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let app = TestApp::with(|config| {
        config.http.metrics_listen = Some(([127, 0, 0, 1], 0).into());
        let (security, host) = (SmtpSecurity::Loopback, "127.0.0.1".to_owned());
        let server = SmtpUrl { security, host, port: nothing, login: None };
        config.mail = Some(Mail { server, from: "auth@example.com".to_owned() });
    })
    .await;
    app.operator()
        .post("/v1/invitations", &json!({"email": "ada@example.com", "role": "member"}))
        .await
        .expect(201);
    app.advance(90);
    keywright::worker::run_due(app.services()).await;
    let page = Page::scrape(&app).await;
    let state = |state: &str| json!({"lane": "mail", "state": state});
    assert_eq!(page.sum("keywright_queue_items", state("waiting")), 1.0);
    assert_eq!(page.sum("keywright_queue_oldest_age_seconds", json!({"lane": "mail"})), 90.0);
    // An invitation is valid for a week.
    app.advance(8 * 86_400);
    keywright::worker::run_due(app.services()).await;
    let page = Page::scrape(&app).await;
    assert_eq!(page.sum("keywright_queue_items", state("waiting")), 0.0);
    assert_eq!(page.sum("keywright_queue_items", state("dead")), 1.0);
    assert_eq!(page.sum("keywright_queue_oldest_age_seconds", json!({"lane": "mail"})), 0.0);
}

#[tokio::test]
async fn requests_add_no_labels() {
    let app = started().await;
    for number in 0..50 {
        let made_up = format!("made-up-{number}");
        app.anonymous().get(&format!("/{made_up}")).await;
        app.anonymous().get(&format!("/v1/keys/{made_up}?q={made_up}")).await;
        app.anonymous().get(&format!("/v1/forward-auth?api={made_up}")).await;
        app.operator().post("/v1/keys/verify", &json!({"api": made_up, "key": made_up})).await;
    }
    app.operator().get("/v1/activity").await.expect(200);
    let page = Page::scrape(&app).await;
    assert!(!page.0.to_string().contains("made-up"), "{}", page.0);
}

#[tokio::test]
async fn the_expiry_of_the_certificate_is_a_metric() {
    let folder = tempfile::tempdir().unwrap();
    let (Tls { cert, key }, _) = certify(folder.path(), &["auth.example.com"]);
    let app = TestApp::with(|config| {
        config.http.metrics_listen = Some(([127, 0, 0, 1], 0).into());
        config.http.tls = Some(Tls { cert, key });
    })
    .await;
    let page = Page::scrape(&app).await;
    // rcgen's default: 4096-01-01.
    assert_eq!(page.sum("keywright_certificate_expiry_timestamp_seconds", json!({})), 67_090_118_400.0);
}
