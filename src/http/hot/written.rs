//! The answer of verify as JSON, written straight into one buffer.

use crate::domain::policy::{Check, Entry, QuotaState, RateState, Verdict};
use crate::model::{RequestId, Timestamp, VerifyCode};

/// A usual answer fits without growing.
const USUAL_BYTES: usize = 768;

/// The whole answer. About a key that is unknown or another API's, nothing but the code is told.
pub(super) fn answer(
    verdict: &Verdict,
    api: &str,
    checks: Option<&[Check]>,
    id: RequestId,
    now: Timestamp,
) -> Vec<u8> {
    let mut json = Json(Vec::with_capacity(USUAL_BYTES));
    json.raw(if verdict.code == VerifyCode::Valid { "{\"valid\":true" } else { "{\"valid\":false" });
    json.raw(",\"code\":\"").raw(verdict.code.as_str()).raw("\"");
    if let Some(entry) = verdict.known_entry() {
        key(&mut json, verdict, entry, api, now);
    }
    if let Some(checks) = checks {
        json.raw(",\"checks\":").value(&checks);
    }
    json.raw(",\"request_id\":\"").raw(&id.encode()).raw("\"}");
    json.0
}

fn key(json: &mut Json, verdict: &Verdict, entry: &Entry, api: &str, now: Timestamp) {
    json.raw(",\"key_id\":\"").raw(&entry.id.encode()).raw("\",\"name\":").text(&entry.name);
    // Slugs and the words of enums need no escapes.
    json.raw(",\"api\":\"").raw(api).raw("\",\"environment\":\"").raw(entry.environment.as_str());
    json.raw("\",\"owner\":").text_or_null(entry.owner.as_deref()).raw(",\"user_id\":");
    match &entry.user {
        Some(user) => json.raw("\"").raw(&user.id.encode()).raw("\""),
        None => json.raw("null"),
    };
    json.raw(",\"scopes\":[");
    // Nor do scopes.
    for (place, scope) in verdict.holds().iter().flat_map(|holds| holds.set.iter()).enumerate() {
        json.raw(if place == 0 { "\"" } else { ",\"" }).raw(scope).raw("\"");
    }
    json.raw("],\"metadata\":").raw(&entry.metadata).raw(",\"expires_at\":").time(entry.expires_at);
    json.raw(",\"ratelimit\":");
    ratelimit(json, verdict, verdict.rate.as_ref(), now);
    json.raw(",\"quota\":");
    quota(json, verdict.quota.as_ref());
}

fn ratelimit(json: &mut Json, verdict: &Verdict, rate: Option<&RateState>, now: Timestamp) {
    let Some(rate) = rate else {
        json.raw("null");
        return;
    };
    json.raw("{\"tier\":").text_or_null(verdict.tier());
    match (rate.limit.limit, rate.level) {
        (Some(limit), Some(level)) => {
            let millis = level.full_in.as_nanos().div_ceil(1_000_000);
            let full_at = now.plus_millis(i64::try_from(millis).unwrap_or(i64::MAX));
            json.raw(",\"limit\":")
                .number(limit.into())
                .raw(",\"remaining\":")
                .number(level.remaining.into());
            json.raw(",\"reset_at\":").time(Some(full_at)).raw("}");
        }
        _ => {
            json.raw(",\"limit\":null,\"remaining\":null,\"reset_at\":null}");
        }
    }
}

fn quota(json: &mut Json, state: Option<&QuotaState>) {
    let Some(state) = state else {
        json.raw("null");
        return;
    };
    json.raw("{\"limit\":").number(state.quota.limit).raw(",\"period\":\"").raw(state.quota.period.as_str());
    json.raw("\",\"remaining\":")
        .number(state.remaining())
        .raw(",\"reset_at\":")
        .time(state.resets_at)
        .raw("}");
}

struct Json(Vec<u8>);

impl Json {
    /// Text that is JSON already or needs no escape.
    fn raw(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.value(&text)
    }

    fn text_or_null(&mut self, text: Option<&str>) -> &mut Self {
        self.value(&text)
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.value(&number)
    }

    fn time(&mut self, time: Option<Timestamp>) -> &mut Self {
        match time {
            Some(time) => self.raw("\"").raw(&time.encode()).raw("\""),
            None => self.raw("null"),
        }
    }

    fn value(&mut self, value: &impl serde::Serialize) -> &mut Self {
        serde_json::to_writer(&mut self.0, value).expect("texts, numbers and checks are JSON");
        self
    }
}
