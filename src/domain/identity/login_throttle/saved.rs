//! Stored counters: written with the next transaction after a change, and loaded at the start. The counters' clock
//! stops with the server, so that a restart does not shorten a wait.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::table::Counter;
use super::{FORGET, State, TABLES, Throttle};
use crate::locks::lock;
use crate::platform::Services;
use crate::store::{Conn, Drain, Error, Tx, login_throttle as store};

/// Maximum number of counters per transaction, so that changes are not delayed.
const PER_DRAIN: usize = 1_024;

impl Throttle {
    /// The writer's side, which saves changed counters.
    pub fn drain(&self) -> ThrottleDrain {
        ThrottleDrain { state: self.state.clone(), writing: Arc::default() }
    }

    /// Loads the counters of the previous run; `now` is monotonic time. Call it before the first attempt.
    pub fn load(&self, conn: &Conn<'_>, now: Duration) -> Result<(), Error> {
        let mut state = lock(&self.state);
        let state = &mut *state;
        // At least one second passes between two runs.
        let last = store::clock(conn)?;
        state.start = i64::from(last) + 1 - i64::try_from(now.as_secs()).unwrap_or(0);
        state.now = last;
        let slots = self.slots;
        store::each(conn, |saved| {
            if usize::from(saved.table) < TABLES && saved.slot < slots {
                *state.at(saved.table.into(), saved.slot) = Counter {
                    tag: saved.tag,
                    failures: saved.failures,
                    last: saved.last,
                    blocked_until: saved.blocked_until,
                    notified: saved.notified,
                    ..Counter::default()
                };
            }
        })
    }
}

impl Throttle {
    /// Removes stored counters without unforgotten failures.
    pub async fn sweep(&self, services: &Services) -> Result<(), Error> {
        const AT_ONCE: u32 = 1_000;
        let until = lock(&self.state).now.saturating_sub(FORGET);
        while services.write(move |tx| store::sweep(tx, until, AT_ONCE)).await? > 0 {}
        Ok(())
    }
}

/// Saves changed counters.
pub struct ThrottleDrain {
    state: Arc<Mutex<State>>,
    /// Counters of an uncommitted transaction: saved again if it is lost.
    writing: Arc<Mutex<Vec<(u8, u32)>>>,
}

impl Drain for ThrottleDrain {
    fn pending(&self) -> bool {
        !lock(&self.state).changed.is_empty() || !lock(&self.writing).is_empty()
    }

    fn append(&mut self, tx: &mut Tx<'_>, last: bool) -> Result<(), Error> {
        let mut writing = lock(&self.writing);
        let (now, counters) = {
            let mut state = lock(&self.state);
            let part = if last { usize::MAX } else { PER_DRAIN };
            let next: HashSet<_> = state.changed.iter().copied().take(part).collect();
            state.changed.retain(|place| !next.contains(place));
            writing.extend(next);
            let read = |&(table, slot): &(u8, u32)| saved(table, slot, &state.get(table.into(), slot));
            (state.now, writing.iter().map(read).collect::<Vec<_>>())
        };
        if counters.is_empty() {
            return Ok(());
        }
        store::save(tx, now, &counters)?;
        let written = self.writing.clone();
        tx.on_commit(move || lock(&written).clear());
        Ok(())
    }
}

fn saved(table: u8, slot: u32, counter: &Counter) -> store::Saved {
    store::Saved {
        table,
        slot,
        tag: counter.tag,
        failures: if counter.counts() { counter.failures } else { 0 },
        last: counter.last,
        blocked_until: counter.blocked_until,
        notified: counter.notified,
    }
}
