//! APIs: the services that Keywright protects, with their scopes, presets, tiers and routes.

mod build;
mod built_in;
mod explain_route;
mod lines;
mod patterns;
mod uses;
mod validate;

#[cfg(test)]
mod tests;

pub use built_in::seed_built_in;
pub use explain_route::{RouteExplanation, Step, explain_route};
pub use patterns::path_pattern;

use std::sync::Arc;

use serde_json::Value;

use crate::activity;
use crate::domain::identity::Services;
use crate::domain::identity::access::{ApisRead, ApisWrite, Call, Can};
use crate::domain::identity::self_or_all::SelfOrAll;
use crate::error::{Error, Result};
use crate::model::activity::Kind;
use crate::model::api::{ApiDescription, audience_key};
use crate::model::{Api, ApiId};
use crate::platform::changes;
use crate::platform::cursor::{List, Page};
use crate::store;
use crate::store::Tx;
use crate::store::apis::Unique;
use build::{ApiIdentity, build};

/// Result of [`apply`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Whether the API is new.
    pub created: bool,
    /// One line per change, for people; empty if the API was as described.
    pub changes: Vec<String>,
    /// Warnings about the API, one sentence each.
    pub warnings: Vec<String>,
}

/// Default audience of an API: the instance's URL and the slug, as in `https://auth.example.com/afdb`. An identifier:
/// no server needs to answer there.
pub fn default_audience(public_url: &str, slug: &str) -> String {
    format!("{}/{slug}", public_url.trim_end_matches('/'))
}

/// The APIs that the caller may see, oldest first; the built-in API is first.
///
/// # Errors
/// `INVALID_REQUEST` or `INVALID_CURSOR` for the page.
pub fn list(access: &SelfOrAll<ApisRead>, limit: Option<u32>, after: Option<&str>) -> Result<Page<Arc<Api>>> {
    let services = &access.call().services;
    let list = List::new(&services.vault, "apis", (), limit)?;
    let after: Option<ApiId> = list.position(after)?;
    let mut apis: Vec<Arc<Api>> =
        services.catalog.get().iter().filter_map(|api| visible(access, api)).collect();
    apis.sort_unstable_by_key(|api| (!api.built_in, api.id));
    let start = after.map_or(0, |after| apis.partition_point(|api| api.built_in || api.id <= after));
    let rest = apis.split_off(start);
    Ok(list.page(rest, |last| last.id))
}

/// The API of this slug or id, if the caller may see it.
///
/// # Errors
/// `NOT_FOUND`.
pub fn get(access: &SelfOrAll<ApisRead>, slug_or_id: &str) -> Result<Arc<Api>> {
    let api = find(&access.call().services, slug_or_id)?;
    visible(access, &api).ok_or_else(|| Error::not_found("API"))
}

/// The members of an API that the caller may see: all, or in self-service those for creating a key of their own.
fn visible(access: &SelfOrAll<ApisRead>, api: &Arc<Api>) -> Option<Arc<Api>> {
    let Some(user) = access.only() else { return Some(api.clone()) };
    let held = api.scopes_of(user.role);
    if held.is_empty() {
        return None;
    }
    let mut part = Api::clone(api);
    part.scopes.retain(|scope| api.satisfies(&held, &scope.name));
    part.presets.retain(|preset| api.covers(&held, &preset.scopes));
    part.role_scopes = part.role_scopes.only(user.role);
    part.allowed_origins.clear();
    part.routes.clear();
    Some(Arc::new(part))
}

/// The API of this slug or id, as committed.
///
/// # Errors
/// `NOT_FOUND`.
pub fn find(services: &Services, slug_or_id: &str) -> Result<Arc<Api>> {
    let apis = services.catalog.get();
    let by_id = || apis.iter().find(|api| *api.id.encode() == *slug_or_id);
    apis.by_slug(slug_or_id).or_else(by_id).cloned().ok_or_else(|| Error::not_found("API"))
}

