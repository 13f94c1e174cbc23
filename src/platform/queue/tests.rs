//! Lanes on a store of their own, with a clock that the test advances.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::*;
use crate::env::{ManualClock, SeededRng, TrustedClock};
use crate::error::Code;
use crate::platform::vault;
use crate::store::{self, Drain, Error as DbError};

const KIND: &str = "letter";
const RETRY: Retry = Retry { waits_seconds: &[5, 60], repeats: false };

struct NoAttempt;

impl Drain for NoAttempt {
    fn pending(&self) -> bool {
        false
    }

    fn append(&mut self, _: &mut Tx<'_>, _: bool) -> std::result::Result<(), DbError> {
        Ok(())
    }
}

struct TestBed {
    queue: Arc<Queue>,
    clock: Arc<ManualClock>,
    vault: Arc<Vault>,
    directory: tempfile::TempDir,
}

impl Drop for TestBed {
    fn drop(&mut self) {
        self.queue.db.stop();
    }
}

fn trusted(clock: &Arc<ManualClock>) -> Arc<TrustedClock> {
    Arc::new(TrustedClock::new(clock.clone()))
}

impl TestBed {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keywright.db");
        store::migrate::prepare(&path).unwrap();
        let db = Db::open(&store::Options::new(path), Box::new(NoAttempt)).unwrap();
        let clock = Arc::new(ManualClock::new("2026-06-01T12:00:00Z".parse().unwrap()));
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(7));
        let vault = Arc::new(Vault::open(&vault::generate(&*rng)).unwrap());
        let queue = Arc::new(Queue::new(db, trusted(&clock), rng, vault.clone()));
        Self { queue, clock, vault, directory }
    }

    /// A second process on the same store.
    fn other_node(&self) -> Queue {
        let rng = Arc::new(SeededRng::new(8));
        Queue::new(self.queue.db.clone(), trusted(&self.clock), rng, self.vault.clone())
    }

    async fn push(&self, text: &str) -> Result<()> {
        let (queue, text, now) = (self.queue.clone(), text.to_owned(), self.queue.clock.now());
        let push = move |tx: &mut Tx<'_>| {
            let new = NewWork {
                kind: KIND,
                version: 1,
                payload: text.as_bytes(),
                most_waiting: 3,
                now,
                expires_at: now.plus_seconds(3_600),
            };
            queue.push(tx, &new)
        };
        self.queue.db.write(push).await
    }

    fn state(&self) -> table::State {
        self.queue.states().unwrap().into_iter().find(|state| state.kind == KIND).unwrap()
    }
}

/// A lane that passes each attempt to the test, which ends it by sending the outcome.
fn observed(at_once: usize) -> (Lane, mpsc::UnboundedReceiver<(Work, mpsc::UnboundedSender<Outcome>)>) {
    let (seen, attempts) = mpsc::unbounded_channel();
    let lane = Lane::items(KIND, at_once, RETRY, Duration::ZERO, move |work| {
        let seen = seen.clone();
        Box::pin(async move {
            let (end, mut ended) = mpsc::unbounded_channel();
            seen.send((work, end)).unwrap();
            ended.recv().await.unwrap_or(Ok(()))
        })
    });
    (lane, attempts)
}

/// A lane whose attempts all end in `outcome`.
fn ending(outcome: Outcome) -> (Lane, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let lane = Lane::items(KIND, 4, RETRY, Duration::ZERO, move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        let outcome = outcome.clone();
        Box::pin(async move { outcome })
    });
    (lane, count)
}

fn refused(permanent: bool) -> Outcome {
    Err(Failed { error: "refused".to_owned(), permanent })
}

