//! An API that Keywright protects, with its scopes, presets, tiers and routes.

mod audience;
mod description;
mod route;

pub use audience::audience_key;
pub use description::ApiDescription;
pub use route::{Met, Route};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ApiId, Environment, KeyPrefix, LimitPer, Role, Scope, ScopeSet, Timestamp};

/// The slug of Keywright's own API.
pub const BUILT_IN_SLUG: &str = "keywright";

/// A service that Keywright protects; in OAuth's words a resource server.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    /// The row's number.
    pub no: i64,
    /// The public id.
    pub id: ApiId,
    /// The short name that requests use.
    pub slug: String,
    /// The name for people.
    pub name: String,
    /// The `aud` of its tokens and the `resource` that asks for them (RFC 8707): an absolute URI.
    pub audience: String,
    /// What its keys begin with.
    pub prefix: KeyPrefix,
    /// Whether it is Keywright's own, which nobody changes.
    pub built_in: bool,
    /// The tier of keys that name none.
    pub default_tier: String,
    /// The tier that tokens and sessions are counted by.
    pub token_tier: String,
    /// The tier of the keys that members make for themselves.
    pub member_tier: String,
    /// How many keys a member may have.
    pub member_max_keys: u32,
    /// Whether forward-auth takes keys from `X-API-Key` too.
    pub x_api_key: bool,
    /// Whether forward-auth admits any valid credential, where the API has no routes and the question has no scope.
    pub open: bool,
    /// Whether the service behind it ignores case in paths, so that routes do too.
    pub case_insensitive_paths: bool,
    /// Origins whose pages may call sign-in (CORS).
    pub allowed_origins: Vec<String>,
    /// What people of each role hold here. Owner and admin hold everything unless listed.
    pub role_scopes: BTreeMap<Role, ScopeSet>,
    /// Its permissions.
    pub scopes: Vec<ScopeInfo>,
    /// Sets of scopes offered when a key is made.
    pub presets: Vec<Preset>,
    /// Its rate limits.
    pub tiers: Vec<Tier>,
    /// What forward-auth asks of which request.
    pub routes: Vec<Route>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A permission, described.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScopeInfo {
    /// The name.
    pub name: Scope,
    /// What it allows, for people.
    #[serde(default)]
    pub description: String,
    /// Whether it satisfies every scope of its API.
    #[serde(default)]
    pub grants_all: bool,
}

/// A named set of scopes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The scopes.
    pub scopes: ScopeSet,
    /// The environment, where the preset decides it.
    pub environment: Option<Environment>,
}

/// A named rate limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The name.
    pub name: String,
    /// Requests per window; none is unlimited.
    pub limit: Option<u32>,
    /// The window.
    #[serde(default = "a_minute")]
    pub window_seconds: u32,
    /// Bucket size; none means as many as the limit.
    pub burst: Option<u32>,
    /// Whose requests share a bucket.
    #[serde(default)]
    pub per: LimitPer,
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
        match self.role_scopes.get(&role) {
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

#[cfg(test)]
mod tests;
