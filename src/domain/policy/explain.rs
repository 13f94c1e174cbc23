//! `explain`: every rule in its order, with what it saw.

use serde::Serialize;

use super::bearer::Bearer;
use super::rules::RULES;
use super::verdict::{Found, Unknown};
use super::{Question, Verdict};
use crate::model::members::with_members;
use crate::model::words::word_enum;
use crate::model::{IdentityKind, VerifyCode};

with_members! { $ check_members
/// How one rule went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The rule, by the code that it answers when it fails.
    pub rule: VerifyCode,
    /// `passed`, `failed` or `not_reached`.
    pub result: CheckResult,
    /// What it saw, for people.
    pub saw: String,
}
}

word_enum! {
    /// How a rule went.
    CheckResult {
        /// It lets the key pass.
        Passed = "passed",
        /// It is why the key is refused.
        Failed = "failed",
        /// A rule before it failed.
        NotReached = "not_reached",
    }
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
            Err(Unknown::Token(error)) => error.message.to_string(),
            Ok(_) if self.known().is_none() && rule != VerifyCode::WrongApi => {
                "not shown, since the credential is for another API".to_owned()
            }
            Ok(found) => self.saw_of(rule, found, question),
        }
    }

    fn saw_of(&self, rule: VerifyCode, found: &Found, question: &Question<'_>) -> String {
        let kind = kind(&found.bearer);
        match rule {
            VerifyCode::NotFound => saw_identity(&found.bearer),
            VerifyCode::Revoked | VerifyCode::Disabled | VerifyCode::Expired => {
                saw_liveness(rule, &found.bearer)
            }
            VerifyCode::WrongApi if self.known().is_none() => format!("a {kind} of another API"),
            VerifyCode::WrongApi => format!("a {kind} of {}", question.api.slug),
            VerifyCode::WrongEnvironment => {
                format!("a {} {kind}; asked for {}", found.bearer.environment(), question.environment)
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

fn kind(bearer: &Bearer) -> &'static str {
    match bearer {
        Bearer::Key(_) => "key",
        Bearer::Token(identity) if identity.kind == IdentityKind::Session => "session",
        Bearer::Token(_) => "token",
    }
}

fn saw_identity(bearer: &Bearer) -> String {
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

/// `identity` has refused tokens that are not live, so what it lets through has not ended.
fn saw_liveness(rule: VerifyCode, bearer: &Bearer) -> String {
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

fn saw_address(found: &Found, question: &Question<'_>) -> String {
    let from = question.ip.map_or("no address".to_owned(), |ip| ip.to_canonical().to_string());
    if found.bearer.networks().is_empty() {
        return format!("{from}; every address is allowed");
    }
    let networks: Vec<String> = found.bearer.networks().iter().map(ToString::to_string).collect();
    format!("{from}; allowed are {}", networks.join(", "))
}
