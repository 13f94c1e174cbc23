//! With a real store: the one query, and the write-behind.

use super::*;
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
    assert_eq!(identity.key, Some((entry.no, entry.id)));
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

#[tokio::test]
async fn uses_and_quotas_are_written_behind() {
    let world = World::new().await;
    let secret = add_key(&world, Some(10)).await;
    let mut drain = world.services.engine.usage_drain();
    for _ in 0..3 {
        assert_eq!(ask(&world, secret.expose()).code, VerifyCode::Valid);
    }
    assert!(drain.pending());
    world.write(move |tx| Ok(drain.append(tx, false)?)).await.unwrap();
    assert!(!world.services.engine.usage_drain().pending());

    let row = || {
        let found = world.services.db.lookup(|conn| key_lookup::find(conn, &secret.hash()));
        found.unwrap().unwrap()
    };
    assert_eq!((row().quota_used, row().last_used_at), (3, Some("2026-06-01T12:00:00Z".parse().unwrap())));

    // Within the hour only the quota is written; the stored values agree.
    world.clock.advance(Duration::from_secs(1800));
    assert_eq!(ask(&world, secret.expose()).quota.unwrap().used, 4);
    let mut drain = world.services.engine.usage_drain();
    world.write(move |tx| Ok(drain.append(tx, false)?)).await.unwrap();
    assert_eq!(row().quota_used, 4);
}

#[tokio::test]
async fn what_was_not_committed_is_written_again() {
    let world = World::new().await;
    let secret = add_key(&world, Some(10)).await;
    ask(&world, secret.expose());
    let mut drain = world.services.engine.usage_drain();
    let lost: Result<()> = world
        .write(move |tx| {
            drain.append(tx, false)?;
            Err(crate::error::Error::conflict("undone"))
        })
        .await;
    assert!(lost.is_err());
    let mut drain = world.services.engine.usage_drain();
    assert!(drain.pending());
    world.write(move |tx| Ok(drain.append(tx, false)?)).await.unwrap();
    let row = world.services.db.lookup(|conn| key_lookup::find(conn, &secret.hash())).unwrap().unwrap();
    assert_eq!(row.quota_used, 1);
}
