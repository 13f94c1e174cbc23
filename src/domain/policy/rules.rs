//! Rules that depend on the credential and the question only, in order. `consume` charges the limits.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Question;
use super::bearer::Bearer;
use super::entry::Grants;
use crate::model::{Api, ScopeExpr, Timestamp, VerifyCode};

/// The rules of this file, in order; the first failure decides. A rule is named by the code of its failure.
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

/// Input of the rules.
pub(super) struct RuleInput<'c> {
    pub(super) bearer: &'c Bearer,
    pub(super) question: &'c Question<'c>,
    /// Scopes of the bearer on the API of the question.
    pub(super) holds: &'c Grants,
    pub(super) now: Timestamp,
}

impl RuleInput<'_> {
    /// The first rule that fails, or `VALID`.
    pub(super) fn judge(&self) -> VerifyCode {
        let Self { bearer, question, holds, now } = self;
        if let Some(ended) = bearer.ended(*now) {
            return ended;
        }
        if bearer.api_no() != Some(question.api.no) {
            return VerifyCode::WrongApi;
        }
        if !question.environment.accepts(bearer.environment()) {
            return VerifyCode::WrongEnvironment;
        }
        if !address_allowed(bearer.networks(), question.ip) {
            return VerifyCode::IpNotAllowed;
        }
        if !question.scopes.is_none_or(|wanted| satisfied(question.api, holds, wanted)) {
            return VerifyCode::InsufficientScope;
        }
        if question.scopes.is_none()
            && question.api.open
            && !admitted_by_open_api(bearer, question.api, holds)
        {
            return VerifyCode::InsufficientScope;
        }
        VerifyCode::Valid
    }
}

/// An open API admits any key, and tokens and sessions that hold at least one of its scopes.
fn admitted_by_open_api(bearer: &Bearer, api: &Api, holds: &Grants) -> bool {
    match bearer {
        Bearer::Key(_) => true,
        Bearer::Token(_) => api.scopes.iter().any(|scope| holds.set.contains(scope.name.as_str())),
    }
}

/// A credential with allowed networks cannot be used from an unknown address.
fn address_allowed(networks: &[IpNet], ip: Option<IpAddr>) -> bool {
    if networks.is_empty() {
        return true;
    }
    // `::ffff:192.0.2.1` is 192.0.2.1.
    let Some(ip) = ip.map(|ip| ip.to_canonical()) else { return false };
    networks.iter().any(|network| network.contains(&ip))
}

fn satisfied(api: &Api, holds: &Grants, wanted: &ScopeExpr) -> bool {
    wanted.eval_set(&holds.set) || (api.grants_all(&holds.set) && wanted.eval(|_| true))
}
