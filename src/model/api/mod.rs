//! An API that Keywright protects, with its scopes, presets, tiers and routes.

mod audience;
mod change;
mod description;
mod role_scopes;
mod route;

pub use audience::audience_key;
pub(crate) use change::api_change_members;
pub use change::{ApiChange, Replace};
pub use description::ApiDescription;
pub(crate) use description::api_description_members;
pub use role_scopes::RoleScopes;
pub(crate) use role_scopes::role_scopes_members;
pub(crate) use route::route_members;
pub use route::{Route, RouteMatch};

use serde::{Deserialize, Serialize};

use super::members::with_members;
use super::{ApiId, Environment, KeyPrefix, LimitPer, Role, Scope, ScopeSet, Timestamp};

/// The slug of Keywright's own API.
pub const BUILT_IN_SLUG: &str = "keywright";

with_members! { $ api_members
/// A service that Keywright protects: an OAuth resource server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Api {
    /// Row number. It is not serialized: an API that was deserialized has 0.
    #[serde(skip)]
    pub no: i64,
    /// `api_…`
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
    /// Tier of OAuth tokens and sessions.
    pub token_tier: String,
    /// Tier of members' own keys.
    pub member_tier: String,
    /// Maximum number of keys of a member that are not revoked.
    pub member_max_keys: u32,
    /// Whether forward-auth also accepts keys in `X-API-Key`.
    pub x_api_key: bool,
    /// Whether forward-auth admits any valid key if the API has no routes and the request has no scope.
    pub open: bool,
    /// Whether the service ignores case in paths; then routes do too.
    pub case_insensitive_paths: bool,
    /// Origins whose pages may call the sign-in endpoints (CORS).
    pub allowed_origins: Vec<String>,
    /// Its scopes.
    pub scopes: Vec<ScopeInfo>,
    /// Sets of scopes offered when a key is created.
    pub presets: Vec<Preset>,
    /// Its rate limits.
    pub tiers: Vec<Tier>,
    /// Scopes of each role. Owners and admins hold every scope unless listed.
    pub role_scopes: RoleScopes,
    /// Routes for forward-auth, in order.
    pub routes: Vec<Route>,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}
}

with_members! { $ scope_info_members
/// A scope with its description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeInfo {
    /// Name: 1 to 64 letters, digits and `. _ : / * -`; not `AND` or `OR`.
    pub name: Scope,
    /// Description of what it allows, for people.
    #[serde(default)]
    pub description: String,
    /// Whether it satisfies every scope of the API.
    #[serde(default)]
    pub grants_all: bool,
}
}

with_members! { $ preset_members
/// A named set of scopes, offered when a key is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Name, such as `Read` or `Full Access`.
    pub name: String,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// The scopes.
    pub scopes: ScopeSet,
    /// Environment of its keys; null leaves the choice to the caller.
    pub environment: Option<Environment>,
}
}

with_members! { $ tier_members
/// A named rate limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Name, as in the `RateLimit` headers.
    pub name: String,
    /// Requests per window; null is unlimited.
    pub limit: Option<u32>,
    /// The window, in seconds.
    #[serde(default = "a_minute")]
    pub window_seconds: u32,
    /// Bucket size, the number of requests that may come at once; null is `limit`.
    pub burst: Option<u32>,
    /// Owner of a bucket: each `key`, each `owner` or each `user`.
    #[serde(default)]
    pub per: LimitPer,
}
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
        match self.role_scopes.get(role) {
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

#[cfg(test)]
mod tests;
