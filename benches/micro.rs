//! The parts of a decision, individually. `cargo bench --bench micro` runs them.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use keywright::app::{self, Env, Listen, Running};
use keywright::config::Config;
use keywright::domain::policy::Question;
use keywright::domain::policy::limits::{BucketId, Limiter, Subject};
use keywright::model::activity::{Entry, Kind, Method, Outcome, Reason};
use keywright::model::{
    Api, Environment, KeyId, KeySecret, RateLimit, RequestId, RequestedEnvironment, ScopeExpr, SecretHash,
    Timestamp, inspect,
};
use keywright::store::activity::{Inserter, Stored};
use keywright::store::{Error, ToSql, Tx};

const NOW: Timestamp = Timestamp::from_seconds(1_780_000_000);

/// A server without a network, and a key of the built-in API in its cache.
struct Bench {
    runtime: tokio::runtime::Runtime,
    running: Running,
    key: KeySecret,
    api: Arc<Api>,
    _directory: tempfile::TempDir,
}

impl Bench {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = Config::defaults(directory.path().join("data"));
        let running =
            runtime.block_on(app::start(&config, Env::default(), Listen::ControlOnly)).expect("it starts");
        let key = KeySecret::generate("kw".parse().expect("a prefix"), Environment::Live, &[7; 32]);
        let (hash, start, end) = (key.hash(), key.start().to_owned(), key.end().to_owned());
        let add = move |tx: &mut Tx<'_>| {
            let id = KeyId::new(NOW, [1; 10]).to_string();
            let now = NOW.millis();
            tx.execute(
                "INSERT INTO keys (no, id, api_no, name, environment, scopes, metadata, created_at, updated_at)
                 VALUES (1, ?1, 1, 'Gateway', 'live', 'keys:read keys:verify', '{}', ?2, ?2)",
                &[&id as &dyn ToSql, &now],
            )?;
            tx.execute(
                "INSERT INTO key_secrets (hash, key_no, start, \"end\", created_at) VALUES (?1, 1, ?2, ?3, ?4)",
                &[&hash.as_bytes().as_slice() as &dyn ToSql, &start, &end, &now],
            )?;
            Ok::<_, Error>(())
        };
        runtime.block_on(running.services.write(add)).expect("the key can be written");
        let api = running.services.catalog.get().built_in().clone();
        Self { runtime, running, key, api, _directory: directory }
    }
}

fn text(criterion: &mut Criterion) {
    let key = KeySecret::generate("bench".parse().expect("a prefix"), Environment::Live, &[7; 32]);
    criterion.bench_function("parse a key and hash it", |bencher| {
        bencher.iter(|| {
            black_box(inspect(black_box(key.expose())));
            SecretHash::of(black_box(key.expose()))
        });
    });
    let text = "queries:read AND (dashboards:read OR admin)";
    criterion.bench_function("parse an expression", |bencher| {
        bencher.iter(|| ScopeExpr::parse(black_box(text)).expect("an expression"));
    });
}

fn decision(criterion: &mut Criterion) {
    let bench = Bench::start();
    let services = &bench.running.services;
    let scopes = ScopeExpr::parse("keys:verify AND (keys:read OR admin)").expect("an expression");
    let mut ask = |name: &str, scopes: Option<&ScopeExpr>| {
        let question =
            Question { api: &bench.api, scopes, environment: RequestedEnvironment::Live, cost: 1, ip: None };
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let key = black_box(bench.key.expose());
                services.engine.ask(services, key, black_box(&question), NOW).expect("an answer")
            });
        });
    };
    ask("answer from the cache", None);
    ask("answer from the cache, with an expression", Some(&scopes));
    let entry = row();
    criterion.bench_function("log a decision", |bencher| {
        bencher.iter_custom(|times| {
            let (mut took, mut rest) = (Duration::ZERO, times);
            while rest > 0 {
                // The time of the writer is not measured here.
                while bench.runtime.block_on(services.log.capacity()).is_err() {}
                let part = rest.min(10_000);
                let started = Instant::now();
                for _ in 0..part {
                    services.log.push(black_box(&entry).clone()).expect("there is room");
                }
                took += started.elapsed();
                rest -= part;
            }
            took
        });
    });
    let mut next = 1_000_000_000;
    criterion.bench_function("encode a row into its table", |bencher| {
        bencher.iter_custom(|times| {
            let (first, entry) = (next, entry.clone());
            next += times as i64;
            let insert = move |tx: &mut Tx<'_>| {
                let (mut rows, started) = (Inserter::new(tx)?, Instant::now());
                for no in first..first + times as i64 {
                    rows.insert(&Stored::new(no, black_box(&entry), Some(7), Some(8)))?;
                }
                let took = started.elapsed();
                drop(rows);
                // The log continues after its newest row, which must not change.
                tx.execute("DELETE FROM activity WHERE no >= ?1", &[&first as &dyn ToSql])?;
                Ok::<_, Error>(took)
            };
            bench.runtime.block_on(services.write(insert)).expect("the rows can be written")
        });
    });
    bench.runtime.block_on(bench.running.stop());
}

fn limiter(criterion: &mut Criterion) {
    let limiter = Limiter::default();
    let limit = RateLimit { limit: Some(4_000_000_000), window_seconds: 60, burst: None };
    let id = BucketId { api_no: 1, tier: "pro", subject: Subject::Key(7) };
    let mut now = Duration::from_secs(1);
    criterion.bench_function("take from a limit", |bencher| {
        bencher.iter(|| {
            now += Duration::from_micros(1);
            limiter.take(black_box(&id), &limit, now, 1).expect("there is room")
        });
    });
}

fn row() -> Entry {
    let mut entry = Entry::new(NOW, Kind::KeyVerify, Outcome::Allowed, Reason::Valid);
    entry.api_no = Some(1_000);
    entry.key_no = Some(123_456);
    entry.by_key_no = Some(1);
    entry.ip = Some([203, 0, 113, 9].into());
    entry.method = Some(Method::Post);
    entry.path = Some("/v1/queries".into());
    entry.agent = Some("python-requests/2.32.3".into());
    entry.took_us = Some(40);
    entry.request_id = Some(RequestId::new(NOW, [1; 10]));
    entry
}

fn briefly() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
}

criterion_group! {
    name = parts;
    config = briefly();
    targets = text, limiter, decision
}
criterion_main!(parts);
