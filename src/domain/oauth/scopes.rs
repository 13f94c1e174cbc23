//! What a request asks for, and what of it can be given: RFC 6749, section 3.3, and RFC 8707.

use std::sync::Arc;

use super::error::{ErrorCode, OAuthError, Result};
use crate::domain::identity::Services;
use crate::model::api::audience_key;
use crate::model::openid::is_openid;
use crate::model::{Api, Client, GrantType, Role, Scope, ScopeSet};

/// Most scopes that a request without `scope` asks for.
const MAX_DEFAULT: usize = 10;

/// The scopes of a `scope` parameter; what cannot be a scope is dropped like any other that nobody knows.
pub fn parse(text: &str) -> ScopeSet {
    text.split(' ').filter_map(|name| Scope::new(name).ok()).collect()
}

/// The API that a request is about (RFC 8707, section 2): the one that `resource` names, else the first that the
/// client has access to. A client without any only asks who people are, which is told at our own API.
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

/// Whether `resource` names the API of `audience`. URL libraries write an origin with a slash at its end, people
/// without.
pub fn same_resource(audience: &str, resource: &str) -> bool {
    audience_key(audience) == audience_key(resource)
}

/// What of `asked` the client may have at `api`. Where nothing is asked for: all that it has access to, and for a
/// client that registered itself only what basic use takes.
///
/// # Errors
/// `invalid_scope` when nothing is left.
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

/// The scopes that basic use of an API takes: what each of its routes needs at least, without scopes that grant all.
fn least(api: &Api) -> ScopeSet {
    let grants_all =
        |name: &str| api.scopes.iter().any(|scope| scope.grants_all && scope.name.as_str() == name);
    let needed =
        api.routes.iter().filter_map(|route| route.scope.as_ref()).map(|scope| scope.least(grants_all));
    let all = needed.fold(ScopeSet::empty(), |all, needed| all.union(&needed));
    all.iter().filter(|scope| !grants_all(scope.as_str())).take(MAX_DEFAULT).cloned().collect()
}

/// What of `scopes` a person of `role` can give away at `api`: no more than they hold.
pub fn for_person(api: &Api, role: Role, scopes: &ScopeSet) -> ScopeSet {
    let held = api.scopes_of(role);
    scopes.retain(|scope| is_openid(scope) || api.satisfies(&held, scope))
}
