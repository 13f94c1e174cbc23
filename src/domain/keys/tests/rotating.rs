use super::*;
use crate::model::Secret;

/// Remaining seconds of each live secret, newest first; none for no expiry.
async fn left(world: &World, id: KeyId) -> Vec<Option<i64>> {
    let (key, now) = (stored(world, id).await, world.now());
    key.live_secrets(now).map(|secret| secret.expires_at.map(|end| end.millis_since(now) / 1_000)).collect()
}

async fn leak(world: &World, text: &str) {
    let call = world.call(crate::model::Identity::anonymous());
    revoke_leaked(&call, &Secret::new(text.to_owned())).await.unwrap();
}

#[tokio::test]
async fn both_secrets_work_until_the_grace_is_over() {
    let world = world().await;
    let call = world.admin();
    let made = make(&world, &call, reads("Key")).await.unwrap();
    let id = made.key.id;
    let turned = turn(&world, &call, id, DEFAULT_GRACE_SECONDS).await.unwrap();
    assert_eq!(turned.key.id, id);
    assert_ne!(turned.secret.expose(), made.secret.expose());
    assert_eq!(turned.key, stored(&world, id).await);
    assert_eq!(left(&world, id).await, [None, Some(86_400)]);
    world.clock.advance(hours(24));
    assert_eq!(left(&world, id).await, [None]);
}

#[tokio::test]
async fn a_second_rotation_ends_the_oldest() {
    let world = world().await;
    let call = world.admin();
    let id = make(&world, &call, reads("Key")).await.unwrap().key.id;
    turn(&world, &call, id, 3_600).await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    turn(&world, &world.admin(), id, 7_200).await.unwrap();
    assert_eq!(left(&world, id).await, [None, Some(7_200)]);
    world.clock.advance(Duration::from_secs(60));
    turn(&world, &world.admin(), id, 0).await.unwrap();
    assert_eq!(left(&world, id).await, [None]);
    assert_eq!(stored(&world, id).await.secrets.len(), 4);
}

#[tokio::test]
async fn a_rotation_at_once_within_one_millisecond_keeps_the_order() {
    let world = world().await;
    let call = world.admin();
    let id = make(&world, &call, reads("Key")).await.unwrap().key.id;
    for _ in 0..3 {
        turn(&world, &call, id, 60).await.unwrap();
    }
    assert_eq!(left(&world, id).await, [None, Some(60)]);
}

#[tokio::test]
async fn what_has_ended_gets_no_new_secret() {
    let world = world().await;
    let call = world.admin();
    let id = make(&world, &call, NewKey { expires_in_days: Some(1), ..reads("Key") }).await.unwrap().key.id;
    let too_long = turn(&world, &call, id, MAX_GRACE_SECONDS + 1).await.unwrap_err();
    assert_eq!(fields(&too_long), ["grace_seconds"]);
    world.clock.advance(hours(24));
    assert_eq!(turn(&world, &world.admin(), id, 0).await.unwrap_err().code, Code::Unprocessable);
    super::end(&world, &world.admin(), id).await.unwrap();
    assert_eq!(turn(&world, &world.admin(), id, 0).await.unwrap_err().code, Code::Conflict);
}

#[tokio::test]
async fn a_revoked_key_shows_the_secrets_that_it_had() {
    let world = world().await;
    let call = world.admin();
    let id = make(&world, &call, reads("Key")).await.unwrap().key.id;
    turn(&world, &call, id, 3_600).await.unwrap();
    super::end(&world, &call, id).await.unwrap();
    world.clock.advance(hours(48));
    assert_eq!(stored(&world, id).await.live_secrets(world.now()).count(), 2);
}

#[tokio::test]
async fn any_holder_of_a_key_may_revoke_it() {
    let world = world().await;
    let call = world.admin();
    let made = make(&world, &call, reads("Key")).await.unwrap();
    leak(&world, "afdb_live_no_such_key").await;
    leak(&world, "").await;
    assert_eq!(stored(&world, made.key.id).await.status(world.now()), KeyStatus::Active);
    // A secret within its grace period is as valid as the new one.
    turn(&world, &call, made.key.id, 3_600).await.unwrap();
    leak(&world, &format!(" {}\n", made.secret.expose())).await;
    assert_eq!(stored(&world, made.key.id).await.status(world.now()), KeyStatus::Revoked);
    leak(&world, made.secret.expose()).await;
}

#[tokio::test]
async fn a_secret_that_ended_ends_nothing() {
    let world = world().await;
    let call = world.admin();
    let made = make(&world, &call, reads("Key")).await.unwrap();
    turn(&world, &call, made.key.id, 0).await.unwrap();
    leak(&world, made.secret.expose()).await;
    assert_eq!(stored(&world, made.key.id).await.status(world.now()), KeyStatus::Active);
}

#[tokio::test]
async fn a_network_has_ten_tries_a_minute() {
    let world = world().await;
    let try_from = async |ip: &str| {
        let call = world.call(crate::model::Identity::anonymous());
        let request = crate::model::RequestInfo { ip: Some(ip.parse().unwrap()), ..call.request.clone() };
        let call = Call::new(call.services.clone(), call.identity.clone(), call.now, request);
        revoke_leaked(&call, &Secret::new("guess".to_owned())).await
    };
    for host in 0..10 {
        try_from(&format!("2001:db8::{host}")).await.unwrap();
    }
    let refused = try_from("2001:db8::ffff").await.unwrap_err();
    assert_eq!((refused.code, refused.retry_after_seconds), (Code::RateLimited, Some(6)));
    assert_eq!(refused.details["limit"], 10);
    try_from("2001:db8:0:100::1").await.unwrap();
    try_from("203.0.113.9").await.unwrap();
    world.clock.advance(Duration::from_secs(6));
    try_from("2001:db8::1").await.unwrap();
}
