//! The rate limit in headers: the draft's two (draft-ietf-httpapi-ratelimit-headers-10), the common three, and
//! `Retry-After`.

use poem::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::sheet::{Place, Sheet, Values};
use crate::domain::policy::Verdict;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Name of a limit that is a key's own, where a tier's name would stand.
const OWN: &str = "custom";

/// How a limit stands, on a sheet.
pub(super) struct Limits {
    policy: Place,
    state: Place,
    limit: Place,
    remaining: Place,
    reset: Place,
}

/// Writes how the limit stands, if there is one.
pub(super) fn write(sheet: &mut Sheet, verdict: &Verdict) -> Option<Limits> {
    let (rate, name) = (verdict.rate.as_ref()?, verdict.tier().unwrap_or(OWN));
    let level = rate.level?;
    let count = u64::from(rate.limit.limit.unwrap_or_default());
    let window = u64::from(rate.limit.window_seconds);
    let reset = level.full_in.as_nanos().div_ceil(1_000_000_000) as u64;
    let mut number = |number: u64| {
        sheet.value(|sheet| {
            sheet.number(number);
        })
    };
    let (limit, remaining, reset_at) = (number(count), number(level.remaining.into()), number(reset));
    Some(Limits {
        policy: sheet.value(|sheet| {
            sheet.quoted(name).push(";q=").number(count).push(";w=").number(window);
        }),
        state: sheet.value(|sheet| {
            sheet.quoted(name).push(";r=").number(level.remaining.into()).push(";t=").number(reset);
        }),
        limit,
        remaining,
        reset: reset_at,
    })
}

/// Sets the headers.
pub(super) fn set(headers: &mut HeaderMap, values: &Values, limits: Limits) {
    headers.insert(POLICY, values.get(limits.policy));
    headers.insert(STATE, values.get(limits.state));
    headers.insert(LIMIT, values.get(limits.limit));
    headers.insert(REMAINING, values.get(limits.remaining));
    headers.insert(RESET, values.get(limits.reset));
}

/// Sets the headers of a refusal, with `Retry-After` where time heals it.
pub(super) fn set_refused(headers: &mut HeaderMap, verdict: &Verdict) {
    if let Some(seconds) = verdict.retry_after_seconds() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    let mut sheet = Sheet::new();
    if let Some(limits) = write(&mut sheet, verdict) {
        set(headers, &sheet.finish(), limits);
    }
}
