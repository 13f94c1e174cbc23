//! Limits repeated warnings and errors to one line per second from each place in the source, with a count of the
//! others. A full disk refuses every request; a line for each would fill the journal on the same disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::locks;

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

/// Interval of one line per place.
const ONCE_IN: Duration = Duration::from_secs(1);

/// Lines of one place in the source.
struct Lines {
    last: Instant,
    left_out: u64,
}

/// A filter that passes the first of repeated lines. It has an entry for each place in the source that warns.
#[derive(Clone, Default)]
pub(super) struct Repeats(Arc<Mutex<HashMap<&'static str, Lines>>>);

impl Repeats {
    fn lock(&self) -> MutexGuard<'_, HashMap<&'static str, Lines>> {
        locks::lock(&self.0)
    }

    /// Whether to write a line from `place` now.
    fn passes(&self, place: &'static str, now: Instant) -> bool {
        let mut known = self.lock();
        let Some(lines) = known.get_mut(place) else {
            known.insert(place, Lines { last: now, left_out: 0 });
            return true;
        };
        let passes = now.duration_since(lines.last) >= ONCE_IN;
        if passes {
            lines.last = now;
        } else {
            lines.left_out += 1;
        }
        passes
    }

    /// Places in the source with the number of suppressed lines since the last call.
    fn left_out(&self) -> Vec<(&'static str, u64)> {
        let mut known = self.lock();
        let some = known.iter_mut().filter(|(_, lines)| lines.left_out > 0);
        some.map(|(place, lines)| (*place, std::mem::take(&mut lines.left_out))).collect()
    }

    /// Writes every second the number of suppressed lines.
    pub(super) async fn report(self) {
        let mut tick = tokio::time::interval(ONCE_IN);
        loop {
            tick.tick().await;
            for (place, left_out) in self.left_out() {
                tracing::warn!(left_out, place, "repeated lines were left out");
            }
        }
    }
}

impl<S: Subscriber> Filter<S> for Repeats {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the pace of log lines is real time, and no rule depends on it"
    )]
    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        let repeated = *metadata.level() <= Level::WARN && metadata.module_path() != Some(module_path!());
        !repeated || self.passes(metadata.name(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "only differences count")]
    fn one_line_a_second_and_a_count_of_the_others() {
        let repeats = Repeats::default();
        let start = Instant::now();
        let passed = |place, millis| repeats.passes(place, start + Duration::from_millis(millis));
        assert!(passed("one", 0));
        assert!((1..1_000).all(|millis| !passed("one", millis)));
        assert!(passed("two", 500), "another place is counted by itself");
        assert!(passed("one", 1_000));
        assert_eq!(repeats.left_out(), [("one", 999)]);
        assert!(repeats.left_out().is_empty());
    }
}
