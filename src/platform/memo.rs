//! What was read from the store, kept until anything in it changes.
//!
//! Keys have a cache of their own (`verify::cache`) that a change empties key by key. Everything else that is read on
//! each request changes so seldom, against how often it is read, that one change may make all of it be read again: so
//! no change can be forgotten, and nothing here is ever stale.

use std::hash::Hash;

use quick_cache::sync::Cache;

use crate::platform::Services;
use crate::store;
use crate::store::Conn;

/// Values by what they were looked up with, each with the count of changes before it was read.
pub struct Memo<K, V>(Cache<K, (u64, V)>);

/// Values kept; a few hundred bytes each.
const CAPACITY: usize = 4_096;

impl<K: Eq + Hash, V: Clone> Default for Memo<K, V> {
    fn default() -> Self {
        Self::new(CAPACITY)
    }
}

impl<K: Eq + Hash, V: Clone> Memo<K, V> {
    /// Keeps at most `capacity` values.
    pub fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }

    /// The value of `key` as the store has it now. What is not there is asked for again each time, so that nobody
    /// fills the memory with names that they made up.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn get<E: From<store::Error>>(
        &self,
        services: &Services,
        key: K,
        read: impl FnOnce(&Conn<'_>, &K) -> Result<Option<V>, E>,
    ) -> Result<Option<V>, E> {
        // Before the snapshot is opened: a change in between makes the value old at once, never young for too long.
        let changes = services.db.changes();
        if let Some((read_at, value)) = self.0.get(&key)
            && read_at == changes
        {
            return Ok(Some(value));
        }
        let value = services.db.lookup(|conn| read(conn, &key))?;
        if let Some(value) = &value {
            self.0.insert(key, (changes, value.clone()));
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::domain::testing::World;
    use crate::model::Role;

    #[tokio::test]
    async fn a_value_is_read_again_after_every_change() {
        let world = World::new().await;
        let (memo, reads) = (Memo::new(10), Cell::new(0));
        let role = |no: i64| {
            memo.get(&world.services, no, |conn, no| {
                reads.set(reads.get() + 1);
                Ok::<_, store::Error>(store::users::by_no(conn, *no)?.map(|user| user.role))
            })
            .unwrap()
        };
        let (no, ..) = world.user("ada@example.com", Role::Viewer).await;
        assert_eq!((role(no), role(no), reads.get()), (Some(Role::Viewer), Some(Role::Viewer), 1));
        let change = move |tx: &mut store::Tx<'_>| {
            Ok(tx.execute("UPDATE users SET role = 'member' WHERE no = ?1", store::params![no])?)
        };
        world.write(change).await.unwrap();
        assert_eq!((role(no), role(no), reads.get()), (Some(Role::Member), Some(Role::Member), 2));
        // What is not there may come, and takes no room until then.
        assert_eq!((role(no + 1), role(no + 1), reads.get()), (None, None, 4));
    }
}
