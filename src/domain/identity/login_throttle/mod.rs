//! Throttling of password and code guesses. Failures are counted by pair of account and network, so attacks from other
//! networks do not lock out the owner; a network over all accounts has a counter of its own, and so has an IPv6 /48.
//!
//! The counters are in tables of fixed size ([`table`]) and are saved as they change ([`saved`]): a flood can lengthen
//! a wait but never shorten one, and a restart keeps all waits. A refused attempt changes nothing.

mod saved;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use self::saved::ThrottleDrain;
use self::table::{Counter, CounterRef, Seconds};
use crate::error::{Code, Error, Result};
use crate::locks::lock;
use crate::model::Network;
use crate::platform::vault::{Signer, Vault};

/// Free failures of one account from one network.
const FREE: u32 = 5;
/// Free failures while the account is under attack from several networks.
const FREE_UNDER_ATTACK: u32 = 2;
/// Failures of one account from all networks, within [`FORGET`], that count as an attack.
const ATTACK: u32 = 20;
/// Limit of an IPv6 /48, as a multiple of that of one network.
const SITE: u32 = 4;
/// Longest wait, in seconds.
const LONGEST: Seconds = 900;
/// Seconds without a failure after which all are forgotten.
const FORGET: Seconds = 3_600;

/// Kind of an attempt, each with its own counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptKind {
    /// A password.
    Password = 0,
    /// A second factor.
    Code = 1,
    /// A request that sends mail; not a guess.
    Mail = 2,
}

impl AttemptKind {
    /// Maximum number of failures of one network over all accounts.
    const fn free_of_network(self) -> u32 {
        match self {
            Self::Password | Self::Code => 100,
            Self::Mail => 20,
        }
    }

    /// Seconds after which one failure of a network is forgiven.
    const fn forgive(self) -> Seconds {
        match self {
            Self::Password | Self::Code => 10,
            Self::Mail => 60,
        }
    }
}

/// Key of a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CountedBy {
    Pair = 0,
    Account = 1,
    Network = 2,
    Site = 3,
}

/// Number of tables: one per [`AttemptKind`] and [`CountedBy`].
const TABLES: usize = 12;

/// Counters allocated together.
const PAGE: usize = 128;
type CounterPage = [Counter; PAGE];

/// Bounds of a [`Throttle`].
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Counters in each of the twelve tables, 28 bytes each. Unused pages take no memory.
    pub slots: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { slots: 65_536 }
    }
}

/// All counters.
pub struct Throttle {
    signer: Signer,
    slots: u32,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Pages of counters. A page is allocated by the first attempt that uses it.
    tables: [Box<[Option<Box<CounterPage>>]>; TABLES],
    /// Time of the counters' clock at monotonic time zero.
    start: i64,
    /// Time of the last change of a counter.
    now: Seconds,
    /// Counters changed since they were saved: table and slot.
    changed: HashSet<(u8, u32)>,
}

/// An admitted attempt. Dropped without an outcome, it counts for nothing.
#[must_use]
pub struct Attempt {
    state: Arc<Mutex<State>>,
    kind: AttemptKind,
    pair: CounterRef,
    account: CounterRef,
    network: CounterRef,
    site: Option<CounterRef>,
    now: Seconds,
    free: u32,
    over: bool,
}

impl Throttle {
    /// A throttle whose slots only the holder of `vault` can compute.
    pub fn new(vault: &Vault, options: Options) -> Self {
        let slots = options.slots.max(1);
        let table = || (0..(slots as usize).div_ceil(PAGE)).map(|_| None).collect();
        let state = State {
            tables: std::array::from_fn(|_| table()),
            // Zero means never.
            start: 1,
            now: 1,
            changed: HashSet::new(),
        };
        Self { signer: vault.signer("login_throttle"), slots, state: Arc::new(Mutex::new(state)) }
    }

    /// Admits an attempt at `account` (a normalised address, or an id) from `network`, or returns the wait. `known`
    /// says that the account's owner has signed in from this network before; it matters for second factors, where an
    /// attacker already has the password.
    ///
    /// # Errors
    /// `LOCKED_OUT` with the wait in seconds.
    pub fn admit(
        &self,
        kind: AttemptKind,
        account: &str,
        network: Network,
        known: bool,
        now: Duration,
    ) -> Result<Attempt> {
        let place = |by: CountedBy, name: &[&[u8]]| {
            let scope = [kind as u8, by as u8];
            let parts: Vec<&[u8]> = std::iter::once(&scope[..]).chain(name.iter().copied()).collect();
            CounterRef::of(&self.signer.mac(&parts), self.slots)
        };
        let (account, bytes) = (account.as_bytes(), network.to_bytes());
        let pair = place(CountedBy::Pair, &[account, &bytes]);
        let account = place(CountedBy::Account, &[account]);
        let site = network.site().map(|site| place(CountedBy::Site, &[&site.to_bytes()]));
        let network = place(CountedBy::Network, &[&bytes]);
        let mut state = lock(&self.state);
        let now = state.clock(now);
        let free = state.admit(kind, (pair, account, network, site), known, now)?;
        state.at(table(kind, CountedBy::Pair), pair.slot).pending += 1;
        let state = self.state.clone();
        Ok(Attempt { state, kind, pair, account, network, site, now, free, over: false })
    }
}

