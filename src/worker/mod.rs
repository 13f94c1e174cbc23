//! Background work: this file lists every lane. The clock drives it, so that a test advances the clock and calls
//! [`run_due`].
//!
//! A job works in small steps, each a transaction of its own that stores its progress: it can be interrupted between
//! any two of them, and it does not delay the changes of requests.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::activity;
use crate::domain::identity::Services;
use crate::domain::identity::users::password;
use crate::domain::identity::{sessions, signing_keys};
use crate::domain::{idempotency, instance, oauth};
use crate::error::Result;
use crate::platform::queue::{Lane, Retry};

/// Interval at which the activity log processes committed rows.
const TICK: Duration = Duration::from_secs(1);
/// Waits after failures of a job.
const RETRY: Retry =
    Retry { waits_seconds: &[20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600], repeats: true };

type Run = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Scheduled work with a lane of its own.
#[derive(Clone, Copy)]
struct Job {
    name: &'static str,
    every_seconds: i64,
    run: fn(Arc<Services>) -> Run,
}

const JOBS: &[Job] = &[
    Job {
        name: "activity.index",
        every_seconds: 60,
        run: |services| Box::pin(async move { activity::index_segments(&services).await }),
    },
    Job {
        name: activity::COUNTS_JOB,
        every_seconds: 60,
        run: |services| Box::pin(async move { activity::count_rows(&services).await }),
    },
    Job {
        name: "activity.retention",
        every_seconds: 3_600,
        run: |services| Box::pin(async move { activity::apply_retention(&services).await }),
    },
    Job { name: "clock.note", every_seconds: 60, run: |services| Box::pin(note_time(services)) },
    Job {
        name: "idempotency.sweep",
        every_seconds: 600,
        run: |services| Box::pin(sweep_idempotency(services)),
    },
    Job {
        name: "login_throttle.sweep",
        every_seconds: 3_600,
        run: |services| Box::pin(sweep_throttle(services)),
    },
    Job { name: "oauth.sweep", every_seconds: 60, run: |services| Box::pin(sweep_oauth(services)) },
    Job { name: "queue.sweep", every_seconds: 3_600, run: |services| Box::pin(sweep_queue(services)) },
    Job { name: "sessions.sweep", every_seconds: 600, run: |services| Box::pin(sweep_sessions(services)) },
    Job {
        name: "signing_keys.tend",
        every_seconds: 3_600,
        run: |services| Box::pin(maintain_signing_keys(services)),
    },
];

/// Every lane: one per job, reset links, and mail, which the others queue.
fn lanes(services: &Arc<Services>) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = JOBS.iter().map(|job| job.lane(services)).collect();
    lanes.push(password::reset_lane(services));
    lanes.push(services.mailer.lane());
    lanes
}

/// Takes the queue over from the previous process. Call it once, before [`run`].
pub async fn begin(services: &Arc<Services>) -> Result<()> {
    services.queue.begin(JOBS.iter().map(|job| job.name).collect()).await
}

/// Works until `stop` is true.
pub async fn run(services: Arc<Services>, stop: watch::Receiver<bool>) {
    let mut running = JoinSet::new();
    for lane in lanes(&services) {
        let (services, stop) = (services.clone(), stop.clone());
        running.spawn(async move { lane.run(&services.queue, stop).await });
    }
    running.spawn(catch_up(services.clone(), stop));
    while running.join_next().await.is_some() {}
    services.log.close();
}

async fn catch_up(services: Arc<Services>, mut stop: watch::Receiver<bool>) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let work = async {
        loop {
            tick.tick().await;
            if let Err(error) = services.log.catch_up(&services.db).await {
                tracing::debug!(%error, "the log cannot be written");
            }
        }
    };
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => {}
        () = work => {}
    }
}

/// Works until nothing is due, one lane after the other; returns the number of attempts. Waits for attempts of [`run`]
/// in flight.
pub async fn run_due(services: &Arc<Services>) -> usize {
    let mut attempts = 0;
    for lane in lanes(services) {
        attempts += lane.pass(&services.queue).await;
    }
    attempts
}

impl Job {
    fn lane(self, services: &Arc<Services>) -> Lane {
        let services = services.clone();
        Lane::schedule(self.name, self.every_seconds, RETRY, move |_| {
            let run = (self.run)(services.clone());
            Box::pin(async move { Ok(run.await?) })
        })
    }
}

/// Stores trusted time for the next start.
async fn note_time(services: Arc<Services>) -> Result<()> {
    instance::note_time(&services).await
}

/// Removes answers kept for repeated requests after their retention.
async fn sweep_idempotency(services: Arc<Services>) -> Result<()> {
    let now = services.settled();
    while services.write(move |tx| idempotency::sweep(tx, now)).await? > 0 {}
    Ok(())
}

/// Removes expired counters of failed attempts.
async fn sweep_throttle(services: Arc<Services>) -> Result<()> {
    Ok(services.throttle.sweep(&services).await?)
}

/// Removes requests, codes, revocations, grants and clients some time after their end.
async fn sweep_oauth(services: Arc<Services>) -> Result<()> {
    let now = services.settled();
    while services.write(move |tx| oauth::sweep(tx, now)).await? > 0 {}
    Ok(())
}

/// Removes dead queue items after their retention.
async fn sweep_queue(services: Arc<Services>) -> Result<()> {
    services.queue.sweep().await
}

/// Removes sessions, refresh tokens and links some time after their end.
async fn sweep_sessions(services: Arc<Services>) -> Result<()> {
    let now = services.settled();
    while sessions::sweep(&services, now).await? {}
    Ok(())
}

/// Publishes the next signing key and rotates keys by age.
async fn maintain_signing_keys(services: Arc<Services>) -> Result<()> {
    let now = services.settled();
    signing_keys::maintain(&services, now).await
}
