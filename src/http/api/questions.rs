//! The descriptions of verification and forward-auth. The questions themselves are answered by `http::hot`, before
//! any route is looked up; these twins are never routed, and a test compares the two.

use std::sync::Arc;

use poem_openapi::param::Query;
use poem_openapi::types::Any;
use poem_openapi::{Object, OpenApi};
use serde::{Deserialize, Serialize};

use super::Tag;
use crate::domain::identity::access::{Call, KeysVerify};
use crate::domain::identity::admission::{Accepts, Admission};
use crate::error::Error;
use crate::http::Result;
use crate::http::auth::{Admitted, Allowed};
use crate::http::json::{Empty, Json};

/// Is this key good?
pub struct QuestionsApi;

/// What is asked about a key.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct VerifyRequest {
    /// The key as it was presented.
    pub key: String,
    /// Slug of the API that it must belong to.
    pub api: String,
    /// What it must hold: scope names, `AND`, `OR` and parentheses; 1,000 characters and 20 levels at most.
    #[oai(skip_serializing_if_is_none)]
    #[oai(nullable)]
    pub scopes: Option<String>,
    /// `live` (the default), `test` or `any`.
    #[oai(skip_serializing_if_is_none)]
    #[oai(nullable)]
    pub environment: Option<String>,
    /// How many requests it counts as; 1 when left out.
    #[oai(skip_serializing_if_is_none)]
    #[oai(nullable)]
    pub cost: Option<u32>,
    /// The request that the key came with, for the address check and the log.
    #[oai(skip_serializing_if_is_none)]
    #[oai(nullable)]
    pub request: Option<DescribedRequest>,
    /// Adds `checks`: every rule in order, with the values that it compared.
    #[oai(skip_serializing_if_is_none)]
    #[oai(nullable)]
    pub explain: Option<bool>,
}

/// The request that a key came with.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct DescribedRequest {
    /// Where it came from; a key with `allowed_ips` is refused without it.
    #[oai(skip_serializing_if_is_none)]
    #[oai(nullable)]
    pub ip: Option<String>,
    /// Its method.
    #[oai(skip_serializing_if_is_none)]
    #[oai(nullable)]
    pub method: Option<String>,
    /// Its path.
    #[oai(skip_serializing_if_is_none)]
    #[oai(nullable)]
    pub path: Option<String>,
    /// Its User-Agent.
    #[oai(skip_serializing_if_is_none)]
    #[oai(nullable)]
    pub user_agent: Option<String>,
}

/// The answer. For an unknown key or a key of another API only `valid`, `code` and `request_id` are present.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct VerifyAnswer {
    /// Whether the request may pass.
    pub valid: bool,
    /// `VALID`, or the first rule that failed: `NOT_FOUND`, `REVOKED`, `DISABLED`, `EXPIRED`, `WRONG_API`,
    /// `WRONG_ENVIRONMENT`, `IP_NOT_ALLOWED`, `INSUFFICIENT_SCOPE`, `RATE_LIMITED`, `QUOTA_EXCEEDED`.
    pub code: String,
    /// The key's id; it stays through rotations.
    #[oai(nullable)]
    pub key_id: Option<String>,
    /// The key's name.
    #[oai(nullable)]
    pub name: Option<String>,
    /// The API's slug.
    #[oai(nullable)]
    pub api: Option<String>,
    /// `live` or `test`.
    #[oai(nullable)]
    pub environment: Option<String>,
    /// Your id of the customer that the key is for.
    #[oai(nullable)]
    pub owner: Option<String>,
    /// Whose own key it is; null for a service key.
    #[oai(nullable)]
    pub user_id: Option<String>,
    /// What it holds at this moment.
    #[oai(nullable)]
    pub scopes: Option<Vec<String>>,
    /// What was stored with it.
    #[oai(nullable)]
    pub metadata: Option<Any<serde_json::Value>>,
    /// When it ends.
    #[oai(nullable)]
    pub expires_at: Option<String>,
    /// Its rate limit after this request.
    #[oai(nullable)]
    pub ratelimit: Option<RatelimitState>,
    /// Its quota after this request.
    #[oai(nullable)]
    pub quota: Option<QuotaState>,
    /// With `explain`: every rule in order.
    #[oai(nullable)]
    pub checks: Option<Vec<VerifyCheck>>,
    /// The id of this answer, as in `X-Request-Id`.
    pub request_id: String,
}