/// Creates an API.
///
/// # Errors
/// `INVALID_REQUEST`; `CONFLICT` when slug, audience or prefix is in use.
pub fn create(tx: &mut Tx<'_>, can: &Can<ApisWrite>, description: ApiDescription) -> Result<Api> {
    add(tx, can, description)
}

/// Changes the description of an API by `edit`.
///
/// # Errors
/// `NOT_FOUND`; `FORBIDDEN` for the built-in API; `INVALID_REQUEST`, also when the last route is removed without
/// `open`; `CONFLICT` when audience or prefix is in use, or a removed scope or tier is.
pub fn change(
    tx: &mut Tx<'_>,
    can: &Can<ApisWrite>,
    slug_or_id: &str,
    edit: impl FnOnce(&mut ApiDescription),
) -> Result<Api> {
    let before = stored(tx, slug_or_id)?;
    refuse_built_in(&before)?;
    let mut description = ApiDescription::from(&before);
    edit(&mut description);
    if description.slug != before.slug {
        return Err(Error::invalid("slug", "An API keeps its slug; callers have it in their code."));
    }
    Ok(replace(tx, can, &before, description)?.0)
}

/// Creates or changes an API to match its description. Omitted members have their defaults. Idempotent.
///
/// # Errors
/// Those of [`create`] and [`change`].
pub fn apply(tx: &mut Tx<'_>, can: &Can<ApisWrite>, description: ApiDescription) -> Result<Applied> {
    match store::apis::find(tx, &description.slug)? {
        Some(before) => {
            refuse_built_in(&before)?;
            let (api, changes) = replace(tx, can, &before, description)?;
            Ok(Applied { created: false, changes, warnings: warnings(&api) })
        }
        None => {
            let api = add(tx, can, description)?;
            let line =
                format!("+ API {}: {}, audience {}, prefix {}", api.slug, api.name, api.audience, api.prefix);
            Ok(Applied { created: true, changes: vec![line], warnings: warnings(&api) })
        }
    }
}

/// Removes an API together with its revoked keys.
///
/// # Errors
/// `NOT_FOUND`; `FORBIDDEN` for the built-in API; `CONFLICT` while it has keys that are not revoked, or other
/// references.
pub fn delete(tx: &mut Tx<'_>, can: &Can<ApisWrite>, slug_or_id: &str) -> Result<()> {
    let api = stored(tx, slug_or_id)?;
    refuse_built_in(&api)?;
    let keys = store::keys::unrevoked(tx, api.no)?;
    if keys > 0 {
        let message = format!("The API {} has keys that are not revoked; revoke them first", api.slug);
        return Err(Error::conflict(message).with("keys", keys));
    }
    store::keys::delete_of_api(tx, api.no)?;
    store::apis::delete(tx, api.no).map_err(|error| match error {
        store::Error::Constraint(_) => Error::conflict("OAuth apps or grants still refer to this API"),
        other => other.into(),
    })?;
    record(tx, can, Kind::ApiDeleted, &api, changes::between(&ApiDescription::from(&api), &Value::Null))
}

fn add(tx: &mut Tx<'_>, can: &Can<ApisWrite>, description: ApiDescription) -> Result<Api> {
    let identity = ApiIdentity {
        no: 0,
        id: ApiId::new(can.now, can.services.random()),
        created_at: can.now,
        updated_at: can.now,
    };
    let mut api = build(description, identity, &can.services.settings.public_url)?;
    validate::validate(&api)?;
    refuse_taken(tx, &api, &can.services.settings.public_url)?;
    api.no = store::apis::insert(tx, &api)?;
    record(tx, can, Kind::ApiCreated, &api, changes::between(&Value::Null, &ApiDescription::from(&api)))?;
    Ok(api)
}

