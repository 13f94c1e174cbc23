//! The rate limit in headers: the draft's two (draft-ietf-httpapi-ratelimit-headers-10), the common three, and
//! `Retry-After`.

use poem::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::header_text::HeaderText;
use crate::domain::verify::Verdict;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Name of a limit that is a key's own, where a tier's name would stand.
const OWN: &str = "custom";

/// Writes how the limit stands, if there is one.
pub(super) fn write(headers: &mut HeaderMap, verdict: &Verdict) {
    if let Some(seconds) = verdict.retry_after_seconds() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    let Some((limit, level)) = verdict.rate.as_ref().and_then(|rate| Some((rate.limit, rate.level?))) else {
        return;
    };
    let name = verdict.tier().unwrap_or(OWN);
    let count = u64::from(limit.limit.unwrap_or_default());
    let remaining = u64::from(level.remaining);
    let reset = level.full_in.as_nanos().div_ceil(1_000_000_000) as u64;
    let policy = HeaderText::<192>::new()
        .quoted(name)
        .push(";q=")
        .number(count)
        .push(";w=")
        .number(limit.window_seconds.into());
    let state = HeaderText::<192>::new().quoted(name).push(";r=").number(remaining).push(";t=").number(reset);
    headers.insert(POLICY, policy.value());
    headers.insert(STATE, state.value());
    headers.insert(LIMIT, HeaderValue::from(count));
    headers.insert(REMAINING, HeaderValue::from(remaining));
    headers.insert(RESET, HeaderValue::from(reset));
}
