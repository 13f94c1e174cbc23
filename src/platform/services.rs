//! Services of `platform`: the store, time, randomness, the master key and mail.
//!
//! Each room above has its own `Services`, which contains those of the room below and dereferences to them. A function
//! takes the `Services` of its own room, so that it reaches only what its room may use.

use std::sync::Arc;

use super::mail::Mailer;
use super::queue::Queue;
use super::vault::Vault;
use crate::env::{Rng, Settled, TrustedClock};
use crate::error::Error;
use crate::measure::{Family, Labels, label};
use crate::model::Timestamp;
use crate::store::file::Sizes;
use crate::store::{Db, Error as DbError, Reader, Tx};

/// Services of `platform`.
pub struct Services {
    /// The database.
    pub db: Db,
    /// Time.
    pub clock: Arc<TrustedClock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Encryption and MACs derived from `master.key`.
    pub vault: Arc<Vault>,
    /// Queue of work that follows a change.
    pub queue: Arc<Queue>,
    /// Outgoing mail.
    pub mailer: Mailer,
}

impl Services {
    /// Time for judging and stamping.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Time for deleting and retiring.
    pub fn settled(&self) -> Settled {
        self.clock.settled()
    }

    /// Fresh random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        crate::env::random(&*self.rng)
    }

    /// Changes the store. Returns after the commit is on disk and the caches have dropped the replaced values.
    ///
    /// # Errors
    /// The error of the job, or `UNAVAILABLE` when the store cannot be written.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.db.write(job).await
    }

    /// Reads one committed state of the store.
    ///
    /// # Errors
    /// The error of the query.
    pub async fn read<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        self.db.read(query).await
    }

    /// Checks that the store can be read and written.
    ///
    /// # Errors
    /// `UNAVAILABLE` with the cause in the server's log.
    pub async fn check(&self) -> crate::error::Result<()> {
        if self.db.health().failing {
            return Err(Error::unavailable("the last transaction could not be written"));
        }
        self.db.read(|conn| crate::store::instance::check(conn)).await.map_err(Into::into)
    }

    /// Metrics of the writer, the store and the queue.
    pub fn metrics(&self) -> Vec<Family> {
        let writer = self.db.health();
        let mut families = vec![
            Family::counter("commits_total", "Transactions committed.", writer.commits),
            Family::counter("writes_total", "Changes written, several to a transaction.", writer.jobs),
            Family::gauge("writes_waiting", "Changes waiting for the writer.", writer.waiting as f64),
            Family::gauge(
                "clock_ahead_seconds",
                "Seconds that the wall clock is ahead of trusted time; 0 while they agree within an hour.",
                self.clock.disagreement().map_or(0.0, |found| found.ahead_seconds() as f64),
            ),
            Family::gauge("store_failing", "1 while nothing can be written.", writer.failing),
            Family::histograms(
                "commit_duration_seconds",
                "Time of a transaction of the writer, from its first change to the disk.",
                [(Labels::new(), self.db.commit_latency())],
            ),
        ];
        match self.db.sizes() {
            Ok(sizes) => families.extend(store_families(&sizes)),
            Err(error) => tracing::warn!(%error, "cannot read the size of the store"),
        }
        match self.queue.metrics() {
            Ok(queue) => families.extend(queue),
            Err(error) => tracing::warn!(?error, "cannot read the state of the queue"),
        }
        families
    }
}

fn store_families(sizes: &Sizes) -> Vec<Family> {
    let part = |name: &'static str, bytes: u64| (label("part", name), bytes as f64);
    let mut families = vec![Family::gauges(
        "store_bytes",
        "Bytes of the database: its file, its write-ahead log, and the unused part of the file.",
        [part("file", sizes.file), part("wal", sizes.wal), part("free", sizes.free)],
    )];
    families.extend(sizes.disk_free.map(|bytes| {
        Family::gauge("disk_free_bytes", "Bytes left on the file system of the database.", bytes as f64)
    }));
    families
}
