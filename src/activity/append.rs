//! The writer's side of the log: appends waiting entries within the writer's transaction.

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

/// Appends the waiting entries of a [`Log`].
pub struct Appender {
    log: Arc<Log>,
    signer: Signer,
    /// Shared with the commit hook, which runs on the same thread: never contended.
    state: Arc<Mutex<State>>,
}

/// State of the appender between transactions. After a lost transaction only the batch is kept; the rest is read again.
#[derive(Default)]
struct State {
    /// Taken from the buffer; the first `writing` entries are in a transaction that may still fail.
    batch: VecDeque<Entry>,
    spare: Vec<Entry>,
    writing: usize,
    strings: Strings,
    /// None before the first transaction and after a lost one.
    chain: Option<Chain>,
    /// Whether the hook of the last transaction has run.
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
        let drain = self.log.begin_drain();
        let last = last || self.log.is_closed();
        let everything = self.log.take_flush_request() || last;
        state.collect(&self.log, everything, last);
        let mut writing = Transaction {
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
        tx.on_commit(move || lock(&shared).committed(&log, drain, written.as_deref().unwrap_or_default()));
        Ok(())
    }
}

/// Number and keys of a row, for the commit hook.
struct RowKeys {
    no: i64,
    keys: (Option<i64>, Option<i64>),
}

impl State {
    /// Selects the entries that this transaction writes.
    fn collect(&mut self, log: &Log, everything: bool, last: bool) {
        if !std::mem::replace(&mut self.settled, false) {
            self.strings.forget();
            self.chain = None;
        }
        if self.batch.is_empty() {
            // Usually the batch is empty, and the buffer becomes the batch.
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

    /// The current chain, or the chain as stored.
    fn load(&mut self, tx: &Tx<'_>, rows_per_link: u32) -> Result<Chain, Error> {
        match self.chain.take() {
            Some(chain) => Ok(chain),
            None => Ok(Chain::after(links::last(tx)?.as_ref(), rows_per_link)),
        }
    }

    fn committed(&mut self, log: &Log, drain: u64, written: &[RowKeys]) {
        self.settled = true;
        self.batch.drain(..self.writing);
        self.batch.shrink_to(4_096);
        log.written(self.writing, drain);
        self.writing = 0;
        // A reader that holds the index is about to use it; it reads these rows itself afterwards.
        if let Ok(mut recent) = log.recent.try_lock() {
            for row in written {
                recent.extend(row.no, row.keys);
            }
        }
        let last = self.chain.as_ref().map_or(0, |chain| chain.last_no);
        log.newest.send_if_modified(|newest| std::mem::replace(newest, last) != last);
    }
}

/// State of one transaction.
struct Transaction<'a> {
    now: Timestamp,
    signer: &'a Signer,
    /// None while the keys of the newest rows are not kept in memory.
    written: Option<Vec<RowKeys>>,
}

impl Transaction<'_> {
    /// Links rows that other transactions wrote: changes, or at the start all rows after the last link.
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
            // The newest row is last.
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
            written.push(RowKeys { no: row.stored.no, keys: row.stored.indexed_keys() });
        }
        chain.feed(tx, self.signer, self.now, row)
    }
}
