//! Slows guessing down. What counts is the pair of account and network, so that an attack on an account from elsewhere
//! does not keep its owner out; a network that tries many accounts is counted by itself, and so is an IPv6 /48.
//!
//! The counters are in tables of fixed size ([`table`]) and are saved as they change ([`saved`]): a flood can lengthen
//! a wait and never shorten one, and a restart forgets nothing. A refused attempt changes nothing.

mod saved;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use self::saved::ThrottleDrain;
use self::table::{Counter, Place, Seconds};
use crate::error::{Code, Error, Result};
use crate::locks::lock;
use crate::model::Network;
use crate::platform::vault::{Signer, Vault};

/// Failures of one account from one network that cost nothing.
const FREE: u32 = 5;
/// The same while the account is under attack from several networks.
const FREE_UNDER_ATTACK: u32 = 2;
/// Failures of one account from anywhere, within [`FORGET`], that are an attack.
const ATTACK: u32 = 20;
/// An IPv6 /48 may have this many times what one network may have.
const SITE: u32 = 4;
/// The longest wait, in seconds.
const LONGEST: Seconds = 900;
/// Seconds without a failure after which all are forgotten.
const FORGET: Seconds = 3_600;

/// What is guessed at. Each has counters of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// A password.
    Password = 0,
    /// A second factor.
    Code = 1,
    /// Not a guess: a request that makes us send mail.
    Mail = 2,
}

impl Guess {
    /// Failures that one network may have over all accounts.
    const fn free_of_network(self) -> u32 {
        match self {
            Self::Password | Self::Code => 100,
            Self::Mail => 20,
        }
    }

    /// Seconds after which a network is forgiven one of them.
    const fn forgive(self) -> Seconds {
        match self {
            Self::Password | Self::Code => 10,
            Self::Mail => 60,
        }
    }
}

/// By what attempts are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Pair = 0,
    Account = 1,
    Network = 2,
    Site = 3,
}

/// Tables: one for each [`Guess`] and [`By`].
const TABLES: usize = 12;

/// Counters that are made at once.
const PAGE: usize = 128;
type Page = [Counter; PAGE];

/// Bounds of a [`Throttle`].
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Counters in each of the twelve tables, 28 bytes each. Those that are never used take no memory.
    pub slots: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { slots: 65_536 }
    }
}

/// Every counter.
pub struct Throttle {
    signer: Signer,
    slots: u32,
    state: Arc<Mutex<State>>,
}

struct State {
    /// Pages of counters. A page is made for the first attempt that is let through or fails there.
    tables: [Box<[Option<Box<Page>>]>; TABLES],
    /// What the clock of the counters shows when the monotonic clock shows zero.
    start: i64,
    /// When a counter last changed.
    now: Seconds,
    /// Counters that changed since they were saved: table and slot.
    changed: HashSet<(u8, u32)>,
}

/// An attempt that was let through. Dropped without an outcome, it counts for nothing.
#[must_use]
pub struct Attempt {
    state: Arc<Mutex<State>>,
    guess: Guess,
    pair: Place,
    account: Place,
    network: Place,
    site: Option<Place>,
    now: Seconds,
    free: u32,
    over: bool,
}

impl Throttle {
    /// A throttle whose counters are at places that only the holder of `vault` can compute.
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

