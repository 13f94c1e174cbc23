//! `explain`: every rule in order, with the values that it compared.

use serde::Serialize;

use super::bearer::Bearer;
use super::rules::RULES;
use super::verdict::{FoundCredential, Unknown};
use super::{Question, Verdict};
use crate::model::members::with_members;
use crate::model::string_enum::string_enum;
use crate::model::{IdentityKind, VerifyCode};

with_members! { $ check_members
/// Result of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The rule, by the code of its failure.
    pub rule: VerifyCode,
    /// `passed`, `failed` or `not_reached`.
    pub result: CheckResult,
    /// Values that it compared, for people.
    pub observed: String,
}
}

string_enum! {
    /// Result of a rule.
    CheckResult {
        /// It passed.
        Passed = "passed",
        /// It failed: the reason for the refusal.
        Failed = "failed",
        /// An earlier rule failed.
        NotReached = "not_reached",
    }
}

impl Verdict {
    /// Every rule in order. Charges nothing: it explains the given answer.
    pub fn checks(&self, question: &Question<'_>) -> Vec<Check> {
        let rules = RULES.into_iter().chain([VerifyCode::RateLimited, VerifyCode::QuotaExceeded]);
        let mut reached = true;
        rules
            .map(|rule| {
                let result = match (reached, rule == self.code) {
                    (false, _) => CheckResult::NotReached,
                    (true, true) => CheckResult::Failed,
                    (true, false) => CheckResult::Passed,
                };
                reached &= rule != self.code;
                let observed = if result == CheckResult::NotReached {
                    String::new()
                } else {
                    self.observed(rule, question)
                };
                Check { rule, result, observed }
            })
            .collect()
    }

    fn observed(&self, rule: VerifyCode, question: &Question<'_>) -> String {
        match &self.found {
            Err(Unknown::TooLong) => "the text is longer than any key".to_owned(),
            Err(Unknown::Mistyped) => "the checksum is wrong: the key is mistyped or invented".to_owned(),
            Err(Unknown::NoSuchKey) => "no key has this secret".to_owned(),
            Err(Unknown::Token(error)) => error.message.to_string(),
            Ok(_) if self.known().is_none() && rule != VerifyCode::WrongApi => {
                "not shown, since the credential is for another API".to_owned()
            }
            Ok(found) => self.observed_by(rule, found, question),
        }
    }

    fn observed_by(&self, rule: VerifyCode, found: &FoundCredential, question: &Question<'_>) -> String {
        let kind = kind(&found.bearer);
        match rule {
            VerifyCode::NotFound => observed_identity(&found.bearer),
            VerifyCode::Revoked | VerifyCode::Disabled | VerifyCode::Expired => {
                observed_liveness(rule, &found.bearer)
            }
            VerifyCode::WrongApi if self.known().is_none() => format!("a {kind} of another API"),
            VerifyCode::WrongApi => format!("a {kind} of {}", question.api.slug),
            VerifyCode::WrongEnvironment => {
                format!("a {} {kind}; asked for {}", found.bearer.environment(), question.environment)
            }
            VerifyCode::IpNotAllowed => observed_address(found, question),
            VerifyCode::InsufficientScope => match question.scopes {
                Some(wanted) => format!("holds {:?}; asked for {:?}", &*found.holds.text, wanted.as_str()),
                None => format!("holds {:?}; nothing was asked for", &*found.holds.text),
            },
            VerifyCode::RateLimited => self.observed_rate(),
            VerifyCode::QuotaExceeded => self.observed_quota(),
            VerifyCode::Valid => String::new(),
        }
    }

    fn observed_rate(&self) -> String {
        let tier = self.tier().unwrap_or("its own limit");
        match self.rate.as_ref().and_then(|rate| Some((rate.limit, rate.level?))) {
            Some((limit, level)) => format!(
                "{tier}: {} in {} s, {} left at once",
                limit.limit.unwrap_or_default(),
                limit.window_seconds,
                level.remaining
            ),
            None => format!("{tier}: unlimited"),
        }
    }

    fn observed_quota(&self) -> String {
        match &self.quota {
            Some(state) => {
                format!(
                    "{} of {} used in this period ({})",
                    state.used, state.quota.limit, state.quota.period
                )
            }
            None => "no quota".to_owned(),
        }
    }
}

fn kind(bearer: &Bearer) -> &'static str {
    match bearer {
        Bearer::Key(_) => "key",
        Bearer::Token(identity) if identity.kind == IdentityKind::Session => "session",
        Bearer::Token(_) => "token",
    }
}

fn observed_identity(bearer: &Bearer) -> String {
    match bearer {
        Bearer::Key(entry) => match entry.secret_expires_at {
            Some(at) => format!("the key {}, by a secret that was replaced and ends at {at}", entry.id),
            None => format!("the key {}", entry.id),
        },
        Bearer::Token(identity) => match (identity.user, identity.client) {
            (Some((_, user, _)), Some((_, client))) => format!("a token of the client {client} for {user}"),
            (Some((_, user, _)), None) => format!("a session of {user}"),
            (None, Some((_, client))) => format!("a token of the client {client}"),
            (None, None) => "a token".to_owned(),
        },
    }
}

/// `identity` has refused tokens that are not live, so a token here has not expired.
fn observed_liveness(rule: VerifyCode, bearer: &Bearer) -> String {
    let entry = bearer.key();
    match rule {
        VerifyCode::Revoked => match entry.and_then(|entry| entry.revoked_at) {
            Some(at) => format!("revoked at {at}"),
            None => "not revoked".to_owned(),
        },
        VerifyCode::Disabled => match entry.map(|entry| (entry.disabled_at, entry.user)) {
            Some((Some(at), _)) => format!("disabled at {at}"),
            Some((None, Some(user))) if user.disabled => format!("its user {} is disabled", user.id),
            _ => "not disabled".to_owned(),
        },
        _ => match (entry, entry.and_then(|entry| entry.expires_at)) {
            (Some(_), Some(at)) => format!("ends at {at}"),
            (Some(_), None) => "no end is set".to_owned(),
            (None, _) => "not expired".to_owned(),
        },
    }
}

fn observed_address(found: &FoundCredential, question: &Question<'_>) -> String {
    let from = question.ip.map_or("no address".to_owned(), |ip| ip.to_canonical().to_string());
    if found.bearer.networks().is_empty() {
        return format!("{from}; every address is allowed");
    }
    let networks: Vec<String> = found.bearer.networks().iter().map(ToString::to_string).collect();
    format!("{from}; allowed are {}", networks.join(", "))
}
