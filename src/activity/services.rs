//! The services of this room: the log.

use std::ops::Deref;
use std::sync::Arc;

use super::Log;
use crate::platform;
use crate::platform::metric::Metric;

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
    /// Figures of the writer and of the log.
    pub fn metrics(&self) -> Vec<Metric> {
        let log = self.log.stats();
        let mut metrics = self.platform.metrics();
        metrics.extend([
            Metric::counter("activity_rows_total", "Rows written to the activity log.", log.rows),
            Metric::counter("activity_batches_total", "Transactions that wrote some.", log.batches),
            Metric::gauge("activity_largest_batch", "Most rows in one of them.", log.largest_batch),
            Metric::gauge("activity_waiting", "Rows that are not on disk yet.", log.depth as u64),
            Metric::counter("activity_waits_total", "Requests that waited for room in the log.", log.waits),
            Metric::counter("activity_refusals_total", "Requests refused for want of room.", log.refusals),
        ]);
        metrics
    }
}
