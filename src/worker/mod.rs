//! Work behind the requests: every lane is on this screen. The clock drives it, so that a test advances the clock and
//! calls [`run_due`].
//!
//! A job works in small steps, each a transaction of its own that notes its progress: it may be cut off between any two
//! of them, and it never keeps the writer from the changes of requests.

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

/// How often the activity log catches up with what was committed.
const TICK: Duration = Duration::from_secs(1);
/// When a job that failed runs again.
const RETRY: Retry =
    Retry { waits_seconds: &[20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600], repeats: true };

type Run = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Work that is done again and again, in a lane of its own.
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

/// Every lane: one for each job, links to be mailed, and mail, which the others queue.
fn lanes(services: &Arc<Services>) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = JOBS.iter().map(|job| job.lane(services)).collect();
    lanes.push(password::reset_lane(services));
    lanes.push(services.mailer.lane());
    lanes
}

/// Takes the queue over from the process before this one. Call it once, before [`run`].
pub async fn begin(services: &Arc<Services>) -> Result<()> {
    services.queue.begin(JOBS.iter().map(|job| job.name).collect()).await
}

/// Works until `stop` holds true.
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

/// Works until nothing is due, one lane after the other, and gives the number of attempts. It waits for attempts that
/// [`run`] has in flight.
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

/// Trusted time is in the store for the next start.
async fn note_time(services: Arc<Services>) -> Result<()> {
    instance::note_time(&services).await
}

/// Answers kept for repeated requests go when their time is over.
async fn sweep_idempotency(services: Arc<Services>) -> Result<()> {
    let now = services.settled();
    while services.write(move |tx| idempotency::sweep(tx, now)).await? > 0 {}
    Ok(())
}

/// Counters of failed attempts go when they count no longer.
async fn sweep_throttle(services: Arc<Services>) -> Result<()> {
    Ok(services.throttle.sweep(&services).await?)
}

/// Requests, codes, revocations, grants and clients go some time after their end.
async fn sweep_oauth(services: Arc<Services>) -> Result<()> {
    let now = services.settled();
    while services.write(move |tx| oauth::sweep(tx, now)).await? > 0 {}
    Ok(())
}

/// Dead queue items go some time after their death.
async fn sweep_queue(services: Arc<Services>) -> Result<()> {
    services.queue.sweep().await
}

/// Sessions, refresh tokens and links go some time after their end.
async fn sweep_sessions(services: Arc<Services>) -> Result<()> {
    let now = services.settled();
    while sessions::sweep(&services, now).await? {}
    Ok(())
}

/// A next signing key is always published, and each signs for its time.
async fn maintain_signing_keys(services: Arc<Services>) -> Result<()> {
    let now = services.settled();
    signing_keys::maintain(&services, now).await
}
