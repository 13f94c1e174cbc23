//! Jobs with a clock that the test advances.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::domain::testing::World;
use crate::error::Error;
use crate::store::params;

static RUNS: AtomicUsize = AtomicUsize::new(0);

const COUNTING: Job = Job {
    name: "counting",
    every_seconds: 60,
    run: |_| {
        Box::pin(async {
            RUNS.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    },
};

const FAILING: Job =
    Job { name: "failing", every_seconds: 60, run: |_| Box::pin(async { Err(Error::internal("no")) }) };

const PANICKING: Job =
    Job { name: "panicking", every_seconds: 60, run: |_| Box::pin(async { panic!("no") }) };

async fn run(world: &World, job: Job) -> usize {
    job.lane(&world.services).pass(&world.services.queue).await
}

/// Milliseconds until the next run, and the failures in a row.
fn planned(world: &World, name: &str) -> (i64, i64) {
    let sql = "SELECT run_at, attempts FROM queue WHERE kind = ?1 AND repeats = 1";
    let now = world.now();
    let found = world.services.db.lookup(|conn| {
        conn.first(sql, params![name], |row| Ok((row.time(0)?.millis_since(now), row.get(1)?)))
    });
    found.map_err(|error: crate::store::Error| error).unwrap().unwrap()
}

#[tokio::test]
async fn a_job_runs_when_it_is_due_and_not_before() {
    let world = World::new().await;
    assert_eq!((run(&world, COUNTING).await, run(&world, COUNTING).await), (1, 0));
    world.clock.advance(Duration::from_secs(59));
    assert_eq!(run(&world, COUNTING).await, 0);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(run(&world, COUNTING).await, 1);
    assert_eq!(RUNS.load(Ordering::SeqCst), 2);
    // Ten years forward and back again: neither runs it, and it does not wait for ten years.
    let now = world.now();
    world.clock.set_wall(now.plus_seconds(10 * 365 * 86_400));
    assert_eq!(run(&world, COUNTING).await, 0);
    world.clock.set_wall(now);
    assert_eq!(run(&world, COUNTING).await, 0);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(run(&world, COUNTING).await, 1);
}

#[tokio::test]
async fn a_job_that_fails_or_panics_runs_again_after_growing_waits() {
    let world = World::new().await;
    for job in [FAILING, PANICKING] {
        let mut waits = Vec::new();
        for failures in 1..=12 {
            assert_eq!(run(&world, job).await, 1);
            let (wait, failed) = planned(&world, job.name);
            assert_eq!(failed, failures);
            waits.push(wait);
            world.clock.advance(Duration::from_millis(wait as u64 - 1));
            assert_eq!(run(&world, job).await, 0);
            world.clock.advance(Duration::from_millis(1));
        }
        for (wait, seconds) in waits.iter().zip([20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600, 3_600]) {
            assert!((seconds * 1_000..=seconds * 1_200).contains(wait), "{waits:?}");
        }
        assert!(waits.iter().zip([20, 40, 80]).any(|(wait, seconds)| *wait > seconds * 1_000), "no jitter");
    }
}

#[tokio::test]
async fn a_job_that_hangs_delays_no_other() {
    const HANGING: Job =
        Job { name: "hanging", every_seconds: 60, run: |_| Box::pin(std::future::pending()) };
    let world = World::new().await;
    let (core, hanging) = (world.services.clone(), HANGING.lane(&world.services));
    let hanging = tokio::spawn(async move { hanging.pass(&core.queue).await });
    assert_eq!(run_due(&world.services).await, JOBS.len());
    assert!(!hanging.is_finished());
    hanging.abort();
}

#[tokio::test]
async fn all_jobs_run_on_an_empty_store() {
    let world = World::new().await;
    assert_eq!(run_due(&world.services).await, JOBS.len());
    for job in JOBS {
        assert_eq!(planned(&world, job.name), (job.every_seconds * 1_000, 0), "{}", job.name);
    }
}

#[tokio::test]
async fn a_new_start_forgets_schedules_that_are_gone() {
    let world = World::new().await;
    run(&world, FAILING).await;
    run_due(&world.services).await;
    begin(&world.services).await.unwrap();
    let states = world.services.queue.states().unwrap();
    let kinds: Vec<&str> = states.iter().map(|state| state.kind.as_str()).collect();
    let mut jobs: Vec<&str> = JOBS.iter().map(|job| job.name).collect();
    jobs.sort_unstable();
    assert_eq!(kinds, jobs);
}
