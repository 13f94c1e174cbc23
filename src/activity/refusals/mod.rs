//! Counting of refusals: bounds the rows that a caller can cause.
//!
//! | caller | full rows a minute | the rest |
//! | --- | --- | --- |
//! | unauthenticated, IPv4 | 5 per reason and /24 | one counted row per network, reason, kind, API and key |
//! | unauthenticated, IPv6 | 5 per reason and /56, 20 per reason and /48 | the same; beyond 20 one per /48 |
//! | unauthenticated, from the 4,097th network on | none | one for all such networks |
//! | authenticated | 100 per reason and caller; 1,000 successful calls of the built-in API | one counted row that names the caller |
//!
//! A counted row is written after its minute, or earlier when a reader requests the log.

use std::collections::{HashMap, HashSet};

use crate::model::Network;
use crate::model::activity::{Entry, Kind, Outcome, Reason};

/// Full rows per reason and network in a minute.
const FULL: u32 = 5;
/// Full rows per reason and IPv6 /48 in a minute.
const FULL_OF_SITE: u32 = 20;
/// Full rows per reason and authenticated caller in a minute.
const FULL_OF_CALLER: u32 = 100;
/// Full rows of successful calls of the built-in API per authenticated caller in a minute.
const FULL_OF_CALLS: u32 = 1_000;
/// Maximum number of counted rows that are written before the end of their minute.
const EARLY: usize = 64;

/// Bounds of the counters.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Networks of one minute; further ones share one row.
    pub networks: usize,
    /// Authenticated callers of one minute whose refusals are counted.
    pub callers: usize,
    /// Counted rows of one minute.
    pub rows: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { networks: 4_096, callers: 16_384, rows: 16_384 }
    }
}

/// Owner of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Source {
    Network(Network),
    /// Every network beyond [`Bounds::networks`].
    OtherNetworks,
    Caller(Caller),
}

/// An authenticated caller, by row numbers of key, person and client.
type Caller = (Option<i64>, Option<i64>, Option<i64>);

/// Labels of one counted row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct CountKey {
    source: Source,
    kind: Kind,
    reason: Reason,
    api_no: Option<i64>,
    key_no: Option<i64>,
}

struct Count {
    /// The first refusal, without the fields that only it has.
    entry: Entry,
    times: u32,
    /// Whether they have several addresses.
    spread: bool,
}

/// The refusals of the current minute.
pub(super) struct Refusals {
    bounds: Bounds,
    minute: i64,
    networks: HashSet<Network>,
    full: HashMap<(Source, Reason), u32>,
    counted: HashMap<CountKey, Count>,
    /// Rows of past minutes.
    over: Vec<Entry>,
}

