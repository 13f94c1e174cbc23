//! The wall clock, trusted as far as boot time agrees with it.
//!
//! Trusted time is the last agreed wall time plus the boot time since. While the wall clock differs from it, two
//! readings are possible and neither is known to be right. [`TrustedClock::now`] gives the later one: it judges and
//! stamps, so that a machine that was paused for days works at once and no expired key is accepted.
//! [`TrustedClock::settled`] gives the earlier one, as a type of its own: it deletes and retires, so that a clock that
//! is wrong for some seconds destroys nothing.
//!
//! A difference ends when the wall clock returns, when it was steady for as long as its size (one minute to one hour;
//! three hours if it is larger), or by [`TrustedClock::accept`]. Only the agreed offset is kept of a reading, so that
//! no value derived from a wrong one remains.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::Clock;
use crate::locks;
use crate::model::Timestamp;

/// Smaller differences are ignored: the readings are not taken at the same instant.
const SLACK_MILLIS: i64 = 1_000;
/// A difference is steady if it changes by no more than this.
const STEADY_MILLIS: i64 = 60_000;
/// Larger differences are reported.
const REPORTED_MILLIS: i64 = 3_600_000;
/// Steady time after which a reported difference ends.
const LONGEST_WAIT_MILLIS: i64 = 3 * 3_600_000;
/// Maximum gap between readings that counts as steady; in a longer gap the clock was not observed.
const LONGEST_GAP_MILLIS: i64 = 60_000;
/// Readings this far apart were interrupted and are repeated.
const INTERRUPTED: Duration = Duration::from_millis(100);

/// Time for deleting and retiring: retention, sweeps, rotation. Only [`TrustedClock::settled`] makes one, so that no
/// such job can use a wall clock that boot time contradicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Settled(Timestamp);

impl Settled {
    /// The time.
    pub const fn at(self) -> Timestamp {
        self.0
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0.millis()
    }

    /// Any time, for tests.
    #[cfg(test)]
    pub(crate) const fn of(at: Timestamp) -> Self {
        Self(at)
    }

    /// An earlier time. There is no operation for a later one.
    pub const fn minus_seconds(self, seconds: u32) -> Self {
        Self(self.0.minus_seconds(seconds as i64))
    }
}

/// A difference of more than an hour between the wall clock and trusted time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disagreement {
    /// The wall clock.
    pub wall: Timestamp,
    /// Last agreed wall time, plus boot time since.
    pub trusted: Timestamp,
    /// Seconds until the wall clock is accepted, if the difference is steady.
    pub accepted_in_seconds: i64,
}

impl Disagreement {
    /// Seconds that the wall clock is ahead; negative if it is behind.
    pub const fn ahead_seconds(&self) -> i64 {
        self.wall.millis_since(self.trusted) / 1_000
    }
}

/// The clock of the rules. One value per server.
pub struct TrustedClock {
    source: Arc<dyn Clock>,
    /// Agreed wall time minus boot time, in milliseconds.
    offset_ms: AtomicI64,
    /// Whether `difference` is set, so that a reading without a difference takes no lock.
    differs: AtomicBool,
    difference: Mutex<Option<Difference>>,
}

/// An open difference.
#[derive(Clone, Copy)]
struct Difference {
    /// Wall time minus trusted time at its begin.
    first_ms: i64,
    /// Boot time of the last reading.
    read_at_ms: i64,
    /// Time for which it was steady.
    steady_ms: i64,
    /// Whether it was logged.
    reported: bool,
}

/// A pair of readings, as wall times.
#[derive(Clone, Copy)]
struct Readings {
    wall_ms: i64,
    trusted_ms: i64,
    boot_ms: i64,
}

impl Readings {
    const fn ahead_ms(self) -> i64 {
        self.wall_ms - self.trusted_ms
    }
}

impl TrustedClock {
    /// A clock that trusts the current wall clock. [`TrustedClock::begin`] corrects it once the store is open.
    pub fn new(source: Arc<dyn Clock>) -> Self {
        let clock = Self {
            source,
            offset_ms: AtomicI64::new(0),
            differs: AtomicBool::new(false),
            difference: Mutex::default(),
        };
        clock.accept();
        clock
    }

    /// Starts from `witness`, a stored trusted time: the wall clock must agree with it. After a stop the wall clock is
    /// ahead, which looks like a jump: clean-up waits until the difference is steady.
    pub fn begin(&self, witness: Timestamp) {
        let mut difference = self.lock();
        let boot_ms = millis(self.source.boot());
        self.offset_ms.store(witness.millis() - boot_ms, Ordering::Relaxed);
        let ahead = self.uninterrupted().ahead_ms();
        *difference = None;
        self.differs.store(false, Ordering::Relaxed);
        if ahead > REPORTED_MILLIS {
            tracing::info!(
                %witness,
                ahead_seconds = ahead / 1_000,
                "the store was last in use some time ago, or the wall clock is ahead: clean-up waits for 3 hours"
            );
            let seen = Difference { first_ms: ahead, read_at_ms: boot_ms, steady_ms: 0, reported: true };
            *difference = Some(seen);
            self.differs.store(true, Ordering::Relaxed);
        }
    }

