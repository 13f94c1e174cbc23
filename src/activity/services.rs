//! Services of `activity`: the log.

use std::ops::Deref;
use std::sync::Arc;

use super::Log;
use crate::measure::Family;
use crate::platform;

/// Services of `activity` and of the rooms below.
pub struct Services {
    /// Services of the room below.
    pub platform: Arc<platform::Services>,
    /// Log of decisions and changes.
    pub log: Arc<Log>,
}

impl Deref for Services {
    type Target = Arc<platform::Services>;

    fn deref(&self) -> &Self::Target {
        &self.platform
    }
}

impl Services {
    /// Metrics of this room and of the rooms below.
    pub fn metrics(&self) -> Vec<Family> {
        let log = self.log.stats();
        let mut families = self.platform.metrics();
        families.extend([
            Family::counter("activity_rows_total", "Rows written to the activity log.", log.rows),
            Family::counter("activity_batches_total", "Transactions that wrote rows.", log.batches),
            Family::gauge(
                "activity_largest_batch",
                "Largest number of rows of one transaction.",
                log.largest_batch as f64,
            ),
            Family::gauge("activity_waiting", "Rows that are not on disk yet.", log.depth as f64),
            Family::counter(
                "activity_waits_total",
                "Requests that waited for the buffer of the log.",
                log.waits,
            ),
            Family::counter(
                "activity_refusals_total",
                "Requests refused because the buffer of the log was full.",
                log.refusals,
            ),
        ]);
        families
    }
}
