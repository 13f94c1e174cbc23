//! Time and randomness.
//!
//! Other code takes them from here, so that a test can advance a clock and repeat a run; `clippy.toml` forbids the
//! ambient sources elsewhere. [`Clock`] gives raw readings, [`TrustedClock`] the times that rules use.

mod trusted;

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

pub use self::trusted::{Disagreement, Settled, TrustedClock};
use crate::locks;
use crate::model::Timestamp;

/// Raw readings. Only [`TrustedClock`] uses them.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock. It may jump in both directions, and be wrong.
    fn wall(&self) -> Timestamp;

    /// Time since boot, including suspends; it never runs backwards.
    fn boot(&self) -> Duration;
}

/// Source of random bytes fit for secrets.
pub trait Rng: Send + Sync + 'static {
    /// Fills `buffer` with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// Fixed-size randomness, for ids and secrets.
pub fn random<const N: usize>(rng: &dyn Rng) -> [u8; N] {
    let mut bytes = [0; N];
    rng.fill(&mut bytes);
    bytes
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads it")]
    fn wall(&self) -> Timestamp {
        let since_epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn boot(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        // Neither is ever negative, and the second is below 10⁹.
        Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
    }
}

/// The machine's cryptographic random generator.
#[derive(Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    #[expect(clippy::disallowed_methods, reason = "the only place that reads it")]
    fn fill(&self, buffer: &mut [u8]) {
        // Without randomness no secret can be created, so the process cannot continue.
        aws_lc_rs::rand::fill(buffer).expect("the system gives random bytes");
    }
}

/// A clock that only a test advances.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    boot_ns: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { wall_ms: AtomicI64::new(now.millis()), boot_ns: AtomicU64::new(0) }
    }

    /// Advances both readings.
    pub fn advance(&self, by: Duration) {
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.wall_ms.fetch_add(millis, Ordering::SeqCst);
        self.boot_ns.fetch_add(nanos, Ordering::SeqCst);
    }

    /// Resets boot time, as a reboot of the machine does.
    pub fn restart(&self) {
        self.boot_ns.store(0, Ordering::SeqCst);
    }

    /// Sets only the wall clock, forwards or back, as an administrator or NTP does.
    pub fn set_wall(&self, now: Timestamp) {
        self.wall_ms.store(now.millis(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.wall_ms.load(Ordering::SeqCst))
    }

    fn boot(&self) -> Duration {
        Duration::from_nanos(self.boot_ns.load(Ordering::SeqCst))
    }
}

/// A repeatable generator for tests (SplitMix64). Never for real secrets.
#[derive(Debug)]
pub struct SeededRng(Mutex<u64>);

impl SeededRng {
    /// A generator that gives the same bytes for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Rng for SeededRng {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = locks::lock(&self.0);
        for chunk in buffer.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
        }
    }
}