impl Refusals {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            minute: i64::MIN,
            networks: HashSet::new(),
            full: HashMap::new(),
            counted: HashMap::new(),
            over: Vec::new(),
        }
    }

    /// Returns the entry if it gets a row of its own; otherwise counts it.
    pub(super) fn admit(&mut self, minute: i64, entry: Entry) -> Option<Entry> {
        self.turn(minute);
        let source = if entry.identified { self.caller(&entry) } else { self.network(&entry) };
        match source {
            Some((_, true)) => Some(entry),
            Some((source, false)) => {
                self.count(source, entry);
                None
            }
            None => Some(entry),
        }
    }

    /// Source of a refusal of an authenticated caller, and whether it is within the full rows; none when too many such
    /// callers are counted.
    fn caller(&mut self, entry: &Entry) -> Option<(Source, bool)> {
        let caller = (entry.key_no.or(entry.by_key_no), entry.user_no.or(entry.by_user_no), entry.client_no);
        let key = (Source::Caller(caller), entry.reason);
        let room = self.full.len() < self.bounds.callers + self.bounds.networks * Reason::ALL.len();
        if !room && !self.full.contains_key(&key) {
            return None;
        }
        let most = if entry.outcome == Outcome::Allowed { FULL_OF_CALLS } else { FULL_OF_CALLER };
        Some((key.0, self.take(key, most)))
    }

    /// Source of a refusal of an unauthenticated caller, and whether it is within the full rows.
    fn network(&mut self, entry: &Entry) -> Option<(Source, bool)> {
        let network = entry.ip.map_or(Network::UNKNOWN, Network::of);
        if let Some(site) = network.site() {
            let taken = self.full.get(&(Source::Network(site), entry.reason));
            if taken.is_some_and(|taken| *taken >= FULL_OF_SITE) {
                return Some((Source::Network(site), false));
            }
        }
        let names = [Some(network), network.site()].into_iter().flatten();
        let new = names.clone().filter(|name| !self.networks.contains(name)).count();
        if self.networks.len() + new > self.bounds.networks {
            return Some((Source::OtherNetworks, false));
        }
        self.networks.extend(names);
        let source = Source::Network(network);
        if !self.take((source, entry.reason), FULL) {
            return Some((source, false));
        }
        if let Some(site) = network.site() {
            self.take((Source::Network(site), entry.reason), FULL_OF_SITE);
        }
        Some((source, true))
    }

    fn take(&mut self, key: (Source, Reason), most: u32) -> bool {
        let taken = self.full.entry(key).or_insert(0);
        let within = *taken < most;
        *taken += u32::from(within);
        within
    }

    fn count(&mut self, source: Source, entry: Entry) {
        let Entry { kind, reason, api_no, key_no, .. } = entry;
        let mut of = CountKey { source, kind, reason, api_no, key_no };
        if self.counted.len() >= self.bounds.rows && !self.counted.contains_key(&of) {
            of = CountKey { source: Source::OtherNetworks, key_no: None, ..of };
        }
        let ip = entry.ip;
        let count = self.counted.entry(of).or_insert_with(|| Count {
            entry: summary(entry, of.key_no),
            times: 0,
            spread: of.source == Source::OtherNetworks,
        });
        count.times = count.times.saturating_add(1);
        count.spread |= count.entry.ip != ip;
    }

    /// Ends the minute when it is over.
    fn turn(&mut self, minute: i64) {
        if minute == self.minute {
            return;
        }
        self.minute = minute;
        self.networks = HashSet::new();
        self.full = HashMap::new();
        self.close();
    }

    fn close(&mut self) {
        let before = self.over.len();
        self.over
            .extend(std::mem::take(&mut self.counted).into_iter().map(|(of, count)| count.row(of.source)));
        self.over[before..].sort_unstable_by_key(|entry| (entry.at, entry.ip));
    }

    /// Whether there are rows to write; `early` includes those of the current minute.
    pub(super) fn due(&self, minute: i64, early: bool) -> bool {
        let ended = minute != self.minute || (early && self.counted.len() <= EARLY);
        !self.over.is_empty() || (ended && !self.counted.is_empty())
    }

    /// Moves the rows to write into `into`. The last call takes all.
    pub(super) fn take_rows(&mut self, minute: i64, early: bool, last: bool, into: &mut Vec<Entry>) {
        self.turn(minute);
        if last || (early && self.counted.len() <= EARLY) {
            self.close();
        }
        into.append(&mut self.over);
        self.over.shrink_to(64);
    }
}

impl Count {
    fn row(self, source: Source) -> Entry {
        let mut entry = self.entry;
        entry.count = Some(self.times).filter(|&times| times > 1);
        if self.spread {
            let network = match source {
                Source::Network(network) => Some(network),
                Source::OtherNetworks | Source::Caller(_) => None,
            };
            entry.ip = network.and_then(Network::first);
            entry.detail =
                network.map(|network| Box::new(serde_json::json!({"network": network.to_string()})));
        }
        entry
    }
}

/// Fields of the first refusal that a counted row keeps.
fn summary(entry: Entry, key_no: Option<i64>) -> Entry {
    let mut kept = Entry::new(entry.at, entry.kind, entry.outcome, entry.reason);
    kept.ip = entry.ip;
    kept.api_no = entry.api_no;
    kept.key_no = key_no;
    kept.identified = entry.identified;
    if entry.identified {
        (kept.user_no, kept.client_no) = (entry.user_no, entry.client_no);
        (kept.by_key_no, kept.by_user_no) = (entry.by_key_no, entry.by_user_no);
    }
    kept
}

/// Whether an entry is counted: every decision about an unauthenticated caller, and for other callers every refusal and
/// every call of the built-in API, which any user can make without limit.
pub(super) fn counts(entry: &Entry) -> bool {
    let refused = matches!(entry.outcome, Outcome::Refused | Outcome::Limited);
    !entry.identified || refused || entry.kind == Kind::ApiCall
}

#[cfg(test)]
mod tests;
