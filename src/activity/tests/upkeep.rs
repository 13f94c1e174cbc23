//! Indexing, counting and retention: the same results before and after, whether or not they are interrupted.

use super::*;
use crate::domain::testing::START;
use crate::store::activity::{Inserter, SEGMENT_ROWS, Stored, segment};

/// Begins the next segment of the log with a row without a key. The numbers between are free, as after retention.
async fn next_segment(world: &World) {
    world.services.log.flush(&world.services.db).await.unwrap();
    let mut entry = Entry::new(world.now(), Kind::ApiCall, Outcome::Allowed, Reason::Valid);
    entry.identified = true;
    let begin = move |tx: &mut crate::store::Tx<'_>| {
        let no = (segment(table::last(tx)?) + 1) * SEGMENT_ROWS;
        Inserter::new(tx)?.insert(&Stored::new(no, &entry, None, None))
    };
    world.write(move |tx| Ok(begin(tx)?)).await.unwrap();
}

/// [`fill`], with 1,000 rows in each segment.
async fn fill_segments(world: &World, rows: usize) -> Vec<(KeyId, Vec<String>)> {
    fill_with(world, rows, 1_000).await
}

/// Rows about a few keys, with known results.
async fn fill(world: &World, rows: usize) -> Vec<(KeyId, Vec<String>)> {
    fill_with(world, rows, usize::MAX).await
}

async fn fill_with(world: &World, rows: usize, rows_per_segment: usize) -> Vec<(KeyId, Vec<String>)> {
    let mut keys = Vec::new();
    for name in ["rare", "usual", "busy"] {
        let (no, id) = key(world, name).await;
        keys.push((no, id, Vec::new()));
    }
    for index in 0..rows {
        if index > 0 && index % rows_per_segment == 0 {
            next_segment(world).await;
        }
        let which = if index % 97 == 0 { 0 } else { 1 + usize::from(index % 5 > 0) };
        let (no, _, paths) = &mut keys[which];
        let path = format!("/{index}");
        let mut entry = decision(world, *no, &path);
        paths.push(path);
        if index % 211 == 0 {
            // A change by another key is found under both.
            entry.outcome = Outcome::Changed;
            entry.by_key_no = Some(keys[(which + 1) % 3].0);
            keys[(which + 1) % 3].2.push(format!("/{index}"));
        }
        world.services.log.push(entry).unwrap();
        if index % 400 == 0 {
            world.services.log.flush(&world.services.db).await.unwrap();
            world.clock.advance(Duration::from_secs(60));
        }
    }
    world.services.log.flush(&world.services.db).await.unwrap();
    world.clock.advance(Duration::from_secs(2));
    keys.into_iter().map(|(_, id, paths)| (id, paths.into_iter().rev().collect())).collect()
}

async fn all_of(world: &World, key: KeyId, limit: usize) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let filter = Filter { key: Some(key), ..Filter::default() };
        let page = list(reading(world), filter, cursor.as_deref(), limit).await.unwrap();
        found.extend(page.data.into_iter().filter_map(|row| row.path));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn the_index_finds_what_memory_found() {
    let steps = Steps { index_entries: 70, ..Steps::default() };
    let world = World::with_activity(Options { steps, ..Options::default() }).await;
    let keys = fill_segments(&world, 3_500).await;
    for (id, paths) in &keys {
        assert_eq!(&all_of(&world, *id, 200).await, paths);
    }
    index_segments(&world.services).await.unwrap();
    let indexed = world
        .services
        .read(|conn| Ok::<_, Error>(conn.number("SELECT count(*) FROM activity_segments", &[])?));
    assert_eq!(indexed.await.unwrap(), 3);
    for (id, paths) in &keys {
        for limit in [1_usize, 7, 200].into_iter().filter(|limit| paths.len() / limit < 100) {
            assert_eq!(&all_of(&world, *id, limit).await, paths);
        }
    }
    assert!(crate::worker::run_due(&world.services).await > 0);
}

