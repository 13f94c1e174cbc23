use std::cell::Cell;

use super::*;
use crate::domain::testing::World;
use crate::model::Role;
use crate::store::params;

/// The role of a person, read from row `no`.
impl DependsOn<i64> for Role {
    fn depends_on(&self, no: &i64) -> Vec<Touched> {
        vec![Touched::User(*no)]
    }
}

#[tokio::test]
async fn a_value_is_read_again_after_a_change_of_what_it_depends_on_and_no_other() {
    let world = World::new().await;
    let (cache, reads) = (EpochCache::new(10), Cell::new(0));
    let role = |no: i64| {
        cache
            .get(&world.services, no, |conn, no| {
                reads.set(reads.get() + 1);
                Ok::<_, store::Error>(store::users::by_no(conn, *no)?.map(|user| user.role))
            })
            .unwrap()
    };
    let (ada, ..) = world.user("ada@example.com", Role::Viewer).await;
    let (bob, ..) = world.user("bob@example.com", Role::Viewer).await;
    assert_eq!((role(ada), role(ada), reads.get()), (Some(Role::Viewer), Some(Role::Viewer), 1));
    let demote = |no: i64, touched: Option<Touched>| {
        world.write(move |tx| {
            tx.execute("UPDATE users SET role = 'member' WHERE no = ?1", params![no])?;
            touched.clone().into_iter().for_each(|touched| tx.touch(touched));
            Ok(())
        })
    };
    demote(bob, Some(Touched::User(bob))).await.unwrap();
    assert_eq!((role(ada), reads.get()), (Some(Role::Viewer), 1), "another person's change costs no read");
    demote(ada, Some(Touched::User(ada))).await.unwrap();
    assert_eq!((role(ada), role(ada), reads.get()), (Some(Role::Member), Some(Role::Member), 2));
    // A write without dependencies, and one of another kind.
    demote(bob, None).await.unwrap();
    assert_eq!((role(ada), reads.get()), (Some(Role::Member), 3));
    demote(bob, Some(Touched::Client(bob))).await.unwrap();
    assert_eq!((role(ada), reads.get()), (Some(Role::Member), 4));
    // A missing value takes no capacity.
    assert_eq!((role(bob + 1), role(bob + 1), reads.get()), (None, None, 6));
}

#[tokio::test]
async fn no_more_values_than_the_capacity_are_kept() {
    // The figure that `docs/architecture.md` promises.
    assert_eq!(CAPACITY, 4_096);
    let world = World::new().await;
    let cache = EpochCache::new(100);
    for no in 0..10_000_i64 {
        let role = cache.get(&world.services, no, |_, _| Ok::<_, store::Error>(Some(Role::Viewer)));
        assert_eq!(role.unwrap(), Some(Role::Viewer));
        assert!(cache.0.len() <= 100);
    }
    assert!(cache.0.len() > 50);
}
