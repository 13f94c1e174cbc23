//! The description of an API.

use serde::{Deserialize, Serialize};

use super::{Api, Preset, RoleScopes, Route, ScopeInfo, Tier};
use crate::model::KeyPrefix;
use crate::model::members::with_members;

with_members! { $ api_description_members
/// One API, as a file, `POST /v1/apis` or `PUT /v1/apis/{slug}` describes it. What is left out takes its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiDescription {
    /// 1 to 32 lowercase letters, digits and dashes, a letter first. It cannot be changed: callers have it in their code.
    pub slug: String,
    /// The name for people.
    pub name: String,
    /// An absolute URI without a fragment, the `aud` of its tokens.
    /// By default this instance's URL followed by `/` and the slug.
    pub audience: Option<String>,
    /// What its keys begin with: 1 to 16 lowercase letters and digits.
    /// By default the slug without dashes.
    pub prefix: Option<KeyPrefix>,
    /// The tier of keys that name none.
    /// By default `free`, or the first where there is no `free`.
    pub default_tier: Option<String>,
    /// The tier of OAuth tokens and sessions.
    /// By default the default tier.
    pub token_tier: Option<String>,
    /// The tier of members' own keys.
    /// By default the default tier.
    pub member_tier: Option<String>,
    /// How many keys a member may have, 0 to 1,000.
    /// By default 5.
    pub member_max_keys: Option<u32>,
    /// Whether forward-auth takes a key from `X-API-Key` too.
    #[serde(default)]
    pub x_api_key: bool,
    /// Whether forward-auth admits any valid key, where the API has no routes and the question has no scope.
    /// Tokens and sessions need a scope of this API then. Without it such a request is refused. Not beside routes.
    #[serde(default)]
    pub open: bool,
    /// Whether the service ignores case in paths, so that routes do too.
    /// Without it, a path that differs from a route's only in case is refused.
    #[serde(default)]
    pub case_insensitive_paths: bool,
    /// Origins whose pages may call sign-in, as browsers send them: `https://app.example.com`.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Its permissions.
    #[serde(default)]
    pub scopes: Vec<ScopeInfo>,
    /// Sets of scopes offered when a key is made; they name scopes of this API.
    #[serde(default)]
    pub presets: Vec<Preset>,
    /// Its rate limits.
    /// By default `free` (100 per minute), `pro` (1,000 per minute) and `enterprise` (unlimited).
    pub tiers: Option<Vec<Tier>>,
    /// What people of each role hold.
    /// By default owners and admins everything, the others nothing.
    #[serde(default)]
    pub role_scopes: RoleScopes,
    /// What forward-auth asks of which request, in order.
    #[serde(default)]
    pub routes: Vec<Route>,
}
}

impl From<&Api> for ApiDescription {
    /// The description that makes an API what it is.
    fn from(api: &Api) -> Self {
        Self {
            slug: api.slug.clone(),
            name: api.name.clone(),
            audience: Some(api.audience.clone()),
            prefix: Some(api.prefix),
            default_tier: Some(api.default_tier.clone()),
            token_tier: Some(api.token_tier.clone()),
            member_tier: Some(api.member_tier.clone()),
            member_max_keys: Some(api.member_max_keys),
            x_api_key: api.x_api_key,
            open: api.open,
            case_insensitive_paths: api.case_insensitive_paths,
            allowed_origins: api.allowed_origins.clone(),
            scopes: api.scopes.clone(),
            presets: api.presets.clone(),
            tiers: Some(api.tiers.clone()),
            role_scopes: api.role_scopes.clone(),
            routes: api.routes.clone(),
        }
    }
}
