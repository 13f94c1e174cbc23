//! Stores with keys, created once and copied for each run.

use std::path::{Path, PathBuf};
use std::process::Command;

use keywright::app::{self, Env, Listen};
use keywright::config::Config;
use keywright::domain::identity::Services;
use keywright::model::{ApiId, Environment, KeyId, KeyPrefix, KeySecret, SecretHash, Timestamp};
use keywright::store;
use keywright::store::{ToSql, Tx};

/// Length of `bench_live_` and the rest.
pub(crate) const KEY_LENGTH: usize = 11 + 38;

/// A key in the form of requests.
pub(crate) type Key = [u8; KEY_LENGTH];

/// Keys per transaction.
const BATCH: usize = 10_000;
const CREATED: Timestamp = Timestamp::from_seconds(1_780_000_000);

/// Keys in the small store.
pub(crate) const FEW: usize = 1_000;

/// Content of a store.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Store {
    /// This many keys and an empty log.
    Keys(usize),
    /// This many rows in the log, about [`LOG_KEYS`](super::log::LOG_KEYS) keys.
    Log(u64),
}

impl Store {
    fn name(self) -> String {
        match self {
            Self::Keys(count) => format!("keys-{count}"),
            Self::Log(rows) => format!("log-{rows}"),
        }
    }

    /// Its path; created if it is missing. Servers get copies of it.
    pub(crate) fn made(self) -> PathBuf {
        let made = root().join(self.name());
        if !made.join("done").exists() {
            eprintln!("making {}, this once", made.display());
            let _ = std::fs::remove_dir_all(&made);
            let program = std::env::current_exe().expect("this program has a path");
            let status = Command::new(program).args(["fill", &self.name()]).arg(&made).status();
            assert!(status.is_ok_and(|status| status.success()), "the store could not be made");
            std::fs::write(made.join("done"), "").expect("target can be written");
        }
        made
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-data")
}

/// Directories of one run, removed at its end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let directory = root().join(format!("run-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("target can be written");
        Self(directory)
    }

    /// Path of this name.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A copy of a store, for writing.
    pub(crate) fn copy(&self, store: Store, name: &str) -> PathBuf {
        let copy = self.path(name);
        let status = Command::new("cp").arg("-a").arg(store.made()).arg(&copy).status();
        assert!(status.is_ok_and(|status| status.success()), "the store could not be copied");
        copy
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Pseudo-random numbers, the same in every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// The first `count` keys, the same in every run.
pub(crate) fn keys(count: usize) -> Vec<Key> {
    let bytes = |number| secret(number).expose().as_bytes().try_into().expect("all keys are of one length");
    (0..count).map(bytes).collect()
}

/// A key of the built-in API that may verify.
pub(crate) fn management_key() -> String {
    let prefix = "kw".parse().expect("it is a prefix");
    KeySecret::generate(prefix, Environment::Live, &[7; 32]).expose().to_owned()
}

fn secret(number: usize) -> KeySecret {
    let prefix: KeyPrefix = "bench".parse().expect("it is a prefix");
    let random = SecretHash::of(&number.to_string());
    KeySecret::generate(prefix, Environment::Live, random.as_bytes())
}

type Job = Box<dyn FnOnce(&mut Tx<'_>) -> Result<(), store::Error> + Send>;

/// Creates the store of this name.
pub(crate) fn fill(name: &str, path: &Path) {
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let count = |text: &str| text.parse::<u64>().expect("a number");
    runtime.block_on(async {
        match name.split_once('-') {
            Some(("keys", keys)) => {
                let config = Config::defaults(path);
                let running = app::start(&config, Env::default(), Listen::ControlOnly).await;
                let running = running.unwrap_or_else(|failure| panic!("{failure}"));
                add_keys(&running.services, count(keys) as usize).await;
                running.stop().await;
            }
            Some(("log", rows)) => super::log::fill(path, count(rows)).await,
            _ => panic!("no store is called {name}"),
        }
    });
}

/// The API, a management key with the scopes to verify and read, and keys.
pub(crate) async fn add_keys(services: &Services, count: usize) {
    let write = async |job: Job| {
        services.write(job).await.expect("the store can be written");
    };
    write(Box::new(add_api)).await;
    let management = KeySecret::generate("kw".parse().expect("it is a prefix"), Environment::Live, &[7; 32]);
    write(Box::new(move |tx| add_key(tx, 1, 1, "activity:read keys:verify", &management))).await;
    for start in (0..count).step_by(BATCH) {
        write(Box::new(move |tx| {
            (start..count.min(start + BATCH)).try_for_each(|number| {
                add_key(tx, key_no(number), API_NO, "databases:read queries:read", &secret(number))
            })
        }))
        .await;
    }
}

/// The row number of a key.
pub(crate) const fn key_no(number: usize) -> i64 {
    number as i64 + 2
}

/// The id of the key in a row.
pub(crate) fn key_id(no: i64) -> KeyId {
    KeyId::from_u128(KeyId::new(CREATED, [0; 10]).as_u128() + no as u128)
}

/// The API's row number.
pub(crate) const API_NO: i64 = 1_000;

/// An API like the examples: a few scopes, and a tier that counts but never refuses here.
fn add_api(tx: &mut Tx<'_>) -> Result<(), store::Error> {
    let id = ApiId::new(CREATED, [1; 10]).to_string();
    let now = CREATED.millis();
    tx.execute(
        "INSERT INTO apis (no, id, slug, name, audience, audience_key, prefix, default_tier, token_tier, member_tier,
             member_max_keys, created_at, updated_at)
         VALUES (?1, ?2, 'bench', 'Bench', 'https://bench.example.com', 'https://bench.example.com', 'bench', 'pro', 'pro', 'pro', 10, ?3, ?3)",
        &[&API_NO as &dyn ToSql, &id, &now],
    )?;
    for (position, name) in ["admin", "databases:read", "queries:read", "queries:write"].iter().enumerate() {
        tx.execute(
            "INSERT INTO scopes (api_no, name, description, grants_all, position) VALUES (?1, ?2, '', ?3, ?4)",
            &[&API_NO as &dyn ToSql, name, &i64::from(*name == "admin"), &(position as i64)],
        )?;
    }
    tx.execute(
        "INSERT INTO tiers (api_no, name, limit_count, window_seconds, position) VALUES (?1, 'pro', 100000000, 60, 0)",
        &[&API_NO as &dyn ToSql],
    )?;
    Ok(())
}

fn add_key(
    tx: &mut Tx<'_>,
    no: i64,
    api_no: i64,
    scopes: &str,
    secret: &KeySecret,
) -> Result<(), store::Error> {
    let id = key_id(no).to_string();
    let now = CREATED.millis();
    tx.execute(
        "INSERT INTO keys (no, id, api_no, name, environment, scopes, owner, metadata, created_at, updated_at)
         VALUES (?1, ?2, ?3, 'Production Backend', 'live', ?4, ?5, '{\"team\":\"data\"}', ?6, ?6)",
        &[&no as &dyn ToSql, &id, &api_no, &scopes, &format!("customer-{}", no / 3), &now],
    )?;
    tx.execute(
        "INSERT INTO key_secrets (hash, key_no, start, \"end\", created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        &[&secret.hash().as_bytes().as_slice() as &dyn ToSql, &no, &secret.start(), &secret.end(), &now],
    )?;
    // It was used before, like almost every key.
    tx.execute("INSERT INTO key_usage (key_no, last_used_at) VALUES (?1, ?2)", &[&no as &dyn ToSql, &now])?;
    Ok(())
}
