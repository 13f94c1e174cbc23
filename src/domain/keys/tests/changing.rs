use super::*;
use crate::model::{Quota, QuotaPeriod, RateLimit};

#[tokio::test]
async fn a_change_sets_clears_and_leaves() {
    let world = world().await;
    let call = world.admin();
    let new = NewKey { owner: Some("acme".to_owned()), expires_in_days: Some(1), ..reads("Before") };
    let before = make(&world, &call, new).await.unwrap().key;
    world.clock.advance(hours(1));
    let call = world.admin();
    let change = KeyChange {
        name: Some("After".to_owned()),
        scopes: Some(scopes("queries:write")),
        owner: Some(None),
        expires_at: Some(None),
        allowed_ips: Some(Some(vec!["10.0.0.0/8".to_owned()])),
        metadata: Some(Some(json!({ "a": 1 }).as_object().unwrap().clone())),
        quota: Some(Some(Quota { limit: 1, period: QuotaPeriod::Total })),
        ..KeyChange::default()
    };
    let after = edit(&world, &call, before.id, change).await.unwrap();
    assert_eq!(after, stored(&world, before.id).await);
    assert_eq!((after.name.as_str(), after.scopes.to_string().as_str()), ("After", "queries:write"));
    assert_eq!((&after.owner, after.expires_at), (&None, None));
    assert_eq!(after.updated_at, before.updated_at.plus_seconds(3_600));
    assert_eq!((after.secrets.clone(), after.created_at), (before.secrets, before.created_at));
    let cleared = KeyChange {
        metadata: Some(None),
        allowed_ips: Some(None),
        quota: Some(None),
        ..KeyChange::default()
    };
    let after = edit(&world, &call, before.id, cleared).await.unwrap();
    assert!(after.metadata.is_empty() && after.allowed_ips.is_empty() && after.quota.is_none());
    assert_eq!(after.name, "After");
}

#[tokio::test]
async fn tier_and_own_limit_replace_each_other() {
    let world = world().await;
    let call = world.admin();
    let own = RateLimit { limit: None, window_seconds: 60, burst: None };
    let key = make(&world, &call, NewKey { tier: Some("pro".to_owned()), ..reads("Key") }).await.unwrap().key;
    let limited = KeyChange { ratelimit: Some(Some(own)), ..KeyChange::default() };
    let after = edit(&world, &call, key.id, limited).await.unwrap();
    assert_eq!((after.tier, after.ratelimit), (None, Some(own)));
    let tiered = KeyChange { tier: Some(Some("free".to_owned())), ..KeyChange::default() };
    let after = edit(&world, &call, key.id, tiered).await.unwrap();
    assert_eq!((after.tier.as_deref(), after.ratelimit), (Some("free"), None));
    let both =
        KeyChange { tier: Some(Some("free".to_owned())), ratelimit: Some(Some(own)), ..KeyChange::default() };
    assert_eq!(fields(&edit(&world, &call, key.id, both).await.unwrap_err()), ["ratelimit", "tier"]);
}

#[tokio::test]
async fn a_key_is_switched_off_and_on() {
    let world = world().await;
    let call = world.admin();
    let id = make(&world, &call, reads("Key")).await.unwrap().key.id;
    let switch = |off| KeyChange { disabled: Some(off), ..KeyChange::default() };
    let off = edit(&world, &call, id, switch(true)).await.unwrap();
    assert_eq!(off.status(world.now()), KeyStatus::Disabled);
    world.clock.advance(hours(1));
    let still = edit(&world, &world.admin(), id, switch(true)).await.unwrap();
    assert_eq!((still.disabled_at, still.updated_at), (off.disabled_at, off.updated_at));
    let on = edit(&world, &world.admin(), id, switch(false)).await.unwrap();
    assert_eq!(on.status(world.now()), KeyStatus::Active);
}

#[tokio::test]
async fn a_past_end_a_foreign_scope_and_a_revoked_key_are_refused() {
    let world = world().await;
    let call = world.admin();
    let id = make(&world, &call, reads("Key")).await.unwrap().key.id;
    let wrong = KeyChange {
        name: Some(String::new()),
        scopes: Some(scopes("gone")),
        tier: Some(Some("gone".to_owned())),
        owner: Some(Some("\n".to_owned())),
        expires_at: Some(Some(world.now())),
        allowed_ips: Some(Some(vec!["x".to_owned()])),
        ..KeyChange::default()
    };
    let refused = edit(&world, &call, id, wrong).await.unwrap_err();
    assert_eq!(fields(&refused), ["allowed_ips[0]", "expires_at", "name", "owner", "scopes", "tier"]);
    super::end(&world, &call, id).await.unwrap();
    let rename = KeyChange { name: Some("x".to_owned()), ..KeyChange::default() };
    assert_eq!(edit(&world, &call, id, rename).await.unwrap_err().code, Code::Conflict);
}

#[tokio::test]
async fn revoking_is_for_good_and_may_be_repeated() {
    let world = world().await;
    let call = world.admin();
    let id = make(&world, &call, reads("Key")).await.unwrap().key.id;
    super::end(&world, &call, id).await.unwrap();
    let revoked = stored(&world, id).await;
    assert_eq!(revoked.status(world.now()), KeyStatus::Revoked);
    world.clock.advance(hours(1));
    super::end(&world, &world.admin(), id).await.unwrap();
    assert_eq!(stored(&world, id).await, revoked);
    let nowhere = KeyId::new(world.now(), [9; 10]);
    assert_eq!(super::end(&world, &call, nowhere).await.unwrap_err().code, Code::NotFound);
}
