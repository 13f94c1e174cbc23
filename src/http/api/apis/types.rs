//! APIs as they travel.

use std::collections::BTreeMap;

use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::{Deserialize, Serialize};

use crate::domain::apis::Applied;
use crate::http::schema::present;
use crate::model::api::{ApiDescription, Preset, Route, ScopeInfo, Tier};
use crate::model::{
    Api as Stored, ApiId, Environment, KeyPrefix, LimitPer, RequestedEnvironment, Role, Scope, ScopeExpr,
    ScopeSet, Timestamp,
};
use crate::platform::cursor::Page;

/// A permission of an API.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(remote = "ScopeInfo")]
pub struct ApiScope {
    /// 1 to 64 letters, digits and `. _ : / * -`; not `AND` or `OR`.
    pub name: Scope,
    /// What it allows, for people who decide whether to give it.
    #[serde(default)]
    #[oai(default)]
    pub description: String,
    /// Whether who holds it holds every scope of the API.
    #[serde(default)]
    #[oai(default)]
    pub grants_all: bool,
}

/// A named set of scopes, offered when a key is made.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(remote = "Preset")]
pub struct ApiPreset {
    /// The name: `Read`, `Full Access`.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    #[oai(default)]
    pub description: String,
    /// The scopes.
    pub scopes: ScopeSet,
    /// Set where keys of this preset are of one environment only.
    #[serde(default)]
    #[oai(nullable)]
    pub environment: Option<Environment>,
}

/// A named rate limit.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(remote = "Tier")]
pub struct ApiTier {
    /// The name, as it stands in the `RateLimit` headers.
    pub name: String,
    /// Requests per window; null is unlimited.
    #[serde(default)]
    #[oai(nullable)]
    pub limit: Option<u32>,
    /// The window, in seconds.
    #[serde(default = "a_minute")]
    #[oai(default = "a_minute")]
    pub window_seconds: u32,
    /// How many may come at once; null is as many as `limit`.
    #[serde(default)]
    #[oai(nullable)]
    pub burst: Option<u32>,
    /// Whose requests share one count: each `key`'s, each `owner`'s or each `user`'s.
    #[serde(default)]
    #[oai(default)]
    pub per: LimitPer,
}

const fn a_minute() -> u32 {
    60
}

/// What `/v1/forward-auth` asks of a request with this method and path. The first match wins.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(remote = "Route")]
pub struct ApiRoute {
    /// `GET`, `POST` and so on; `*` is any.
    pub method: String,
    /// `/v1/queries`, `/v1/queries/{id}` for any one segment, `/v1/*` for all that follows.
    pub path: String,
    /// What the credential must hold; null asks for a good credential only.
    #[serde(default)]
    #[oai(nullable)]
    pub scope: Option<ScopeExpr>,
    /// Which keys may pass: `live`, `test` or `any`.
    #[serde(default)]
    #[oai(default)]
    pub environment: RequestedEnvironment,
    /// How many requests it counts as.
    #[serde(default = "one")]
    #[oai(default = "one")]
    pub cost: u32,
    /// Whether it needs no credential at all.
    #[serde(default)]
    #[oai(default)]
    pub public: bool,
}

const fn one() -> u32 {
    1
}

/// What people of each role hold on an API. A role that is not named holds everything if it is `owner` or `admin`,
/// and nothing otherwise.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields, default)]
#[oai(skip_serializing_if_is_none)]
pub struct RoleScopes {
    /// Owners.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<ScopeSet>,
    /// Admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<ScopeSet>,
    /// Developers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub developer: Option<ScopeSet>,
    /// Viewers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub viewer: Option<ScopeSet>,
    /// Members: ordinary end users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<ScopeSet>,
}

