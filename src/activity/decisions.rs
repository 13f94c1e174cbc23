//! Counts decisions for the metrics when their rows reach the writer, so that requests do no work for it.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::locks::lock;
use crate::model::activity::{Entry, Kind, Outcome, Reason};

/// Labels of the count: few values each, none of them from a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decision {
    /// Kind of the row.
    pub kind: Kind,
    /// Result code.
    pub reason: Reason,
    /// The API.
    pub api_no: Option<i64>,
}

impl Decision {
    /// The labels of an entry.
    pub(super) fn of(entry: &Entry) -> Self {
        Self { kind: entry.kind, reason: entry.reason, api_no: entry.api_no }
    }
}

/// Counts since the start of the process.
#[derive(Default)]
pub(super) struct Decisions(Mutex<HashMap<Decision, u64>>);

impl Decisions {
    /// Counts the decisions among `entries`; a counted row adds its count.
    pub(super) fn count(&self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        let mut counts = lock(&self.0);
        for entry in entries.iter().filter(|entry| entry.outcome != Outcome::Changed) {
            let decision = Decision::of(entry);
            *counts.entry(decision).or_default() += u64::from(entry.count.unwrap_or(1));
        }
    }

    /// Counts a refusal without a row of its own.
    pub(super) fn add(&self, decision: Decision) {
        *lock(&self.0).entry(decision).or_default() += 1;
    }

    /// All counts.
    pub(super) fn all(&self) -> Vec<(Decision, u64)> {
        lock(&self.0).iter().map(|(&decision, &count)| (decision, count)).collect()
    }
}
