//! The real program under libfaketime: its wall clock jumps while it runs, its boot time does not.
//!
//! `make clock` runs it at full length (`KEYWRIGHT_CLOCK=full`); `make test` runs the same in short windows.

#![allow(clippy::disallowed_methods, reason = "a window of real time is what is tested")]
#![allow(clippy::print_stdout, reason = "the long run reports what it saw")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::support::{Client, Program, Server};

const PASSWORD: &str = "correct horse battery staple";
const EMAIL: &str = "owner@example.com";

/// Tables whose rows no jump may change.
const COUNTED: [&str; 7] =
    ["activity", "sessions", "refresh_families", "refresh_tokens", "keys", "key_secrets", "signing_keys"];

/// Length of the windows and amount of data.
struct Scale {
    rows: usize,
    forward: Duration,
    back: Duration,
}

fn scale() -> Scale {
    match std::env::var("KEYWRIGHT_CLOCK").as_deref() {
        Ok("full") => Scale { rows: 100_000, forward: Duration::from_secs(4), back: Duration::from_secs(60) },
        _ => Scale { rows: 1_000, forward: Duration::from_secs(2), back: Duration::from_secs(2) },
    }
}

/// The library for multi-threaded programs, from the package `faketime`.
fn library() -> PathBuf {
    let found = ["/usr/lib", "/usr/local/lib"].into_iter().flat_map(|root| {
        let below = std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
        below.chain([PathBuf::from(root)]).map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
    });
    found.into_iter().find(|path| path.exists()).expect("the package faketime is installed: make packages")
}

/// A server whose wall clock the test sets.
struct Faked {
    program: Program,
    server: Server,
    offset: PathBuf,
    operator: Client,
}

impl Faked {
    fn start() -> Self {
        let (mut program, _) = Program::initialised();
        let offset = program.directory().join("offset");
        set(&offset, "+0");
        program.set("LD_PRELOAD", library().to_str().unwrap());
        program.set("FAKETIME_TIMESTAMP_FILE", offset.to_str().unwrap());
        program.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        program.set("FAKETIME_NO_CACHE", "1");
        let server = program.serve([""; 0]);
        let operator = server.operator();
        Self { program, server, offset, operator }
    }

    /// Sets the offset of its wall clock.
    fn jump(&self, offset: &str) {
        set(&self.offset, offset);
    }

