//! The log over a real file.

mod chain;
mod upkeep;

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::domain::testing::World;
use crate::error::Code;
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::{KeyId, RequestId, Timestamp};
use crate::store::params;

/// Adds a key of the built-in API and returns its number.
async fn key(world: &World, name: &'static str) -> (i64, KeyId) {
    let (now, id) = (world.now(), KeyId::new(world.now(), world.services.random()));
    let no = world
        .write(move |tx| {
            let sql = "INSERT INTO keys (id, api_no, name, environment, scopes, created_at, updated_at)
                VALUES (?1, 1, ?2, 'live', '', ?3, ?3) RETURNING no";
            Ok(tx.insert(sql, params![id.to_string(), name, now.millis()])?)
        })
        .await
        .unwrap();
    (no, id)
}

/// A world whose log is written in short links and maintained in small steps.
async fn small_steps() -> World {
    let steps = Steps { index_entries: 70, removed_rows: 30, counts: 7, counted_rows: 50 };
    World::with_activity(Options { rows_per_link: 100, steps, ..Options::default() }).await
}

fn decision(world: &World, key_no: i64, path: &str) -> Entry {
    let mut entry = Entry::new(world.now(), Kind::KeyVerify, Outcome::Allowed, Reason::Valid);
    entry.identified = true;
    entry.api_no = Some(1);
    entry.key_no = Some(key_no);
    entry.path = Some(path.into());
    entry.agent = Some("curl/8".into());
    entry.ip = Some("203.0.113.7".parse().unwrap());
    entry.request_id = Some(RequestId::new(world.now(), world.services.random()));
    entry
}

/// A refusal of an unauthenticated caller, from a network of its own.
fn unidentified(world: &World, reason: Reason, network: u8) -> Entry {
    let mut entry = Entry::new(world.now(), Kind::ApiCall, Outcome::Refused, reason);
    entry.ip = Some(std::net::IpAddr::from([198, 51, network, 1]));
    entry
}

fn reading(world: &World) -> &Services {
    &world.services
}

async fn find(world: &World, filter: Filter) -> Vec<Activity> {
    list(reading(world), filter, None, 200).await.unwrap().data
}

async fn paths(world: &World, filter: Filter) -> Vec<String> {
    find(world, filter).await.into_iter().filter_map(|row| row.path).collect()
}

#[tokio::test]
async fn what_was_decided_is_in_the_next_answer_newest_first() {
    let world = World::new().await;
    let (no, id) = key(&world, "Backend").await;
    for path in ["/a", "/b", "/a"] {
        world.services.log.push(decision(&world, no, path)).unwrap();
        world.clock.advance(Duration::from_secs(1));
    }
    let rows = find(&world, Filter::default()).await;
    assert_eq!(rows.iter().map(|row| row.path.as_deref().unwrap()).collect::<Vec<_>>(), ["/a", "/b", "/a"]);
    let newest = &rows[0];
    assert_eq!(newest.key.as_ref().unwrap().id, id);
    assert_eq!(newest.key.as_ref().unwrap().name, "Backend");
    assert_eq!(newest.api.as_deref(), Some("keywright"));
    assert_eq!(newest.user_agent.as_deref(), Some("curl/8"));
    assert_eq!(newest.ip.unwrap().to_string(), "203.0.113.7");
    assert_eq!(newest.count, 1);
    assert_eq!(world.services.log.stats().depth, 0);
    assert_eq!(get(reading(&world), newest.id).await.unwrap().at, newest.at);
}

#[tokio::test]
async fn an_id_with_another_time_finds_nothing() {
    let world = World::new().await;
    let (no, _) = key(&world, "k").await;
    world.services.log.push(decision(&world, no, "/")).unwrap();
    let made_up = ActivityId::of(Timestamp::from_seconds(1), 1);
    assert_eq!(get(reading(&world), made_up).await.unwrap_err().code, Code::NotFound);
    assert!(get(reading(&world), ActivityId::of(world.now(), 1)).await.is_ok());
}

