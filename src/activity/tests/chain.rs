//! The chain verifies after crashes, changes and retention, and breaks when the file is edited.

use super::*;
use crate::store::activity_links as links;

async fn report(world: &World) -> ChainReport {
    verify_chain(reading(world)).await.unwrap()
}

/// Rows over several links: decisions, changes between them, unknown keys, and a pause that ends the last link.
async fn fill(world: &World, rows: usize) {
    let (no, _) = key(world, "k").await;
    for index in 0..rows {
        world.services.log.push(decision(world, no, &format!("/{}", index % 7))).unwrap();
        if index % 50 == 0 {
            world.services.log.flush(&world.services.db).await.unwrap();
            let mut entry = world.admin().entry(Kind::KeyUpdated);
            entry.detail = Some(Box::new(json!({"name": index})));
            world.write(move |tx| record(tx, &entry)).await.unwrap();
        }
    }
    world.services.log.push(unidentified(world, Reason::NotFound, 1)).unwrap();
    settle(world).await;
}

async fn settle(world: &World) {
    world.services.log.flush(&world.services.db).await.unwrap();
    world.clock.advance(Duration::from_secs(2));
    world.services.log.flush(&world.services.db).await.unwrap();
}

async fn edit(world: &World, sql: &'static str) {
    world.write(move |tx| Ok(tx.execute(sql, &[])?)).await.unwrap();
}

#[tokio::test]
async fn what_was_written_proves_itself() {
    let world = small_steps().await;
    fill(&world, 320).await;
    let report = report(&world).await;
    assert_eq!(report.bad, None);
    assert_eq!(report.rows, 320 + 7 + 1);
    assert_eq!(report.unlinked_rows, 0);
    assert!(report.links >= 4, "{report:?}");
}

#[tokio::test]
async fn every_edit_breaks_the_link_that_it_is_in() {
    for (sql, fault) in [
        ("UPDATE activity SET outcome = 1 WHERE no = 150", Fault::Changed),
        ("UPDATE activity SET key_no = NULL WHERE no = 150", Fault::Changed),
        ("UPDATE activity SET by_key_no = key_no, key_no = NULL WHERE no = 150", Fault::Changed),
        ("UPDATE activity SET ip = x'00000000' WHERE no = 150", Fault::Changed),
        ("UPDATE activity SET at = at + 1 WHERE no = 150", Fault::Changed),
        ("UPDATE activity SET kind = 99 WHERE no = 150", Fault::Unreadable),
        ("UPDATE activity SET stream = 2 WHERE no = 150", Fault::Unreadable),
        (
            "UPDATE activity_strings SET text = '/other' WHERE no = (SELECT path_no FROM activity WHERE no = 150)",
            Fault::Changed,
        ),
        ("DELETE FROM activity WHERE no = 150", Fault::RowsMissing(1)),
        (
            "UPDATE activity_links SET max_at = 0 WHERE no = (SELECT min(no) FROM activity_links WHERE no >= 150)",
            Fault::Changed,
        ),
        (
            "DELETE FROM activity_links WHERE no = (SELECT min(no) FROM activity_links WHERE no >= 150)",
            Fault::Changed,
        ),
    ] {
        let world = small_steps().await;
        fill(&world, 320).await;
        edit(&world, sql).await;
        let bad = report(&world).await.bad.expect(sql);
        assert_eq!(bad.fault, fault, "{sql}");
        assert!(bad.last_no >= 100, "{sql}: {bad:?}");
    }
}

#[tokio::test]
async fn a_beginning_that_retention_did_not_remove_is_missed() {
    let world = small_steps().await;
    fill(&world, 320).await;
    edit(&world, "DELETE FROM activity WHERE no <= (SELECT min(no) FROM activity_links)").await;
    edit(&world, "DELETE FROM activity_links WHERE no = (SELECT min(no) FROM activity_links)").await;
    assert!(matches!(report(&world).await.bad.unwrap().fault, Fault::RowsMissing(_)));
    edit(&world, "UPDATE activity_links SET anchor = mac WHERE no = (SELECT min(no) FROM activity_links)")
        .await;
    assert_eq!(report(&world).await.bad.unwrap().fault, Fault::NotRetention);
}

#[tokio::test]
async fn rows_of_a_lost_transaction_are_written_again_and_linked_once() {
    let world = World::new().await;
    let (no, _) = key(&world, "k").await;
    world.services.log.push(decision(&world, no, "/first")).unwrap();
    settle(&world).await;
    edit(&world, "CREATE TRIGGER stop BEFORE INSERT ON activity BEGIN SELECT RAISE(ABORT, 'full'); END")
        .await;
    world.services.log.push(decision(&world, no, "/kept")).unwrap();
    assert!(world.services.log.flush(&world.services.db).await.is_err());
    assert_eq!(world.services.log.stats().depth, 1);
    world.services.log.push(decision(&world, no, "/later")).unwrap();
    assert!(world.services.log.flush(&world.services.db).await.is_err());
    edit(&world, "DROP TRIGGER stop").await;
    assert_eq!(paths(&world, Filter::default()).await, ["/later", "/kept", "/first"]);
    settle(&world).await;
    let report = report(&world).await;
    assert_eq!((report.bad, report.rows, report.unlinked_rows), (None, 3, 0));
}

#[tokio::test]
async fn times_are_found_although_the_clock_was_set_back() {
    let world = World::new().await;
    let (no, _) = key(&world, "k").await;
    let start = world.now();
    let mut expected = Vec::new();
    // An hour forwards, an hour back, ten years forwards and back again.
    for shift in [0, 3_600, -3_600, 10 * 365 * 86_400, 0] {
        world.clock.set_wall(start.plus_seconds(shift));
        for step in 0..40 {
            let path = format!("/{shift}/{step}");
            world.services.log.push(decision(&world, no, &path)).unwrap();
            expected.push((world.now(), path));
            world.clock.advance(Duration::from_secs(30));
            if step % 9 == 0 {
                world.services.log.flush(&world.services.db).await.unwrap();
            }
        }
    }
    let runs = world.services.read(|reader| Ok::<_, Error>(links::runs(reader)?)).await.unwrap();
    assert_eq!(runs.len(), 2);
    for (from, to) in
        [(0, 600), (-3_600, -3_000), (3_000, 5_000), (-9_000, 9_000), (400, 700), (9_000, 9_001)]
    {
        let (from, to) = (start.plus_seconds(from), start.plus_seconds(to));
        let filter = Filter { from: Some(from), to: Some(to), ..Filter::default() };
        let mut right: Vec<String> =
            expected.iter().filter(|(at, _)| (from..to).contains(at)).map(|(_, path)| path.clone()).collect();
        right.reverse();
        assert_eq!(paths(&world, filter).await, right);
    }
    settle(&world).await;
    assert_eq!(report(&world).await.bad, None);
}
