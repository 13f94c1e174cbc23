//! With a real store: the one query, and the write-behind.

use super::*;
use crate::domain::policy::catalog::Apis;
use crate::domain::testing::World;
use crate::model::KeySecret;
use crate::store::{Drain, params};

/// Adds a key of the built-in API with a quota and returns its secret.
async fn add_key(world: &World, quota: Option<i64>) -> KeySecret {
    let prefix = world.services.catalog.get().built_in().prefix;
    let secret = KeySecret::generate(prefix, Environment::Live, &world.services.random());
    let (hash, now, api_no) = (secret.hash(), world.now(), world.services.catalog.get().built_in().no);
    let id = KeyId::new(now, world.services.random());
    world
        .write(move |tx| {
            let key = "INSERT INTO keys (id, api_no, name, environment, scopes, owner, quota_limit,
                quota_period, allowed_ips, metadata, created_at, updated_at)
                VALUES (?1, ?2, 'Backend', 'live', 'keys:read keys:verify', 'acme', ?3, 'total', NULL,
                '{\"a\":1}', ?4, ?4) RETURNING no";
            let no = tx.insert(key, params![id.to_string(), api_no, quota, now.millis()])?;
            let secret = "INSERT INTO key_secrets (hash, key_no, start, \"end\", created_at)
                VALUES (?1, ?2, 'aaaa', 'bbbb', ?3)";
            tx.execute(secret, params![hash.as_bytes(), no, now.millis()])?;
            Ok(())
        })
        .await
        .unwrap();
    secret
}

fn ask(world: &World, key: &str) -> Verdict {
    let apis = world.services.catalog.get();
    let question = Question {
        api: apis.built_in(),
        scopes: None,
        environment: RequestedEnvironment::Live,
        cost: 1,
        ip: None,
    };
    world.services.engine.ask(&world.services, key, &question, world.now()).unwrap()
}

#[tokio::test]
async fn a_key_is_found_by_its_secret_and_acts_as_itself() {
    let world = World::new().await;
    let secret = add_key(&world, None).await;
    let verdict = ask(&world, secret.expose());
    let entry = verdict.known_entry().expect("it is known");
    assert_eq!(verdict.code, VerifyCode::Valid);
    assert_eq!(
        (&*entry.name, entry.owner.as_deref(), &*entry.metadata),
        ("Backend", Some("acme"), "{\"a\":1}")
    );
    assert_eq!(&*entry.given.text, "keys:read keys:verify");

    let apis = world.services.catalog.get();
    let question = Question {
        api: apis.built_in(),
        scopes: None,
        environment: RequestedEnvironment::Live,
        cost: 1,
        ip: None,
    };
    let identity = authenticate(&world.services, secret.expose(), &question, world.now()).unwrap();
    assert_eq!((identity.kind, identity.api_no), (IdentityKind::Key, Some(entry.api_no)));
    assert_eq!((identity.key, identity.user), (Some((entry.no, entry.id)), None));
    assert_eq!(identity.scopes.to_string(), "keys:read keys:verify");
}

#[tokio::test]
async fn what_is_no_key_is_not_found() {
    let world = World::new().await;
    let secret = add_key(&world, None).await;
    let mut mistyped = secret.expose().to_owned();
    mistyped.pop();
    mistyped.push('!');
    let flipped = if secret.expose().ends_with('a') { "b" } else { "a" };
    let flipped = format!("{}{flipped}", &secret.expose()[..secret.expose().len() - 1]);
    let long = "k".repeat(100_000);
    for key in ["", "a", &mistyped, &flipped, &long, "кл\u{fc}ч"] {
        let verdict = ask(&world, key);
        assert_eq!(verdict.code, VerifyCode::NotFound);
        assert!(verdict.holder().is_none());
    }
}

/// Writes the uses that wait.
async fn append(world: &World) -> Result<()> {
    let services = world.services.clone();
    world.write(move |tx| Ok(services.engine.usage_drain().append(tx, false)?)).await
}

#[tokio::test]
async fn uses_and_quotas_are_written_behind() {
    let world = World::new().await;
    let secret = add_key(&world, Some(10)).await;
    let drain = world.services.engine.usage_drain();
    for _ in 0..3 {
        assert_eq!(ask(&world, secret.expose()).code, VerifyCode::Valid);
    }
    assert!(drain.pending());
    append(&world).await.unwrap();
    assert!(!world.services.engine.usage_drain().pending());

    let row = || {
        let found = world.services.db.lookup(|conn| key_lookup::find(conn, &secret.hash()));
        found.unwrap().unwrap()
    };
    assert_eq!((row().quota_used, row().last_used_at), (3, Some("2026-06-01T12:00:00Z".parse().unwrap())));

    // Within the hour only the quota is written; the stored values agree.
    world.clock.advance(Duration::from_secs(1800));
    assert_eq!(ask(&world, secret.expose()).quota.unwrap().used, 4);
    append(&world).await.unwrap();
    assert_eq!(row().quota_used, 4);
}

#[tokio::test]
async fn what_was_not_committed_is_written_again() {
    let world = World::new().await;
    let secret = add_key(&world, Some(10)).await;
    ask(&world, secret.expose());
    let services = world.services.clone();
    let lost: Result<()> = world
        .write(move |tx| {
            services.engine.usage_drain().append(tx, false)?;
            Err(crate::error::Error::conflict("undone"))
        })
        .await;
    assert!(lost.is_err());
    assert!(world.services.engine.usage_drain().pending());
    append(&world).await.unwrap();
    let row = world.services.db.lookup(|conn| key_lookup::find(conn, &secret.hash())).unwrap().unwrap();
    assert_eq!(row.quota_used, 1);
}