#[tokio::test]
async fn a_change_is_logged_or_undone_as_a_whole() {
    let world = World::new().await;
    let (no, _) = key(&world, "Backend").await;
    let call = world.admin();
    let mut entry = call.entry(Kind::KeyRevoked);
    entry.key_no = Some(no);
    entry.detail = Some(Box::new(json!({"reason": "leaked"})));
    let again = entry.clone();
    world.write(move |tx| record(tx, &entry)).await.unwrap();
    let lost: Result<()> = world
        .write(move |tx| {
            record(tx, &again)?;
            Err(Error::conflict("never mind"))
        })
        .await;
    assert!(lost.is_err());
    let rows = find(&world, Filter::default()).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].kind, Kind::KeyRevoked);
    assert_eq!(rows[0].detail.as_ref().unwrap().as_str(), r#"{"reason":"leaked"}"#);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_is_five_rows_and_a_count() {
    let world = World::new().await;
    let log = world.services.log.clone();
    for _ in 0..1_000 {
        log.push(unidentified(&world, Reason::NotFound, 1)).unwrap();
    }
    log.push(unidentified(&world, Reason::Missing, 1)).unwrap();
    log.push(unidentified(&world, Reason::NotFound, 2)).unwrap();
    let mut rows = find(&world, Filter::default()).await;
    rows.sort_by_key(|row| row.count);
    assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [1, 1, 1, 1, 1, 1, 1, 995]);
    assert_eq!(rows[7].outcome, Outcome::Refused);
    assert_eq!(rows[7].ip.unwrap().to_string(), "198.51.1.1");
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap_and_only_here() {
    let world = World::new().await;
    let (no, id) = key(&world, "k").await;
    let other = key(&world, "other").await.0;
    for index in 0..25 {
        world.services.log.push(decision(&world, no, &format!("/{index}"))).unwrap();
        world.services.log.push(decision(&world, other, "/other")).unwrap();
    }
    let can = reading(&world);
    for filter in [
        Filter { key: Some(id), ..Filter::default() },
        Filter { q: Some("/".to_owned()), outcome: Some(Outcome::Allowed), ..Filter::default() },
    ] {
        let all = find(&world, filter.clone()).await;
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = list(can, filter.clone(), cursor.as_deref(), 7).await.unwrap();
            seen.extend(page.data.iter().map(|row| row.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all.iter().map(|row| row.id).collect::<Vec<_>>());
        assert!(seen.len() >= 25);
    }
    let forged = list(can, Filter::default(), Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), 7).await;
    assert_eq!(forged.unwrap_err().code, Code::InvalidCursor);
}

#[tokio::test]
async fn each_filter_shows_what_fits_and_nothing_else() {
    let world = World::new().await;
    let (one, one_id) = key(&world, "one").await;
    let (two, _) = key(&world, "two").await;
    let start = world.now();
    world.services.log.push(decision(&world, one, "/Orders/1")).unwrap();
    world.clock.advance(Duration::from_secs(60));
    let mut refused = decision(&world, two, "/users");
    (refused.outcome, refused.reason) = (Outcome::Refused, Reason::Expired);
    refused.ip = Some("2001:db8::1".parse().unwrap());
    let request = refused.request_id;
    world.services.log.push(refused).unwrap();
    let none = Filter::default;
    let minute = start.plus_seconds(60);
    for (filter, expected) in [
        (Filter { key: Some(one_id), ..none() }, "/Orders/1"),
        (Filter { outcome: Some(Outcome::Refused), ..none() }, "/users"),
        (Filter { q: Some("orders".to_owned()), ..none() }, "/Orders/1"),
        (Filter { q: Some("expired".to_owned()), ..none() }, "/users"),
        (Filter { ip: Some("203.0.113.0/24".parse().unwrap()), ..none() }, "/Orders/1"),
        (Filter { ip: Some("2001:db8::/32".parse().unwrap()), ..none() }, "/users"),
        (Filter { request_id: request, ..none() }, "/users"),
        (Filter { from: Some(minute), ..none() }, "/users"),
        (Filter { to: Some(minute), ..none() }, "/Orders/1"),
    ] {
        assert_eq!(paths(&world, filter.clone()).await, [expected], "{filter:?}");
    }
    let unknown = Filter { api: Some("nothing".to_owned()), ..none() };
    assert!(paths(&world, unknown).await.is_empty());
}

#[tokio::test]
async fn a_log_whose_writer_is_stuck_refuses_what_it_cannot_keep() {
    let bounds = Options { capacity: 10, max_wait: Duration::from_millis(1), ..Options::default() };
    let world = World::with_activity(bounds).await;
    let (no, _) = key(&world, "k").await;
    let log = world.services.log.clone();
    log.flush(&world.services.db).await.unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (started, mut has_started) = tokio::sync::mpsc::unbounded_channel();
    let stuck = world.services.write(move |_| {
        started.send(()).unwrap();
        held.recv().unwrap();
        Ok::<_, Error>(())
    });
    let fill = async {
        has_started.recv().await.unwrap();
        for _ in 0..10 {
            log.capacity().await.unwrap();
            log.push(decision(&world, no, "/")).unwrap();
        }
        assert_eq!(log.capacity().await.unwrap_err().code, Code::Unavailable);
        // Requests that had asked for room before are still logged, however many there are, and no more.
        let pushed = (0..100_000).take_while(|_| log.push(decision(&world, no, "/")).is_ok()).count();
        assert_eq!((pushed, log.stats().depth, log.stats().waits), (16_384, 16_394, 1));
        release.send(()).unwrap();
    };
    let (done, ()) = tokio::join!(stuck, fill);
    done.unwrap();
    log.flush(&world.services.db).await.unwrap();
    log.capacity().await.unwrap();
    assert_eq!((Options::default().capacity, Options::default().max_wait.as_millis()), (65_536, 250));
}
