//! Counters in a table of fixed size. A counter's place is a keyed hash of what it counts, so nothing is ever evicted,
//! memory does not grow, and no caller can aim at the place of another. Two names at one place share a counter: their
//! failures add up, and neither resets the other's.

/// Seconds on the throttle's own clock, which goes on over restarts.
pub(super) type Seconds = u32;

/// One counter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counter {
    /// A second keyed hash of the only name that has failed here; 0 for none, or for several.
    pub(super) tag: u32,
    /// Failures that are not forgotten.
    pub(super) failures: u32,
    /// When the last of them was, or when the last one was forgiven.
    pub(super) last: Seconds,
    /// Until when every attempt is refused.
    pub(super) blocked_until: Seconds,
    /// When the owner of the account was last notified; 0 for never.
    pub(super) notified: Seconds,
    /// When the name of `tag` last succeeded; 0 for never. Not saved.
    pub(super) right: Seconds,
    /// Attempts that were let through and have no outcome yet. Not saved.
    pub(super) pending: u32,
}

/// Where a name is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CounterRef {
    pub(super) slot: u32,
    pub(super) tag: u32,
}

impl CounterRef {
    /// The place of a name with this keyed hash, in a table of `slots` counters.
    pub(super) fn of(hash: &[u8; 32], slots: u32) -> Self {
        let word = |at: usize| u32::from_le_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]]);
        // The tag 0 has a meaning of its own.
        Self { slot: word(0) % slots, tag: word(4).max(1) }
    }
}

impl Counter {
    /// Whether the only name counted here is that of `place`.
    pub(super) fn is_of(&self, place: CounterRef) -> bool {
        self.tag == place.tag
    }

    /// Failures that count at `now`: all of them are forgotten `after` the last.
    pub(super) fn failures(&self, now: Seconds, after: Seconds) -> u32 {
        if self.last.saturating_add(after) <= now { 0 } else { self.failures }
    }

    /// Adds a failure to those that still count.
    pub(super) fn fail(&mut self, place: CounterRef, now: Seconds, counting: u32) {
        if counting == 0 {
            // Failures that are forgotten belong to no name.
            if !self.is_of(place) {
                (self.tag, self.right) = (place.tag, 0);
            }
        } else if !self.is_of(place) {
            (self.tag, self.right) = (0, 0);
        }
        self.failures = counting.saturating_add(1);
        self.last = now;
    }

    /// Whether saving it is worth while.
    pub(super) const fn counts(&self) -> bool {
        self.failures > 0
    }
}
