//! The rules. Functions are synchronous over a transaction, take the time from their caller, and know no HTTP.

pub mod apis;
pub mod clients;
pub mod idempotency;
pub mod identity;
pub mod instance;
pub mod keys;
pub mod oauth;
pub mod policy;
pub mod settings;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::Arc;

use self::identity::people::People;
use self::policy::Engine;
use self::policy::catalog::Catalog;
use crate::activity::Log;
use crate::env::{Clock, Rng};
use crate::model::Timestamp;
use crate::model::setting::Signup;
use crate::platform::vault::Vault;
use crate::store::{Db, Error as DbError, Reader, Tx};

/// What the rules stand on: one value for the whole server, made by `app`.
pub struct Core {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    /// Seals what must be readable again, and signs cursors and the log's chain.
    pub vault: Vault,
    /// Every API, in memory.
    pub catalog: Catalog,
    /// Answers whether a key is good.
    pub verify: Engine,
    /// What signing in stands on.
    pub people: People,
    /// Where decisions are logged.
    pub activity: Arc<Log>,
    /// What the operator configured and the rules need.
    pub settings: Settings,
}

/// One figure about the running server.
#[derive(Debug, Clone)]
pub struct Metric {
    /// Its name, without the product's.
    pub name: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// What it says.
    pub help: &'static str,
    /// Its value now.
    pub value: f64,
}

impl Metric {
    /// A figure that only grows.
    pub fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self { name, kind: "counter", help, value: value as f64 }
    }

    /// A figure that goes up and down.
    pub fn gauge(name: &'static str, help: &'static str, value: u64) -> Self {
        Self { name, kind: "gauge", help, value: value as f64 }
    }
}

/// The part of the configuration that rules ask for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where people and programs reach this instance; the issuer of its tokens, byte for byte.
    pub public_url: String,
    /// Where programs on this machine reach it.
    pub local_url: String,
    /// Shown name of whoever runs it.
    pub organization: String,
    /// Who may make an account.
    pub signup: Signup,
    /// Slug of the API that a login means which names none.
    pub default_api: String,
    /// Lifetime of access tokens, in seconds.
    pub access_token_seconds: u32,
    /// Slug of the API that clients get which register themselves; none where they cannot.
    pub registration_api: Option<String>,
}

impl Core {
    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Fresh random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        crate::env::random(&*self.rng)
    }

    /// Changes the store; returns when the change is on disk and every cache has forgotten what it replaced.
    ///
    /// # Errors
    /// The job's own, or `UNAVAILABLE` when nothing can be written.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.db.write(job).await
    }

    /// Reads one committed state.
    ///
    /// # Errors
    /// The query's own.
    pub async fn read<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.db.read(query).await
    }

    /// Whether the store can be read and written.
    ///
    /// # Errors
    /// `UNAVAILABLE` with the cause in the server's log.
    pub async fn check(&self) -> crate::error::Result<()> {
        if self.db.health().failing {
            return Err(crate::error::Error::unavailable("the last transaction could not be written"));
        }
        self.db
            .read(|conn| conn.number("SELECT count(*) FROM instance", &[]))
            .await
            .map(drop)
            .map_err(Into::into)
    }

    /// What the server has done so far.
    pub fn metrics(&self) -> Vec<Metric> {
        let writer = self.db.health();
        let log = self.activity.stats();
        vec![
            Metric::counter("commits_total", "Transactions committed.", writer.commits),
            Metric::counter("writes_total", "Changes written, several to a transaction.", writer.jobs),
            Metric::gauge("writes_waiting", "Changes waiting for the writer.", writer.waiting),
            Metric::gauge("slowest_commit_microseconds", "Longest transaction so far.", writer.slowest_us),
            Metric::counter("activity_rows_total", "Rows written to the activity log.", log.rows),
            Metric::counter("activity_batches_total", "Transactions that wrote some.", log.batches),
            Metric::gauge("activity_largest_batch", "Most rows in one of them.", log.largest_batch),
            Metric::gauge("activity_waiting", "Rows that are not on disk yet.", log.depth as u64),
            Metric::counter("activity_waits_total", "Requests that waited for room in the log.", log.waits),
            Metric::counter("activity_refusals_total", "Requests refused for want of room.", log.refusals),
            Metric::gauge("store_failing", "1 while nothing can be written.", u64::from(writer.failing)),
        ]
    }
}
