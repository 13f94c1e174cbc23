//! The rate limit in headers: the draft's two (draft-ietf-httpapi-ratelimit-headers-10), the common three, and
//! `Retry-After`.

use poem::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::header_buf::{HeaderBuf, HeaderValues, Span};
use crate::domain::policy::Verdict;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Policy name for the limit of a single key, which has no tier.
const OWN: &str = "custom";

/// The positions of the values in the buffer.
pub(super) struct Limits {
    policy: Span,
    state: Span,
    limit: Span,
    remaining: Span,
    reset: Span,
}

/// Appends the values; none without a rate limit.
pub(super) fn write(buf: &mut HeaderBuf, verdict: &Verdict) -> Option<Limits> {
    let (rate, name) = (verdict.rate.as_ref()?, verdict.tier().unwrap_or(OWN));
    let level = rate.level?;
    let count = u64::from(rate.limit.limit.unwrap_or_default());
    let window = u64::from(rate.limit.window_seconds);
    let reset = level.full_in.as_nanos().div_ceil(1_000_000_000) as u64;
    let mut number = |number: u64| {
        buf.value(|buf| {
            buf.number(number);
        })
    };
    let (limit, remaining, reset_at) = (number(count), number(level.remaining.into()), number(reset));
    Some(Limits {
        policy: buf.value(|buf| {
            buf.quoted(name).push(";q=").number(count).push(";w=").number(window);
        }),
        state: buf.value(|buf| {
            buf.quoted(name).push(";r=").number(level.remaining.into()).push(";t=").number(reset);
        }),
        limit,
        remaining,
        reset: reset_at,
    })
}

/// Sets the headers.
pub(super) fn set(headers: &mut HeaderMap, values: &HeaderValues, limits: Limits) {
    headers.insert(POLICY, values.get(limits.policy));
    headers.insert(STATE, values.get(limits.state));
    headers.insert(LIMIT, values.get(limits.limit));
    headers.insert(REMAINING, values.get(limits.remaining));
    headers.insert(RESET, values.get(limits.reset));
}

/// Sets the headers of a refusal, with `Retry-After` where the same request will pass later.
pub(super) fn set_refused(headers: &mut HeaderMap, verdict: &Verdict) {
    if let Some(seconds) = verdict.retry_after_seconds() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    let mut buf = HeaderBuf::new();
    if let Some(limits) = write(&mut buf, verdict) {
        set(headers, &buf.finish(), limits);
    }
}
