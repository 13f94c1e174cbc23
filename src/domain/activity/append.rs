//! The writer's side of the log: appends what waits, inside the writer's transaction.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::log::{Log, lock};
use super::strings::Strings;
use crate::db::activity::{self as table, Inserter, Stored, segment};
use crate::db::{Drain, Error, Tx};
use crate::domain::vault::Signer;
use crate::model::activity::Entry;

/// Appends what waits in a [`Log`].
pub struct Appender {
    log: Arc<Log>,
    #[expect(dead_code, reason = "the chain comes next")]
    signer: Signer,
    /// Shared with the commit hook, which runs on the same thread: never contended.
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Taken from the buffer; the first `writing` are in a transaction that may still fail.
    batch: VecDeque<Entry>,
    spare: Vec<Entry>,
    writing: usize,
    strings: Strings,
}

impl Appender {
    pub(super) fn new(log: Arc<Log>, signer: Signer) -> Self {
        Self { log, signer, state: Arc::default() }
    }
}

impl Drain for Appender {
    fn pending(&self) -> bool {
        self.log.waiting()
    }

    fn append(&mut self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let mut state = lock(&self.state);
        let everything = self.log.take_hurry();
        state.collect(&self.log, everything);
        if state.writing == 0 {
            return Ok(());
        }
        let written = state.write(tx)?;
        let (log, shared) = (self.log.clone(), self.state.clone());
        tx.on_commit(move || lock(&shared).committed(&log, &written));
        Ok(())
    }
}

/// What the commit hook needs to know of a row.
struct Written {
    no: i64,
    keys: (Option<i64>, Option<i64>),
}

impl State {
    /// Decides which entries this transaction writes.
    fn collect(&mut self, log: &Log, everything: bool) {
        if self.writing > 0 {
            // The hook of the last transaction never ran: it was lost, and the same rows are due again.
            self.strings.forget();
        }
        log.take(&mut self.spare, everything);
        self.batch.extend(self.spare.drain(..));
        self.spare.shrink_to(4_096);
        self.writing =
            if everything { self.batch.len() } else { self.batch.len().min(log.options.rows_per_drain) };
    }

    fn write(&mut self, tx: &mut Tx<'_>) -> Result<Vec<Written>, Error> {
        let mut no = table::ends(tx)?.map_or(0, |(_, last)| last);
        let mut rows = Inserter::new(tx)?;
        let mut written = Vec::with_capacity(self.writing);
        for entry in self.batch.iter().take(self.writing) {
            no += 1;
            let mut intern = |text: &Option<Box<str>>| {
                text.as_deref().map(|text| self.strings.intern(tx, segment(no), text)).transpose()
            };
            let (path, agent) = (intern(&entry.path)?, intern(&entry.agent)?);
            let row = Stored::new(no, entry, path.map(|path| path.no), agent.map(|agent| agent.no));
            rows.insert(&row)?;
            written.push(Written { no, keys: row.indexed_keys() });
        }
        Ok(written)
    }

    fn committed(&mut self, log: &Log, written: &[Written]) {
        self.batch.drain(..self.writing);
        self.batch.shrink_to(4_096);
        log.written(self.writing);
        self.writing = 0;
        // A reader that builds the index holds it for long; it reads these rows itself then.
        if let Ok(mut recent) = log.recent.try_lock() {
            for row in written {
                recent.extend(row.no, row.keys);
            }
        }
        if let Some(last) = written.last() {
            log.newest.send_replace(last.no);
        }
    }
}
