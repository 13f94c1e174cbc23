//! Zero staleness: a request after an answered change sees the change, under any concurrency.

use std::sync::atomic::AtomicU64;

use super::*;

/// A store of versions with the last answered version.
struct Store {
    committed: [AtomicU64; KEYS],
    answered: [AtomicU64; KEYS],
}

const KEYS: usize = 8;
const CHANGES: u64 = 3_000;

fn hash(key: usize) -> SecretHash {
    SecretHash::of(&key.to_string())
}

impl Store {
    /// Reads a version slowly, like a slow query.
    fn load(&self, key: usize) -> KeyRow {
        let version = self.committed[key].load(Ordering::SeqCst);
        for _ in 0..version % 4 {
            std::thread::yield_now();
        }
        KeyRow { name: version.to_string().into(), ..row() }
    }

    /// Commits the next version, drops the key from the cache, answers.
    fn change(&self, engine: &Engine, key: usize) {
        let version = self.committed[key].fetch_add(1, Ordering::SeqCst) + 1;
        engine.forget(&[hash(key)]);
        self.answered[key].store(version, Ordering::SeqCst);
    }

    /// Sends one question: the result must be at least as new as the version answered before it.
    fn ask(&self, engine: &Engine, key: usize) {
        let answered = self.answered[key].load(Ordering::SeqCst);
        let entry = engine.find(&hash(key), |_| Ok(Some(self.load(key)))).unwrap().unwrap();
        let seen: u64 = entry.name.parse().unwrap();
        assert!(seen >= answered, "saw version {seen} of key {key} after {answered} was answered");
    }
}

fn run(cache_bytes: u64) {
    let (engine, store) =
        (engine(cache_bytes), Store { committed: Default::default(), answered: Default::default() });
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for reader in 0..3 {
            let (engine, store, done) = (&engine, &store, &done);
            scope.spawn(move || {
                let mut key = reader;
                while done.load(Ordering::SeqCst) < 2 {
                    key = (key * 5 + 3) % KEYS;
                    store.ask(engine, key);
                }
            });
        }
        for writer in 0..2 {
            let (engine, store, done) = (&engine, &store, &done);
            // Each writer has keys of its own: one store has one writer.
            scope.spawn(move || {
                for change in 0..CHANGES {
                    let key = usize::try_from(change).unwrap() % (KEYS / 2) * 2 + writer;
                    store.change(engine, key);
                    store.ask(engine, key);
                }
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
}

#[test]
fn no_question_sees_the_state_before_an_answered_change() {
    run(CACHE_BYTES);
}

#[test]
fn nor_with_a_cache_that_is_too_small_for_them() {
    run(1_500);
}

#[test]
fn a_load_that_began_before_a_change_does_not_stay() {
    let (engine, key) = (engine(CACHE_BYTES), hash(0));
    let old = engine
        .find(&key, |_| {
            // The change is committed and removed from the cache during this load.
            engine.forget(&[key]);
            Ok(Some(KeyRow { name: "old".into(), ..row() }))
        })
        .unwrap()
        .unwrap();
    assert_eq!(&*old.name, "old", "the request that loads it may still use it");
    let new = engine.find(&key, |_| Ok(Some(KeyRow { name: "new".into(), ..row() }))).unwrap().unwrap();
    assert_eq!(&*new.name, "new");
}

#[test]
fn unknown_keys_and_failures_are_not_remembered() {
    let (engine, key) = (engine(CACHE_BYTES), hash(0));
    assert!(engine.find(&key, |_| Ok(None)).unwrap().is_none());
    assert!(engine.find(&key, |_| Err(crate::error::Error::unavailable("no disk"))).is_err());
    assert_eq!(engine.load().cached_keys, 0);
    assert!(engine.find(&key, |_| Ok(Some(row()))).unwrap().is_some());
    assert_eq!(engine.load().cached_keys, 1);
}

#[test]
fn memory_is_bounded_by_what_was_given() {
    let engine = engine(1 << 20);
    for key in 0..20_000 {
        engine.find(&hash(key), |_| Ok(Some(row()))).unwrap();
    }
    let load = engine.load();
    assert!(load.cached_bytes <= 1 << 20);
    assert!(load.cached_keys > 1_000, "{} keys in a megabyte", load.cached_keys);
}
