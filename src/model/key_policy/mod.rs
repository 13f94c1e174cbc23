//! Policy of a key: state, rate limit, quota, and the codes of its verification.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{string_enum::string_enum, time::Timestamp};

string_enum! {
    /// State filter of key lists.
    KeyStatus {
        /// Valid now.
        Active = "active",
        /// Disabled.
        Disabled = "disabled",
        /// Past `expires_at`.
        Expired = "expired",
        /// Revoked.
        Revoked = "revoked",
        /// Valid now, with a near expiry.
        Expiring = "expiring",
        /// Valid now, but unused for long.
        Unused = "unused",
        /// Valid now, with an old newest secret.
        Unrotated = "unrotated",
    }
}

string_enum! {
    /// Period of a quota.
    QuotaPeriod {
        /// Resets at midnight UTC.
        Day = "day",
        /// Resets on the first of the month, UTC.
        Month = "month",
        /// Never resets.
        Total = "total",
    }
}

impl QuotaPeriod {
    /// Start of the period of `now`; for `total`, the smallest timestamp.
    pub const fn start(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Day => now.utc_day_start(),
            Self::Month => now.utc_month_start(),
            Self::Total => Timestamp::MIN,
        }
    }

    /// Start of the next period; none for `total`.
    pub const fn next(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Day => Some(now.next_utc_day()),
            Self::Month => Some(now.next_utc_month()),
            Self::Total => None,
        }
    }
}

string_enum! {
    /// Owner of a bucket.
    #[derive(Default)]
    LimitPer {
        /// Each key.
        #[default]
        Key = "key",
        /// Each `owner` (customer): its keys share a bucket.
        Owner = "owner",
        /// Each user: their keys, tokens and sessions share a bucket.
        User = "user",
    }
}

string_enum! {
    /// Result of a verification; checked in this order, the first failure decides.
    VerifyCode {
        /// Valid.
        Valid = "VALID",
        /// Unknown key.
        NotFound = "NOT_FOUND",
        /// The key was revoked.
        Revoked = "REVOKED",
        /// The key is disabled.
        Disabled = "DISABLED",
        /// The key has expired.
        Expired = "EXPIRED",
        /// The key is for another API.
        WrongApi = "WRONG_API",
        /// A test key where a live one is required, or the reverse.
        WrongEnvironment = "WRONG_ENVIRONMENT",
        /// The client's address is not in `allowed_ips`.
        IpNotAllowed = "IP_NOT_ALLOWED",
        /// The key's scopes do not satisfy the expression.
        InsufficientScope = "INSUFFICIENT_SCOPE",
        /// Too many requests.
        RateLimited = "RATE_LIMITED",
        /// The quota of the period is exhausted.
        QuotaExceeded = "QUOTA_EXCEEDED",
    }
}

/// A policy field that is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyError {
    /// Name of the field in JSON.
    pub field: &'static str,
    /// A sentence with the allowed values.
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
    /// Bucket size; none is `limit`.
    #[serde(default)]
    pub burst: Option<u32>,
}

impl RateLimit {
    /// Maximum of `limit` and `burst`.
    pub const MAX_LIMIT: u32 = 1_000_000_000;
    /// Maximum window: 31 days.
    pub const MAX_WINDOW_SECONDS: u32 = 31 * 86_400;

    /// Bucket size; none when unlimited.
    pub const fn bucket(&self) -> Option<u32> {
        match (self.limit, self.burst) {
            (None, _) => None,
            (Some(_), Some(burst)) => Some(burst),
            (limit, None) => limit,
        }
    }

    /// Reports the first field that is out of range.
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

/// `limit` requests per calendar period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests per period.
    pub limit: u64,
    /// The period.
    pub period: QuotaPeriod,
}

impl Quota {
    /// Maximum of `limit`, which JSON numbers and columns hold exactly.
    pub const MAX_LIMIT: u64 = 1_000_000_000_000_000;

    /// Reports a limit that is out of range.
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
