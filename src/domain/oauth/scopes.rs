//! Requested scopes and resources (RFC 6749, section 3.3; RFC 8707).

use std::sync::Arc;

use super::error::{ErrorCode, OAuthError, Result};
use crate::domain::identity::Services;
use crate::model::api::audience_key;
use crate::model::openid::is_openid;
use crate::model::{Api, Client, GrantType, Role, Scope, ScopeSet};

/// Maximum number of scopes of a request without `scope`.
const MAX_DEFAULT: usize = 10;

/// Scopes of a `scope` parameter; invalid names are dropped like unknown ones.
pub fn parse(text: &str) -> ScopeSet {
    text.split(' ').filter_map(|name| Scope::new(name).ok()).collect()
}

/// The API of a request (RFC 8707, section 2): that of `resource`, otherwise the first that the client has access to. A
/// client without access only requests identities, which the built-in API provides.
///
/// # Errors
/// `invalid_target`.
pub fn api(services: &Services, client: &Client, resource: Option<&str>) -> Result<Arc<Api>> {
    let apis = services.catalog.get();
    let unknown = || {
        OAuthError::new(ErrorCode::InvalidTarget, "The resource is unknown, or not one of this client's APIs")
    };
    match resource {
        Some(resource) => {
            let named = client.access.iter().filter_map(|access| apis.by_no(access.api_no));
            named.into_iter().find(|api| same_resource(&api.audience, resource)).cloned().ok_or_else(unknown)
        }
        None => match client.access.first() {
            Some(access) => apis.by_no(access.api_no).cloned().ok_or_else(unknown),
            None => Ok(apis.built_in().clone()),
        },
    }
}

/// Whether `resource` is the API of `audience`. URL libraries write an origin with a slash at its end, people without.
pub fn same_resource(audience: &str, resource: &str) -> bool {
    audience_key(audience) == audience_key(resource)
}

/// The scopes of `asked` that the client may have at `api`. Without a request: all that it has access to, and for a
/// self-registered client only those of basic use.
///
/// # Errors
/// `invalid_scope` when none is left.
pub fn for_client(client: &Client, api: &Api, asked: Option<&str>) -> Result<ScopeSet> {
    let known = api.all_scopes();
    let access = client.access_to(api.no).cloned().unwrap_or_default().intersection(&known);
    let Some(asked) = asked.map(parse) else {
        let granted = if client.dynamic { least(api).intersection(&access) } else { access };
        return if granted.is_empty() { Err(OAuthError::invalid_scope()) } else { Ok(granted) };
    };
    let person = client.may(GrantType::AuthorizationCode);
    let about_person = asked.contains("openid") && person;
    let granted = asked.retain(|scope| match scope.as_str() {
        "openid" | "profile" | "email" => about_person,
        "offline_access" => client.may(GrantType::RefreshToken),
        name => known.contains(name) && api.satisfies(&access, name),
    });
    let only_offline = granted.len() == 1 && granted.contains("offline_access");
    if granted.is_empty() || only_offline { Err(OAuthError::invalid_scope()) } else { Ok(granted) }
}

/// Scopes of basic use of an API: the least set for each of its routes, without scopes that grant all.
fn least(api: &Api) -> ScopeSet {
    let grants_all =
        |name: &str| api.scopes.iter().any(|scope| scope.grants_all && scope.name.as_str() == name);
    let needed =
        api.routes.iter().filter_map(|route| route.scope.as_ref()).map(|scope| scope.least(grants_all));
    let all = needed.fold(ScopeSet::empty(), |all, needed| all.union(&needed));
    all.iter().filter(|scope| !grants_all(scope.as_str())).take(MAX_DEFAULT).cloned().collect()
}

/// The scopes of `scopes` that a person of `role` can grant at `api`: at most those that they hold.
pub fn for_person(api: &Api, role: Role, scopes: &ScopeSet) -> ScopeSet {
    let held = api.scopes_of(role);
    scopes.retain(|scope| is_openid(scope) || api.satisfies(&held, scope))
}
