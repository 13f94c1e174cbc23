//! The answer, and how it reads as an error.

use std::sync::Arc;

use super::Question;
use super::entry::{Entry, Grants};
use super::limits::Level;
use crate::error::{Code, Error};
use crate::model::{Api, Quota, RateLimit, Timestamp, VerifyCode};

/// The answer to a [`Question`].
pub struct Verdict {
    /// The first rule that failed, or `VALID`.
    pub code: VerifyCode,
    /// Where its rate limit stands, when that was asked.
    pub rate: Option<RateState>,
    /// Where its quota stands, when that was asked.
    pub quota: Option<QuotaState>,
    pub(super) now: Timestamp,
    pub(super) found: Result<Found, Unknown>,
}

/// A key that was found, whoever's it is.
pub(super) struct Found {
    pub(super) entry: Arc<Entry>,
    pub(super) holds: Arc<Grants>,
    pub(super) api: Arc<Api>,
}

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    TooLong,
    Mistyped,
    NoSuchKey,
}

/// Where a rate limit stands.
#[derive(Debug, Clone, Copy)]
pub struct RateState {
    /// Which of the API's tiers it is; none is a limit of the key's own.
    pub tier: Option<usize>,
    /// What it allows.
    pub limit: RateLimit,
    /// How the bucket stands; none when unlimited.
    pub level: Option<Level>,
}

/// Where a quota stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaState {
    /// What it allows.
    pub quota: Quota,
    /// What is used of it.
    pub used: u64,
    /// When it starts anew; never for `total`.
    pub resets_at: Option<Timestamp>,
}

impl QuotaState {
    /// What is left of it.
    pub const fn remaining(&self) -> u64 {
        self.quota.limit.saturating_sub(self.used)
    }
}

impl Verdict {
    pub(super) const fn unknown(why: Unknown) -> Self {
        let (code, now) = (VerifyCode::NotFound, Timestamp::MIN);
        Self { code, rate: None, quota: None, now, found: Err(why) }
    }

    pub(super) fn known(
        code: VerifyCode,
        entry: Arc<Entry>,
        holds: Arc<Grants>,
        api: &Arc<Api>,
        now: Timestamp,
    ) -> Self {
        Self { code, rate: None, quota: None, now, found: Ok(Found { entry, holds, api: api.clone() }) }
    }

    /// The key's row number for the log, whoever's key it is.
    pub fn key_no(&self) -> Option<i64> {
        self.found.as_ref().ok().map(|found| found.entry.no)
    }

    /// The row number of the person whose own key it is, for the log.
    pub fn user_no(&self) -> Option<i64> {
        self.found.as_ref().ok()?.entry.user.map(|user| user.no)
    }

    /// The key, unless it is unknown or another API's: about that nothing but the code is told.
    pub fn known_entry(&self) -> Option<&Arc<Entry>> {
        self.told().map(|found| &found.entry)
    }

    /// What the key holds, where [`Verdict::known_entry`] tells about it.
    pub fn holds(&self) -> Option<&Arc<Grants>> {
        self.told().map(|found| &found.holds)
    }

    /// The name of the tier that counted it; none for a limit of the key's own.
    pub fn tier(&self) -> Option<&str> {
        let at = self.rate.as_ref()?.tier?;
        self.told().map(|found| found.api.tiers[at].name.as_str())
    }

    /// Seconds after which the same request would pass, for a refusal that time heals.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self.code {
            VerifyCode::RateLimited => {
                self.rate.as_ref()?.level?.retry_in.map(|wait| wait.as_nanos().div_ceil(1_000_000_000) as u64)
            }
            VerifyCode::QuotaExceeded => {
                let wait = self.quota.as_ref()?.resets_at?.millis_since(self.now);
                Some(wait.max(0).unsigned_abs().div_ceil(1_000))
            }
            _ => None,
        }
        .map(|seconds| seconds.max(1))
    }

    fn told(&self) -> Option<&Found> {
        self.found.as_ref().ok().filter(|found| found.entry.api_no == found.api.no)
    }

    /// The refusal as an error for whoever presented the key.
    pub fn error(&self, question: &Question<'_>) -> Error {
        let told = self.known_entry();
        let about = |error: Error| match told {
            Some(entry) => error.with("key_id", entry.id.to_string()),
            None => error,
        };
        match self.code {
            VerifyCode::Valid => Error::internal("a key that is good was to be refused"),
            VerifyCode::NotFound => about(Error::new(Code::InvalidApiKey, "The provided API key is invalid")),
            VerifyCode::Revoked => match told.and_then(|entry| Some((entry.id, entry.revoked_at?))) {
                Some((id, at)) => Error::revoked_key(id, at),
                None => Error::new(Code::RevokedApiKey, "The API key has been revoked"),
            },
            VerifyCode::Disabled => about(Error::new(Code::DisabledApiKey, "The API key is disabled")),
            VerifyCode::Expired => match told.and_then(|entry| Some((entry.id, entry.expires_at?))) {
                Some((id, at)) => Error::expired_key(id, at),
                None => Error::new(Code::ExpiredApiKey, "The API key has expired"),
            },
            VerifyCode::WrongApi => Error::new(Code::WrongApi, "The API key is for another API"),
            VerifyCode::WrongEnvironment => about(self.wrong_environment(question)),
            VerifyCode::IpNotAllowed => {
                about(Error::new(Code::IpNotAllowed, "The API key may not be used from this address"))
            }
            VerifyCode::InsufficientScope => self.insufficient_scope(question),
            VerifyCode::RateLimited => self.rate_limited(),
            VerifyCode::QuotaExceeded => self.quota_exceeded(),
        }
    }

    fn wrong_environment(&self, question: &Question<'_>) -> Error {
        let asked = question.environment.as_str();
        Error::new(Code::WrongEnvironment, format!("This needs a key of the {asked} environment"))
            .with("required", asked)
    }

    fn insufficient_scope(&self, question: &Question<'_>) -> Error {
        let wanted = question.scopes.map_or("", |wanted| wanted.as_str());
        let none = crate::model::ScopeSet::empty();
        Error::insufficient_scope(wanted, self.holds().map_or(&none, |holds| &holds.set))
    }

    fn rate_limited(&self) -> Error {
        let mut error = Error::new(Code::RateLimited, "Too many requests; slow down");
        if let Some(rate) = &self.rate {
            error = error.with("limit", rate.limit.limit).with("window_seconds", rate.limit.window_seconds);
        }
        self.with_retry(error)
    }

    fn quota_exceeded(&self) -> Error {
        let mut error = Error::new(Code::QuotaExceeded, "The quota of this period is used up");
        if let Some(state) = &self.quota {
            error = error.with("limit", state.quota.limit).with("period", state.quota.period.as_str());
        }
        self.with_retry(error)
    }

    fn with_retry(&self, error: Error) -> Error {
        match self.retry_after_seconds() {
            Some(seconds) => error.with("retry_after_seconds", seconds).retry_after(seconds),
            None => error,
        }
    }
}
