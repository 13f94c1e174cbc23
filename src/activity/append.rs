//! The writer's side of the log: appends what waits, inside the writer's transaction.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::chain::{Chain, Row};
use super::log::Log;
use super::strings::Strings;
use crate::locks::lock;
use crate::model::Timestamp;
use crate::model::activity::Entry;
use crate::platform::vault::Signer;
use crate::store::activity as table;
use crate::store::activity::{Inserter, Stored, segment};
use crate::store::{Drain, Error, Tx, activity_links as links, sessions};

/// Appends what waits in a [`Log`].
pub struct Appender {
    log: Arc<Log>,
    signer: Signer,
    /// Shared with the commit hook, which runs on the same thread: never contended.
    state: Arc<Mutex<State>>,
}

/// What the appender remembers from one transaction to the next. If one is lost, all but the batch is forgotten and
/// read again.
#[derive(Default)]
struct State {
    /// Taken from the buffer; the first `writing` are in a transaction that may still fail.
    batch: VecDeque<Entry>,
    spare: Vec<Entry>,
    writing: usize,
    strings: Strings,
    /// None until the first transaction, and after one that was lost.
    chain: Option<Chain>,
    /// Whether the last transaction's hook has run.
    settled: bool,
}

impl Appender {
    pub(super) fn new(log: Arc<Log>, signer: Signer) -> Self {
        Self { log, signer, state: Arc::default() }
    }
}

impl Drain for Appender {
    fn pending(&self) -> bool {
        let now = self.log.clock.now();
        self.log.waiting() || lock(&self.state).chain.as_ref().is_some_and(|chain| chain.is_due(now))
    }

    fn append(&mut self, tx: &mut Tx<'_>, last: bool) -> Result<(), Error> {
        let mut state = lock(&self.state);
        let last = last || self.log.is_closed();
        let everything = self.log.take_hurry() || last;
        state.collect(&self.log, everything, last);
        let mut writing = Writing {
            now: self.log.clock.now(),
            signer: &self.signer,
            written: self.log.recent_is_kept().then(|| Vec::with_capacity(state.writing)),
        };
        let mut chain = state.load(tx, self.log.options.rows_per_link)?;
        writing.catch_up(tx, &mut chain)?;
        writing.batch(tx, &mut chain, &mut state)?;
        if chain.is_due(writing.now) || last {
            chain.close(tx, &self.signer)?;
        }
        state.chain = Some(chain);
        let (log, shared, written) = (self.log.clone(), self.state.clone(), writing.written);
        tx.on_commit(move || lock(&shared).committed(&log, written.as_deref().unwrap_or_default()));
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
    fn collect(&mut self, log: &Log, everything: bool, last: bool) {
        if !std::mem::replace(&mut self.settled, false) {
            self.strings.forget();
            self.chain = None;
        }
        if self.batch.is_empty() {
            // Usually nothing waits from before, and the buffer becomes the batch as it is.
            let mut taken = Vec::from(std::mem::take(&mut self.batch));
            log.take(&mut taken, everything, last);
            self.batch = taken.into();
        } else {
            log.take(&mut self.spare, everything, last);
            self.batch.extend(self.spare.drain(..));
            self.spare.shrink_to(4_096);
        }
        self.writing =
            if everything { self.batch.len() } else { self.batch.len().min(log.options.rows_per_drain) };
    }

    /// The chain where it stands, or as the store has it.
    fn load(&mut self, tx: &Tx<'_>, rows_per_link: u32) -> Result<Chain, Error> {
        match self.chain.take() {
            Some(chain) => Ok(chain),
            None => Ok(Chain::after(links::last(tx)?.as_ref(), rows_per_link)),
        }
    }

    fn committed(&mut self, log: &Log, written: &[Written]) {
        self.settled = true;
        self.batch.drain(..self.writing);
        self.batch.shrink_to(4_096);
        log.written(self.writing);
        self.writing = 0;
        // A reader that holds the index is about to look into it; it reads these rows itself then.
        if let Ok(mut recent) = log.recent.try_lock() {
            for row in written {
                recent.extend(row.no, row.keys);
            }
        }
        let last = self.chain.as_ref().map_or(0, |chain| chain.last_no);
        log.newest.send_if_modified(|newest| std::mem::replace(newest, last) != last);
    }
}

/// One transaction's work.
struct Writing<'a> {
    now: Timestamp,
    signer: &'a Signer,
    /// None while nobody keeps the newest rows' keys in memory.
    written: Option<Vec<Written>>,
}

impl Writing<'_> {
    /// Takes up the rows that somebody else has written: changes, or everything after the last link at the start.
    fn catch_up(&mut self, tx: &mut Tx<'_>, chain: &mut Chain) -> Result<(), Error> {
        const AT_ONCE: usize = 1_000;
        let last = table::last(tx)?;
        while chain.last_no < last {
            let mut rows = Vec::new();
            table::each(tx, chain.last_no + 1, last, |row| {
                rows.push(row);
                Ok(rows.len() < AT_ONCE)
            })?;
            let Some(end) = rows.last().map(|row| row.no) else { break };
            for row in &rows {
                let row = Row::read(tx, row)?;
                self.feed(tx, chain, &row)?;
            }
            debug_assert_eq!(chain.last_no, end);
        }
        Ok(())
    }

    fn batch(&mut self, tx: &mut Tx<'_>, chain: &mut Chain, state: &mut State) -> Result<(), Error> {
        let State { batch, writing, strings, .. } = state;
        let mut rows = Inserter::new(tx)?;
        let mut sessions = BTreeMap::new();
        for entry in batch.iter().take(*writing) {
            let no = chain.last_no + 1;
            // The newest comes last.
            sessions.extend(entry.session_no.map(|session_no| (session_no, entry.at)));
            let mut intern = |text: &Option<Box<str>>| {
                text.as_deref().map(|text| strings.intern(tx, segment(no), text)).transpose()
            };
            let (path, agent) = (intern(&entry.path)?, intern(&entry.agent)?);
            let row = Stored::new(no, entry, path.map(|path| path.no), agent.map(|agent| agent.no));
            rows.insert(&row)?;
            let (path, agent) = (path.map(|path| path.digest), agent.map(|agent| agent.digest));
            let text_bytes = strings.take_written_bytes();
            self.feed(tx, chain, &Row { stored: &row, path, agent, text_bytes })?;
        }
        for (session_no, at) in sessions {
            sessions::touch(tx, session_no, at)?;
        }
        Ok(())
    }

    fn feed(&mut self, tx: &mut Tx<'_>, chain: &mut Chain, row: &Row<'_>) -> Result<(), Error> {
        if let Some(written) = &mut self.written {
            written.push(Written { no: row.stored.no, keys: row.stored.indexed_keys() });
        }
        chain.feed(tx, self.signer, self.now, row)
    }
}