impl State {
    fn clock(&self, now: Duration) -> Seconds {
        let now = self.start.saturating_add(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        Seconds::try_from(now.max(1)).unwrap_or(Seconds::MAX)
    }

    fn get(&self, table: usize, slot: u32) -> Counter {
        let slot = slot as usize;
        self.tables[table][slot / PAGE].as_ref().map_or_else(Counter::default, |page| page[slot % PAGE])
    }

    fn at(&mut self, table: usize, slot: u32) -> &mut Counter {
        let slot = slot as usize;
        let page =
            self.tables[table][slot / PAGE].get_or_insert_with(|| Box::new([Counter::default(); PAGE]));
        &mut page[slot % PAGE]
    }

    /// A counter for a change.
    fn change(&mut self, kind: AttemptKind, by: CountedBy, place: CounterRef, now: Seconds) -> &mut Counter {
        self.now = self.now.max(now);
        let table = table(kind, by);
        self.changed.insert((table as u8, place.slot));
        self.at(table, place.slot)
    }

    /// Number of free failures of the pair, if the attempt may pass. Changes nothing.
    fn admit(
        &self,
        kind: AttemptKind,
        (pair, account, network, site): (CounterRef, CounterRef, CounterRef, Option<CounterRef>),
        known: bool,
        now: Seconds,
    ) -> Result<u32> {
        let read = |by: CountedBy, place: CounterRef| self.get(table(kind, by), place.slot);
        let under_attack = read(CountedBy::Account, account).failures(now, FORGET) >= ATTACK;
        if under_attack && kind == AttemptKind::Code && !known {
            return Err(locked_out(LONGEST));
        }
        let most = kind.free_of_network();
        let networks = [(CountedBy::Network, Some(network), most), (CountedBy::Site, site, most * SITE)];
        for (by, place, free) in networks {
            if place.is_some_and(|place| unforgiven(&read(by, place), now, kind) >= free) {
                return Err(locked_out(kind.forgive()));
            }
        }
        let free = if under_attack { FREE_UNDER_ATTACK } else { FREE };
        let counter = read(CountedBy::Pair, pair);
        if counter.blocked_until > now {
            return Err(locked_out(counter.blocked_until - now));
        }
        // Attempts without an outcome count as failures, unless the last one succeeded; the first one always passes.
        let failures = counter.failures(now, FORGET);
        let right = counter.is_of(pair) && counter.right > 0 && counter.right + FORGET > now;
        if counter.pending > 0 && !(failures == 0 && right) && failures + counter.pending >= free {
            return Err(locked_out(1));
        }
        Ok(free)
    }
}

impl Attempt {
    /// Records a failure. True if the account's owner should be notified: at the first sign of an attack, and then once
    /// an hour.
    pub fn failed(mut self) -> bool {
        self.over = true;
        let (kind, now) = (self.kind, self.now);
        let mut state = lock(&self.state);
        let pair = state.change(kind, CountedBy::Pair, self.pair, now);
        pair.pending = pair.pending.saturating_sub(1);
        pair.fail(self.pair, now, pair.failures(now, FORGET));
        if pair.failures >= self.free {
            // Each failure beyond the free ones doubles the wait: 1, 2, 4 … 900 seconds.
            let doubled = 1_u32.checked_shl(pair.failures - self.free).unwrap_or(LONGEST);
            pair.blocked_until = pair.blocked_until.max(now + doubled.min(LONGEST));
        }
        for (by, place) in [(CountedBy::Network, Some(self.network)), (CountedBy::Site, self.site)] {
            let Some(place) = place else { continue };
            let counter = state.change(kind, by, place, now);
            let unforgiven = unforgiven(counter, now, kind);
            // Time that already counts toward forgiving the next failure is kept.
            let since =
                if unforgiven == 0 { now } else { now - now.saturating_sub(counter.last) % kind.forgive() };
            counter.fail(place, since, unforgiven);
        }
        let account = state.change(kind, CountedBy::Account, self.account, now);
        account.fail(self.account, now, account.failures(now, FORGET));
        let notify = account.failures >= FREE
            && (account.notified == 0 || account.notified.saturating_add(FORGET) <= now);
        if notify {
            account.notified = now;
        }
        notify
    }

    /// Records a success.
    pub fn succeeded(mut self) {
        self.over = true;
        let mut state = lock(&self.state);
        let now = self.now;
        let counter = state.at(table(self.kind, CountedBy::Pair), self.pair.slot);
        counter.pending = counter.pending.saturating_sub(1);
        let failures = counter.failures(now, FORGET);
        if failures > 0 && !counter.is_of(self.pair) {
            // Another name has failed in this slot: its wait is kept.
            return;
        }
        let reset =
            Counter { tag: self.pair.tag, right: now, pending: counter.pending, ..Counter::default() };
        if failures > 0 {
            *state.change(self.kind, CountedBy::Pair, self.pair, now) = reset;
        } else {
            *counter = reset;
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.over {
            let mut state = lock(&self.state);
            let counter = state.at(table(self.kind, CountedBy::Pair), self.pair.slot);
            counter.pending = counter.pending.saturating_sub(1);
        }
    }
}

/// Failures of a network that are not forgiven yet.
fn unforgiven(counter: &Counter, now: Seconds, kind: AttemptKind) -> u32 {
    counter.failures.saturating_sub(now.saturating_sub(counter.last) / kind.forgive())
}

const fn table(kind: AttemptKind, by: CountedBy) -> usize {
    kind as usize * 4 + by as usize
}

fn locked_out(seconds: Seconds) -> Error {
    let seconds = u64::from(seconds);
    Error::new(Code::LockedOut, "Too many failed attempts; wait before the next one")
        .with("retry_after_seconds", seconds)
        .retry_after(seconds)
}
