//! Atomically charges rate limit and quota.

use super::bearer::Bearer;
use super::limits::{BucketId, Level};
use super::quota::Count;
use super::verdict::{QuotaState, RateState};
use super::{Inner, Times};
use crate::error::{Error, Result};
use crate::model::{Api, Quota, RateLimit, Timestamp, VerifyCode};

/// Result of charging a request.
pub(super) struct ChargeResult {
    pub(super) code: VerifyCode,
    pub(super) rate: RateState,
    pub(super) quota: Option<QuotaState>,
}

/// Charges `cost` requests of a credential that passed every other rule.
///
/// # Errors
/// When too many limits are in use.
pub(super) fn take(
    engine: &Inner,
    (bearer, api): (&Bearer, &Api),
    now: Timestamp,
    cost: u32,
    clock: &impl Times,
) -> Result<ChargeResult> {
    let mut taken = ChargeResult { code: VerifyCode::Valid, rate: rate(bearer, api)?, quota: None };
    let rate = &mut taken.rate;
    let mut limit = |may_take: bool| -> Result<bool> {
        rate.level = take_rate(engine, bearer, api, rate, cost, may_take, clock)?;
        Ok(rate.level.is_none_or(|level| level.passed))
    };
    let key = bearer.key();
    taken.code = match key.and_then(|entry| Some((entry.meter.as_ref()?, entry.quota?))) {
        Some((meter, quota)) => {
            // Held until both have decided, so that no other request takes the last of the quota in between.
            let mut count = meter.lock();
            count.turn(quota.period, clock.settled());
            let fits = count.fits(&quota, cost);
            let code = match (limit(fits)?, fits) {
                (false, _) => VerifyCode::RateLimited,
                (true, false) => VerifyCode::QuotaExceeded,
                (true, true) => {
                    count.used += u64::from(cost);
                    if !std::mem::replace(&mut count.queued, true) {
                        engine.backlog.counted(meter);
                    }
                    VerifyCode::Valid
                }
            };
            taken.quota = Some(state(&quota, &count, now));
            code
        }
        None if limit(true)? => VerifyCode::Valid,
        None => VerifyCode::RateLimited,
    };
    if taken.code == VerifyCode::Valid
        && let Some(entry) = key
        && let Some(hour) = entry.first_use_in_hour(now)
    {
        engine.backlog.last_used(entry.no, hour);
    }
    Ok(taken)
}

/// The applicable limit: the credential's own, that of its tier, or that of the API's default tier.
fn rate(bearer: &Bearer, api: &Api) -> Result<RateState> {
    if let Some(limit) = bearer.own_limit() {
        return Ok(RateState { tier: None, limit, level: None });
    }
    // A removed tier falls back to the default one; removing a tier in use is refused elsewhere.
    let find = |name: &str| api.tiers.iter().position(|tier| tier.name == name);
    let at = bearer.tier(api).and_then(find).or_else(|| find(&api.default_tier));
    let at = at.ok_or_else(|| Error::internal(format!("{} has no tier {}", api.slug, api.default_tier)))?;
    let tier = &api.tiers[at];
    let limit = RateLimit { limit: tier.limit, window_seconds: tier.window_seconds, burst: tier.burst };
    Ok(RateState { tier: Some(at), limit, level: None })
}

fn take_rate(
    engine: &Inner,
    bearer: &Bearer,
    api: &Api,
    rate: &RateState,
    cost: u32,
    may_take: bool,
    clock: &impl Times,
) -> Result<Option<Level>> {
    if rate.limit.limit.is_none() {
        return Ok(None);
    }
    let id = match rate.tier.map(|at| &api.tiers[at]) {
        None => BucketId { api_no: api.no, tier: "", subject: bearer.itself() },
        Some(tier) => BucketId { api_no: api.no, tier: &tier.name, subject: bearer.subject(tier.per) },
    };
    if may_take {
        engine.limiter.take(&id, &rate.limit, clock.monotonic(), cost)
    } else {
        Ok(engine.limiter.look(&id, &rate.limit, clock.monotonic(), cost))
    }
}

fn state(quota: &Quota, count: &Count, now: Timestamp) -> QuotaState {
    let resets_at = quota.period.next(now.max(count.period_at));
    QuotaState { quota: *quota, used: count.used, resets_at }
}
