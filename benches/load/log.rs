//! The log at ten million rows: insert rate, bytes per row, time that the writer is held, and the time of a page of one
//! key.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use keywright::activity;
use keywright::activity::Filter;
use keywright::activity::count_rows;
use keywright::app::{self, Env, Listen};
use keywright::config::Config;
use keywright::domain::identity::Services;
use keywright::env::{ManualClock, SystemRng};
use keywright::model::activity::{Entry, Kind, Method, Outcome, Reason};
use keywright::model::{RequestId, Timestamp};
use serde_json::{Value, json};

use super::Options;
use super::child::Child;
use super::drive::{Connections, Requests};
use super::fill::{self, Random, Scratch, Store};
use super::serve::took_us;
use super::table::{Goal, Table, quantile};

/// Keys of the rows.
pub(crate) const LOG_KEYS: usize = 10_000;
/// Rows that are pushed before each flush.
const BATCH: u64 = 25_000;
const MILLION: u64 = 1_000_000;
/// Time of the last row, and the interval between rows: ten million are thirty days.
const END: Timestamp = Timestamp::from_seconds(1_790_000_000);
const MILLIS_APART: i64 = 260;
/// Rows that retention removes when its steps are timed.
const REMOVED: i64 = 500_000;
/// Results of the fill, beside the store.
const FIGURES: &str = "figures.json";

/// Fills a log as the server does, through the buffer and the writer, and records its speed.
pub(crate) async fn fill(path: &Path, rows: u64) {
    let running = start(path, END, 90).await;
    let services = &running.services;
    fill::add_keys(services, LOG_KEYS).await;
    let mut made = Rows::new(rows);
    let mut millions = Vec::new();
    for first in (0..rows).step_by(MILLION as usize) {
        let started = Instant::now();
        let count = MILLION.min(rows - first);
        for part in (0..count).step_by(BATCH as usize) {
            for _ in 0..BATCH.min(count - part) {
                services.log.push(made.next()).expect("there is room");
            }
            // A list includes everything that was logged before, so it waits for the writer.
            activity::list(services, Filter::default(), None, 1).await.expect("the log can be read");
        }
        let inserted = started.elapsed();
        activity::index_segments(services).await.expect("it can be indexed");
        let indexed = started.elapsed();
        count_rows(services).await.expect("it can be counted");
        let rate = |took: std::time::Duration| count as f64 / took.as_secs_f64();
        millions.push((rate(inserted), rate(indexed), rate(started.elapsed())));
        eprintln!("  {} rows: {:.0} a second", first + count, rate(indexed));
    }
    running.stop().await;
    let bytes = bytes(&path.join("keywright.db"));
    let figures = json!({ "rows": rows, "millions": millions, "bytes": bytes });
    std::fs::write(path.join(FIGURES), figures.to_string()).expect("the directory can be written");
}

