//! The rules that look at a key and a question alone, in their order. What they would take is taken elsewhere.

use std::net::IpAddr;

use super::Question;
use super::entry::{Entry, Grants};
use crate::model::{Api, ScopeExpr, Timestamp, VerifyCode};

/// The rules of this file, in the order in which they are asked; the first that fails is the answer. A rule's name
/// is the code that it answers.
pub(super) const RULES: [VerifyCode; 8] = [
    VerifyCode::NotFound,
    VerifyCode::Revoked,
    VerifyCode::Disabled,
    VerifyCode::Expired,
    VerifyCode::WrongApi,
    VerifyCode::WrongEnvironment,
    VerifyCode::IpNotAllowed,
    VerifyCode::InsufficientScope,
];

/// What the rules look at.
pub(super) struct Case<'c> {
    pub(super) entry: &'c Entry,
    pub(super) question: &'c Question<'c>,
    /// What the key holds on the API of the question.
    pub(super) holds: &'c Grants,
    pub(super) now: Timestamp,
}

impl Case<'_> {
    /// The first rule that fails, or `VALID`.
    pub(super) fn judge(&self) -> VerifyCode {
        RULES.into_iter().find(|rule| !self.passes(*rule)).unwrap_or(VerifyCode::Valid)
    }

    /// Whether one rule lets the key pass.
    pub(super) fn passes(&self, rule: VerifyCode) -> bool {
        let Self { entry, question, now, .. } = self;
        match rule {
            // A secret past its grace is nobody's any more.
            VerifyCode::NotFound => !is_past(entry.secret_expires_at, *now),
            VerifyCode::Revoked => entry.revoked_at.is_none(),
            VerifyCode::Disabled => {
                entry.disabled_at.is_none() && !entry.user.is_some_and(|user| user.disabled)
            }
            VerifyCode::Expired => !is_past(entry.expires_at, *now),
            VerifyCode::WrongApi => entry.api_no == question.api.no,
            VerifyCode::WrongEnvironment => question.environment.accepts(entry.environment),
            VerifyCode::IpNotAllowed => address_allowed(entry, question.ip),
            VerifyCode::InsufficientScope => {
                question.scopes.is_none_or(|wanted| satisfied(question.api, self.holds, wanted))
            }
            VerifyCode::Valid | VerifyCode::RateLimited | VerifyCode::QuotaExceeded => true,
        }
    }
}

/// Whether an end has come; at its very moment it has.
fn is_past(end: Option<Timestamp>, now: Timestamp) -> bool {
    end.is_some_and(|end| end <= now)
}

/// A key that is bound to networks cannot be used from nowhere.
fn address_allowed(entry: &Entry, ip: Option<IpAddr>) -> bool {
    if entry.networks.is_empty() {
        return true;
    }
    // `::ffff:192.0.2.1` is 192.0.2.1.
    let Some(ip) = ip.map(|ip| ip.to_canonical()) else { return false };
    entry.networks.iter().any(|network| network.contains(&ip))
}

fn satisfied(api: &Api, holds: &Grants, wanted: &ScopeExpr) -> bool {
    wanted.eval_set(&holds.set) || (api.grants_all(&holds.set) && wanted.eval(|_| true))
}
