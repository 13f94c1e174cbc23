//! Counters in a table of fixed size. The slot of a counter is a keyed hash of its name: nothing is evicted, memory
//! does not grow, and no caller can aim at another's slot. Two names in one slot share a counter: their failures add
//! up, and neither resets the other's.

/// Seconds on the throttle's own clock, which continues after restarts.
pub(super) type Seconds = u32;

/// One counter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counter {
    /// A second keyed hash of the only name with failures in this slot; 0 for none, or for several.
    pub(super) tag: u32,
    /// Failures that are not forgotten.
    pub(super) failures: u32,
    /// Time of the last failure, or of the last forgiveness.
    pub(super) last: Seconds,
    /// End of the wait: every earlier attempt is refused.
    pub(super) blocked_until: Seconds,
    /// Time of the last notification of the account's owner; 0 for never.
    pub(super) notified: Seconds,
    /// Time of the last successful attempt of the name of `tag`; 0 for never. Not saved.
    pub(super) right: Seconds,
    /// Admitted attempts without an outcome. Not saved.
    pub(super) pending: u32,
}

/// Slot and tag of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CounterRef {
    pub(super) slot: u32,
    pub(super) tag: u32,
}

impl CounterRef {
    /// Slot and tag of a name with this keyed hash, in a table of `slots` counters.
    pub(super) fn of(hash: &[u8; 32], slots: u32) -> Self {
        let word = |at: usize| u32::from_le_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]]);
        // The tag 0 is reserved.
        Self { slot: word(0) % slots, tag: word(4).max(1) }
    }
}

impl Counter {
    /// Whether the name of `place` is the only one in this slot.
    pub(super) fn is_of(&self, place: CounterRef) -> bool {
        self.tag == place.tag
    }

    /// Failures at `now`: all are forgotten `after` the last.
    pub(super) fn failures(&self, now: Seconds, after: Seconds) -> u32 {
        if self.last.saturating_add(after) <= now { 0 } else { self.failures }
    }

    /// Adds a failure to the unforgotten ones.
    pub(super) fn fail(&mut self, place: CounterRef, now: Seconds, counting: u32) {
        if counting == 0 {
            // Forgotten failures belong to no name.
            if !self.is_of(place) {
                (self.tag, self.right) = (place.tag, 0);
            }
        } else if !self.is_of(place) {
            (self.tag, self.right) = (0, 0);
        }
        self.failures = counting.saturating_add(1);
        self.last = now;
    }

    /// Whether it must be saved.
    pub(super) const fn counts(&self) -> bool {
        self.failures > 0
    }
}
