//! Decisions, counted for the metrics where their rows pass on the way to the writer: requests pay nothing for it.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::locks::lock;
use crate::model::activity::{Entry, Kind, Outcome, Reason};

/// What decisions are counted by: few values each, none of them from a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decision {
    /// What was asked.
    pub kind: Kind,
    /// The answer.
    pub reason: Reason,
    /// The API that it was about.
    pub api_no: Option<i64>,
}

impl Decision {
    /// What an entry is counted by.
    pub(super) fn of(entry: &Entry) -> Self {
        Self { kind: entry.kind, reason: entry.reason, api_no: entry.api_no }
    }
}

/// Counts since the start.
#[derive(Default)]
pub(super) struct Decisions(Mutex<HashMap<Decision, u64>>);

impl Decisions {
    /// Counts the decisions among `entries`; a row with a count stands for so many.
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

    /// Counts a refusal that gets no row of its own.
    pub(super) fn add(&self, decision: Decision) {
        *lock(&self.0).entry(decision).or_default() += 1;
    }

    /// Every count.
    pub(super) fn all(&self) -> Vec<(Decision, u64)> {
        lock(&self.0).iter().map(|(&decision, &count)| (decision, count)).collect()
    }
}
