//! An API that Keywright protects, with its scopes, presets, tiers and routes.

mod audience;
mod description;
mod route;

pub use audience::audience_key;
pub use description::ApiDescription;
pub use route::{Route, RouteMatch};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ApiId, Environment, KeyPrefix, LimitPer, Role, Scope, ScopeSet, Timestamp};

/// The slug of Keywright's own API.
pub const BUILT_IN_SLUG: &str = "keywright";

/// A service that Keywright protects: an OAuth resource server.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    /// Row number.
    pub no: i64,
    /// Public id.
    pub id: ApiId,
    /// Short name in requests.
    pub slug: String,
    /// Display name.
    pub name: String,
    /// `aud` of its tokens and `resource` of their requests (RFC 8707): an absolute URI.
    pub audience: String,
    /// Prefix of its keys.
    pub prefix: KeyPrefix,
    /// Whether it is the built-in API, which cannot be changed.
    pub built_in: bool,
    /// Tier of keys without one.
    pub default_tier: String,
    /// Tier of tokens and sessions.
    pub token_tier: String,
    /// Tier of members' own keys.
    pub member_tier: String,
    /// Maximum number of keys of a member.
    pub member_max_keys: u32,
    /// Whether forward-auth also accepts keys in `X-API-Key`.
    pub x_api_key: bool,
    /// Whether forward-auth admits any valid credential if the API has no routes and the request has no scope.
    pub open: bool,
    /// Whether the service ignores case in paths; then routes do too.
    pub case_insensitive_paths: bool,
    /// Origins whose pages may call the sign-in endpoints (CORS).
    pub allowed_origins: Vec<String>,
    /// Scopes of each role. Owner and admin hold every scope unless listed.
    pub role_scopes: BTreeMap<Role, ScopeSet>,
    /// Its scopes.
    pub scopes: Vec<ScopeInfo>,
    /// Sets of scopes offered when a key is created.
    pub presets: Vec<Preset>,
    /// Its rate limits.
    pub tiers: Vec<Tier>,
    /// Routes for forward-auth.
    pub routes: Vec<Route>,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// A scope with its description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeInfo {
    /// Name.
    pub name: Scope,
    /// Description, for people.
    #[serde(default)]
    pub description: String,
    /// Whether it satisfies every scope of the API.
    #[serde(default)]
    pub grants_all: bool,
}

/// A named set of scopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Name.
    pub name: String,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// The scopes.
    pub scopes: ScopeSet,
    /// Environment of its keys; none leaves the choice to the caller.
    pub environment: Option<Environment>,
}

/// A named rate limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Name.
    pub name: String,
    /// Requests per window; none is unlimited.
    pub limit: Option<u32>,
    /// The window, in seconds.
    #[serde(default = "a_minute")]
    pub window_seconds: u32,
    /// Bucket size; none is `limit`.
    pub burst: Option<u32>,
    /// Scope of a bucket: key, owner or user.
    #[serde(default)]
    pub per: LimitPer,
}

const fn a_minute() -> u32 {
    60
}

impl Api {
    /// Whether `held` satisfies `scope` here: by name, or through a scope with `grants_all`.
    pub fn satisfies(&self, held: &ScopeSet, scope: &str) -> bool {
        held.contains(scope) || self.grants_all(held)
    }

    /// Whether one of `held` has `grants_all`.
    pub fn grants_all(&self, held: &ScopeSet) -> bool {
        self.scopes.iter().any(|scope| scope.grants_all && held.contains(scope.name.as_str()))
    }

    /// Whether `held` grants everything that `wanted` grants.
    pub fn covers(&self, held: &ScopeSet, wanted: &ScopeSet) -> bool {
        self.grants_all(held) || (!self.grants_all(wanted) && wanted.is_subset(held))
    }

    /// Every scope.
    pub fn all_scopes(&self) -> ScopeSet {
        self.scopes.iter().map(|scope| scope.name.clone()).collect()
    }

    /// Scopes of `role` on this API.
    pub fn scopes_of(&self, role: Role) -> ScopeSet {
        match self.role_scopes.get(&role) {
            Some(scopes) => scopes.clone(),
            None if matches!(role, Role::Owner | Role::Admin) => self.all_scopes(),
            None => ScopeSet::default(),
        }
    }

    /// The intersection of `asked` and `held`, where a scope with `grants_all` counts as every scope.
    pub fn cut(&self, asked: &ScopeSet, held: &ScopeSet) -> ScopeSet {
        match (self.grants_all(asked), self.grants_all(held)) {
            (_, true) => asked.clone(),
            (true, false) => held.clone(),
            (false, false) => asked.intersection(held),
        }
    }

    /// A tier by name.
    pub fn tier(&self, name: &str) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.name == name)
    }

    /// A preset by name.
    pub fn preset(&self, name: &str) -> Option<&Preset> {
        self.presets.iter().find(|preset| preset.name == name)
    }
}
