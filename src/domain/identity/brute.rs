//! Slows guessing down. What counts is the pair of account and network, so that whoever attacks an account from
//! elsewhere keeps nobody out of their own; a network that tries many accounts is counted by itself.
//!
//! The counts live in bounded memory and on monotonic time; a restart forgets them.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use quick_cache::sync::Cache;

use crate::error::{Code, Error, Result};

/// Counters of each kind that are kept; about 100 bytes each.
const COUNTERS: usize = 65_536;
/// Failures of one account from one network that cost nothing.
const FREE: u32 = 5;
/// The same while the account is under attack from several networks.
const FREE_UNDER_ATTACK: u32 = 2;
/// Failures of one account from anywhere, within [`FORGET`], that are an attack.
const ATTACK: u32 = 20;
/// Failures that one network may have over all accounts; one is forgiven every [`FORGIVE`].
const FREE_OF_NETWORK: u32 = 100;
const FORGIVE: Duration = Duration::from_secs(10);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(900);
/// After so long without a failure all is forgotten.
const FORGET: Duration = Duration::from_secs(3_600);

/// What is guessed at. Each has counters of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// A password.
    Password,
    /// A second factor.
    Code,
    /// Not a guess: a request that makes us send mail.
    Mail,
}

#[derive(Debug, Default)]
struct Counter {
    failures: u32,
    pending: u32,
    last: Duration,
    blocked_until: Duration,
    /// When a guess was last right.
    right: Option<Duration>,
    /// When somebody was last told about this account.
    told: Option<Duration>,
}

type Shared = Arc<Mutex<Counter>>;

/// Every counter.
pub struct Throttle {
    pairs: Cache<[u8; 16], Shared>,
    accounts: Cache<[u8; 16], Shared>,
    networks: Cache<[u8; 16], Shared>,
}

impl Default for Throttle {
    fn default() -> Self {
        let counters = || Cache::new(COUNTERS);
        Self { pairs: counters(), accounts: counters(), networks: counters() }
    }
}

/// A guess that was let through. Dropped without an outcome, it counts for nothing: nobody learned anything.
#[must_use]
pub struct Attempt {
    pair: Shared,
    account: Shared,
    network: Shared,
    now: Duration,
    free: u32,
    over: bool,
}

impl Throttle {
    /// Lets a guess at `account` (an address as it is compared, or an id) from `ip` through, or says how long to wait.
    /// `known` tells that the account's owner has signed in from there before; it matters for second factors, where
    /// whoever guesses has the password already.
    ///
    /// # Errors
    /// `LOCKED_OUT` with the seconds to wait.
    pub fn admit(
        &self,
        guess: Guess,
        account: &str,
        ip: IpAddr,
        known: bool,
        now: Duration,
    ) -> Result<Attempt> {
        let network = network(ip);
        let what = [guess as u8];
        let find = |cache: &Cache<[u8; 16], Shared>, parts: &[&[u8]]| -> Shared {
            let found = cache
                .get_or_insert_with(&key(parts), || Ok::<_, std::convert::Infallible>(Shared::default()));
            found.unwrap_or_else(|never| match never {})
        };
        let attempt = Attempt {
            pair: find(&self.pairs, &[&what, account.as_bytes(), &network]),
            account: find(&self.accounts, &[&what, account.as_bytes()]),
            network: find(&self.networks, &[&what, &network]),
            now,
            free: FREE,
            over: true,
        };
        attempt.admit(guess, known)
    }
}

impl Attempt {
    fn admit(mut self, guess: Guess, known: bool) -> Result<Self> {
        let now = self.now;
        let under_attack = {
            let mut account = lock(&self.account);
            account.forget(now);
            account.failures >= ATTACK
        };
        if under_attack && guess == Guess::Code && !known {
            return Err(locked_out(LONGEST));
        }
        lock(&self.network).admit_network(now)?;
        if under_attack {
            self.free = FREE_UNDER_ATTACK;
        }
        lock(&self.pair).admit(now, self.free)?;
        self.over = false;
        Ok(self)
    }

