//! `explain`: every rule in its order, with what it saw.

use serde::Serialize;

use super::rules::RULES;
use super::verdict::{Found, Unknown};
use super::{Question, Verdict};
use crate::model::VerifyCode;

/// How one rule went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The rule, by the code that it answers when it fails.
    pub rule: VerifyCode,
    /// How it went.
    pub result: CheckResult,
    /// What it saw, for people.
    pub saw: String,
}

/// How a rule went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// It lets the key pass.
    Passed,
    /// It is why the key is refused.
    Failed,
    /// A rule before it failed.
    NotReached,
}

impl Verdict {
    /// Every rule in order. Nothing is taken: it explains the answer that was given.
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
                let saw =
                    if result == CheckResult::NotReached { String::new() } else { self.saw(rule, question) };
                Check { rule, result, saw }
            })
            .collect()
    }

    fn saw(&self, rule: VerifyCode, question: &Question<'_>) -> String {
        match &self.found {
            Err(Unknown::TooLong) => "the text is longer than any key".to_owned(),
            Err(Unknown::Mistyped) => "the checksum does not fit: the key is mistyped or invented".to_owned(),
            Err(Unknown::NoSuchKey) => "no key has this secret".to_owned(),
            Ok(found) if self.known_entry().is_none() && rule != VerifyCode::WrongApi => {
                let _ = found;
                "not told, since the key is another API's".to_owned()
            }
            Ok(found) => self.saw_of(rule, found, question),
        }
    }

    fn saw_of(&self, rule: VerifyCode, found: &Found, question: &Question<'_>) -> String {
        let (entry, never) = (&found.entry, || "no end is set".to_owned());
        match rule {
            VerifyCode::NotFound => match entry.secret_expires_at {
                Some(at) => format!("the key {}, by a secret that was replaced and ends at {at}", entry.id),
                None => format!("the key {}", entry.id),
            },
            VerifyCode::Revoked => match entry.revoked_at {
                Some(at) => format!("revoked at {at}"),
                None => "not revoked".to_owned(),
            },
            VerifyCode::Disabled => match (entry.disabled_at, entry.user) {
                (Some(at), _) => format!("disabled at {at}"),
                (None, Some(user)) if user.disabled => format!("its user {} is disabled", user.id),
                _ => "not disabled".to_owned(),
            },
            VerifyCode::Expired => entry.expires_at.map_or_else(never, |at| format!("ends at {at}")),
            VerifyCode::WrongApi if entry.api_no != question.api.no => "a key of another API".to_owned(),
            VerifyCode::WrongApi => format!("a key of {}", question.api.slug),
            VerifyCode::WrongEnvironment => {
                format!("a {} key; asked for {}", entry.environment, question.environment)
            }
            VerifyCode::IpNotAllowed => saw_address(found, question),
            VerifyCode::InsufficientScope => match question.scopes {
                Some(wanted) => format!("holds {:?}; asked for {:?}", &*found.holds.text, wanted.as_str()),
                None => format!("holds {:?}; nothing was asked for", &*found.holds.text),
            },
            VerifyCode::RateLimited => self.saw_rate(),
            VerifyCode::QuotaExceeded => self.saw_quota(),
            VerifyCode::Valid => String::new(),
        }
    }

    fn saw_rate(&self) -> String {
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

    fn saw_quota(&self) -> String {
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

fn saw_address(found: &Found, question: &Question<'_>) -> String {
    let from = question.ip.map_or("no address".to_owned(), |ip| ip.to_canonical().to_string());
    if found.entry.networks.is_empty() {
        return format!("{from}; every address is allowed");
    }
    let networks: Vec<String> = found.entry.networks.iter().map(ToString::to_string).collect();
    format!("{from}; allowed are {}", networks.join(", "))
}