#[tokio::test]
async fn an_index_that_was_cut_off_goes_on_where_it_stopped() {
    let world = small_steps().await;
    let keys = fill_segments(&world, 1_200).await;
    index_segments(&world.services).await.unwrap();
    // As if it was interrupted after half of its steps.
    world
        .write(|tx| {
            tx.execute("DELETE FROM activity_segments", &[])?;
            Ok(tx.execute("DELETE FROM activity_index WHERE (key_no, activity_no) > (2, 500)", &[])?)
        })
        .await
        .unwrap();
    index_segments(&world.services).await.unwrap();
    for (id, paths) in &keys {
        assert_eq!(&all_of(&world, *id, 200).await, paths);
    }
}

/// All decisions and changes, those about one key, and the busiest keys.
async fn counted(world: &World, key: KeyId) -> (Tally, Tally, Vec<(String, Tally)>) {
    let start: Timestamp = START.parse().unwrap();
    let (from, to) = (start.minus_seconds(3_600), start.plus_seconds(86_400));
    let mut sums = Vec::new();
    for key in [None, Some(key)] {
        let found = super::counts(&world.services, CountsFilter { from, to, key, api: None }).await.unwrap();
        let sum = |pick: fn(&Tally) -> u64| found.buckets.iter().map(|(_, tally)| pick(tally)).sum();
        sums.push(Tally {
            allowed: sum(|tally| tally.allowed),
            refused: sum(|tally| tally.refused),
            limited: sum(|tally| tally.limited),
            changed: sum(|tally| tally.changed),
        });
    }
    let top = top_keys(reading(world), from, to, 10).await.unwrap();
    (sums[0], sums[1], top.into_iter().map(|(key, tally)| (key.name, tally)).collect())
}

#[tokio::test]
async fn charts_count_every_row_once_before_and_after_it_is_rolled_up() {
    let world = small_steps().await;
    let keys = fill(&world, 1_500).await;
    for _ in 0..25 {
        world.services.log.push(unidentified(&world, Reason::NotFound, 1)).unwrap();
    }
    let before = counted(&world, keys[0].0).await;
    assert_eq!(before.0, Tally { allowed: 1_492, refused: 25, limited: 0, changed: 8 });
    assert_eq!(before.1.allowed + before.1.changed, 16);
    assert_eq!(before.2.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["busy", "usual", "rare"]);
    // Within a window too: interrupted after each step by a panic of the writer's job.
    for after in 0..40 {
        let armed = world
            .write(move |tx| {
                let sql = format!(
                    "CREATE TRIGGER cut BEFORE UPDATE ON job_states WHEN (SELECT count(*) FROM activity_counts) > {} \
                     BEGIN SELECT RAISE(ABORT, 'cut off'); END",
                    after * 3
                );
                tx.execute("DROP TRIGGER IF EXISTS cut", &[])?;
                Ok(tx.execute(&sql, &[])?)
            })
            .await;
        armed.unwrap();
        let _ = count_rows(&world.services).await;
        assert_eq!(counted(&world, keys[0].0).await, before);
    }
    world.write(|tx| Ok(tx.execute("DROP TRIGGER cut", &[])?)).await.unwrap();
    count_rows(&world.services).await.unwrap();
    assert_eq!(counted(&world, keys[0].0).await, before);
}

