//! Stores with keys, made once and copied for each run.

use std::path::{Path, PathBuf};
use std::process::Command;

use keywright::app::{self, Doors, Env};
use keywright::config::Config;
use keywright::db::{self, ToSql, Tx};
use keywright::model::{ApiId, Environment, KeyId, KeyPrefix, KeySecret, SecretHash, Timestamp};

use super::{FEW, Options};

/// Characters of `bench_live_` and what follows.
pub(crate) const KEY_LENGTH: usize = 11 + 38;

/// A key as it is sent.
pub(crate) type Key = [u8; KEY_LENGTH];

/// Keys that share a transaction.
const BATCH: usize = 10_000;
const CREATED: Timestamp = Timestamp::from_seconds(1_780_000_000);

/// Copies of the stores, removed at the end.
pub(crate) struct Stores {
    pub(crate) directory: PathBuf,
    pub(crate) few: PathBuf,
    pub(crate) many: PathBuf,
}

impl Stores {
    pub(crate) fn prepare(options: &Options) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-data");
        let directory = root.join(format!("run-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("target can be written");
        let copy = |count: usize| -> PathBuf {
            let (made, copy) = (root.join(format!("keys-{count}")), directory.join(format!("keys-{count}")));
            if !made.join("done").exists() {
                eprintln!("making a store with {count} keys");
                let _ = std::fs::remove_dir_all(&made);
                let status = Command::new(std::env::current_exe().expect("this program has a path"))
                    .args(["fill", &count.to_string()])
                    .arg(&made)
                    .status();
                assert!(status.is_ok_and(|status| status.success()), "the store could not be made");
                std::fs::write(made.join("done"), "").expect("target can be written");
            }
            let status = Command::new("cp").arg("-a").arg(&made).arg(&copy).status();
            assert!(status.is_ok_and(|status| status.success()), "the store could not be copied");
            copy
        };
        Self { few: copy(FEW), many: copy(options.keys), directory }
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The first `count` keys, the same in every run.
pub(crate) fn keys(count: usize) -> Vec<Key> {
    let bytes = |number| secret(number).expose().as_bytes().try_into().expect("all keys are of one length");
    (0..count).map(bytes).collect()
}

/// A key of the built-in API that may ask.
pub(crate) fn management_key() -> String {
    let prefix = "kw".parse().expect("it is a prefix");
    KeySecret::generate(prefix, Environment::Live, &[7; 32]).expose().to_owned()
}

fn secret(number: usize) -> KeySecret {
    let prefix: KeyPrefix = "bench".parse().expect("it is a prefix");
    let random = SecretHash::of(&number.to_string());
    KeySecret::generate(prefix, Environment::Live, random.as_bytes())
}

type Job = Box<dyn FnOnce(&mut Tx<'_>) -> Result<(), db::Error> + Send>;

/// Makes a store with `count` keys.
pub(crate) fn fill(path: &Path, count: usize) {
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    runtime.block_on(async {
        let config = Config::defaults(path);
        let running = app::start(&config, Env::default(), Doors::ControlOnly).await;
        let running = running.unwrap_or_else(|failure| panic!("{failure}"));
        let core = running.core.clone();
        let write = async |job: Job| {
            core.write(job).await.expect("the store can be written");
        };
        write(Box::new(add_api)).await;
        let management =
            KeySecret::generate("kw".parse().expect("it is a prefix"), Environment::Live, &[7; 32]);
        write(Box::new(move |tx| add_key(tx, 1, 1, "keys:verify", &management))).await;
        for start in (0..count).step_by(BATCH) {
            write(Box::new(move |tx| {
                (start..count.min(start + BATCH)).try_for_each(|number| {
                    add_key(tx, number as i64 + 2, API_NO, "databases:read queries:read", &secret(number))
                })
            }))
            .await;
        }
        running.stop().await;
    });
}

const API_NO: i64 = 1_000;

/// An API like the examples: a few scopes, and a tier that counts but never refuses here.
fn add_api(tx: &mut Tx<'_>) -> Result<(), db::Error> {
    let id = ApiId::new(CREATED, [1; 10]).to_string();
    let now = CREATED.millis();
    tx.execute(
        "INSERT INTO apis (no, id, slug, name, audience, prefix, default_tier, token_tier, member_tier,
             member_max_keys, created_at, updated_at)
         VALUES (?1, ?2, 'bench', 'Bench', 'https://bench.example.com', 'bench', 'pro', 'pro', 'pro', 10, ?3, ?3)",
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

fn add_key(tx: &mut Tx<'_>, no: i64, api_no: i64, scopes: &str, secret: &KeySecret) -> Result<(), db::Error> {
    let id = KeyId::from_u128(KeyId::new(CREATED, [0; 10]).as_u128() + no as u128).to_string();
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
    Ok(())
}
