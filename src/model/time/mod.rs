//! Timestamps, as sent and stored.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{ascii::Ascii, string_enum::FromText};

const MILLIS_PER_SECOND: i64 = 1_000;
const MILLIS_PER_DAY: i64 = 86_400_000;
const CLOCK_SKEW_MILLIS: i64 = 60_000;

/// Milliseconds since the Unix epoch, UTC, within the years 1970 to 9999.
///
/// Sent as RFC 3339 in UTC (`2024-01-01T00:00:00Z`), with a fraction only if it is not zero.
/// Arithmetic saturates at both ends of the range, so that no sum of a time and a setting panics or wraps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(0);
    /// 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// From milliseconds since the epoch; values outside the range become its nearest end.
    pub const fn from_millis(millis: i64) -> Self {
        if millis < Self::MIN.0 {
            Self::MIN
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// From seconds since the epoch (a JWT's NumericDate); clamped like [`Self::from_millis`].
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(MILLIS_PER_SECOND))
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0 / MILLIS_PER_SECOND
    }

    /// This time plus `millis`, which may be negative; saturates.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// This time plus `seconds`, which may be negative; saturates.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_millis(seconds.saturating_mul(MILLIS_PER_SECOND))
    }

    /// This time minus `seconds`; saturates.
    pub const fn minus_seconds(self, seconds: i64) -> Self {
        self.plus_millis(seconds.saturating_mul(-MILLIS_PER_SECOND))
    }

    /// Milliseconds from `earlier` to this time; negative if it is later.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    /// Whether a start at this time has passed at `now`. Up to 60 s in the future count as passed: clocks differ. A
    /// later start was written under a wrong clock, and is refused.
    pub const fn has_started(self, now: Self) -> bool {
        self.0 <= now.latest_start().0
    }

    /// The latest start that has started at this time; see [`Timestamp::has_started`].
    pub const fn latest_start(self) -> Self {
        Self(self.0 + CLOCK_SKEW_MILLIS)
    }

    /// Midnight UTC at the start of this day.
    pub const fn utc_day_start(self) -> Self {
        Self(self.0 - self.0 % MILLIS_PER_DAY)
    }

    /// The next midnight UTC.
    pub const fn next_utc_day(self) -> Self {
        self.utc_day_start().plus_millis(MILLIS_PER_DAY)
    }

    /// Midnight UTC of the first day of this month.
    pub const fn utc_month_start(self) -> Self {
        let day = self.civil().day as i64;
        self.utc_day_start().plus_millis(-(day - 1) * MILLIS_PER_DAY)
    }

    /// Midnight UTC of the first day of the next month.
    pub const fn next_utc_month(self) -> Self {
        // 31 days after the first of a month are always in the next month.
        let within_next = self.utc_month_start().plus_millis(31 * MILLIS_PER_DAY);
        if within_next.0 == Self::MAX.0 { within_next } else { within_next.utc_month_start() }
    }

    /// RFC 3339 text without an allocation, for the hot path.
    pub fn encode(self) -> Ascii<24> {
        let Civil { year, month, day } = self.civil();
        let millis_of_day = (self.0 % MILLIS_PER_DAY) as u32;
        let (seconds, millis) = (millis_of_day / 1_000, millis_of_day % 1_000);
        let mut text = Ascii::new();
        push_digits(&mut text, year, 4);
        for (separator, number) in [
            (b'-', month),
            (b'-', day),
            (b'T', seconds / 3_600),
            (b':', seconds / 60 % 60),
            (b':', seconds % 60),
        ] {
            text.push(separator);
            push_digits(&mut text, number, 2);
        }
        if millis != 0 {
            text.push(b'.');
            push_digits(&mut text, millis, 3);
        }
        text.push(b'Z');
        text
    }

    /// The date in the proleptic Gregorian calendar.
    ///
    /// Years start in March, so that the leap day ends a year and every month's start is a linear function of its
    /// number (Neri and Schneider, "Euclidean affine functions", 2021).
    const fn civil(self) -> Civil {
        const DAYS_FROM_YEAR_ZERO_TO_1970: u32 = 719_468;
        const DAYS_PER_ERA: u32 = 146_097;
        let days = (self.0 / MILLIS_PER_DAY) as u32 + DAYS_FROM_YEAR_ZERO_TO_1970;
        let (era, day_of_era) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + (month <= 2) as u32;
        Civil { year, month, day }
    }
}

struct Civil {
    year: u32,
    month: u32,
    day: u32,
}

fn push_digits(text: &mut Ascii<24>, number: u32, width: u32) {
    for place in (0..width).rev() {
        text.push(b'0' + (number / 10_u32.pow(place) % 10) as u8);
    }
}

/// Reason why a text is not a [`Timestamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampError {
    /// It is not RFC 3339.
    Malformed,
    /// It is before 1970 or after 9999.
    OutOfRange,
}

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "Write the time as RFC 3339, for example 2024-01-01T00:00:00Z.",
            Self::OutOfRange => "Use a time between the years 1970 and 9999 in UTC.",
        })
    }
}

impl std::error::Error for TimestampError {}

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Any RFC 3339 offset is accepted; digits beyond the millisecond are dropped.
    fn from_str(text: &str) -> Result<Self, TimestampError> {
        // The parser accepts any byte between date and time; RFC 3339 allows three.
        if !matches!(text.as_bytes().get(10), Some(b'T' | b't' | b' ')) {
            return Err(TimestampError::Malformed);
        }
        let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimestampError::Malformed)?;
        let millis = parsed.unix_timestamp_nanos().div_euclid(1_000_000);
        i64::try_from(millis)
            .ok()
            .filter(|millis| (Self::MIN.0..=Self::MAX.0).contains(millis))
            .map(Self)
            .ok_or(TimestampError::OutOfRange)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.encode())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.encode())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.encode())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText::new("2024-01-01T00:00:00Z"))
    }
}

#[cfg(test)]
mod tests;