    async fn key(&self, more: Value) -> String {
        let mut body = json!({"api": "afdb", "name": "key", "scopes": ["queries:read"]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.operator.post("/v1/keys", &body).await.expect(201)["key"].as_str().unwrap().to_owned()
    }

    async fn verify(&self, key: &str) -> String {
        let answer =
            self.operator.post("/v1/keys/verify", &json!({"api": "afdb", "key": key})).await.expect(200);
        answer["code"].as_str().unwrap().to_owned()
    }

    /// Signs in; returns a client with the access token.
    async fn sign_in(&self) -> Client {
        let body = json!({"email": EMAIL, "password": PASSWORD});
        let tokens = self.server.anonymous().post("/v1/auth/login", &body).await.expect(200);
        let token = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
        self.server.anonymous().with("authorization", &token)
    }

    /// Every counted table with its number of rows and its first number.
    fn counts(&self) -> Vec<(&'static str, i64, i64)> {
        let path = self.program.data().join("keywright.db");
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let count = |table| {
            // The other two tables have no numbers.
            let first =
                if matches!(table, "refresh_tokens" | "key_secrets") { "0" } else { "coalesce(min(no), 0)" };
            let sql = format!("SELECT count(*), {first} FROM {table}");
            db.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
        };
        COUNTED.map(|table| (table, count(table).0, count(table).1)).to_vec()
    }

    /// Returns when the next signing key is published by a job after the start.
    async fn has_next_key(&self) {
        for _ in 0..3_000 {
            let keys = self.operator.get("/v1/signing-keys").await.expect(200);
            if keys["data"].as_array().unwrap().len() == 2 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no next signing key was published");
    }

    async fn clock(&self) -> Option<i64> {
        self.operator.get("/readyz").await.expect(200)["clock"]["ahead_seconds"].as_i64()
    }
}

fn set(file: &Path, offset: &str) {
    // In one step: the library may read at any time.
    let new = file.with_extension("new");
    std::fs::write(&new, format!("{offset}\n")).unwrap();
    std::fs::rename(new, file).unwrap();
}

/// Fills the log with a batch of requests per connection: each is a row.
fn fill(socket: &Path, key: &str, rows: usize) {
    const BATCH: usize = 100;
    let body = json!({"api": "afdb", "key": key}).to_string();
    let request = |connection: &str| {
        format!(
            "POST /v1/keys/verify HTTP/1.1\r\nHost: k\r\nConnection: {connection}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let batch = request("keep-alive").repeat(BATCH - 1) + &request("close");
    for _ in 0..rows.div_ceil(BATCH) {
        let mut stream = UnixStream::connect(socket).unwrap();
        stream.write_all(batch.as_bytes()).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        let first = &answers[..answers.len().min(500)];
        assert_eq!(answers.matches("\"code\":\"VALID\"").count(), BATCH, "{first}");
    }
}

/// Existing rows are kept: counts may grow, and no row is removed at the front.
#[track_caller]
fn nothing_is_gone(before: &[(&str, i64, i64)], after: &[(&str, i64, i64)], when: &str) {
    for (before, after) in before.iter().zip(after) {
        let starts_alike = before.1 == 0 || after.2 == before.2;
        assert!(after.1 >= before.1 && starts_alike, "{when}: {before:?} became {after:?}");
    }
    assert_eq!(before.last(), after.last(), "{when}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jumps_of_a_running_server_destroy_nothing_and_poison_nothing() {
    let scale = scale();
    let faked = Faked::start();
    faked.has_next_key().await;
    faked.operator.post("/v1/apis", &crate::support::afdb()).await.expect(201);
    let lasting = faked.key(json!({"tier": "enterprise"})).await;
    let expiring = faked.key(json!({"expires_in_days": 30})).await;
    let old = faked.sign_in().await;
    fill(&faked.program.data().join("control.sock"), &lasting, scale.rows);
    faked.operator.get("/v1/activity?limit=1").await.expect(200);
    for (offset, window) in
        [("+120d", scale.forward), ("-1d", scale.back), ("+60d", Duration::from_millis(300))]
    {
        let before = faked.counts();
        let forward = offset.starts_with('+');
        faked.jump(offset);
        let end = tokio::time::Instant::now() + window;
        let expected = if forward { "EXPIRED" } else { "VALID" };
        assert_eq!(faked.verify(&expiring).await, expected, "during {offset}: the clock is faked");
        let new = faked.sign_in().await;
        new.get("/v1/user/profile").await.expect(200);
        let seconds = faked.clock().await.expect("a difference is shown");
        assert_eq!(seconds > 0, forward, "{seconds}");
        while tokio::time::Instant::now() < end {
            faked.verify(&lasting).await;
        }
        faked.jump("+0");
        let over = tokio::time::Instant::now();
        assert_eq!(faked.verify(&expiring).await, "VALID", "after {offset}");
        let made = faked.key(json!({"expires_in_days": 10})).await;
        assert_eq!(faked.verify(&made).await, "VALID", "after {offset}");
        assert!(over.elapsed() < Duration::from_secs(1), "{:?}", over.elapsed());
        assert_eq!(faked.clock().await, None);
        old.get("/v1/user/profile").await.expect(200);
        faked.sign_in().await.get("/v1/user/profile").await.expect(200);
        if forward {
            new.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
        }
        let after = faked.counts();
        println!("{offset} for {window:?}\n  before {before:?}\n  after  {after:?}");
        nothing_is_gone(&before, &after, offset);
    }
    let intact = faked.program.run(["activity", "verify"]);
    println!("{}", intact.stdout);
    let ended = faked.server.stop();
    assert_eq!(ended.stderr.matches("does not agree").count(), 3, "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("agrees again").count(), 3, "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_stopped_for_a_day_works_at_once_and_keeps_no_expired_key_alive() {
    let faked = Faked::start();
    faked.has_next_key().await;
    faked.operator.post("/v1/apis", &crate::support::afdb()).await.expect(201);
    let lasting = faked.key(json!({"expires_in_days": 30})).await;
    let expiring = faked.key(json!({"expires_in_days": 1})).await;
    let before = faked.counts();
    assert_eq!(faked.verify(&expiring).await, "VALID");
    faked.server.signal("STOP");
    faked.jump("+25h");
    faked.server.signal("CONT");
    assert_eq!(faked.verify(&expiring).await, "EXPIRED");
    assert_eq!(faked.verify(&lasting).await, "VALID");
    let new = faked.sign_in().await;
    new.get("/v1/user/profile").await.expect(200);
    nothing_is_gone(&before, &faked.counts(), "after a day");
    // The operator knows that the clock is right.
    let accepted = faked.program.run(["clock", "accept", "--json"]).json();
    assert!((86_400..100_000).contains(&accepted["ahead_seconds"].as_i64().unwrap()), "{accepted}");
    assert_eq!(faked.clock().await, None);
    new.get("/v1/user/profile").await.expect(200);
}