#[tokio::test]
async fn an_item_is_done_once_and_its_commit_wakes_the_lane() {
    let bed = TestBed::new();
    let (lane, mut attempts) = observed(1);
    let (stop, stopped) = watch::channel(false);
    let queue = bed.queue.clone();
    let running = tokio::spawn(async move { lane.run(&queue, stopped).await });
    bed.push("one").await.unwrap();
    bed.push("two").await.unwrap();
    for text in ["one", "two"] {
        let (work, end) = attempts.recv().await.unwrap();
        assert_eq!(work.payload.as_slice(), text.as_bytes());
        end.send(Ok(())).unwrap();
    }
    stop.send(true).unwrap();
    running.await.unwrap();
    bed.queue.begin(Vec::new()).await.unwrap();
    assert_eq!(observed(1).0.pass(&bed.queue).await, 0, "nothing is left");
}

#[tokio::test]
async fn a_change_that_is_undone_queues_nothing() {
    let bed = TestBed::new();
    let (queue, now) = (bed.queue.clone(), bed.queue.clock.now());
    let undone: Result<()> = bed
        .queue
        .db
        .write(move |tx| {
            let payload = b"never";
            let new =
                NewWork { kind: KIND, version: 1, payload, most_waiting: 3, now, expires_at: Timestamp::MAX };
            queue.push(tx, &new)?;
            Err(Error::conflict("undone"))
        })
        .await;
    assert_eq!(undone.unwrap_err().code, Code::Conflict);
    assert!(bed.queue.states().unwrap().is_empty());
}

#[tokio::test]
async fn an_item_that_hangs_leaves_the_other_places_free() {
    let bed = TestBed::new();
    bed.push("hangs").await.unwrap();
    bed.push("quick").await.unwrap();
    let (lane, mut attempts) = observed(2);
    let queue = bed.queue.clone();
    let passing = tokio::spawn(async move { lane.pass(&queue).await });
    let (hanging, end) = attempts.recv().await.unwrap();
    assert_eq!(hanging.payload.as_slice(), b"hangs");
    let (_, quick) = attempts.recv().await.unwrap();
    quick.send(Ok(())).unwrap();
    bed.push("later").await.unwrap();
    let (later, last) = attempts.recv().await.unwrap();
    assert_eq!(later.payload.as_slice(), b"later");
    assert!(!passing.is_finished());
    last.send(Ok(())).unwrap();
    end.send(Ok(())).unwrap();
    assert_eq!(passing.await.unwrap(), 3);
}

#[tokio::test]
async fn what_one_node_has_leased_no_other_does_until_the_lease_ends() {
    let bed = TestBed::new();
    bed.push("once").await.unwrap();
    let (lane, mut attempts) = observed(1);
    let queue = bed.queue.clone();
    let first = tokio::spawn(async move { lane.pass(&queue).await });
    let (work, end) = attempts.recv().await.unwrap();
    let other = bed.other_node();
    let (lane, count) = ending(Ok(()));
    assert_eq!(lane.pass(&other).await, 0);
    // The first node was suspended. Another node did its item, so it must not change it after it resumes.
    bed.clock.advance(Duration::from_secs(61));
    assert_eq!((lane.pass(&other).await, count.load(Ordering::SeqCst)), (1, 1));
    let late = bed.queue.db.write(move |tx| work.finish(tx)).await;
    assert_eq!(late.unwrap_err().code, Code::Conflict);
    end.send(refused(false)).unwrap();
    first.await.unwrap();
    assert!(bed.queue.states().unwrap().is_empty());
}

#[tokio::test]
async fn a_wall_clock_that_jumps_does_not_start_a_second_attempt_beside_the_first() {
    let bed = TestBed::new();
    bed.push("once").await.unwrap();
    let (lane, mut attempts) = observed(2);
    let queue = bed.queue.clone();
    let passing = tokio::spawn(async move { lane.pass(&queue).await });
    let (_, end) = attempts.recv().await.unwrap();
    bed.clock.set_wall(bed.queue.clock.now().plus_seconds(120 * 86_400));
    bed.push("another").await.unwrap();
    let (work, other) = attempts.recv().await.unwrap();
    assert_eq!(work.payload.as_slice(), b"another");
    other.send(Ok(())).unwrap();
    end.send(Ok(())).unwrap();
    assert_eq!(passing.await.unwrap(), 2);
}

