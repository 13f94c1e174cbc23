use super::*;
use crate::model::Environment;
use crate::store::params;

async fn names(world: &World, call: &Arc<Call>, filter: KeyFilter) -> Vec<String> {
    let access: SelfOrAll<KeysRead> = SelfOrAll::of(call).unwrap();
    let page = world.services.read(move |conn| list(conn, &access, &filter, None, None)).await.unwrap();
    page.data.into_iter().map(|key| key.name).collect()
}

async fn page(
    world: &World,
    filter: KeyFilter,
    limit: u32,
    after: Option<String>,
) -> Result<cursor::Page<ApiKey>> {
    let access: SelfOrAll<KeysRead> = SelfOrAll::of(&world.key_call("keys:read")).unwrap();
    world.services.read(move |conn| list(conn, &access, &filter, Some(limit), after.as_deref())).await
}

use crate::platform::cursor;

#[tokio::test]
async fn pages_follow_each_other_newest_first_and_miss_nothing() {
    let world = world().await;
    for at in 0..7 {
        make(&world, &world.admin(), reads(&format!("key {at}"))).await.unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let part = page(&world, KeyFilter::default(), 3, after).await.unwrap();
        seen.extend(part.data.iter().map(|key| key.name.clone()));
        // Keys added between the pages belong before the first page.
        make(&world, &world.admin(), reads("later")).await.unwrap();
        after = part.next_cursor;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["key 6", "key 5", "key 4", "key 3", "key 2", "key 1", "key 0"]);
}

#[tokio::test]
async fn a_cursor_is_for_its_filters_and_its_readers_reach() {
    let world = world().await;
    let member = world.user("m@example.com", Role::Member).await;
    for _ in 0..2 {
        make(&world, &world.admin(), NewKey { user_id: Some(member.1), ..reads("x") }).await.unwrap();
    }
    let first = page(&world, KeyFilter::default(), 1, None).await.unwrap().next_cursor;
    let of_api = KeyFilter { api: Some("afdb".to_owned()), ..KeyFilter::default() };
    assert_eq!(page(&world, of_api, 1, first.clone()).await.unwrap_err().code, Code::InvalidCursor);
    let access: SelfOrAll<KeysRead> = SelfOrAll::of(&world.session_call(member)).unwrap();
    let foreign = world
        .services
        .read(move |conn| list(conn, &access, &KeyFilter::default(), Some(1), first.as_deref()))
        .await;
    assert_eq!(foreign.unwrap_err().code, Code::InvalidCursor);
    assert_eq!(fields(&page(&world, KeyFilter::default(), 0, None).await.unwrap_err()), ["limit"]);
}

#[tokio::test]
async fn every_filter_narrows() {
    let world = world().await;
    let call = world.admin();
    let user = world.user("u@example.com", Role::Developer).await;
    make(&world, &call, NewKey { owner: Some("Acme 100%".to_owned()), ..reads("one") }).await.unwrap();
    make(&world, &call, NewKey { user_id: Some(user.1), ..reads("two_x") }).await.unwrap();
    make(&world, &call, NewKey { environment: Some(Environment::Test), ..reads("three") }).await.unwrap();
    let made = make(&world, &call, management("keys:read")).await.unwrap().key;
    let (id, start, end) = (made.id, made.secrets[0].start.clone(), made.secrets[0].end.clone());
    let by = |filter| names(&world, &call, filter);
    let none = KeyFilter::default;
    assert_eq!(by(KeyFilter { api: Some("keywright".to_owned()), ..none() }).await, ["Management"]);
    assert_eq!(by(KeyFilter { owner: Some("Acme 100%".to_owned()), ..none() }).await, ["one"]);
    assert_eq!(by(KeyFilter { user_id: Some(user.1), ..none() }).await, ["two_x"]);
    assert_eq!(by(KeyFilter { environment: Some(Environment::Test), ..none() }).await, ["three"]);
    for (q, found) in [
        ("TWO_", "two_x"),
        ("o%", "—"),
        ("100%", "one"),
        ("aCME", "one"),
        (&*id.to_string(), "Management"),
        (&*start, "Management"),
        (&*end, "Management"),
        (" three ", "three"),
        ("\\", "—"),
        ("'", "—"),
    ] {
        let expected: &[&str] = if found == "—" { &[] } else { &[found] };
        assert_eq!(by(KeyFilter { q: Some(q.to_owned()), ..none() }).await, expected, "{q}");
    }
    let unknown = UserId::new(world.now(), [0; 10]);
    assert!(by(KeyFilter { user_id: Some(unknown), ..none() }).await.is_empty());
    let wrong = KeyFilter { api: Some("gone".to_owned()), ..none() };
    assert_eq!(fields(&page(&world, wrong, 1, None).await.unwrap_err()), ["api"]);
    let long = KeyFilter { q: Some("x".repeat(121)), ..none() };
    assert_eq!(fields(&page(&world, long, 1, None).await.unwrap_err()), ["q"]);
}

#[tokio::test]
async fn states_are_distinct() {
    let world = world().await;
    let call = world.admin();
    let mut ids = Vec::new();
    for (name, days) in [
        ("plain", None),
        ("ends soon", Some(14)),
        ("ends later", Some(15)),
        ("ended", Some(1)),
        ("off", None),
        ("gone", None),
        ("used", None),
    ] {
        let made = make(&world, &call, NewKey { expires_in_days: days, ..reads(name) }).await.unwrap();
        ids.push(made.key);
    }
    world.clock.advance(hours(24));
    let call = world.admin();
    let off = KeyChange { disabled: Some(true), ..KeyChange::default() };
    edit(&world, &call, ids[4].id, off).await.unwrap();
    super::end(&world, &call, ids[5].id).await.unwrap();
    let (no, used_at) = (ids[6].no, world.now());
    let use_it = move |tx: &mut crate::store::Tx<'_>| {
        let sql = "INSERT INTO key_usage (key_no, last_used_at) VALUES (?1, ?2)";
        Ok(tx.execute(sql, params![no, used_at.millis()])?)
    };
    world.write(use_it).await.unwrap();

    let by = async |status| {
        let filter = KeyFilter { status: Some(status), ..KeyFilter::default() };
        names(&world, &world.admin(), filter).await
    };
    assert_eq!(by(KeyStatus::Active).await, ["used", "ends later", "ends soon", "plain"]);
    assert_eq!(by(KeyStatus::Expiring).await, ["ends later", "ends soon"]);
    assert_eq!(by(KeyStatus::Expired).await, ["ended"]);
    assert_eq!(by(KeyStatus::Disabled).await, ["off"]);
    assert_eq!(by(KeyStatus::Revoked).await, ["gone"]);
    assert_eq!(by(KeyStatus::Unused).await, ["ends later", "ends soon", "plain"]);
    world.clock.advance(hours(90 * 24));
    assert_eq!(by(KeyStatus::Unused).await, ["plain"]);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(by(KeyStatus::Unused).await, ["used", "plain"]);
    assert_eq!(by(KeyStatus::Unrotated).await, ["used", "plain"]);

    turn(&world, &world.admin(), ids[0].id, 0).await.unwrap();
    make(&world, &world.admin(), reads("new")).await.unwrap();
    assert_eq!(by(KeyStatus::Unrotated).await, ["used"]);
    let unused = async |created_before| {
        let filter = KeyFilter { status: Some(KeyStatus::Unused), created_before, ..KeyFilter::default() };
        names(&world, &world.admin(), filter).await
    };
    assert_eq!(unused(None).await, ["new", "used", "plain"]);
    assert_eq!(unused(Some(world.now())).await, ["used", "plain"]);
}