    /// The guess was wrong. True when the account's owner should hear of it: the first time that it looks like an
    /// attack, and then once an hour.
    pub fn failed(mut self) -> bool {
        self.over = true;
        lock(&self.pair).fail(self.now, self.free);
        let mut network = lock(&self.network);
        network.failures = network.failures.saturating_add(1);
        network.last = self.now;
        drop(network);
        let mut account = lock(&self.account);
        account.failures = account.failures.saturating_add(1);
        account.last = self.now;
        let tell = account.failures >= FREE && account.told.is_none_or(|told| told + FORGET <= self.now);
        if tell {
            account.told = Some(self.now);
        }
        tell
    }

    /// The guess was right.
    pub fn succeeded(mut self) {
        self.over = true;
        let mut pair = lock(&self.pair);
        pair.pending = pair.pending.saturating_sub(1);
        pair.failures = 0;
        pair.blocked_until = Duration::ZERO;
        pair.right = Some(self.now);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.over {
            let mut pair = lock(&self.pair);
            pair.pending = pair.pending.saturating_sub(1);
        }
    }
}

impl Counter {
    fn forget(&mut self, now: Duration) {
        if self.last + FORGET <= now {
            self.failures = 0;
        }
    }

    fn admit(&mut self, now: Duration, free: u32) -> Result<()> {
        self.forget(now);
        if self.blocked_until > now {
            return Err(locked_out(self.blocked_until - now));
        }
        // Guesses in flight count as if they will fail, unless whoever is there was right before; a first one is
        // always let through.
        let trusted = self.failures == 0 && self.right.is_some_and(|right| right + FORGET > now);
        if self.pending > 0 && !trusted && self.failures + self.pending >= free {
            return Err(locked_out(Duration::from_secs(1)));
        }
        self.pending += 1;
        Ok(())
    }

    fn admit_network(&mut self, now: Duration) -> Result<()> {
        let forgiven = (now.saturating_sub(self.last).as_secs() / FORGIVE.as_secs()).try_into();
        if let Ok(forgiven @ 1..) = forgiven {
            self.failures = self.failures.saturating_sub(forgiven);
            self.last = now;
        }
        if self.failures >= FREE_OF_NETWORK {
            return Err(locked_out(FORGIVE));
        }
        Ok(())
    }

    /// Each failure beyond the free ones doubles the wait: 1, 2, 4 … 900 seconds.
    fn fail(&mut self, now: Duration, free: u32) {
        self.pending = self.pending.saturating_sub(1);
        self.failures = self.failures.saturating_add(1);
        self.last = now;
        if self.failures >= free {
            let doubled = 1_u64.checked_shl(self.failures - free).unwrap_or(u64::MAX);
            self.blocked_until = now + Duration::from_secs(doubled).min(LONGEST);
        }
    }
}

fn lock(counter: &Mutex<Counter>) -> MutexGuard<'_, Counter> {
    counter.lock().unwrap_or_else(PoisonError::into_inner)
}

fn locked_out(wait: Duration) -> Error {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Error::new(Code::LockedOut, "Too many failed attempts; wait before the next one")
        .with("retry_after_seconds", seconds)
        .retry_after(seconds)
}

/// What one subscriber usually has: 256 IPv4 addresses, or a /56 of IPv6.
pub fn network(ip: IpAddr) -> [u8; 8] {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            [4, a, b, c, 0, 0, 0, 0]
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, g, ..] = ip.octets();
            [6, a, b, c, d, e, f, g]
        }
    }
}

