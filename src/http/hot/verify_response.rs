//! The response of `POST /v1/keys/verify`.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};

use super::write_json::{WriteJson, write_members};
use crate::domain::policy::{self, Check, CheckResult, Entry, RateState, Verdict, check_members};
use crate::http::object::{OrNull, object};
use crate::http::schema::{FreeObject, plain_type};
use crate::model::members::with_members;
use crate::model::{Environment, KeyId, QuotaPeriod, RequestId, ScopeSet, Timestamp, UserId, VerifyCode};

/// A usual response fits without growing.
const USUAL_BYTES: usize = 768;

with_members! { $ verify_response_members
/// The answer. For an unknown key or a key of another API only `valid`, `code` and `request_id` are present.
pub(super) struct VerifyResponse<'a> {
    /// Whether the request may pass.
    valid: bool,
    /// `VALID`, or the first rule that failed.
    code: VerifyCode,
    /// The key's id; it stays through rotations.
    key_id: Option<KeyId>,
    /// The key's name.
    name: Option<&'a str>,
    /// The API's slug.
    api: Option<Slug<'a>>,
    /// `live` or `test`.
    environment: Option<Environment>,
    /// Your id of the customer that the key is for.
    owner: Option<OrNull<&'a str>>,
    /// The user whose own key it is; null for a service key.
    user_id: Option<OrNull<UserId>>,
    /// What it holds at this moment.
    scopes: Option<&'a ScopeSet>,
    /// What was stored with it.
    metadata: Option<Metadata<'a>>,
    /// When it ends.
    expires_at: Option<OrNull<Timestamp>>,
    /// Its rate limit after this request.
    ratelimit: Option<OrNull<RatelimitState<'a>>>,
    /// Its quota after this request.
    quota: Option<OrNull<QuotaState>>,
    /// With `explain`: every rule in order.
    checks: Option<&'a [Check]>,
    /// The id of this answer, as in `X-Request-Id`.
    request_id: RequestId,
}
}

with_members! { $ ratelimit_state_members
/// A rate limit after a request.
struct RatelimitState<'a> {
    /// The tier's name; null when the key has a limit of its own.
    tier: OrNull<&'a str>,
    /// Requests per window; null is unlimited.
    limit: OrNull<u32>,
    /// How many would pass now; null is unlimited.
    remaining: OrNull<u32>,
    /// When all would pass again; null without a limit.
    reset_at: OrNull<Timestamp>,
}
}

with_members! { $ quota_state_members
/// A quota after a request.
struct QuotaState {
    /// Requests per period.
    limit: u64,
    /// `day`, `month` or `total`, in UTC.
    period: QuotaPeriod,
    /// How many are left.
    remaining: u64,
    /// When the next period begins; null for `total`.
    reset_at: OrNull<Timestamp>,
}
}

verify_response_members!(object writes "VerifyAnswer" null);
verify_response_members!(write_members);
ratelimit_state_members!(object writes "RatelimitState" null);
ratelimit_state_members!(write_members);
quota_state_members!(object writes "QuotaState" null);
quota_state_members!(write_members);
check_members!(object writes "VerifyCheck" null);

/// The slug of an API, which needs no escapes.
struct Slug<'a>(&'a str);

plain_type!(Slug<'_>, "Slug", MetaSchema::new("string"));

impl WriteJson for Slug<'_> {
    fn write(&self, to: &mut Vec<u8>) {
        super::write_json::quoted(to, self.0.as_bytes());
    }
}

/// The metadata of a key, which is stored as JSON.
struct Metadata<'a>(&'a str);

impl WriteJson for Metadata<'_> {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self.0.as_bytes());
    }
}

plain_type!(
    Metadata<'_>,
    "Metadata",
    match FreeObject::schema_ref() {
        MetaSchemaRef::Inline(schema) => *schema,
        MetaSchemaRef::Reference(_) => MetaSchema::new("object"),
    }
);

impl<'a> VerifyResponse<'a> {
    /// The response about a verdict. About a key that is unknown or another API's, it holds nothing but the code.
    pub(super) fn of(
        verdict: &'a Verdict,
        api: &'a str,
        checks: Option<&'a [Check]>,
        request_id: RequestId,
        now: Timestamp,
    ) -> Self {
        let known: Option<&'a Entry> = verdict.known_entry().map(|entry| &**entry);
        Self {
            valid: verdict.code == VerifyCode::Valid,
            code: verdict.code,
            key_id: known.map(|entry| entry.id),
            name: known.map(|entry| &*entry.name),
            api: known.map(|_| Slug(api)),
            environment: known.map(|entry| entry.environment),
            owner: known.map(|entry| OrNull(entry.owner.as_deref())),
            user_id: known.map(|entry| OrNull(entry.user.map(|user| user.id))),
            scopes: known.and(verdict.holds()).map(|holds| &holds.set),
            metadata: known.map(|entry| Metadata(&entry.metadata)),
            expires_at: known.map(|entry| OrNull(entry.expires_at)),
            ratelimit: known.map(|_| OrNull(verdict.rate.as_ref().map(|rate| ratelimit(verdict, rate, now)))),
            quota: known.map(|_| OrNull(verdict.quota.as_ref().map(QuotaState::of))),
            checks,
            request_id,
        }
    }

    /// The response as JSON.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(USUAL_BYTES);
        self.write(&mut json);
        json
    }
}

fn ratelimit<'a>(verdict: &'a Verdict, rate: &RateState, now: Timestamp) -> RatelimitState<'a> {
    let level = rate.limit.limit.and(rate.level);
    RatelimitState {
        tier: OrNull(verdict.tier()),
        limit: OrNull(level.and(rate.limit.limit)),
        remaining: OrNull(level.map(|level| level.remaining)),
        reset_at: OrNull(level.map(|level| {
            let millis = level.full_in.as_nanos().div_ceil(1_000_000);
            now.plus_millis(i64::try_from(millis).unwrap_or(i64::MAX))
        })),
    }
}

impl QuotaState {
    fn of(state: &policy::QuotaState) -> Self {
        Self {
            limit: state.quota.limit,
            period: state.quota.period,
            remaining: state.remaining(),
            reset_at: OrNull(state.resets_at),
        }
    }
}