/// A rate limit after a request.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct RatelimitState {
    /// The tier's name; null when the key has a limit of its own.
    #[oai(nullable)]
    pub tier: Option<String>,
    /// Requests per window; null is unlimited.
    #[oai(nullable)]
    pub limit: Option<u32>,
    /// How many would pass now.
    #[oai(nullable)]
    pub remaining: Option<u32>,
    /// When all would pass again.
    #[oai(nullable)]
    pub reset_at: Option<String>,
}

/// A quota after a request.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct QuotaState {
    /// Requests per period.
    pub limit: u64,
    /// `day`, `month` or `total`, in UTC.
    pub period: String,
    /// How many are left.
    pub remaining: u64,
    /// When the next period begins; null for `total`.
    #[oai(nullable)]
    pub reset_at: Option<String>,
}

/// How one rule went.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct VerifyCheck {
    /// The rule, by the code that it answers when it fails.
    pub rule: String,
    /// `passed`, `failed` or `not_reached`.
    pub result: String,
    /// Values that it compared, for people.
    pub observed: String,
}

/// The request that a proxy describes: its credential is judged, not one of the proxy.
struct Described(Arc<Call>);

impl Admission for Described {
    const ACCEPTS: Accepts = Accepts::DescribedRequest;

    fn admit(call: &Arc<Call>) -> crate::error::Result<Self> {
        Ok(Self(call.clone()))
    }

    fn call(&self) -> &Arc<Call> {
        &self.0
    }
}

fn elsewhere() -> poem::Error {
    Error::internal("the hot path answers this before the routes").into()
}

#[OpenApi(tag = "Tag::Keys")]
impl QuestionsApi {
    /// Is this key good?
    ///
    /// Needs `keys:verify`. Answers 200 whenever the question was understood; the rules are checked in the order of
    /// the codes, the first failure wins, and a refused request consumes nothing. A key that was revoked, disabled
    /// or narrowed is refused by the next question that starts after the change was answered.
    #[oai(path = "/v1/keys/verify", method = "post")]
    async fn verify(
        &self,
        _allowed: Allowed<KeysVerify>,
        _body: Json<VerifyRequest>,
    ) -> Result<Json<VerifyAnswer>> {
        Err(elsewhere())
    }

    /// May the request that a proxy describes pass?
    ///
    /// For nginx' `auth_request`, Caddy's and Traefik's `forward_auth`; any method. The credential is the described
    /// request's own. 200 lets it pass and sets every `X-Auth-*` header, to nothing where it has no value or
    /// was not asked for. 400, 401, 403 and 429 refuse it, with the error as one line in `X-Auth-Error` too.
    ///
    /// Where the API has routes, they say what the request needs. Where it has none, `scope` does; without `scope`
    /// the request is refused unless the API is `open`.
    #[oai(path = "/v1/forward-auth", method = "get")]
    async fn forward_auth(
        &self,
        _described: Admitted<Described>,
        /// Slug of the API.
        Query(_api): Query<String>,
        /// What the credential must hold: scope names, `AND`, `OR` and parentheses.
        Query(_scope): Query<Option<String>>,
        /// `live` (the default), `test` or `any`.
        Query(_environment): Query<Option<String>>,
        /// Which identity headers are filled: `subject`, `kind`, `key_id`, `user_id`, `client_id`, `owner`,
        /// `environment` and `scopes`, with commas between them. All, if it is left out; the others are empty.
        Query(_headers): Query<Option<String>>,
        /// `1` answers every 4xx but 401 as 403, which nginx can pass on, with the status in `X-Auth-Status`.
        Query(_nginx): Query<Option<u8>>,
    ) -> Result<Empty> {
        Err(elsewhere())
    }
}
