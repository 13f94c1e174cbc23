//! An API as people write it down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Api, Preset, Route, ScopeInfo, Tier};
use crate::model::{KeyPrefix, Role, ScopeSet};

/// One API, as a file, `POST /v1/apis` or `PUT /v1/apis/{slug}` describes it. What is left out takes its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiDescription {
    /// The short name that requests use; fixed once the API exists.
    pub slug: String,
    /// The name for people.
    pub name: String,
    /// The `aud` of its tokens; by default the instance's URL and the slug.
    pub audience: Option<String>,
    /// What its keys begin with; by default the slug without dashes.
    pub prefix: Option<KeyPrefix>,
    /// The tier of keys that name none; by default `free`, or the first where there is no such tier.
    pub default_tier: Option<String>,
    /// The tier of tokens and sessions; by default the default tier.
    pub token_tier: Option<String>,
    /// The tier of members' own keys; by default the default tier.
    pub member_tier: Option<String>,
    /// How many keys a member may have; by default 5.
    pub member_max_keys: Option<u32>,
    /// Whether forward-auth takes keys from `X-API-Key` too.
    #[serde(default)]
    pub x_api_key: bool,
    /// Whether forward-auth admits any valid credential, where there are no routes and the question has no scope.
    #[serde(default)]
    pub open: bool,
    /// Whether the service behind it ignores case in paths, so that routes do too.
    #[serde(default)]
    pub case_insensitive_paths: bool,
    /// Origins whose pages may call sign-in.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// Its permissions.
    #[serde(default)]
    pub scopes: Vec<ScopeInfo>,
    /// Sets of scopes offered when a key is made.
    #[serde(default)]
    pub presets: Vec<Preset>,
    /// Its rate limits; by default `free`, `pro` and `enterprise`.
    pub tiers: Option<Vec<Tier>>,
    /// What people of each role hold.
    #[serde(default)]
    pub role_scopes: BTreeMap<Role, ScopeSet>,
    /// What forward-auth asks of which request.
    #[serde(default)]
    pub routes: Vec<Route>,
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
