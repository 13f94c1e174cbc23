//! Retry intervals of failed work.

use crate::env::{Rng, random};

/// Maximum random part that is added to a wait, so that items which failed together are not retried together.
const JITTER_PERCENT: i64 = 20;

/// Waits between attempts.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Seconds before the second attempt, the third, …
    pub waits_seconds: &'static [i64],
    /// Whether the last wait repeats; otherwise an item dies after one failure more than there are waits.
    pub repeats: bool,
}

impl Retry {
    /// Milliseconds until the next attempt after `failures`; none if there is no further attempt.
    pub(super) fn wait_millis(&self, failures: i64, rng: &dyn Rng) -> Option<i64> {
        let at = usize::try_from(failures - 1).unwrap_or(0);
        let last = self.waits_seconds.last().filter(|_| self.repeats);
        let seconds = self.waits_seconds.get(at).or(last)?;
        let most = seconds * 10 * JITTER_PERCENT;
        let jitter = i64::from_le_bytes(random(rng)).rem_euclid(most + 1);
        Some(seconds * 1_000 + jitter)
    }

    /// Upper bound of a wait, in seconds.
    pub(super) fn longest_seconds(&self) -> i64 {
        let longest = self.waits_seconds.iter().max().copied().unwrap_or(0);
        longest + longest * JITTER_PERCENT / 100 + 1
    }
}
