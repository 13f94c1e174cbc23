use super::*;
use crate::model::{Environment, Quota, QuotaPeriod, RateLimit, SecretHash, Shape, inspect};

#[tokio::test]
async fn a_key_comes_back_as_it_was_asked_for_and_its_secret_only_once() {
    let world = world().await;
    let quota = Quota { limit: 5_000, period: QuotaPeriod::Month };
    let new = NewKey {
        expires_in_days: Some(30),
        tier: Some("pro".to_owned()),
        quota: Some(quota),
        owner: Some("acme".to_owned()),
        allowed_ips: vec!["203.0.113.0/24".to_owned(), "2001:db8::1".to_owned()],
        metadata: json!({ "plan": { "seats": 3 } }).as_object().unwrap().clone(),
        ..reads("  Production Backend ")
    };
    let made = make(&world, &world.admin(), new).await.unwrap();
    let key = stored(&world, made.key.id).await;
    assert_eq!(key, made.key);
    assert_eq!((key.name.as_str(), key.api.as_str()), ("Production Backend", "afdb"));
    assert_eq!(key.scopes, scopes("queries:read"));
    assert_eq!(key.environment, Environment::Live);
    assert_eq!(key.expires_at, Some(world.now().plus_seconds(30 * 86_400)));
    assert_eq!(
        (key.tier.as_deref(), key.quota, key.owner.as_deref()),
        (Some("pro"), Some(quota), Some("acme"))
    );
    assert_eq!(key.metadata["plan"]["seats"], 3);
    assert_eq!(
        key.allowed_ips.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["203.0.113.0/24", "2001:db8::1/128"]
    );
    assert_eq!((key.user, key.status(world.now())), (None, KeyStatus::Active));

    let text = made.secret.expose();
    assert_eq!(inspect(text), Shape::Ours { prefix: "afdb", environment: Environment::Live });
    let [secret] = key.secrets.as_slice() else { panic!("one secret") };
    assert_eq!(secret.hash, SecretHash::of(text));
    assert!(text.contains(&format!("_{}", secret.start)) && text.contains(&secret.end));
    assert_eq!(secret.expires_at, None);
}

#[tokio::test]
async fn a_preset_gives_scopes_and_may_fix_the_environment() {
    let world = world().await;
    let by_preset = |name: &str, environment| NewKey {
        scopes: None,
        preset: Some(name.to_owned()),
        environment,
        ..reads("Key")
    };
    let call = world.admin();
    let read = make(&world, &call, by_preset("Read", Some(Environment::Test))).await.unwrap().key;
    assert_eq!((read.scopes.to_string(), read.environment), ("queries:read".to_owned(), Environment::Test));
    let tried = make(&world, &call, by_preset("Development", None)).await.unwrap();
    assert_eq!(tried.key.environment, Environment::Test);
    assert!(tried.secret.expose().starts_with("afdb_test_"));
    let refused = make(&world, &call, by_preset("Development", Some(Environment::Live))).await.unwrap_err();
    assert_eq!(fields(&refused), ["environment"]);
    let refused = make(&world, &call, by_preset("Write", None)).await.unwrap_err();
    assert_eq!(refused.details["preset"], "afdb has no such preset; it has: Read, Development.");
}

#[tokio::test]
async fn every_mistake_is_named_at_once() {
    let world = world().await;
    let own = RateLimit { limit: Some(0), window_seconds: 60, burst: None };
    let wrong = NewKey {
        preset: Some("Read".to_owned()),
        expires_at: Some(world.now()),
        expires_in_days: Some(0),
        tier: Some("gone".to_owned()),
        ratelimit: Some(own),
        quota: Some(Quota { limit: 0, period: QuotaPeriod::Day }),
        owner: Some(String::new()),
        metadata: json!({ "x": "y".repeat(4_096) }).as_object().unwrap().clone(),
        allowed_ips: vec!["nowhere".to_owned()],
        ..reads("a\u{7}b")
    };
    let refused = make(&world, &world.admin(), wrong).await.unwrap_err();
    assert_eq!(
        fields(&refused),
        [
            "allowed_ips[0]",
            "expires_at",
            "expires_in_days",
            "metadata",
            "name",
            "owner",
            "preset",
            "quota.limit",
            "ratelimit",
            "ratelimit.limit",
            "scopes",
            "tier",
        ]
    );
}

#[tokio::test]
async fn the_small_mistakes_are_named_too() {
    let world = world().await;
    let refused = async |new: NewKey| make(&world, &world.admin(), new).await.unwrap_err();
    assert_eq!(fields(&refused(NewKey { api: "gone".to_owned(), ..reads("x") }).await), ["api"]);
    assert_eq!(fields(&refused(NewKey { scopes: None, ..reads("x") }).await), ["scopes"]);
    assert_eq!(
        fields(&refused(NewKey { expires_at: Some(world.now()), ..reads("x") }).await),
        ["expires_at"]
    );
    assert_eq!(
        fields(&refused(NewKey { expires_in_days: Some(3_651), ..reads("x") }).await),
        ["expires_in_days"]
    );
    let unknown = refused(NewKey { scopes: Some(scopes("queries:read gone")), ..reads("x") }).await;
    assert_eq!(
        unknown.details["scopes"],
        "afdb has no scope gone; it has: admin queries:read queries:write."
    );
    let unknown = UserId::new(world.now(), [0; 10]);
    assert_eq!(fields(&refused(NewKey { user_id: Some(unknown), ..reads("x") }).await), ["user_id"]);
    let test = NewKey { environment: Some(Environment::Test), ..management("keys:read") };
    assert_eq!(fields(&refused(test).await), ["environment"]);
}

#[tokio::test]
async fn secrets_are_never_alike() {
    let world = world().await;
    let one = make(&world, &world.admin(), reads("one")).await.unwrap();
    let two = make(&world, &world.admin(), reads("two")).await.unwrap();
    assert_ne!(one.secret.expose(), two.secret.expose());
    assert_ne!(one.key.id, two.key.id);
    assert!(!format!("{one:?}").contains(one.secret.expose()));
}