impl From<RoleScopes> for BTreeMap<Role, ScopeSet> {
    fn from(scopes: RoleScopes) -> Self {
        let RoleScopes { owner, admin, developer, viewer, member } = scopes;
        let all = [
            (Role::Owner, owner),
            (Role::Admin, admin),
            (Role::Developer, developer),
            (Role::Viewer, viewer),
            (Role::Member, member),
        ];
        all.into_iter().filter_map(|(role, scopes)| Some((role, scopes?))).collect()
    }
}

impl From<&BTreeMap<Role, ScopeSet>> for RoleScopes {
    fn from(scopes: &BTreeMap<Role, ScopeSet>) -> Self {
        let of = |role| scopes.get(&role).cloned();
        Self {
            owner: of(Role::Owner),
            admin: of(Role::Admin),
            developer: of(Role::Developer),
            viewer: of(Role::Viewer),
            member: of(Role::Member),
        }
    }
}

/// A service that Keywright protects; in OAuth's words a resource server.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
pub struct Api {
    /// `api_…`
    pub id: ApiId,
    /// The short name that requests use.
    pub slug: String,
    /// The name for people.
    pub name: String,
    /// The `aud` of its tokens and the `resource` that asks for them (RFC 8707).
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
    /// Whether routes ignore case in paths.
    pub case_insensitive_paths: bool,
    /// Origins whose pages may call sign-in (CORS).
    pub allowed_origins: Vec<String>,
    /// Its permissions.
    pub scopes: Vec<ApiScope>,
    /// Sets of scopes offered when a key is made.
    pub presets: Vec<ApiPreset>,
    /// Its rate limits.
    pub tiers: Vec<ApiTier>,
    /// What people of each role hold.
    pub role_scopes: RoleScopes,
    /// What forward-auth asks of which request; empty where the question's scope says it.
    pub routes: Vec<ApiRoute>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<&Stored> for Api {
    fn from(api: &Stored) -> Self {
        Self {
            id: api.id,
            slug: api.slug.clone(),
            name: api.name.clone(),
            audience: api.audience.clone(),
            prefix: api.prefix,
            built_in: api.built_in,
            default_tier: api.default_tier.clone(),
            token_tier: api.token_tier.clone(),
            member_tier: api.member_tier.clone(),
            member_max_keys: api.member_max_keys,
            x_api_key: api.x_api_key,
            open: api.open,
            case_insensitive_paths: api.case_insensitive_paths,
            allowed_origins: api.allowed_origins.clone(),
            scopes: each(api.scopes.clone()),
            presets: each(api.presets.clone()),
            tiers: each(api.tiers.clone()),
            role_scopes: (&api.role_scopes).into(),
            routes: each(api.routes.clone()),
            created_at: api.created_at,
            updated_at: api.updated_at,
        }
    }
}

fn each<T: Into<U>, U>(all: Vec<T>) -> Vec<U> {
    all.into_iter().map(Into::into).collect()
}

/// A part of the list of APIs.
#[derive(Debug, Serialize, Object)]
pub struct ApiPage {
    /// The APIs, oldest first; Keywright's own leads.
    pub data: Vec<Api>,
    /// Give it back as `cursor` to go on; null after the last one.
    #[oai(nullable)]
    pub next_cursor: Option<String>,
}

impl From<Page<std::sync::Arc<Stored>>> for ApiPage {
    fn from(page: Page<std::sync::Arc<Stored>>) -> Self {
        let page = page.map(|api| Api::from(&*api));
        Self { data: page.data, next_cursor: page.next_cursor }
    }
}

/// An API as it shall be. What is left out takes its default.
#[derive(Debug, Clone, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(example)]
pub struct NewApi {
    /// 1 to 32 lowercase letters, digits and dashes, a letter first. It stays as it is: callers have it in their code.
    pub slug: String,
    /// The name for people.
    pub name: String,
    /// An absolute URI without a fragment, the `aud` of its tokens; by default this instance's URL followed by `/`
    /// and the slug.
    #[oai(nullable)]
    pub audience: Option<String>,
    /// What its keys begin with: 1 to 16 lowercase letters and digits; by default the slug without dashes.
    #[oai(nullable)]
    pub prefix: Option<KeyPrefix>,
    /// The tier of keys that name none; by default `free`, or the first where there is no `free`.
    #[oai(nullable)]
    pub default_tier: Option<String>,
    /// The tier of OAuth tokens and sessions; by default the default tier.
    #[oai(nullable)]
    pub token_tier: Option<String>,
    /// The tier of members' own keys; by default the default tier.
    #[oai(nullable)]
    pub member_tier: Option<String>,
    /// How many keys a member may have, 0 to 1,000; by default 5.
    #[oai(nullable)]
    pub member_max_keys: Option<u32>,
    /// Whether forward-auth takes a key from `X-API-Key` too.
    #[serde(default)]
    #[oai(default)]
    pub x_api_key: bool,
    /// Whether forward-auth admits any valid key, and every token and session with a scope of this API, where the
    /// API has no routes and the question has no scope. Without it such a request is refused. Not beside routes.
    #[serde(default)]
    #[oai(default)]
    pub open: bool,
    /// Whether the service ignores case in paths, so that routes do too. Without it, a path that differs from a
    /// route's only in case is refused.
    #[serde(default)]
    #[oai(default)]
    pub case_insensitive_paths: bool,
    /// Origins whose pages may call sign-in, as browsers send them: `https://app.example.com`.
    #[serde(default)]
    #[oai(default)]
    pub allowed_origins: Vec<String>,
    /// Its permissions.
    #[serde(default)]
    #[oai(default)]
    pub scopes: Vec<ApiScope>,
    /// Sets of scopes offered when a key is made; they name scopes of this API.
    #[serde(default)]
    #[oai(default)]
    pub presets: Vec<ApiPreset>,
    /// Its rate limits; by default `free` (100 per minute), `pro` (1,000 per minute) and `enterprise` (unlimited).
    #[oai(nullable)]
    pub tiers: Option<Vec<ApiTier>>,
    /// What people of each role hold; by default owners and admins everything, the others nothing.
    #[serde(default)]
    #[oai(default)]
    pub role_scopes: RoleScopes,
    /// What forward-auth asks of which request.
    #[serde(default)]
    #[oai(default)]
    pub routes: Vec<ApiRoute>,
}

impl From<NewApi> for ApiDescription {
    fn from(new: NewApi) -> Self {
        Self {
            slug: new.slug,
            name: new.name,
            audience: new.audience,
            prefix: new.prefix,
            default_tier: new.default_tier,
            token_tier: new.token_tier,
            member_tier: new.member_tier,
            member_max_keys: new.member_max_keys,
            x_api_key: new.x_api_key,
            open: new.open,
            case_insensitive_paths: new.case_insensitive_paths,
            allowed_origins: new.allowed_origins,
            scopes: each(new.scopes),
            presets: each(new.presets),
            tiers: new.tiers.map(each),
            role_scopes: new.role_scopes.into(),
            routes: each(new.routes),
        }
    }
}

impl Example for NewApi {
    fn example() -> Self {
        serde_json::from_value(serde_json::json!({
            "slug": "afdb",
            "name": "AI for Database",
            "audience": "https://api.aifordatabase.com",
            "scopes": [
                { "name": "queries:read", "description": "Run queries and view results" },
                { "name": "queries:write", "description": "Save and delete queries" },
            ],
            "presets": [{ "name": "Read", "description": "Queries only", "scopes": ["queries:read"] }],
            "role_scopes": { "member": ["queries:read"] },
            "routes": [{ "method": "POST", "path": "/v1/queries", "scope": "queries:read" }],
        }))
        .expect("a test reads it")
    }
}

/// What changes of an API: each member that is named replaces the one before, whole.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields, default)]
pub struct ApiChange {
    /// The name for people.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub name: Option<String>,
    /// Tokens that were issued for the audience before are refused from then on.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub audience: Option<String>,
    /// What new keys begin with; those that exist keep their text.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub prefix: Option<KeyPrefix>,
    /// The tier of keys that name none.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub default_tier: Option<String>,
    /// The tier of OAuth tokens and sessions.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub token_tier: Option<String>,
    /// The tier of members' own keys.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub member_tier: Option<String>,
    /// How many keys a member may have, 0 to 1,000.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub member_max_keys: Option<u32>,
    /// Whether forward-auth takes a key from `X-API-Key` too.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub x_api_key: Option<bool>,
    /// Whether forward-auth admits any valid key, where the API has no routes and the question has no scope. The
    /// change that removes the last route must set it.
    #[serde(deserialize_with = "present")]
    pub open: Option<bool>,
    /// Whether routes ignore case in paths.
    #[serde(deserialize_with = "present")]
    pub case_insensitive_paths: Option<bool>,
    /// Origins whose pages may call sign-in.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub allowed_origins: Option<Vec<String>>,
    /// Its permissions: all of them. One that goes must not be in use.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub scopes: Option<Vec<ApiScope>>,
    /// Sets of scopes: all of them.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub presets: Option<Vec<ApiPreset>>,
    /// Its rate limits: all of them. One that goes must not be in use.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub tiers: Option<Vec<ApiTier>>,
    /// What people of each role hold: all roles. It counts from their next request on.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub role_scopes: Option<RoleScopes>,
    /// What forward-auth asks: all routes, in order.
    #[serde(deserialize_with = "present")]
    #[oai(nullable)]
    pub routes: Option<Vec<ApiRoute>>,
}

impl ApiChange {
    /// Puts what is named into `api`.
    pub(super) fn onto(self, api: &mut ApiDescription) {
        fn set<T>(member: &mut T, named: Option<T>) {
            if let Some(named) = named {
                *member = named;
            }
        }
        set(&mut api.name, self.name);
        set(&mut api.audience, self.audience.map(Some));
        set(&mut api.prefix, self.prefix.map(Some));
        set(&mut api.default_tier, self.default_tier.map(Some));
        set(&mut api.token_tier, self.token_tier.map(Some));
        set(&mut api.member_tier, self.member_tier.map(Some));
        set(&mut api.member_max_keys, self.member_max_keys.map(Some));
        set(&mut api.x_api_key, self.x_api_key);
        set(&mut api.open, self.open);
        set(&mut api.case_insensitive_paths, self.case_insensitive_paths);
        set(&mut api.allowed_origins, self.allowed_origins);
        set(&mut api.scopes, self.scopes.map(each));
        set(&mut api.presets, self.presets.map(each));
        set(&mut api.tiers, self.tiers.map(|tiers| Some(each(tiers))));
        set(&mut api.role_scopes, self.role_scopes.map(Into::into));
        set(&mut api.routes, self.routes.map(each));
    }
}

/// What applying a description did.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct ApiApplied {
    /// Whether the API is new.
    pub created: bool,
    /// One line for people for everything that changed; empty when all was as described.
    pub changes: Vec<String>,
    /// What to know about the API as it is now, one sentence each: such as that any valid key passes.
    pub warnings: Vec<String>,
}

impl From<Applied> for ApiApplied {
    fn from(applied: Applied) -> Self {
        Self { created: applied.created, changes: applied.changes, warnings: applied.warnings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_can_be_read_and_means_what_it_says() {
        let description = ApiDescription::from(NewApi::example());
        assert_eq!(description.scopes.len(), 2);
        assert_eq!(description.role_scopes[&Role::Member].to_string(), "queries:read");
        assert_eq!(description.routes[0].environment, Some(Environment::Live));
    }

    #[test]
    fn null_is_no_value_for_a_member_of_an_api() {
        assert!(serde_json::from_str::<ApiChange>(r#"{"name": null}"#).is_err());
        assert!(serde_json::from_str::<ApiChange>(r#"{"slug": "other"}"#).is_err());
        assert!(serde_json::from_str::<ApiChange>("{}").unwrap().name.is_none());
    }
}