#[tokio::test]
async fn retention_removes_the_oldest_by_whole_links_and_the_rest_still_proves_itself() {
    let world = small_steps().await;
    // With the two rows that begin segments, the last link of them is full.
    fill_segments(&world, 2_498).await;
    let middle = world.now();
    world.clock.advance(Duration::from_secs(80 * 86_400));
    let keys = fill(&world, 700).await;
    world.clock.advance(Duration::from_secs(11 * 86_400));
    apply_retention(&world.services).await.unwrap();
    let rest = find(&world, Filter { to: Some(middle), ..Filter::default() }).await;
    assert!(rest.is_empty(), "{rest:?}");
    for (id, paths) in &keys {
        assert_eq!(&all_of(&world, *id, 200).await, paths);
    }
    let report = verify_chain(reading(&world)).await.unwrap();
    assert_eq!(report.bad, None);
    assert!((700..800).contains(&(report.rows + report.unlinked_rows)), "{report:?}");
    let old = "SELECT (SELECT count(*) FROM activity_strings WHERE segment < 2)
        + (SELECT count(*) FROM activity_index WHERE segment < 2)";
    assert_eq!(world.services.read(move |conn| Ok::<_, Error>(conn.number(old, &[])?)).await.unwrap(), 0);
    // A second run later removes only what became too old since, and never the newest row.
    apply_retention(&world.services).await.unwrap();
    world.clock.advance(Duration::from_secs(365 * 86_400));
    apply_retention(&world.services).await.unwrap();
    world.services.log.push(decision(&world, 1, "/new")).unwrap();
    assert!(paths(&world, Filter::default()).await.len() <= 101);
    assert_eq!(verify_chain(reading(&world)).await.unwrap().bad, None);
}

#[tokio::test]
async fn retention_by_size_removes_unidentified_rows_before_all_others() {
    let most = 64 << 10;
    let retention = Retention { days: 90, max_bytes: Some(most) };
    let options = Options { retention, rows_per_link: 100, ..Options::default() };
    let world = World::with_activity(options).await;
    let keys = fill(&world, 300).await;
    let known = |rows: &[Activity]| rows.iter().filter(|row| row.path.is_some()).count();
    let before = known(&all(&world).await);
    // Five networks per minute with five rows each: twice the bound of the log.
    for minute in 0..80_u8 {
        for index in 0..100 {
            let refused = unidentified(&world, Reason::NotFound, minute.wrapping_add(index % 5));
            world.services.log.push(refused).unwrap();
        }
        world.services.log.flush(&world.services.db).await.unwrap();
        world.clock.advance(Duration::from_secs(60));
    }
    apply_retention(&world.services).await.unwrap();
    let rows = all(&world).await;
    assert_eq!(known(&rows), before, "a flood displaces no row of a known caller");
    assert!(rows.len() < before + 1_000, "{} rows", rows.len());
    assert!(rows.len() > before + 100, "and no more goes than must: {} rows", rows.len());
    for (id, paths) in &keys {
        assert_eq!(&all_of(&world, *id, 200).await, paths);
    }
    assert_eq!(verify_chain(reading(&world)).await.unwrap().bad, None);
    // Times are found despite the gaps.
    let start: Timestamp = START.parse().unwrap();
    let early = Filter { to: Some(start.plus_seconds(30)), ..Filter::default() };
    assert!(find(&world, early).await.iter().all(|row| row.at < start.plus_seconds(30)));
    // Unidentified rows that were removed by other means than retention are missed.
    let gone = "DELETE FROM activity WHERE no = (SELECT max(no) - 50 FROM activity WHERE unidentified)";
    assert_eq!(world.write(move |tx| Ok(tx.execute(gone, &[])?)).await.unwrap(), 1);
    assert_eq!(verify_chain(reading(&world)).await.unwrap().bad.unwrap().fault, Fault::RowsMissing(1));
    let claimed = "UPDATE activity_links SET removed = CAST(mac || mac AS BLOB) WHERE unidentified_rows > 0 AND removed IS NULL";
    assert!(world.write(move |tx| Ok(tx.execute(claimed, &[])?)).await.unwrap() > 0);
    assert_eq!(verify_chain(reading(&world)).await.unwrap().bad.unwrap().fault, Fault::NotRetention);
}

/// The whole log.
async fn all(world: &World) -> Vec<Activity> {
    let (mut rows, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = list(reading(world), Filter::default(), cursor.as_deref(), 200).await.unwrap();
        rows.extend(page.data);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return rows;
        }
    }
}
