//! Rights over the keys of others.

use super::*;
use crate::model::{Identity, IdentityKind};
use crate::model::{Quota, QuotaPeriod, RateLimit};

fn nothing() -> KeyChange {
    KeyChange::default()
}

fn widened(held: &str) -> KeyChange {
    KeyChange { scopes: Some(scopes(held)), ..KeyChange::default() }
}

#[tokio::test]
async fn keys_write_is_needed_and_is_enough_for_other_apis() {
    let world = world().await;
    let refused = SelfOrAll::<KeysWrite>::of(&world.key_call("keys:read profile:read"));
    assert_eq!(refused.err().unwrap().code, Code::InsufficientScope);
    let call = world.key_call("keys:write");
    let made = make(&world, &call, NewKey { scopes: Some(scopes("admin")), ..reads("Key") }).await.unwrap();
    turn(&world, &call, made.key.id, 0).await.unwrap();
    end(&world, &call, made.key.id).await.unwrap();
}

#[tokio::test]
async fn a_key_of_the_built_in_api_is_no_escalation() {
    let world = world().await;
    let weak = world.key_call("keys:write keys:read");
    for held in ["admin", "keys:write apis:write", "settings:manage"] {
        assert_eq!(make(&world, &weak, management(held)).await.unwrap_err().code, Code::Forbidden, "{held}");
    }
    let own = make(&world, &weak, management("keys:read")).await.unwrap().key;
    let strong = make(&world, &world.admin(), management("apis:write")).await.unwrap().key;
    let all = make(&world, &world.admin(), management("admin")).await.unwrap().key;
    for stronger in [strong.id, all.id] {
        let off = KeyChange { disabled: Some(true), ..nothing() };
        assert_eq!(turn(&world, &weak, stronger, 0).await.unwrap_err().code, Code::Forbidden);
        assert_eq!(edit(&world, &weak, stronger, off).await.unwrap_err().code, Code::Forbidden);
        assert_eq!(
            edit(&world, &weak, stronger, widened("keys:read")).await.unwrap_err().code,
            Code::Forbidden
        );
        assert_eq!(end(&world, &weak, stronger).await.unwrap_err().code, Code::Forbidden);
    }
    assert_eq!(
        edit(&world, &weak, own.id, widened("keys:read apis:read")).await.unwrap_err().code,
        Code::Forbidden
    );
    edit(&world, &weak, own.id, widened("keys:read keys:write")).await.unwrap();
    end(&world, &weak, own.id).await.unwrap();
    assert_eq!(stored(&world, all.id).await, all);
}

#[tokio::test]
async fn acting_for_a_person_who_holds_more_is_refused() {
    let world = world().await;
    let (owner, admin) =
        (world.user("o@example.com", Role::Owner).await, world.user("a@example.com", Role::Admin).await);
    let developer = world.user("d@example.com", Role::Developer).await;
    let for_whom = |user: (i64, UserId, Role)| NewKey { user_id: Some(user.1), ..management("profile:read") };
    let as_developer = world.session_call(developer);
    assert!(make(&world, &as_developer, for_whom(owner)).await.is_err());
    assert!(make(&world, &as_developer, for_whom(admin)).await.is_err());
    make(&world, &as_developer, for_whom(developer)).await.unwrap();
    let as_admin = world.session_call(admin);
    make(&world, &as_admin, for_whom(developer)).await.unwrap();
    let refused = make(&world, &as_admin, for_whom(owner)).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    let owners = make(&world, &world.session_call(owner), for_whom(owner)).await.unwrap().key;
    assert_eq!(turn(&world, &as_admin, owners.id, 0).await.unwrap_err().code, Code::Forbidden);
    // On another API the person's key holds at most what the person holds, for every creator.
    make(&world, &as_developer, NewKey { user_id: Some(owner.1), ..reads("x") }).await.unwrap();
}

#[tokio::test]
async fn a_member_makes_keys_of_their_own_within_what_they_hold() {
    let world = world().await;
    let member = world.user("m@example.com", Role::Member).await;
    let call = world.session_call(member);
    let key = make(&world, &call, reads("Mine")).await.unwrap().key;
    assert_eq!(key.user.map(|user| user.id), Some(member.1));
    assert_eq!(key.tier.as_deref(), Some("basic"));
    let beyond = NewKey { scopes: Some(scopes("queries:read queries:write")), ..reads("More") };
    let refused = make(&world, &call, beyond).await.unwrap_err();
    assert_eq!((refused.code, &refused.details["granted"]), (Code::Forbidden, &json!(["queries:read"])));
    let all = NewKey { scopes: Some(scopes("admin")), ..reads("All") };
    assert_eq!(make(&world, &call, all).await.unwrap_err().code, Code::Forbidden);

    make(&world, &call, NewKey { user_id: Some(member.1), ..reads("Second") }).await.unwrap();
    let refused = make(&world, &call, reads("Third")).await.unwrap_err();
    assert_eq!((refused.code, &refused.details["max_keys"]), (Code::Conflict, &json!(2)));
    end(&world, &call, key.id).await.unwrap();
    make(&world, &call, reads("Third")).await.unwrap();
}

