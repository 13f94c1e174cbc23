//! Work that nobody waits for: every job is on this screen. The clock drives it, so that a test advances the clock
//! and calls [`run_due`].
//!
//! A job does its work in small steps, each a transaction of its own that says how far it came: it may be cut off
//! between any two of them, and it never keeps the writer from the changes that people wait for.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::activity;
use crate::domain::identity::Services;
use crate::domain::identity::{sessions, signing_keys};
use crate::domain::{idempotency, oauth};
use crate::error::{Error, Result};
use crate::store::jobs as table;
use crate::store::jobs::Due;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long a job that failed waits at least, and at most.
const RETRY_SECONDS: (i64, i64) = (10, 3_600);

type Work = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Something to be done again and again.
#[derive(Clone, Copy)]
struct Job {
    name: &'static str,
    every_seconds: i64,
    work: fn(Arc<Services>) -> Work,
}

/// Everything that is done on time.
const JOBS: &[Job] = &[
    Job {
        name: "activity.index",
        every_seconds: 60,
        work: |services| Box::pin(async move { activity::index_segments(&services).await }),
    },
    Job {
        name: activity::COUNTS_JOB,
        every_seconds: 60,
        work: |services| Box::pin(async move { activity::count_rows(&services).await }),
    },
    Job {
        name: "activity.retention",
        every_seconds: 3_600,
        work: |services| Box::pin(async move { activity::apply_retention(&services).await }),
    },
    Job {
        name: "idempotency.sweep",
        every_seconds: 600,
        work: |services| Box::pin(sweep_idempotency(services)),
    },
    Job { name: "oauth.sweep", every_seconds: 60, work: |services| Box::pin(sweep_oauth(services)) },
    Job { name: "sessions.sweep", every_seconds: 600, work: |services| Box::pin(sweep_sessions(services)) },
    Job {
        name: "signing_keys.tend",
        every_seconds: 3_600,
        work: |services| Box::pin(tend_signing_keys(services)),
    },
];

/// Runs jobs when they are due, until `stop` holds true.
pub async fn run(services: Arc<Services>, mut stop: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let work = async {
        loop {
            tick.tick().await;
            if let Err(error) = services.log.catch_up(&services.db).await {
                tracing::debug!(%error, "the log cannot be written");
            }
            run_due(&services).await;
        }
    };
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => {}
        () = work => {}
    }
    services.log.close();
}

/// Runs every job that is due now, one after the other, and tells how many that were.
pub async fn run_due(services: &Arc<Services>) -> usize {
    run_jobs(services, JOBS).await
}

async fn run_jobs(services: &Arc<Services>, jobs: &[Job]) -> usize {
    let known = match services.db.lookup(table::all) {
        Ok(known) => known.into_iter().map(|due| (due.name.clone(), due)).collect::<HashMap<_, _>>(),
        Err(error) => {
            tracing::warn!(%error, "cannot tell which jobs are due");
            return 0;
        }
    };
    let mut ran = 0;
    for job in jobs {
        let last = known.get(job.name);
        if job.is_due(services, last) {
            ran += 1;
            job.run(services, last.map_or(0, |due| due.failures)).await;
        }
    }
    ran
}

impl Job {
    /// A job that never ran is due; so is one that is due further in the future than can be, for somebody has set the
    /// clock back.
    fn is_due(&self, services: &Services, last: Option<&Due>) -> bool {
        let latest = services.now().plus_seconds(self.every_seconds.max(RETRY_SECONDS.1));
        last.is_none_or(|due| due.run_at <= services.now() || due.run_at > latest)
    }

    async fn run(&self, services: &Arc<Services>, failures: i64) {
        // A task of its own, so that a panic ends this run alone; dropping the handle's guard cancels it.
        let mut task = tokio::task::JoinSet::new();
        task.spawn((self.work)(services.clone()));
        let result =
            task.join_next().await.unwrap_or(Ok(Ok(()))).unwrap_or_else(|panic| Err(Error::internal(panic)));
        let failures = if result.is_ok() { 0 } else { failures + 1 };
        let wait = match failures {
            0 => self.every_seconds,
            _ => (RETRY_SECONDS.0 << failures.min(16)).min(RETRY_SECONDS.1),
        };
        let error = result.err().map(|error| format!("{error:?}"));
        if let Some(error) = &error {
            tracing::warn!(job = self.name, failures, error, "a job failed; it will be tried again");
        }
        let due = Due { name: self.name.to_owned(), run_at: services.now().plus_seconds(wait), failures };
        let noted = services.write(move |tx| Ok::<_, Error>(table::put(tx, &due, error.as_deref())?)).await;
        if let Err(error) = noted {
            tracing::warn!(job = self.name, ?error, "cannot note that a job has run");
        }
    }
}

/// Answers kept for repeated requests go when their time is over.
async fn sweep_idempotency(services: Arc<Services>) -> Result<()> {
    let now = services.now();
    while services.write(move |tx| idempotency::sweep(tx, now)).await? > 0 {}
    Ok(())
}

/// Requests, codes, revocations, grants and clients go some time after their end.
async fn sweep_oauth(services: Arc<Services>) -> Result<()> {
    let now = services.now();
    while services.write(move |tx| oauth::sweep(tx, now)).await? > 0 {}
    Ok(())
}

/// Sessions, refresh tokens and links go some time after their end.
async fn sweep_sessions(services: Arc<Services>) -> Result<()> {
    let now = services.now();
    while sessions::sweep(&services, now).await? {}
    Ok(())
}

/// A next signing key is always published, and each signs for its time.
async fn tend_signing_keys(services: Arc<Services>) -> Result<()> {
    let now = services.now();
    signing_keys::tend(&services, now).await
}