fn replace(
    tx: &mut Tx<'_>,
    can: &Can<ApisWrite>,
    before: &Api,
    description: ApiDescription,
) -> Result<(Api, Vec<String>)> {
    let identity =
        ApiIdentity { no: before.no, id: before.id, created_at: before.created_at, updated_at: can.now };
    let after = build(description, identity, &can.services.settings.public_url)?;
    uses::check(tx, before, &after)?;
    validate::validate(&after)?;
    keep_closed(before, &after)?;
    refuse_taken(tx, &after, &can.services.settings.public_url)?;
    let detail = changes::between(&ApiDescription::from(before), &ApiDescription::from(&after));
    if detail.is_none() {
        return Ok((before.clone(), Vec::new()));
    }
    if changes_rights(before, &after) {
        can.require_recent_sign_in()?;
    }
    store::apis::update(tx, &after)?;
    record(tx, can, Kind::ApiUpdated, &after, detail)?;
    let lines = lines::changes(before, &after);
    Ok((after, lines))
}

/// Whether a change gives people or keys more or other rights, without a change of their own.
fn changes_rights(before: &Api, after: &Api) -> bool {
    let all = |api: &Api| -> Vec<String> {
        api.scopes.iter().filter(|scope| scope.grants_all).map(|scope| scope.name.to_string()).collect()
    };
    let opens = after.open && !before.open;
    opens || before.role_scopes != after.role_scopes || all(before) != all(after)
}

/// Removing the last route must not open an API: the change must set `open`.
fn keep_closed(before: &Api, after: &Api) -> Result<()> {
    if before.routes.is_empty() || !after.routes.is_empty() || after.open {
        return Ok(());
    }
    let hint = "This would remove the last route. Keep one, or set open = true in the same change \
                (`keywright api apply --open`): then any valid key of this API passes.";
    Err(Error::invalid("routes", hint))
}

/// Warnings about the decisions of forward-auth for an API, one sentence each.
pub fn warnings(api: &Api) -> Vec<String> {
    let slug = &api.slug;
    match (api.routes.is_empty(), api.open) {
        (false, _) => Vec::new(),
        (true, true) => vec![format!(
            "The API {slug} is open: any valid key of it passes forward-auth, whatever the path and the method."
        )],
        (true, false) => vec![format!(
            "The API {slug} has no routes: forward-auth refuses every request unless its query names a scope. \
             Add routes, or set open = true to admit any valid key."
        )],
    }
}

fn stored(tx: &Tx<'_>, slug_or_id: &str) -> Result<Api> {
    store::apis::find(tx, slug_or_id)?.ok_or_else(|| Error::not_found("API"))
}

fn refuse_built_in(api: &Api) -> Result<()> {
    if api.built_in {
        return Err(Error::forbidden("Keywright's own API cannot be changed"));
    }
    Ok(())
}

/// Slug, audience and prefix are unique. The issuer of tokens is not an audience: the `aud` of an ID token and of an
/// access token must differ.
fn refuse_taken(tx: &Tx<'_>, api: &Api, issuer: &str) -> Result<()> {
    let audience = audience_key(&api.audience);
    if audience == audience_key(issuer) {
        return Err(Error::invalid("audience", "This is Keywright's own address; use the API's."));
    }
    let wanted = [
        (Unique::Slug, api.slug.as_str()),
        (Unique::Audience, audience.as_str()),
        (Unique::Prefix, api.prefix.as_str()),
    ];
    for (what, value) in wanted {
        if let Some(slug) = store::apis::taken_by(tx, what, value, api.no)? {
            let member = what.as_str();
            let message = format!("The {member} is taken by the API {slug}");
            return Err(Error::conflict(message).with(member, format!("taken by {slug}")));
        }
    }
    Ok(())
}

fn record(tx: &mut Tx<'_>, call: &Call, kind: Kind, api: &Api, detail: Option<Box<Value>>) -> Result<()> {
    let mut entry = call.entry(kind);
    entry.api_no = Some(api.no);
    entry.detail = detail;
    activity::record(tx, &entry)
}
