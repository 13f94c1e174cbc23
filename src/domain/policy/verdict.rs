//! The verdict, and its form as an error.

use std::sync::Arc;

use super::Question;
use super::bearer::Bearer;
use super::entry::{Entry, Grants};
use super::limits::Level;
use crate::error::{Code, Error};
use crate::model::activity::{Outcome, Reason};
use crate::model::{Api, Quota, RateLimit, Timestamp, VerifyCode};

/// Answer to a [`Question`].
pub struct Verdict {
    /// The first rule that failed, or `VALID`.
    pub code: VerifyCode,
    /// State of its rate limit, if it was charged.
    pub rate: Option<RateState>,
    /// State of its quota, if it was charged.
    pub quota: Option<QuotaState>,
    pub(super) now: Timestamp,
    pub(super) found: Result<FoundCredential, Unknown>,
}

/// An existing credential, of any API.
pub(super) struct FoundCredential {
    pub(super) bearer: Bearer,
    pub(super) holds: Arc<Grants>,
    pub(super) api: Arc<Api>,
}

/// Reason why there is no credential.
#[derive(Debug, Clone)]
pub(super) enum Unknown {
    TooLong,
    Mistyped,
    NoSuchKey,
    /// An access token that is invalid or expired, with its error.
    Token(Box<Error>),
}

/// State of a rate limit.
#[derive(Debug, Clone, Copy)]
pub struct RateState {
    /// Name of the tier; none for a limit of the key's own.
    pub tier: Option<usize>,
    /// The limit.
    pub limit: RateLimit,
    /// State of the bucket; none when unlimited.
    pub level: Option<Level>,
}

/// State of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaState {
    /// The quota.
    pub quota: Quota,
    /// Used requests.
    pub used: u64,
    /// Start of the next period; none for `total`.
    pub resets_at: Option<Timestamp>,
}

impl QuotaState {
    /// Remaining requests.
    pub const fn remaining(&self) -> u64 {
        self.quota.limit.saturating_sub(self.used)
    }
}

impl Verdict {
    pub(super) fn unknown(why: Unknown) -> Self {
        let code = match &why {
            Unknown::Token(error) if error.code == Code::ExpiredToken => VerifyCode::Expired,
            _ => VerifyCode::NotFound,
        };
        let now = Timestamp::MIN;
        Self { code, rate: None, quota: None, now, found: Err(why) }
    }

    pub(super) fn about(
        code: VerifyCode,
        bearer: Bearer,
        holds: Arc<Grants>,
        api: &Arc<Api>,
        now: Timestamp,
    ) -> Self {
        Self {
            code,
            rate: None,
            quota: None,
            now,
            found: Ok(FoundCredential { bearer, holds, api: api.clone() }),
        }
    }

    /// The holder for the log, for a credential of any API.
    pub fn holder(&self) -> Option<&Bearer> {
        self.found.as_ref().ok().map(|found| &found.bearer)
    }

    /// The holder, unless the credential is unknown or of another API: then only the code may be shown.
    pub fn known(&self) -> Option<&Bearer> {
        self.shown().map(|found| &found.bearer)
    }

    /// The key, under the same condition.
    pub fn known_entry(&self) -> Option<&Arc<Entry>> {
        self.known().and_then(Bearer::key)
    }

    /// Its scopes, if [`Verdict::known`].
    pub fn holds(&self) -> Option<&Arc<Grants>> {
        self.shown().map(|found| &found.holds)
    }

    /// Name of the tier that limits it; none for a limit of the key's own.
    pub fn tier(&self) -> Option<&str> {
        let at = self.rate.as_ref()?.tier?;
        self.shown().map(|found| found.api.tiers[at].name.as_str())
    }

    /// Seconds after which the same request would pass, for refusals that end with time.
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

    fn shown(&self) -> Option<&FoundCredential> {
        self.found.as_ref().ok().filter(|found| found.bearer.api_no() == Some(found.api.no))
    }

    /// Reason in the log.
    pub fn outcome(&self) -> (Outcome, Reason) {
        if let Err(Unknown::Token(error)) = &self.found
            && error.code == Code::InvalidToken
        {
            return (Outcome::Refused, Reason::InvalidToken);
        }
        match self.code {
            VerifyCode::Valid => (Outcome::Allowed, Reason::Valid),
            VerifyCode::NotFound => (Outcome::Refused, Reason::NotFound),
            VerifyCode::Revoked => (Outcome::Refused, Reason::Revoked),
            VerifyCode::Disabled => (Outcome::Refused, Reason::Disabled),
            VerifyCode::Expired => (Outcome::Refused, Reason::Expired),
            VerifyCode::WrongApi => (Outcome::Refused, Reason::WrongApi),
            VerifyCode::WrongEnvironment => (Outcome::Refused, Reason::WrongEnvironment),
            VerifyCode::IpNotAllowed => (Outcome::Refused, Reason::IpNotAllowed),
            VerifyCode::InsufficientScope => (Outcome::Refused, Reason::InsufficientScope),
            VerifyCode::RateLimited => (Outcome::Limited, Reason::RateLimited),
            VerifyCode::QuotaExceeded => (Outcome::Limited, Reason::QuotaExceeded),
        }
    }

    /// The refusal as an error for the caller that presented the credential.
    pub fn error(&self, question: &Question<'_>) -> Error {
        match &self.found {
            Err(Unknown::Token(error)) => return (**error).clone(),
            // A token for another API is invalid (RFC 9068, section 4).
            Ok(FoundCredential { bearer: Bearer::Token(_), .. }) if self.code == VerifyCode::WrongApi => {
                return Error::invalid_token();
            }
            _ => {}
        }
        let key = self.known_entry();
        let about = |error: Error| match self.known().and_then(Bearer::key_id) {
            Some(id) => error.with("key_id", id.to_string()),
            None => error,
        };
        match self.code {
            VerifyCode::Valid => Error::internal("a valid credential was to be refused"),
            VerifyCode::NotFound => about(Error::new(Code::InvalidApiKey, "The provided API key is invalid")),
            VerifyCode::Revoked => match key.and_then(|entry| Some((entry.id, entry.revoked_at?))) {
                Some((id, at)) => Error::revoked_key(id, at),
                None => Error::new(Code::RevokedApiKey, "The API key has been revoked"),
            },
            VerifyCode::Disabled => about(Error::new(Code::DisabledApiKey, "The API key is disabled")),
            VerifyCode::Expired => match key.and_then(|entry| Some((entry.id, entry.expires_at?))) {
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
        let none = crate::model::ScopeSet::empty();
        let held = self.holds().map_or(&none, |holds| &holds.set);
        match question.scopes {
            Some(wanted) => Error::insufficient_scope(wanted.as_str(), held),
            // Of an open API: no scope is required, and any of its scopes suffices.
            None => Error::new(Code::InsufficientScope, "This needs a token that holds a scope of the API")
                .with("granted", serde_json::json!(held)),
        }
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
