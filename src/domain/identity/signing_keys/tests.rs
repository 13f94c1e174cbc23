use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::domain::testing::World;
use crate::error::Code;
use crate::model::Timestamp;

const MINUTES: u64 = 60;

#[tokio::test]
async fn a_rotation_has_no_moment_in_which_a_valid_token_fails() {
    let world = World::new().await;
    let keyring = &world.services.signing_keys;
    let claims = serde_json::json!({"sub": "ada"});
    let sign = || keyring.sign("at+jwt", &claims);
    let first = sign().await.unwrap();
    assert_eq!(keyring.list().len(), 1);
    maintain(&world.services, world.services.settled()).await.unwrap();
    let stages: Vec<KeyStage> = keyring.list().iter().map(|info| info.stage).collect();
    assert_eq!(stages, [KeyStage::Active, KeyStage::Next]);
    let admin = world.admin();
    let can = Can::check(&admin).unwrap();
    assert_eq!(
        rotate(&can, Retire::Gently).await.unwrap_err().code,
        Code::Conflict,
        "not published long enough"
    );

    world.clock.advance(Duration::from_secs(6 * MINUTES));
    let request = admin.request.clone();
    let later = Call::new(admin.services.clone(), admin.identity.clone(), world.now(), request);
    let can = Can::check(&later).unwrap();
    let infos = rotate(&can, Retire::Gently).await.unwrap();
    let stages: Vec<KeyStage> = infos.iter().map(|info| info.stage).collect();
    assert_eq!(stages, [KeyStage::Retired, KeyStage::Active, KeyStage::Next]);
    let second = sign().await.unwrap();
    assert!(
        keyring.open_jws::<Value>("at+jwt", &first).is_some()
            && keyring.open_jws::<Value>("at+jwt", &second).is_some()
    );

    world.clock.advance(Duration::from_secs(RETIRED_SECONDS as u64));
    maintain(&world.services, world.services.settled()).await.unwrap();
    assert!(keyring.open_jws::<Value>("at+jwt", &first).is_none(), "its last token ended long ago");
    assert!(keyring.open_jws::<Value>("at+jwt", &second).is_some());
}

#[tokio::test]
async fn a_leaked_key_ends_at_once() {
    let world = World::new().await;
    let keyring = &world.services.signing_keys;
    maintain(&world.services, world.services.settled()).await.unwrap();
    let token = keyring.sign("at+jwt", &serde_json::json!({})).await.unwrap();
    let can = Can::check(&world.admin()).unwrap();
    rotate(&can, Retire::AtOnce).await.unwrap();
    assert!(keyring.open_jws::<Value>("at+jwt", &token).is_none());
    assert!(!keyring.jwks().contains("\"d\""));
}

#[tokio::test]
async fn keys_are_rotated_by_the_clock_and_survive_a_restart() {
    let world = World::new().await;
    let services = &world.services;
    maintain(services, services.settled()).await.unwrap();
    let before = services.signing_keys.list();
    world.clock.advance(Duration::from_secs(ACTIVE_SECONDS as u64 - 1));
    maintain(services, services.settled()).await.unwrap();
    assert_eq!(services.signing_keys.list(), before);
    world.clock.advance(Duration::from_secs(1));
    maintain(services, services.settled()).await.unwrap();
    let after = services.signing_keys.list();
    assert_eq!(after.iter().find(|info| info.stage == KeyStage::Active).unwrap().kid, before[1].kid);
    let jwks = services.signing_keys.jwks();
    services.signing_keys.install(Ring::default(), services.db.changes());
    open(services, services.settled()).await.unwrap();
    assert_eq!((services.signing_keys.list(), services.signing_keys.jwks()), (after, jwks));
}

/// A common library reads our JWKS and verifies our signatures of every algorithm.
#[test]
fn a_stock_library_agrees_on_every_algorithm() {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::Jwk};
    for alg in SigningAlg::ALL.iter().copied() {
        let signer = super::key::Signer::generate(alg).unwrap();
        let again = super::key::Signer::from_pkcs8(alg, &signer.to_pkcs8().unwrap()).unwrap();
        let public = again.public();
        assert_eq!(public, signer.public());
        let jwk: Jwk = serde_json::from_value(public.clone()).unwrap();
        let thumbprint = jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap();
        assert_eq!(public["kid"], thumbprint, "{alg}");
        let vault = crate::platform::vault::Vault::open(&crate::platform::vault::generate(
            &crate::env::SeededRng::new(1),
        ))
        .unwrap();
        let mut stored =
            ring::NewSigningKey::of(again).seal(&vault, &crate::env::SeededRng::new(2), Timestamp::MIN);
        stored.info.stage = KeyStage::Active;
        let ring = Ring::new(vec![stored], &vault).unwrap();
        let active = ring.active.clone().unwrap();
        let claims = serde_json::json!({"sub": "ada", "exp": 4_000_000_000_u64});
        let message = active.message("at+jwt", &claims).unwrap();
        let token = active.finish(message).unwrap();
        let mut rules = Validation::new(match alg {
            SigningAlg::Rs256 => Algorithm::RS256,
            SigningAlg::Es256 => Algorithm::ES256,
            SigningAlg::EdDsa => Algorithm::EdDSA,
        });
        rules.validate_aud = false;
        let read = decode::<Value>(&token, &DecodingKey::from_jwk(&jwk).unwrap(), &rules).unwrap();
        assert_eq!(read.claims, claims);
        assert!(ring.open_jws::<Value>("at+jwt", &token).is_some());
        assert!(ring.open_jws::<Value>("JWT", &token).is_none());
    }
}
