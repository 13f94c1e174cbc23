//! Rate limits across a restart: what was saved is owed again.

use super::*;
use crate::domain::policy::catalog::Catalog;
use crate::domain::policy::limits;
use crate::domain::policy::limits::{BucketId, Subject};
use crate::domain::testing::World;
use crate::model::Network;

const ONE_A_MINUTE: RateLimit = RateLimit { limit: Some(1), window_seconds: 60, burst: None };
const ID: BucketId<'_> = BucketId { api_no: 7, tier: "pro", subject: Subject::Key(1) };

fn passes(services: &Services, network: Network) -> (bool, bool) {
    let now = services.clock.monotonic();
    let level = services.engine.limiter().take(&ID, &ONE_A_MINUTE, now, 1).unwrap().unwrap();
    let networks = services.engine.network_limits();
    (level.passed, networks.take("x", network, &ONE_A_MINUTE, now, 1).is_ok())
}

/// The same services with an engine that has seen no request.
fn restarted(services: &Services) -> Services {
    Services {
        activity: services.activity.clone(),
        catalog: Catalog::default(),
        engine: Engine::new(CACHE_BYTES, &services.vault),
    }
}

#[tokio::test]
async fn what_was_used_is_owed_after_a_restart_and_is_loaded_once() {
    let world = World::new().await;
    let network = Network::of([192, 0, 2, 1].into());
    assert_eq!(world.services.engine.load().buckets, 0);
    assert_eq!(passes(&world.services, network), (true, true));
    world.clock.advance(Duration::from_secs(20));
    limits::save(&world.services).await.unwrap();

    let again = restarted(&world.services);
    limits::load(&again).await.unwrap();
    assert_eq!(again.engine.load().buckets, 1);
    assert_eq!(passes(&again, network), (false, false));
    world.clock.advance(Duration::from_millis(39_999));
    assert_eq!(passes(&again, network), (false, false));
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(passes(&again, network), (true, true));

    let killed = restarted(&world.services);
    limits::load(&killed).await.unwrap();
    assert_eq!(passes(&killed, network), (true, true), "what was loaded is forgotten");
}

#[tokio::test]
async fn full_buckets_are_not_saved() {
    let world = World::new().await;
    assert_eq!(passes(&world.services, Network::UNKNOWN), (true, true));
    world.clock.advance(Duration::from_secs(60));
    limits::save(&world.services).await.unwrap();
    let debts = world.write(|tx| Ok(crate::store::limits::take(tx)?)).await.unwrap();
    assert!(debts.is_empty());
}
