//! Bounds of the log, and the sizes of the pieces in which it is written and maintained.

use std::time::Duration;

use super::refusals;
use super::retention::Retention;

/// Bounds of a [`super::Log`].
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Maximum number of waiting rows; then requests wait.
    pub capacity: usize,
    /// Time that a request waits for capacity before it is refused.
    pub max_wait: Duration,
    /// Bounds of the refusals that are logged in full.
    pub refusals: refusals::Bounds,
    /// Maximum number of rows per transaction, so that changes are not delayed.
    pub rows_per_drain: usize,
    /// Most rows under one signature of the chain.
    pub rows_per_link: u32,
    /// Sizes of the steps of the jobs that maintain the log.
    pub steps: Steps,
    /// Age and size beyond which rows are removed.
    pub retention: Retention,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            capacity: 65_536,
            max_wait: Duration::from_millis(250),
            refusals: refusals::Bounds::default(),
            rows_per_drain: 8_192,
            rows_per_link: 10_000,
            steps: Steps::default(),
            retention: Retention::default(),
        }
    }
}

/// Sizes of the steps of the jobs that maintain the log. Each step is a transaction of a few milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Steps {
    /// Index entries written in one step.
    pub index_entries: usize,
    /// Rows removed in one step.
    pub removed_rows: i64,
    /// Counts written in one step.
    pub counts: usize,
    /// Rows whose counts are in memory together.
    pub counted_rows: i64,
}

impl Default for Steps {
    fn default() -> Self {
        Self { index_entries: 2_500, removed_rows: 2_000, counts: 1_000, counted_rows: 500_000 }
    }
}
