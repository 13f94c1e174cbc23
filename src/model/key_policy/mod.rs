//! What a key may do, how often, and what is answered about it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{string_enum::string_enum, time::Timestamp};

string_enum! {
    /// What lists of keys can be filtered by.
    KeyStatus {
        /// Works now.
        Active = "active",
        /// Switched off for the time being.
        Disabled = "disabled",
        /// Past its `expires_at`.
        Expired = "expired",
        /// Ended for good.
        Revoked = "revoked",
        /// Works now, but its end is near.
        Expiring = "expiring",
        /// Works now, but nobody has used it for long.
        Unused = "unused",
        /// Works now, but its newest secret is old.
        Unrotated = "unrotated",
    }
}

string_enum! {
    /// When a quota starts anew.
    QuotaPeriod {
        /// At midnight UTC.
        Day = "day",
        /// On the first of the month, UTC.
        Month = "month",
        /// Never.
        Total = "total",
    }
}

impl QuotaPeriod {
    /// When the period that holds `now` began; for `total`, the beginning of time.
    pub const fn start(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Day => now.utc_day_start(),
            Self::Month => now.utc_month_start(),
            Self::Total => Timestamp::MIN,
        }
    }

    /// When the next period begins; none after `total`.
    pub const fn next(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Day => Some(now.next_utc_day()),
            Self::Month => Some(now.next_utc_month()),
            Self::Total => None,
        }
    }
}

string_enum! {
    /// Who shares one count.
    #[derive(Default)]
    LimitPer {
        /// Every key has its own.
        #[default]
        Key = "key",
        /// All keys of one `owner` (a customer) share one.
        Owner = "owner",
        /// All keys, tokens and sessions of one user share one.
        User = "user",
    }
}

string_enum! {
    /// The answer to a verification; checked in this order, the first failure wins.
    VerifyCode {
        /// It may pass.
        Valid = "VALID",
        /// No such key.
        NotFound = "NOT_FOUND",
        /// The key was revoked.
        Revoked = "REVOKED",
        /// The key is switched off.
        Disabled = "DISABLED",
        /// The key's time is over.
        Expired = "EXPIRED",
        /// The key is another API's.
        WrongApi = "WRONG_API",
        /// A test key where a live one was asked for, or the reverse.
        WrongEnvironment = "WRONG_ENVIRONMENT",
        /// The caller's address is not among `allowed_ips`.
        IpNotAllowed = "IP_NOT_ALLOWED",
        /// The key's scopes do not satisfy the expression.
        InsufficientScope = "INSUFFICIENT_SCOPE",
        /// Too many requests at the moment.
        RateLimited = "RATE_LIMITED",
        /// The quota of this period is used up.
        QuotaExceeded = "QUOTA_EXCEEDED",
    }
}

/// A field of a policy that is out of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyError {
    /// The field's name in JSON.
    pub field: &'static str,
    /// A sentence that says what to give instead.
    pub reason: &'static str,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

impl std::error::Error for PolicyError {}

/// `limit` requests in every `window_seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests per window; none is unlimited.
    pub limit: Option<u32>,
    /// The window, in seconds.
    pub window_seconds: u32,
    /// How many may come at once; none is `limit`.
    #[serde(default)]
    pub burst: Option<u32>,
}

impl RateLimit {
    /// The highest `limit` and `burst`.
    pub const MAX_LIMIT: u32 = 1_000_000_000;
    /// The longest window: 31 days.
    pub const MAX_WINDOW_SECONDS: u32 = 31 * 86_400;

    /// The size of the bucket; none when unlimited.
    pub const fn bucket(&self) -> Option<u32> {
        match (self.limit, self.burst) {
            (None, _) => None,
            (Some(_), Some(burst)) => Some(burst),
            (limit, None) => limit,
        }
    }

    /// Reports the first field that is out of its range.
    pub fn validate(&self) -> Result<(), PolicyError> {
        let counts = 1..=Self::MAX_LIMIT;
        if self.limit.is_some_and(|limit| !counts.contains(&limit)) {
            let reason = "Use a number from 1 to 1,000,000,000, or null for no limit.";
            return Err(PolicyError { field: "limit", reason });
        }
        if !(1..=Self::MAX_WINDOW_SECONDS).contains(&self.window_seconds) {
            let reason = "Use a number of seconds from 1 to 2,678,400 (31 days).";
            return Err(PolicyError { field: "window_seconds", reason });
        }
        if self.burst.is_some_and(|burst| !counts.contains(&burst)) {
            let reason = "Use a number from 1 to 1,000,000,000, or null for the limit itself.";
            return Err(PolicyError { field: "burst", reason });
        }
        Ok(())
    }
}

/// `limit` requests in a period of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests per period.
    pub limit: u64,
    /// When the count starts anew.
    pub period: QuotaPeriod,
}

impl Quota {
    /// The highest `limit`, which JSON numbers and columns hold exactly.
    pub const MAX_LIMIT: u64 = 1_000_000_000_000_000;

    /// Reports a limit that is out of its range.
    pub fn validate(&self) -> Result<(), PolicyError> {
        if (1..=Self::MAX_LIMIT).contains(&self.limit) {
            return Ok(());
        }
        let reason = "Use a number from 1 to 1,000,000,000,000,000.";
        Err(PolicyError { field: "limit", reason })
    }
}

#[cfg(test)]
mod tests;
