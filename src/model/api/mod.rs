//! An API that Keywright protects, with its scopes, presets, tiers and routes.

mod audience;
mod change;
mod description;
mod role_scopes;
mod route;

pub use audience::audience_key;
pub(crate) use change::api_change_members;
pub use change::{ApiChange, Given};
pub use description::ApiDescription;
pub(crate) use description::api_description_members;
pub use role_scopes::RoleScopes;
pub(crate) use role_scopes::role_scopes_members;
pub(crate) use route::route_members;
pub use route::{Met, Route};

use serde::{Deserialize, Serialize};

use super::members::with_members;
use super::{ApiId, Environment, KeyPrefix, LimitPer, Role, Scope, ScopeSet, Timestamp};

/// The slug of Keywright's own API.
pub const BUILT_IN_SLUG: &str = "keywright";

with_members! { $ api_members
/// A service that Keywright protects; in OAuth's words a resource server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Api {
    /// The row's number. It is not shown: an API that was read from JSON has 0.
    #[serde(skip)]
    pub no: i64,
    /// `api_…`
    pub id: ApiId,
    /// The short name that requests use.
    pub slug: String,
    /// The name for people.
    pub name: String,
    /// The `aud` of its tokens and the `resource` that asks for them (RFC 8707): an absolute URI.
    pub audience: String,
    /// What its keys begin with.
    pub prefix: KeyPrefix,
    /// Whether it is Keywright's own management API, which cannot be changed.
    pub built_in: bool,
    /// The tier of keys that name none.
    pub default_tier: String,
    /// The tier that OAuth tokens and sessions are counted by.
    pub token_tier: String,
    /// The tier of the keys that members make for themselves.
    pub member_tier: String,
    /// How many keys that are not revoked a member may have.
    pub member_max_keys: u32,
    /// Whether forward-auth takes a key from `X-API-Key` too.
    pub x_api_key: bool,
    /// Whether forward-auth admits any valid key, where the API has no routes and the question has no scope.
    pub open: bool,
    /// Whether the service ignores case in paths, so that routes do too.
    pub case_insensitive_paths: bool,
    /// Origins whose pages may call sign-in (CORS).
    pub allowed_origins: Vec<String>,
    /// Its permissions.
    pub scopes: Vec<ScopeInfo>,
    /// Sets of scopes offered when a key is made.
    pub presets: Vec<Preset>,
    /// Its rate limits.
    pub tiers: Vec<Tier>,
    /// What people of each role hold.
    pub role_scopes: RoleScopes,
    /// What forward-auth asks of which request; empty where the question's scope says it.
    pub routes: Vec<Route>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
}

with_members! { $ scope_info_members
/// A permission of an API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeInfo {
    /// 1 to 64 letters, digits and `. _ : / * -`; not `AND` or `OR`.
    pub name: Scope,
    /// What it allows, for people who decide whether to give it.
    #[serde(default)]
    pub description: String,
    /// Whether a credential that holds it holds every scope of the API.
    #[serde(default)]
    pub grants_all: bool,
}
}

with_members! { $ preset_members
/// A named set of scopes, offered when a key is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The name: `Read`, `Full Access`.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The scopes.
    pub scopes: ScopeSet,
    /// Set where keys of this preset are of one environment only.
    pub environment: Option<Environment>,
}
}

with_members! { $ tier_members
/// A named rate limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The name, as in the `RateLimit` headers.
    pub name: String,
    /// Requests per window; null is unlimited.
    pub limit: Option<u32>,
    /// The window, in seconds.
    #[serde(default = "a_minute")]
    pub window_seconds: u32,
    /// How many may come at once; null is as many as `limit`.
    pub burst: Option<u32>,
    /// Whose requests share one count: each `key`'s, each `owner`'s or each `user`'s.
    #[serde(default)]
    pub per: LimitPer,
}
}

const fn a_minute() -> u32 {
    60
}

impl Api {
    /// Whether `held` satisfies `scope` here: by name, or through a scope that grants all.
    pub fn satisfies(&self, held: &ScopeSet, scope: &str) -> bool {
        held.contains(scope) || self.grants_all(held)
    }

    /// Whether one of `held` grants every scope.
    pub fn grants_all(&self, held: &ScopeSet) -> bool {
        self.scopes.iter().any(|scope| scope.grants_all && held.contains(scope.name.as_str()))
    }

    /// Whether everything that `wanted` grants is granted by `held`.
    pub fn covers(&self, held: &ScopeSet, wanted: &ScopeSet) -> bool {
        self.grants_all(held) || (!self.grants_all(wanted) && wanted.is_subset(held))
    }

    /// Every scope.
    pub fn all_scopes(&self) -> ScopeSet {
        self.scopes.iter().map(|scope| scope.name.clone()).collect()
    }

    /// What a person of `role` holds here.
    pub fn scopes_of(&self, role: Role) -> ScopeSet {
        match self.role_scopes.get(role) {
            Some(scopes) => scopes.clone(),
            None if matches!(role, Role::Owner | Role::Admin) => self.all_scopes(),
            None => ScopeSet::default(),
        }
    }

    /// The part of `asked` that somebody who holds `held` has: what both name, where a scope that grants all
    /// stands for every one.
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
