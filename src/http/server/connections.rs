//! How many connections a listener holds, for the metrics.

use std::sync::{Arc, OnceLock};

use tokio::sync::Semaphore;

/// The connections of one listener; none before it is served.
#[derive(Debug, Default)]
pub struct Connections(OnceLock<(Arc<Semaphore>, usize)>);

impl Connections {
    /// `slots` has a permit for each connection that is not open, of `max` in all.
    pub(super) fn watch(&self, slots: &Arc<Semaphore>, max: usize) {
        // A listener is served once.
        let _ = self.0.set((slots.clone(), max));
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.0.get().map_or(0, |(slots, max)| max.saturating_sub(slots.available_permits()))
    }

    /// Connections that may be open.
    pub fn max(&self) -> usize {
        self.0.get().map_or(0, |(_, max)| *max)
    }
}