fn key(parts: &[&[u8]]) -> [u8; 16] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    context.finish().as_ref()[..16].try_into().expect("a digest is longer")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn admit(throttle: &Throttle, ip: IpAddr, now: Duration) -> Result<Attempt> {
        throttle.admit(Guess::Password, "ada@example.com", ip, false, now)
    }

    #[test]
    fn each_failure_beyond_the_fifth_doubles_the_wait() {
        let throttle = Throttle::default();
        let mut now = seconds(10);
        for _ in 0..FREE {
            let _ = admit(&throttle, HERE, now).unwrap().failed();
        }
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            let refused = admit(&throttle, HERE, now).err().unwrap();
            assert_eq!((refused.code, refused.retry_after_seconds), (Code::LockedOut, Some(wait)));
            now += seconds(wait);
            let _ = admit(&throttle, HERE, now).unwrap().failed();
        }
        now += FORGET;
        let _ = admit(&throttle, HERE, now).unwrap().failed();
        admit(&throttle, HERE, now).unwrap().succeeded();
    }

    #[test]
    fn an_attack_from_elsewhere_keeps_nobody_out() {
        let throttle = Throttle::default();
        for host in 0..=255 {
            let ip = IpAddr::from([198, 51, host, 7]);
            while let Ok(attempt) = admit(&throttle, ip, seconds(10)) {
                let _ = attempt.failed();
            }
        }
        admit(&throttle, HERE, seconds(10)).unwrap().succeeded();
        admit(&throttle, HERE, seconds(11)).unwrap().succeeded();
    }

    #[test]
    fn fifty_guesses_at_once_are_no_more_than_five_one_by_one() {
        let throttle = Throttle::default();
        let admitted: Vec<Attempt> =
            (0..50).filter_map(|_| admit(&throttle, HERE, seconds(10)).ok()).collect();
        assert_eq!(admitted.len(), FREE as usize);
        drop(admitted);
        admit(&throttle, HERE, seconds(10)).unwrap().succeeded();
        let trusted = (0..50).filter_map(|_| admit(&throttle, HERE, seconds(11)).ok()).collect::<Vec<_>>();
        assert_eq!(trusted.len(), 50, "who was right before may do many things at once");
    }

    #[test]
    fn one_network_over_many_accounts_is_slowed() {
        let throttle = Throttle::default();
        let mut let_through = 0;
        for account in 0..1_000 {
            if let Ok(attempt) =
                throttle.admit(Guess::Password, &format!("user{account}"), HERE, false, seconds(10))
            {
                let _ = attempt.failed();
                let_through += 1;
            }
        }
        assert_eq!(let_through, FREE_OF_NETWORK);
        assert!(throttle.admit(Guess::Password, "somebody", THERE, false, seconds(10)).is_ok());
        assert!(throttle.admit(Guess::Password, "somebody", HERE, false, seconds(21)).is_ok());
    }

    #[test]
    fn the_owner_is_told_once_an_hour() {
        let throttle = Throttle::default();
        let mut told = 0;
        for host in 0..40 {
            if let Ok(attempt) = admit(&throttle, IpAddr::from([198, 51, host, 7]), seconds(10)) {
                told += u32::from(attempt.failed());
            }
        }
        assert_eq!(told, 1);
    }

    #[test]
    fn a_stolen_password_gives_no_botnet_of_code_guesses() {
        let throttle = Throttle::default();
        let guess = |ip, known| throttle.admit(Guess::Code, "usr_1", ip, known, seconds(10));
        for host in 0..ATTACK as u8 {
            let _ = guess(IpAddr::from([198, 51, host, 7]), false).unwrap().failed();
        }
        assert!(guess(THERE, false).is_err());
        guess(HERE, true).unwrap().succeeded();
    }

    #[test]
    fn neighbours_share_a_network() {
        assert_eq!(network(HERE), network("203.0.113.200".parse().unwrap()));
        assert_eq!(network(HERE), network("::ffff:203.0.113.1".parse().unwrap()));
        assert_ne!(network(HERE), network(THERE));
        assert_eq!(network("2001:db8:0:1::1".parse().unwrap()), network("2001:db8:0:2::1".parse().unwrap()));
    }
}