    /// Lets a guess at `account` (an address as it is compared, or an id) from `network` through, or tells how long to wait.
    /// `known` says that the account's owner has signed in from there before; it matters for second factors, where an
    /// attacker has the password already.
    ///
    /// # Errors
    /// `LOCKED_OUT` with the seconds to wait.
    pub fn admit(
        &self,
        guess: Guess,
        account: &str,
        network: Network,
        known: bool,
        now: Duration,
    ) -> Result<Attempt> {
        let place = |by: By, name: &[&[u8]]| {
            let scope = [guess as u8, by as u8];
            let parts: Vec<&[u8]> = std::iter::once(&scope[..]).chain(name.iter().copied()).collect();
            Place::of(&self.signer.mac(&parts), self.slots)
        };
        let (account, bytes) = (account.as_bytes(), network.to_bytes());
        let pair = place(By::Pair, &[account, &bytes]);
        let account = place(By::Account, &[account]);
        let site = network.site().map(|site| place(By::Site, &[&site.to_bytes()]));
        let network = place(By::Network, &[&bytes]);
        let mut state = lock(&self.state);
        let now = state.clock(now);
        let free = state.admit(guess, (pair, account, network, site), known, now)?;
        state.at(table(guess, By::Pair), pair.slot).pending += 1;
        let state = self.state.clone();
        Ok(Attempt { state, guess, pair, account, network, site, now, free, over: false })
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

    /// A counter that is about to change.
    fn change(&mut self, guess: Guess, by: By, place: Place, now: Seconds) -> &mut Counter {
        self.now = self.now.max(now);
        let table = table(guess, by);
        self.changed.insert((table as u8, place.slot));
        self.at(table, place.slot)
    }

    /// How many failures of the pair are free, if the attempt may pass. Changes nothing.
    fn admit(
        &self,
        guess: Guess,
        (pair, account, network, site): (Place, Place, Place, Option<Place>),
        known: bool,
        now: Seconds,
    ) -> Result<u32> {
        let read = |by: By, place: Place| self.get(table(guess, by), place.slot);
        let under_attack = read(By::Account, account).failures(now, FORGET) >= ATTACK;
        if under_attack && guess == Guess::Code && !known {
            return Err(locked_out(LONGEST));
        }
        let most = guess.free_of_network();
        let networks = [(By::Network, Some(network), most), (By::Site, site, most * SITE)];
        for (by, place, free) in networks {
            if place.is_some_and(|place| unforgiven(&read(by, place), now, guess) >= free) {
                return Err(locked_out(guess.forgive()));
            }
        }
        let free = if under_attack { FREE_UNDER_ATTACK } else { FREE };
        let counter = read(By::Pair, pair);
        if counter.blocked_until > now {
            return Err(locked_out(counter.blocked_until - now));
        }
        // Attempts without an outcome count as if they will fail, unless the last one succeeded; a first one always
        // passes.
        let failures = counter.failures(now, FORGET);
        let right = counter.is_of(pair) && counter.right > 0 && counter.right + FORGET > now;
        if counter.pending > 0 && !(failures == 0 && right) && failures + counter.pending >= free {
            return Err(locked_out(1));
        }
        Ok(free)
    }
}

impl Attempt {
    /// The guess was wrong. True when the account's owner should be notified: the first time that it looks like an
    /// attack, and then once an hour.
    pub fn failed(mut self) -> bool {
        self.over = true;
        let (guess, now) = (self.guess, self.now);
        let mut state = lock(&self.state);
        let pair = state.change(guess, By::Pair, self.pair, now);
        pair.pending = pair.pending.saturating_sub(1);
        pair.fail(self.pair, now, pair.failures(now, FORGET));
        if pair.failures >= self.free {
            // Each failure beyond the free ones doubles the wait: 1, 2, 4 … 900 seconds.
            let doubled = 1_u32.checked_shl(pair.failures - self.free).unwrap_or(LONGEST);
            pair.blocked_until = pair.blocked_until.max(now + doubled.min(LONGEST));
        }
        for (by, place) in [(By::Network, Some(self.network)), (By::Site, self.site)] {
            let Some(place) = place else { continue };
            let counter = state.change(guess, by, place, now);
            let unforgiven = unforgiven(counter, now, guess);
            // What is forgiven of the next failure so far stays so.
            let since =
                if unforgiven == 0 { now } else { now - now.saturating_sub(counter.last) % guess.forgive() };
            counter.fail(place, since, unforgiven);
        }
        let account = state.change(guess, By::Account, self.account, now);
        account.fail(self.account, now, account.failures(now, FORGET));
        let notify = account.failures >= FREE
            && (account.notified == 0 || account.notified.saturating_add(FORGET) <= now);
        if notify {
            account.notified = now;
        }
        notify
    }

    /// The guess was right.
    pub fn succeeded(mut self) {
        self.over = true;
        let mut state = lock(&self.state);
        let now = self.now;
        let counter = state.at(table(self.guess, By::Pair), self.pair.slot);
        counter.pending = counter.pending.saturating_sub(1);
        let failures = counter.failures(now, FORGET);
        if failures > 0 && !counter.is_of(self.pair) {
            // Another name has failed here: its wait stays.
            return;
        }
        let reset =
            Counter { tag: self.pair.tag, right: now, pending: counter.pending, ..Counter::default() };
        if failures > 0 {
            *state.change(self.guess, By::Pair, self.pair, now) = reset;
        } else {
            *counter = reset;
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.over {
            let mut state = lock(&self.state);
            let counter = state.at(table(self.guess, By::Pair), self.pair.slot);
            counter.pending = counter.pending.saturating_sub(1);
        }
    }
}

/// Failures of a network that are not forgiven yet.
fn unforgiven(counter: &Counter, now: Seconds, guess: Guess) -> u32 {
    counter.failures.saturating_sub(now.saturating_sub(counter.last) / guess.forgive())
}

const fn table(guess: Guess, by: By) -> usize {
    guess as usize * 4 + by as usize
}

fn locked_out(seconds: Seconds) -> Error {
    let seconds = u64::from(seconds);
    Error::new(Code::LockedOut, "Too many failed attempts; wait before the next one")
        .with("retry_after_seconds", seconds)
        .retry_after(seconds)
}
