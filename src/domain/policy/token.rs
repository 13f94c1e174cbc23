//! The same question about an access token or a session: is it good for this request?
//!
//! A token is signed, and still everything that it stands on is looked at each time: what somebody took away is gone
//! with the next request.

use std::sync::Arc;

use super::limits::{BucketId, Level, Subject};
use super::verdict::RateState;
use crate::domain::policy::Services;
use crate::error::{Code, Error, Result};
use crate::model::Identity;
use crate::model::{Api, AskedEnvironment, Environment, LimitPer, RateLimit, ScopeExpr};

/// What is asked about a token.
pub struct TokenQuestion<'q> {
    /// The API that it must be for.
    pub api: &'q Arc<Api>,
    /// What it must hold; none asks for nothing.
    pub scopes: Option<&'q ScopeExpr>,
    /// The environment that is asked for; tokens are of the live one.
    pub environment: AskedEnvironment,
    /// How many requests it counts as.
    pub cost: u32,
}

/// The answer.
pub struct TokenVerdict {
    /// Whom the token stands for, where it is good at all.
    pub identity: Option<Identity>,
    /// Why the request may not pass; none lets it.
    pub refusal: Option<Error>,
    /// Where its rate limit stands, when that was asked.
    pub rate: Option<RateState>,
}

/// Answers `question` about a token, whose identity was read by `identity`, and takes what it costs; whoever is refused takes nothing.
///
/// # Errors
/// When the store cannot be read, or the limiter is full.
pub fn ask_token(
    services: &Services,
    question: &TokenQuestion<'_>,
    identity: Result<Identity>,
) -> Result<TokenVerdict> {
    let mut verdict = TokenVerdict { identity: None, refusal: None, rate: None };
    let identity = match identity {
        Ok(identity) => identity,
        Err(error) if matches!(error.code, Code::InvalidToken | Code::ExpiredToken) => {
            verdict.refusal = Some(error);
            return Ok(verdict);
        }
        Err(error) => return Err(error),
    };
    // A token for another API is none here (RFC 9068, section 4).
    if identity.api_no != Some(question.api.no) {
        verdict.refusal = Some(Error::invalid_token());
        return Ok(verdict);
    }
    verdict.refusal = refusal(question, &identity);
    if verdict.refusal.is_none() {
        let rate = rate(services, question, &identity)?;
        verdict.refusal = rate.level.filter(|level| !level.passed).map(|level| limited(&rate.limit, level));
        verdict.rate = Some(rate);
    }
    verdict.identity = Some(identity);
    Ok(verdict)
}

fn refusal(question: &TokenQuestion<'_>, identity: &Identity) -> Option<Error> {
    if !question.environment.accepts(Environment::Live) {
        let asked = question.environment.as_str();
        let text = format!("This needs a key of the {asked} environment");
        return Some(Error::new(Code::WrongEnvironment, text).with("required", asked));
    }
    let wanted = question.scopes?;
    let held = &identity.scopes;
    let satisfied = wanted.eval_set(held) || (question.api.grants_all(held) && wanted.eval(|_| true));
    (!satisfied).then(|| Error::insufficient_scope(wanted.as_str(), held))
}

/// Tokens and sessions are counted by the API's `token_tier`.
fn rate(services: &Services, question: &TokenQuestion<'_>, identity: &Identity) -> Result<RateState> {
    let api = question.api;
    let find = |name: &str| api.tiers.iter().position(|tier| tier.name == name);
    let at = find(&api.token_tier).or_else(|| find(&api.default_tier));
    let at = at.ok_or_else(|| Error::internal(format!("{} has no tier {}", api.slug, api.token_tier)))?;
    let tier = &api.tiers[at];
    let limit = RateLimit { limit: tier.limit, window_seconds: tier.window_seconds, burst: tier.burst };
    let mut rate = RateState { tier: Some(at), limit, level: None };
    if tier.limit.is_some() {
        let id = BucketId { api_no: api.no, tier: &tier.name, subject: subject(identity, tier.per) };
        let limiter = services.engine.limiter();
        rate.level = limiter.take(&id, &limit, services.clock.monotonic(), question.cost)?;
    }
    Ok(rate)
}

/// Whom the tier counts: not the token, or a refresh would refill the bucket, but what it stands on.
fn subject(identity: &Identity, per: LimitPer) -> Subject<'static> {
    let user = identity.user.map(|(no, ..)| Subject::User(no));
    let grant = identity.grant.map(|(no, _)| Subject::Grant(no));
    let session = identity.session.map(|(no, _)| Subject::Session(no));
    let client = identity.client.map_or(Subject::Client(0), |(no, _)| Subject::Client(no));
    match per {
        LimitPer::Key => grant.or(session).unwrap_or(client),
        LimitPer::User | LimitPer::Owner => user.unwrap_or(client),
    }
}

fn limited(limit: &RateLimit, level: Level) -> Error {
    let error = Error::new(Code::RateLimited, "Too many requests; slow down")
        .with("limit", limit.limit)
        .with("window_seconds", limit.window_seconds);
    let Some(wait) = level.retry_in else { return error };
    let seconds = u64::try_from(wait.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u64::MAX).max(1);
    error.with("retry_after_seconds", seconds).retry_after(seconds)
}