    /// Time for judging and stamping: the later of wall and trusted time.
    pub fn now(&self) -> Timestamp {
        let readings = self.read();
        Timestamp::from_millis(readings.wall_ms.max(readings.trusted_ms))
    }

    /// Time for deleting and retiring: the earlier of wall and trusted time.
    pub fn settled(&self) -> Settled {
        let readings = self.read();
        Settled(Timestamp::from_millis(readings.wall_ms.min(readings.trusted_ms)))
    }

    /// Trusted time, stored for [`TrustedClock::begin`].
    pub fn witness(&self) -> Timestamp {
        Timestamp::from_millis(self.read().trusted_ms)
    }

    /// Time since boot, including suspends, for rate limits and waits.
    pub fn monotonic(&self) -> Duration {
        self.source.boot()
    }

    /// The difference to the wall clock, if it is more than an hour.
    pub fn disagreement(&self) -> Option<Disagreement> {
        let readings = self.read();
        let difference = (*self.lock())?;
        let ahead = readings.ahead_ms();
        (ahead.abs() > REPORTED_MILLIS).then(|| Disagreement {
            wall: Timestamp::from_millis(readings.wall_ms),
            trusted: Timestamp::from_millis(readings.trusted_ms),
            accepted_in_seconds: (wait_ms(ahead) - difference.steady_ms).max(0) / 1_000,
        })
    }

    /// Trusts the current wall clock.
    pub fn accept(&self) {
        let mut difference = self.lock();
        let readings = self.uninterrupted();
        self.end(&mut difference, readings, "the wall clock was accepted");
    }

    fn read(&self) -> Readings {
        let readings = self.readings();
        if readings.ahead_ms().abs() <= SLACK_MILLIS && !self.differs.load(Ordering::Relaxed) {
            return readings;
        }
        self.observe()
    }

    fn readings(&self) -> Readings {
        let (wall_ms, boot_ms) = (self.source.wall().millis(), millis(self.source.boot()));
        Readings { wall_ms, boot_ms, trusted_ms: self.offset_ms.load(Ordering::Relaxed) + boot_ms }
    }

    /// Both readings of one moment. A process that is stopped between the two would see a false difference.
    fn uninterrupted(&self) -> Readings {
        let mut tries = 0;
        loop {
            let before = self.source.boot();
            let readings = self.readings();
            tries += 1;
            if self.source.boot().saturating_sub(before) < INTERRUPTED || tries == 8 {
                return readings;
            }
        }
    }

    /// Reads under the lock, and updates the difference.
    fn observe(&self) -> Readings {
        let mut difference = self.lock();
        let readings = self.uninterrupted();
        let ahead = readings.ahead_ms();
        if ahead.abs() <= SLACK_MILLIS {
            if difference.take().is_some_and(|difference| difference.reported) {
                tracing::info!("the wall clock agrees again; clean-up continues");
            }
            self.differs.store(false, Ordering::Relaxed);
            return readings;
        }
        let before = *difference;
        let mut this = match before {
            Some(before) if (before.first_ms - ahead).abs() <= STEADY_MILLIS => before,
            before => Difference {
                first_ms: ahead,
                read_at_ms: readings.boot_ms,
                steady_ms: 0,
                reported: before.is_some_and(|before| before.reported),
            },
        };
        this.steady_ms += (readings.boot_ms - this.read_at_ms).clamp(0, LONGEST_GAP_MILLIS);
        this.read_at_ms = readings.boot_ms;
        if this.steady_ms >= wait_ms(ahead) {
            *difference = Some(this);
            self.end(&mut difference, readings, "the difference was steady; the wall clock is trusted again");
            return Readings { trusted_ms: readings.wall_ms, ..readings };
        }
        if ahead.abs() > REPORTED_MILLIS && !this.reported {
            this.reported = true;
            tracing::error!(
                wall = %Timestamp::from_millis(readings.wall_ms),
                trusted = %Timestamp::from_millis(readings.trusted_ms),
                ahead_seconds = ahead / 1_000,
                "the wall clock does not agree with the time since the last agreed one: nothing is deleted or retired \
                 until it returns, or for 3 hours; if the wall clock is right, run `keywright clock accept`"
            );
        }
        *difference = Some(this);
        self.differs.store(true, Ordering::Relaxed);
        readings
    }

    /// Trusts the wall clock of `readings`.
    fn end(&self, difference: &mut Option<Difference>, readings: Readings, why: &str) {
        self.offset_ms.store(readings.wall_ms - readings.boot_ms, Ordering::Relaxed);
        self.differs.store(false, Ordering::Relaxed);
        if difference.take().is_some_and(|difference| difference.reported) {
            tracing::warn!(ahead_seconds = readings.ahead_ms() / 1_000, "{why}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Difference>> {
        locks::lock(&self.difference)
    }
}

/// Time for which a difference must be steady before the wall clock is trusted.
fn wait_ms(ahead_ms: i64) -> i64 {
    let size = ahead_ms.abs();
    if size > REPORTED_MILLIS { LONGEST_WAIT_MILLIS } else { size.max(STEADY_MILLIS) }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