/// Opens a store with a fixed clock, so that only the called jobs run.
async fn start(path: &Path, now: Timestamp, retention_days: u32) -> app::Running {
    let mut config = Config::defaults(path);
    config.activity.retention_days = retention_days;
    let env = Env { clock: Arc::new(ManualClock::new(now)), rng: Arc::new(SystemRng), ..Env::default() };
    let running = app::start(&config, env, Listen::ControlOnly).await;
    running.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Decisions as in a small company: a hundred paths, thirty programs, a few thousand addresses; two of a hundred are
/// refusals with their reason.
struct Rows {
    random: Random,
    at: Timestamp,
    paths: Vec<Box<str>>,
    agents: Vec<Box<str>>,
    limited: Value,
    refused: Value,
}

impl Rows {
    fn new(rows: u64) -> Self {
        let check = |rule: &str, result: &str, observed: &str| json!({ "rule": rule, "result": result, "observed": observed });
        let passed = [
            "NOT_FOUND",
            "REVOKED",
            "DISABLED",
            "EXPIRED",
            "WRONG_API",
            "WRONG_ENVIRONMENT",
            "IP_NOT_ALLOWED",
        ];
        let passed = passed.map(|rule| check(rule, "passed", "what a rule tells about itself"));
        let scope = check(
            "INSUFFICIENT_SCOPE",
            "failed",
            "it holds databases:read queries:read and needs queries:write",
        );
        let limited = check("RATE_LIMITED", "failed", "tier pro: 0 of 1000 left, full again in 42 s");
        Self {
            random: Random(42),
            at: END.plus_millis(-MILLIS_APART * rows as i64),
            paths: (0..100).map(|no| format!("/v1/databases/db_{no}/queries").into()).collect(),
            agents: (0..30)
                .map(|no| format!("python-requests/2.{no}.3 (production backend)").into())
                .collect(),
            limited: json!({ "checks": [limited] }),
            refused: json!({ "checks": passed.into_iter().chain([scope]).collect::<Vec<_>>() }),
        }
    }

    fn next(&mut self) -> Entry {
        let random = &mut self.random;
        self.at = self.at.plus_millis(MILLIS_APART);
        let (outcome, reason, detail) = match random.below(100) {
            0 => (Outcome::Refused, Reason::InsufficientScope, Some(&self.refused)),
            1 => (Outcome::Limited, Reason::RateLimited, Some(&self.limited)),
            _ => (Outcome::Allowed, Reason::Valid, None),
        };
        let asks = random.below(2) == 0;
        let mut entry =
            Entry::new(self.at, if asks { Kind::KeyVerify } else { Kind::ForwardAuth }, outcome, reason);
        entry.api_no = Some(fill::API_NO);
        entry.key_no = Some(fill::key_no(random.below(LOG_KEYS as u64) as usize));
        entry.by_key_no = asks.then_some(1);
        entry.ip = Some([203, 0, random.below(16) as u8, random.below(256) as u8].into());
        entry.method = Some(if random.below(3) == 0 { Method::Post } else { Method::Get });
        entry.path = Some(self.paths[random.below(100) as usize].clone());
        entry.agent = Some(self.agents[random.below(30) as usize].clone());
        entry.took_us = Some(20 + random.below(200) as u32);
        let mut bytes = [0; 10];
        bytes[..4].copy_from_slice(&(random.next() as u32).to_le_bytes());
        bytes[4..8].copy_from_slice(&(random.next() as u32).to_le_bytes());
        entry.request_id = Some(RequestId::new(self.at, bytes));
        entry.detail = detail.cloned().map(Box::new);
        entry
    }
}

/// Bytes of each table in a file.
fn bytes(database: &Path) -> Vec<(String, i64)> {
    let connection = rusqlite::Connection::open(database).expect("the store can be opened");
    let mut statement = connection
        .prepare("SELECT name, sum(pgsize) FROM dbstat GROUP BY name")
        .expect("the table is built in");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("the file can be read");
    rows.collect::<Result<_, _>>().expect("the file can be read")
}

/// Duration of pages of 50 rows of one key, in the server itself: the median and the 99th percentile.
pub(crate) async fn pages(services: &Arc<Services>, count: usize) -> String {
    let (mut random, mut took) = (Random(7), Vec::new());
    // Twice, because the first round warms up.
    for _ in 0..2 {
        took.clear();
        for _ in 0..count {
            let key = fill::key_id(fill::key_no(random.below(LOG_KEYS as u64) as usize));
            let (filter, started) = (Filter { key: Some(key), ..Filter::default() }, Instant::now());
            let page = activity::list(services, filter, None, 50).await.expect("the log can be read");
            took.push(took_us(started));
            assert_eq!(page.data.len(), 50, "every key has rows");
        }
    }
    format!("{} {}", quantile(took.iter().copied(), 50), quantile(took, 99))
}

/// Requests pages, as a program in the server and as a client.
pub(crate) fn measure_pages(table: &mut Table, child: &mut Child, count: usize) {
    let answer = child.tell(&format!("pages {count}"));
    let (middle, slow) = answer.split_once(' ').expect("two figures");
    let millis = |text: &str| text.parse::<f64>().expect("a figure") / 1e3;
    table.line("50 newest rows of one key, warm, p99", Goal::AtMost(1.0), millis(slow), "ms");
    table.line("… its median", Goal::None, millis(middle), "ms");
    let mut random = Random(11);
    let text = |_| {
        let key = fill::key_id(fill::key_no(random.below(LOG_KEYS as u64) as usize));
        let bearer = fill::management_key();
        let head = "Host: 127.0.0.1\r\nAccept: */*\r\nAuthorization: Bearer";
        format!("GET /v1/activity?key={key} HTTP/1.1\r\n{head} {bearer}\r\n\r\n").into_bytes()
    };
    let mut requests = Requests::Whole { texts: (0..500).map(text).collect(), next: 0 };
    let took = Connections::open(child.port, 1, b"\"request_id\"").latencies_us(&mut requests, 500);
    let (middle, slow) = (quantile(took.iter().copied(), 50), quantile(took, 99));
    table.line(
        "… over HTTP, after its own line in the log is on disk, median",
        Goal::None,
        middle / 1e3,
        "ms",
    );
    table.line("… the same, p99", Goal::None, slow / 1e3, "ms");
}

/// Results of the fill.
pub(crate) fn report_fill(table: &mut Table, options: &Options) {
    let text =
        std::fs::read_to_string(Store::Log(options.rows).made().join(FIGURES)).expect("the fill wrote it");
    let figures: Value = serde_json::from_str(&text).expect("the fill wrote JSON");
    let rows = figures["rows"].as_f64().expect("a number");
    let rate = |million: &Value, of: usize| million[of].as_f64().expect("a rate");
    let millions = figures["millions"].as_array().expect("one for each million");
    let (first, last) = (&millions[0], &millions[millions.len() - 1]);
    table.line(
        "insert rate, index included, last million ÷ first",
        Goal::AtLeast(0.8),
        rate(last, 1) / rate(first, 1),
        "",
    );
    table.line("… rows a second, last million", Goal::None, rate(last, 1), "");
    table.line("… without the index", Goal::None, rate(last, 0), "");
    table.line("… with the charts' counts", Goal::None, rate(last, 2), "");
    let bytes = |part: &dyn Fn(&str) -> bool| -> f64 {
        let tables = figures["bytes"].as_array().expect("tables").iter();
        tables.filter(|one| part(one[0].as_str().unwrap_or_default())).filter_map(|one| one[1].as_f64()).sum()
    };
    let log = bytes(&|name| name.starts_with("activity") && name != "activity_counts");
    table.line("disk per row, index included", Goal::AtMost(100.0), log / rows, "bytes");
    table.line("… the row itself", Goal::None, bytes(&|name| name == "activity") / rows, "bytes");
    table.line(
        "… its entry in the index",
        Goal::None,
        bytes(&|name| name == "activity_index") / rows,
        "bytes",
    );
    table.line(
        "… the charts' counts on top",
        Goal::None,
        bytes(&|name| name == "activity_counts") / rows,
        "bytes",
    );
}

/// Time that closing a segment and retention hold the writer, in a process of its own.
pub(crate) fn measure_holds(table: &mut Table, scratch: &Scratch, options: &Options) {
    let copy = scratch.copy(Store::Log(options.rows), "holds");
    let database = rusqlite::Connection::open(copy.join("keywright.db")).expect("the store can be opened");
    let last = options.rows as i64 / MILLION as i64 - 1;
    for name in ["activity_index", "activity_segments"] {
        let forget = format!("DELETE FROM {name} WHERE segment = {last}");
        database.execute(&forget, []).expect("the store can be written");
    }
    let uncounted = json!({ "done": options.rows as i64 - REMOVED, "window": null }).to_string();
    database
        .execute("UPDATE jobs SET state = ?1 WHERE name = 'activity.counts'", [uncounted])
        .expect("as above");
    drop(database);
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    runtime.block_on(async {
        let kept = options.rows as i64 - REMOVED.min(options.rows as i64 / 2);
        let days = u32::try_from(kept * MILLIS_APART / 86_400_000).unwrap_or(0);
        let running = start(&copy, END, days).await;
        let services = &running.services;
        let index = held(services, activity::index_segments(services)).await;
        table.line("closing a segment holds the writer at most", Goal::AtMost(20.0), index, "ms");
        let retention = held(services, activity::apply_retention(services)).await;
        table.line("retention holds the writer at most", Goal::AtMost(20.0), retention, "ms");
        let counts = held(services, count_rows(services)).await;
        table.line("the charts' counts hold it at most", Goal::None, counts, "ms");
        running.stop().await;
    });
    let _ = std::fs::remove_dir_all(copy);
}

/// Longest wait for the writer during `work`, in milliseconds, by a task with an empty transaction.
async fn held(services: &Arc<Services>, work: impl Future<Output = keywright::error::Result<()>>) -> f64 {
    let done = Arc::new(AtomicBool::new(false));
    let (services, stop) = (services.clone(), done.clone());
    let probe = tokio::spawn(async move {
        let mut longest = 0.0_f64;
        while !stop.load(Ordering::Relaxed) {
            let started = Instant::now();
            services.write(|_| Ok::<_, keywright::store::Error>(())).await.expect("the store can be written");
            longest = longest.max(took_us(started) / 1e3);
            tokio::time::sleep(std::time::Duration::from_micros(500)).await;
        }
        longest
    });
    work.await.expect("the work can be done");
    done.store(true, Ordering::Relaxed);
    probe.await.expect("it does not panic")
}
