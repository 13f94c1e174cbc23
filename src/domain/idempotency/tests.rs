use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::Deserialize;

use super::*;
use crate::domain::testing::World;
use crate::error::Code;
use crate::store::params;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Made {
    id: String,
    secret: String,
}

/// Counts executions of the job.
#[derive(Clone, Default)]
struct Jobs(Arc<AtomicU32>);

impl Jobs {
    fn job(&self) -> impl FnOnce(&mut Tx<'_>) -> Result<Made> + Send + 'static {
        let count = self.0.clone();
        move |_| {
            let run = count.fetch_add(1, Ordering::SeqCst) + 1;
            Ok(Made { id: format!("thing_{run}"), secret: "s3cret".to_owned() })
        }
    }
}

async fn send(call: &Arc<Call>, jobs: &Jobs, key: &str, body: &str, answer: Answer) -> Result<Made> {
    call.once(IdempotentRequest { route: "POST /v1/things", key: Some(key), answer }, body, jobs.job()).await
}

#[tokio::test]
async fn the_same_request_is_done_once_and_answered_twice() {
    let (world, jobs) = (World::new().await, Jobs::default());
    let call = world.admin();
    let first = send(&call, &jobs, "a", "body", Answer::Plain).await.unwrap();
    world.clock.advance(Duration::from_secs(86_399));
    let later = world.call(call.identity.clone());
    assert_eq!(send(&later, &jobs, "a", "body", Answer::Plain).await.unwrap(), first);
    assert_eq!(jobs.0.load(Ordering::SeqCst), 1);
    // After a day the key is free.
    world.clock.advance(Duration::from_secs(1));
    let later = world.call(call.identity.clone());
    assert_eq!(send(&later, &jobs, "a", "body", Answer::Plain).await.unwrap().id, "thing_2");
}

#[tokio::test]
async fn another_body_is_a_conflict_and_another_caller_route_or_key_is_not() {
    let (world, jobs) = (World::new().await, Jobs::default());
    let call = world.admin();
    send(&call, &jobs, "a", "body", Answer::Plain).await.unwrap();
    let refused = send(&call, &jobs, "a", "other", Answer::Plain).await.unwrap_err();
    assert_eq!((refused.code, &refused.details["resource_id"]), (Code::Conflict, &"thing_1".into()));
    assert_eq!(send(&call, &jobs, "b", "body", Answer::Plain).await.unwrap().id, "thing_2");
    assert_eq!(send(&world.admin(), &jobs, "a", "body", Answer::Plain).await.unwrap().id, "thing_3");
    let elsewhere = IdempotentRequest { route: "POST /v1/others", key: Some("a"), answer: Answer::Plain };
    assert_eq!(call.once(elsewhere, "body", jobs.job()).await.unwrap().id, "thing_4");
    let without = IdempotentRequest { key: None, ..elsewhere };
    assert_eq!(call.once(without, "body", jobs.job()).await.unwrap().id, "thing_5");
}

#[tokio::test]
async fn a_secret_is_repeated_for_an_hour_and_never_created_twice() {
    let (world, jobs) = (World::new().await, Jobs::default());
    let call = world.admin();
    let first = send(&call, &jobs, "a", "body", Answer::Secret).await.unwrap();
    assert_eq!(send(&call, &jobs, "a", "body", Answer::Secret).await.unwrap(), first);
    for wait in [3_600, 86_400] {
        world.clock.advance(Duration::from_secs(wait));
        let later = world.call(call.identity.clone());
        let refused = send(&later, &jobs, "a", "body", Answer::Secret).await.unwrap_err();
        assert_eq!((refused.code, &refused.details["resource_id"]), (Code::Conflict, &"thing_1".into()));
    }
    assert_eq!(jobs.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let (world, jobs) = (World::new().await, Jobs::default());
    let call = world.admin();
    let once = IdempotentRequest { route: "POST /v1/things", key: Some("a"), answer: Answer::Plain };
    let failed = call.once(once, "body", |_| Err::<Made, _>(Error::conflict("no"))).await;
    assert_eq!(failed.unwrap_err().code, Code::Conflict);
    assert_eq!(send(&call, &jobs, "a", "body", Answer::Plain).await.unwrap().id, "thing_1");
}

#[tokio::test]
async fn keys_are_printable_and_not_endless() {
    let (world, jobs) = (World::new().await, Jobs::default());
    let call = world.admin();
    for wrong in ["", "a\nb", "ü", &"x".repeat(256)] {
        let refused = send(&call, &jobs, wrong, "body", Answer::Plain).await.unwrap_err();
        assert!(refused.details.contains_key("Idempotency-Key"), "{wrong:?}");
    }
    send(&call, &jobs, &"x".repeat(255), "body", Answer::Plain).await.unwrap();
}

#[tokio::test]
async fn the_file_holds_no_secret_and_the_sweep_leaves_nothing_behind() {
    let (world, jobs) = (World::new().await, Jobs::default());
    let call = world.admin();
    send(&call, &jobs, "a", "body", Answer::Secret).await.unwrap();
    send(&call, &jobs, "b", "body", Answer::Plain).await.unwrap();
    let state = || async {
        let rows = world.services.read(|conn| {
            conn.all("SELECT sealed FROM idempotency", params![], |row| row.get::<Option<Vec<u8>>>(0))
        });
        let rows: Vec<Option<Vec<u8>>> = rows.await.map_err(|error: store::Error| error).unwrap();
        let readable = rows.iter().flatten().any(|sealed| sealed.windows(6).any(|part| part == b"s3cret"));
        assert!(!readable);
        (rows.len(), rows.iter().flatten().count())
    };
    let sweep_now = || async {
        let now = world.services.settled();
        world.write(move |tx| sweep(tx, now)).await.unwrap()
    };
    assert_eq!((sweep_now().await, state().await), (0, (2, 2)));
    world.clock.advance(Duration::from_secs(3_600));
    assert_eq!((sweep_now().await, state().await), (1, (2, 1)));
    world.clock.advance(Duration::from_secs(23 * 3_600));
    assert_eq!(sweep_now().await, 2);
    assert_eq!(state().await, (1, 0));
    world.clock.advance(Duration::from_secs(29 * 86_400));
    assert_eq!((sweep_now().await, state().await), (1, (0, 0)));
}