#[tokio::test]
async fn a_failed_item_waits_dies_after_its_last_attempt_and_loses_its_payload() {
    let bed = TestBed::new();
    bed.push("letter with a link").await.unwrap();
    let (lane, count) = ending(refused(false));
    for (attempts, seconds) in [(1, 5), (2, 60)] {
        lane.pass(&bed.queue).await;
        assert_eq!(count.load(Ordering::SeqCst), attempts);
        bed.clock.advance(Duration::from_millis(seconds * 1_000 - 1));
        assert_eq!(lane.pass(&bed.queue).await, 0, "not before {seconds} s");
        bed.clock.advance(Duration::from_millis(seconds * 200 + 1));
    }
    lane.pass(&bed.queue).await;
    assert_eq!((bed.state().dead, bed.state().waiting), (1, 0));
    let kept = bed.queue.db.lookup(|conn| conn.number("SELECT sum(length(sealed)) FROM queue", &[]));
    assert_eq!(kept.map_err(|error: DbError| error), Ok(0));
    assert_eq!(lane.pass(&bed.queue).await, 0);
    bed.clock.advance(Duration::from_secs(29 * 86_400));
    bed.queue.sweep().await.unwrap();
    assert_eq!(bed.state().dead, 1);
    bed.clock.advance(Duration::from_secs(2 * 86_400));
    bed.queue.sweep().await.unwrap();
    assert!(bed.queue.states().unwrap().is_empty());
}

#[tokio::test]
async fn a_permanent_failure_is_not_tried_again() {
    let bed = TestBed::new();
    bed.push("refused").await.unwrap();
    let (lane, count) = ending(refused(true));
    lane.pass(&bed.queue).await;
    bed.clock.advance(Duration::from_secs(600));
    lane.pass(&bed.queue).await;
    assert_eq!((count.load(Ordering::SeqCst), bed.state().dead), (1, 1));
}

#[tokio::test]
async fn an_expired_item_is_given_up_without_an_attempt() {
    let bed = TestBed::new();
    bed.push("late").await.unwrap();
    bed.clock.advance(Duration::from_secs(3_600));
    let (lane, count) = ending(Ok(()));
    lane.pass(&bed.queue).await;
    assert_eq!((count.load(Ordering::SeqCst), bed.state().dead), (0, 1));
}

#[tokio::test]
async fn after_a_crash_the_next_start_does_the_same_item_at_once() {
    let bed = TestBed::new();
    bed.push("in flight").await.unwrap();
    let (lane, mut attempts) = observed(1);
    let queue = bed.queue.clone();
    let crashing = tokio::spawn(async move { lane.pass(&queue).await });
    let (first, _) = attempts.recv().await.unwrap();
    crashing.abort();
    let _ = crashing.await;
    assert_eq!(ending(Ok(())).0.pass(&bed.queue).await, 0, "the lease lasts");
    bed.queue.begin(Vec::new()).await.unwrap();
    let (lane, mut attempts) = observed(1);
    let queue = bed.queue.clone();
    let passing = tokio::spawn(async move { lane.pass(&queue).await });
    let (second, end) = attempts.recv().await.unwrap();
    assert_eq!(second.id, first.id);
    end.send(Ok(())).unwrap();
    assert_eq!(passing.await.unwrap(), 1);
}

#[tokio::test]
async fn payloads_are_sealed_and_the_queue_is_bounded() {
    let bed = TestBed::new();
    for _ in 0..3 {
        bed.push("https://auth.example.com/reset#token=visible").await.unwrap();
    }
    assert_eq!(bed.push("one too many").await.unwrap_err().code, Code::Unavailable);
    for entry in std::fs::read_dir(bed.directory.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"visible"));
    }
    let (lane, count) = ending(Ok(()));
    assert_eq!(lane.pass(&bed.queue).await, 3);
    assert_eq!(count.load(Ordering::SeqCst), 3);
    bed.push("room again").await.unwrap();
}