/// Adds `secret` to the one key of the store.
async fn import(world: &World, secret: &str) {
    let hash = SecretHash::of(secret);
    let sql =
        "INSERT INTO key_secrets (hash, key_no, start, \"end\", created_at) VALUES (?1, 1, 'a', 'b', 0)";
    world.write(move |tx| Ok(tx.execute(sql, params![hash.as_bytes()]).map(|_| ())?)).await.unwrap();
}

#[tokio::test]
async fn a_mistyped_key_does_not_reach_the_store_and_an_imported_one_does() {
    let world = World::new().await;
    let secret = add_key(&world, None).await;
    let body = &secret.expose()["kw_live_".len()..][..32];
    let looked = || world.services.engine.load().misses;
    let mistyped = format!("kw_live_{body}000000");
    assert_eq!((ask(&world, &mistyped).code, looked()), (VerifyCode::NotFound, 0));
    let apis = world.services.catalog.get();
    let changes = world.services.db.changes();
    world.services.catalog.install(Apis::new(vec![Api::clone(apis.built_in()), api(9)]), changes);
    let elsewhere = format!("api9_live_{body}000000");
    assert_eq!((ask(&world, &elsewhere).code, looked()), (VerifyCode::NotFound, 0));
    // Under a prefix of no API it may be an imported key that happens to have our form.
    let foreign = format!("other_live_{body}000000");
    assert_eq!((ask(&world, &foreign).code, looked()), (VerifyCode::NotFound, 1));
    import(&world, &foreign).await;
    assert_eq!(ask(&world, &foreign).code, VerifyCode::Valid);
}

#[tokio::test]
async fn a_key_has_at_most_256_bytes() {
    let world = World::new().await;
    add_key(&world, None).await;
    for (length, expected) in [(256, VerifyCode::Valid), (257, VerifyCode::NotFound)] {
        let imported = "k".repeat(length);
        import(&world, &imported).await;
        assert_eq!(ask(&world, &imported).code, expected, "{length}");
    }
}

#[tokio::test]
async fn a_key_is_known_to_its_own_api_and_found_by_any() {
    let world = World::new().await;
    let secret = add_key(&world, None).await;
    let (services, key) = (&world.services, secret.expose());
    let built_in = services.catalog.get().built_in().clone();
    let found = |entry: Option<Arc<Entry>>| entry.map(|entry| entry.api_no);
    assert_eq!(found(services.engine.find_any(services, key).unwrap()), Some(built_in.no));
    assert_eq!(found(services.engine.known(services, key, &built_in).unwrap()), Some(built_in.no));
    assert_eq!(found(services.engine.known(services, key, &api(built_in.no + 1)).unwrap()), None);
    assert_eq!(found(services.engine.find_any(services, "no key").unwrap()), None);
}

#[tokio::test]
async fn only_a_valid_key_gives_an_identity() {
    let world = World::new().await;
    let secret = add_key(&world, Some(1)).await;
    let api = world.services.catalog.get().built_in().clone();
    let question =
        Question { api: &api, scopes: None, environment: RequestedEnvironment::Live, cost: 1, ip: None };
    let authenticate = || authenticate(&world.services, secret.expose(), &question, world.now());
    assert!(authenticate().is_ok());
    assert_eq!(authenticate().unwrap_err().code, crate::error::Code::QuotaExceeded);
    let again = authenticate_again(&world.services, secret.expose(), &question, world.now());
    assert!(again.is_ok(), "the quota is not asked");
}

#[tokio::test]
async fn a_limit_gives_requests_back_as_time_passes() {
    let world = World::new().await;
    let secret = add_key(&world, None).await;
    let sql = "UPDATE keys SET ratelimit_limit = 1, ratelimit_window_seconds = 60";
    world.write(move |tx| Ok(tx.execute(sql, params![]).map(|_| ())?)).await.unwrap();
    assert_eq!(ask(&world, secret.expose()).code, VerifyCode::Valid);
    assert_eq!(ask(&world, secret.expose()).code, VerifyCode::RateLimited);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(ask(&world, secret.expose()).code, VerifyCode::Valid);
}

#[tokio::test]
async fn lookups_and_memory_are_counted() {
    let world = World::new().await;
    let secret = add_key(&world, Some(10)).await;
    for _ in 0..3 {
        ask(&world, secret.expose());
    }
    let load = world.services.engine.load();
    assert_eq!((load.cached_keys, load.misses, load.hits), (1, 1, 2));
    assert!((500..2_000).contains(&load.cached_bytes), "{} bytes for one key", load.cached_bytes);
}

#[tokio::test]
async fn the_key_of_a_person_acts_as_that_person() {
    let world = World::new().await;
    let secret = add_key(&world, None).await;
    let user = world.user("ada@example.com", Role::Owner).await;
    let no = user.0;
    world
        .write(move |tx| Ok(tx.execute("UPDATE keys SET user_no = ?1", params![no]).map(|_| ())?))
        .await
        .unwrap();
    let api = world.services.catalog.get().built_in().clone();
    let question =
        Question { api: &api, scopes: None, environment: RequestedEnvironment::Live, cost: 1, ip: None };
    let identity = authenticate(&world.services, secret.expose(), &question, world.now()).unwrap();
    assert_eq!(identity.user, Some(user));
}
