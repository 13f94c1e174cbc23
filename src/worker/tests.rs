//! Jobs against a clock that the test moves.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::domain::testing::World;

static RUNS: AtomicUsize = AtomicUsize::new(0);

const COUNTING: Job = Job {
    name: "counting",
    every_seconds: 60,
    work: |_| {
        Box::pin(async {
            RUNS.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    },
};

const FAILING: Job =
    Job { name: "failing", every_seconds: 60, work: |_| Box::pin(async { Err(Error::internal("no")) }) };

const PANICKING: Job =
    Job { name: "panicking", every_seconds: 60, work: |_| Box::pin(async { panic!("no") }) };

#[tokio::test]
async fn a_job_runs_when_it_is_due_and_not_before() {
    let world = World::new().await;
    let run = || run_jobs(&world.services, &[COUNTING]);
    assert_eq!((run().await, run().await), (1, 0));
    world.clock.advance(Duration::from_secs(59));
    assert_eq!(run().await, 0);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(run().await, 1);
    assert_eq!(RUNS.load(Ordering::SeqCst), 2);
    // Forward ten years and back again: it must not sleep for ten years.
    let now = world.now();
    world.clock.set_wall(now.plus_seconds(10 * 365 * 86_400));
    assert_eq!(run().await, 1);
    world.clock.set_wall(now);
    assert_eq!(run().await, 1);
}

#[tokio::test]
async fn a_job_that_fails_or_panics_is_tried_again_ever_more_rarely() {
    let world = World::new().await;
    for job in [FAILING, PANICKING] {
        let mut waits = Vec::new();
        for _ in 0..12 {
            assert_eq!(run_jobs(&world.services, &[job]).await, 1);
            let due = world.services.db.lookup(table::all).unwrap();
            let due = due.iter().find(|due| due.name == job.name).unwrap();
            let wait = due.run_at.millis_since(world.now());
            waits.push(wait / 1_000);
            world.clock.advance(Duration::from_millis(wait as u64));
        }
        assert_eq!(waits[..3], [20, 40, 80]);
        assert_eq!(waits[11], 3_600);
    }
}

#[tokio::test]
async fn all_jobs_run_on_an_empty_store() {
    let world = World::new().await;
    assert_eq!(run_due(&world.services).await, JOBS.len());
    let failed = world.services.db.lookup(table::all).unwrap();
    assert!(failed.iter().all(|due| due.failures == 0), "{failed:?}");
}