#[tokio::test]
async fn a_member_cannot_set_administrative_fields() {
    let world = world().await;
    let (member, other) =
        (world.user("m@example.com", Role::Member).await, world.user("n@example.com", Role::Member).await);
    let call = world.session_call(member);
    let limit = RateLimit { limit: None, window_seconds: 60, burst: None };
    let quota = Quota { limit: 1, period: QuotaPeriod::Day };
    for named in [
        NewKey { tier: Some("pro".to_owned()), ..reads("x") },
        NewKey { ratelimit: Some(limit), ..reads("x") },
        NewKey { quota: Some(quota), ..reads("x") },
        NewKey { owner: Some("acme".to_owned()), ..reads("x") },
        NewKey { user_id: Some(other.1), ..reads("x") },
    ] {
        assert_eq!(make(&world, &call, named).await.unwrap_err().code, Code::Forbidden);
    }
    let id = make(&world, &call, reads("Mine")).await.unwrap().key.id;
    for named in [
        KeyChange { tier: Some(None), ..nothing() },
        KeyChange { ratelimit: Some(None), ..nothing() },
        KeyChange { quota: Some(None), ..nothing() },
        KeyChange { owner: Some(None), ..nothing() },
        widened("queries:read queries:write"),
    ] {
        assert_eq!(edit(&world, &call, id, named).await.unwrap_err().code, Code::Forbidden);
    }
    let rename = KeyChange { name: Some("Renamed".to_owned()), ..nothing() };
    assert_eq!(edit(&world, &call, id, rename).await.unwrap().name, "Renamed");
    turn(&world, &call, id, 0).await.unwrap();
}

#[tokio::test]
async fn another_persons_key_is_not_found() {
    let world = world().await;
    let (member, other) =
        (world.user("m@example.com", Role::Member).await, world.user("n@example.com", Role::Member).await);
    let service = make(&world, &world.admin(), reads("Service")).await.unwrap().key;
    let theirs = make(&world, &world.session_call(other), reads("Theirs")).await.unwrap().key;
    let call = world.session_call(member);
    for id in [service.id, theirs.id, KeyId::new(world.now(), [7; 10])] {
        assert_eq!(see(&world, &call, id).await.unwrap_err().code, Code::NotFound);
        assert_eq!(edit(&world, &call, id, nothing()).await.unwrap_err().code, Code::NotFound);
        assert_eq!(turn(&world, &call, id, 0).await.unwrap_err().code, Code::NotFound);
        assert_eq!(end(&world, &call, id).await.unwrap_err().code, Code::NotFound);
    }
    assert_eq!(stored(&world, theirs.id).await, theirs);
}

#[tokio::test]
async fn a_viewer_sees_every_key_and_changes_their_own_alone() {
    let world = world().await;
    let viewer = world.user("v@example.com", Role::Viewer).await;
    let service = make(&world, &world.admin(), reads("Service")).await.unwrap().key;
    let call = world.session_call(viewer);
    see(&world, &call, service.id).await.unwrap();
    assert_eq!(end(&world, &call, service.id).await.unwrap_err().code, Code::InsufficientScope);
    let own = make(&world, &call, reads("Mine")).await.unwrap().key;
    end(&world, &call, own.id).await.unwrap();
}

#[tokio::test]
async fn a_key_or_token_of_a_person_creates_no_further_ones() {
    let world = world().await;
    let member = world.user("m@example.com", Role::Member).await;
    let session = world.session_call(member);
    for kind in [IdentityKind::Key, IdentityKind::Token] {
        let call = world.call(Identity { kind, ..session.identity.clone() });
        assert_eq!(SelfOrAll::<KeysWrite>::of(&call).err().unwrap().code, Code::InsufficientScope);
        assert!(SelfOrAll::<KeysRead>::of(&call).is_err());
    }
    // A session for another API is refused too.
    let elsewhere = world.services.catalog.get().by_slug("afdb").map(|api| api.no);
    let call = world.call(Identity { api_no: elsewhere, ..session.identity.clone() });
    assert!(SelfOrAll::<KeysWrite>::of(&call).is_err());
}

#[tokio::test]
async fn a_session_that_holds_less_than_its_person_makes_nothing_for_them() {
    let world = world().await;
    let admin = world.user("a@example.com", Role::Admin).await;
    let whole = world.session_call(admin);
    let narrowed = Identity { scopes: scopes("profile:read"), ..whole.identity.clone() };
    let call = world.call(narrowed);
    assert_eq!(SelfOrAll::<KeysWrite>::of(&call).err().unwrap().code, Code::InsufficientScope);
    assert!(SelfOrAll::<KeysRead>::of(&call).is_err());
}

#[tokio::test]
async fn a_member_can_make_nothing_where_they_hold_nothing() {
    let world = world().await;
    let member = world.user("m@example.com", Role::Member).await;
    let call = world.session_call(member);
    let can = Can::check(&world.admin()).unwrap();
    let bare = serde_json::from_value(json!({ "slug": "bare", "name": "Bare" })).unwrap();
    world.write(move |tx| apis::create(tx, &can, bare)).await.unwrap();
    let new = NewKey { api: "bare".to_owned(), scopes: Some(scopes("")), ..reads("x") };
    assert_eq!(make(&world, &call, new).await.unwrap_err().code, Code::Forbidden);
    let refused = make(&world, &call, management("keys:read")).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    make(&world, &call, management("profile:read")).await.unwrap();
}

#[tokio::test]
async fn a_disabled_person_gets_no_key() {
    let world = world().await;
    let user = world.user("m@example.com", Role::Member).await;
    let no = user.0;
    let disable = move |tx: &mut crate::store::Tx<'_>| {
        Ok(tx.execute("UPDATE users SET disabled_at = 1 WHERE no = ?1", crate::store::params![no])?)
    };
    world.write(disable).await.unwrap();
    let new = NewKey { user_id: Some(user.1), ..reads("x") };
    assert_eq!(fields(&make(&world, &world.admin(), new).await.unwrap_err()), ["user_id"]);
}
