//! Model of a key, and the linearizability check of a history: there must be an order of its operations, consistent
//! with their begin and end, in which the model gives the same results.

use std::collections::HashSet;

use proptest::prelude::*;

/// Operation of a caller on the key.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Verifies one of the known secrets, by either hot route, with the scope to read or to write.
    Ask { pick: usize, forward: bool, writing: bool },
    /// Disables or enables it.
    Disable(bool),
    /// Grants or removes the scope to write.
    Widen(bool),
    /// Sets an expiry in ten seconds, or removes it.
    Expire(bool),
    /// Rotates it; the previous secret works for as long.
    Rotate { grace_seconds: i64 },
    /// Revokes it.
    Revoke,
}

/// An operation with its result.
#[derive(Clone, Debug)]
pub struct Event {
    /// Ticks of a counter: an operation that ended before another began was answered before it.
    pub began: u64,
    pub ended: u64,
    pub done: Done,
}

#[derive(Clone, Debug)]
pub enum Done {
    Asked {
        secret: usize,
        writing: bool,
        code: String,
    },
    /// `secret` is the number of the new secret, if there is one.
    Changed {
        act: Act,
        status: u16,
        secret: usize,
    },
}

/// The key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    revoked: bool,
    disabled: bool,
    writes: bool,
    expires_at: Option<i64>,
    /// Number and expiry, the newest last.
    secrets: Vec<(usize, Option<i64>)>,
}

impl Key {
    /// A new key with the scope to write, with the secret 0.
    pub fn new() -> Self {
        Self { revoked: false, disabled: false, writes: true, expires_at: None, secrets: vec![(0, None)] }
    }

    fn answer(&self, secret: usize, writing: bool, now: i64) -> &'static str {
        let past = |end: Option<i64>| end.is_some_and(|end| end <= now);
        match self.secrets.iter().find(|(number, _)| *number == secret) {
            None => "NOT_FOUND",
            Some((_, end)) if past(*end) => "NOT_FOUND",
            _ if self.revoked => "REVOKED",
            _ if self.disabled => "DISABLED",
            _ if past(self.expires_at) => "EXPIRED",
            _ if writing && !self.writes => "INSUFFICIENT_SCOPE",
            _ => "VALID",
        }
    }

    /// Changes the key; returns the status of the response.
    fn change(&mut self, act: Act, secret: usize, now: i64) -> u16 {
        match act {
            Act::Revoke => self.revoked = true,
            _ if self.revoked => return 409,
            Act::Disable(off) => self.disabled = off,
            Act::Widen(writes) => self.writes = writes,
            Act::Expire(ends) => self.expires_at = ends.then_some(now + 10),
            Act::Rotate { .. } if self.expires_at.is_some_and(|end| end <= now) => return 422,
            Act::Rotate { grace_seconds } => {
                let mut end = now + grace_seconds;
                for (_, ends) in self.secrets.iter_mut().rev() {
                    *ends = Some(ends.map_or(end, |before| before.min(end)));
                    end = now;
                }
                self.secrets.push((secret, None));
            }
            Act::Ask { .. } => unreachable!("a question changes nothing"),
        }
        if matches!(act, Act::Revoke) { 204 } else { 200 }
    }

    /// Whether this event can be the next; changes the key accordingly.
    fn step(&mut self, done: &Done, now: i64) -> bool {
        match done {
            Done::Asked { secret, writing, code } => self.answer(*secret, *writing, now) == code,
            Done::Changed { act, status, secret } => self.change(*act, *secret, now) == *status,
        }
    }
}

/// Possible states of the key after `events`, given one of `before`: none if they are impossible. All operations have
/// the same time, in seconds.
pub fn after(before: &HashSet<Key>, events: &[Event], now: i64) -> HashSet<Key> {
    assert!(events.len() < 64, "the search knows what is done by the bits of a word");
    let (mut ends, mut seen) = (HashSet::new(), HashSet::new());
    let mut open: Vec<(u64, Key)> = before.iter().map(|key| (0, key.clone())).collect();
    while let Some((done, key)) = open.pop() {
        if !seen.insert((done, key.clone())) {
            continue;
        }
        let waiting = || events.iter().enumerate().filter(|(at, _)| done >> at & 1 == 0);
        let Some(first_end) = waiting().map(|(_, event)| event.ended).min() else {
            ends.insert(key);
            continue;
        };
        for (at, event) in waiting().filter(|(_, event)| event.began <= first_end) {
            let mut key = key.clone();
            if key.step(&event.done, now) {
                open.push((done | 1 << at, key));
            }
        }
    }
    ends
}

/// Mostly verifications; revocation is rare, because little is observable after it.
pub fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        24 => (any::<usize>(), any::<bool>(), any::<bool>())
            .prop_map(|(pick, forward, writing)| Act::Ask { pick, forward, writing }),
        4 => any::<bool>().prop_map(Act::Disable),
        4 => any::<bool>().prop_map(Act::Widen),
        4 => any::<bool>().prop_map(Act::Expire),
        4 => prop_oneof![Just(0), Just(15)].prop_map(|grace_seconds| Act::Rotate { grace_seconds }),
        1 => Just(Act::Revoke),
    ]
}

fn asked(began: u64, ended: u64, secret: usize, code: &str) -> Event {
    Event { began, ended, done: Done::Asked { secret, writing: true, code: code.to_owned() } }
}

fn changed(began: u64, ended: u64, act: Act, secret: usize) -> Event {
    let status = if matches!(act, Act::Revoke) { 204 } else { 200 };
    Event { began, ended, done: Done::Changed { act, status, secret } }
}

fn possible(events: &[Event]) -> bool {
    !after(&HashSet::from([Key::new()]), events, 100).is_empty()
}

#[test]
fn a_stale_answer_is_seen_and_one_that_overlaps_is_not() {
    assert!(possible(&[changed(0, 1, Act::Revoke, 0), asked(2, 3, 0, "REVOKED")]));
    assert!(!possible(&[changed(0, 1, Act::Revoke, 0), asked(2, 3, 0, "VALID")]), "stale");
    for code in ["VALID", "REVOKED"] {
        assert!(possible(&[changed(0, 3, Act::Revoke, 0), asked(1, 2, 0, code)]), "both at once");
    }
    let back = [changed(0, 3, Act::Disable(true), 0), asked(1, 2, 0, "DISABLED"), asked(4, 5, 0, "VALID")];
    assert!(!possible(&back), "what was seen once stays");
    let seen = [changed(0, 9, Act::Widen(false), 0), asked(1, 2, 0, "INSUFFICIENT_SCOPE")];
    assert!(!possible(&[&seen[..], &[asked(3, 4, 0, "VALID")]].concat()), "not even before it is answered");
    let rotated = changed(0, 1, Act::Rotate { grace_seconds: 0 }, 1);
    assert!(possible(&[rotated.clone(), asked(2, 3, 0, "NOT_FOUND"), asked(4, 5, 1, "VALID")]));
    assert!(!possible(&[rotated, asked(2, 3, 0, "VALID")]));
}
