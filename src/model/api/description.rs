//! Description of an API, as people write it.

use serde::{Deserialize, Serialize};

use super::{Api, Preset, RoleScopes, Route, ScopeInfo, Tier};
use crate::model::KeyPrefix;
use crate::model::members::with_members;

with_members! { $ api_description_members
/// One API as a file, `POST /v1/apis` or `PUT /v1/apis/{slug}` describes it. Omitted members have their defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiDescription {
    /// Short name in requests: 1 to 32 lowercase letters, digits and dashes, a letter first. It cannot be changed.
    pub slug: String,
    /// Display name.
    pub name: String,
    /// `aud` of its tokens: an absolute URI without a fragment.
    /// By default the instance's URL followed by `/` and the slug.
    pub audience: Option<String>,
    /// Prefix of its keys: 1 to 16 lowercase letters and digits.
    /// By default the slug without dashes.
    pub prefix: Option<KeyPrefix>,
    /// Tier of keys without one.
    /// By default `free`, or the first if there is no such tier.
    pub default_tier: Option<String>,
    /// Tier of OAuth tokens and sessions.
    /// By default the default tier.
    pub token_tier: Option<String>,
    /// Tier of members' own keys.
    /// By default the default tier.
    pub member_tier: Option<String>,
    /// Maximum number of keys of a member, 0 to 1,000.
    /// By default 5.
    pub member_max_keys: Option<u32>,
    /// Whether forward-auth also accepts keys in `X-API-Key`.
    #[serde(default)]
    pub x_api_key: bool,
    /// Whether forward-auth admits any valid key if the API has no routes and the request has no scope.
    /// Tokens and sessions then need a scope of this API. Otherwise such a request is refused. Not beside routes.
    #[serde(default)]
    pub open: bool,
    /// Whether the service ignores case in paths; then routes do too.
    /// Otherwise a path that differs from that of a route only in case is refused.
    #[serde(default)]
    pub case_insensitive_paths: bool,
    /// Origins whose pages may call the sign-in endpoints, as browsers send them: `https://app.example.com`.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Its scopes.
    #[serde(default)]
    pub scopes: Vec<ScopeInfo>,
    /// Sets of scopes offered when a key is created.
    #[serde(default)]
    pub presets: Vec<Preset>,
    /// Its rate limits.
    /// By default `free` (100 per minute), `pro` (1,000 per minute) and `enterprise` (unlimited).
    pub tiers: Option<Vec<Tier>>,
    /// Scopes of each role.
    /// By default owners and admins hold all scopes, the other roles none.
    #[serde(default)]
    pub role_scopes: RoleScopes,
    /// Routes for forward-auth, in order.
    #[serde(default)]
    pub routes: Vec<Route>,
}
}

impl From<&Api> for ApiDescription {
    /// The description of an existing API.
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
