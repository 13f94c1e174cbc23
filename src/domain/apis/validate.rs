//! Validation of an API, for every way of describing it.

use std::collections::{HashMap, HashSet};

use super::build::check_slug;
use super::patterns::{absolute_uri, path_pattern};
use crate::error::Result;
use crate::model::activity::Method;
use crate::model::api::{Route, Tier};
use crate::model::openid::is_openid;
use crate::model::{Api, Origin, RateLimit, ScopeSet, text};
use crate::platform::input::Problems;

const MAX_SCOPES: usize = 500;
const MAX_PRESETS: usize = 100;
const MAX_TIERS: usize = 50;
const MAX_ROUTES: usize = 1_000;
const MAX_ORIGINS: usize = 50;
const MAX_MEMBER_KEYS: u32 = 1_000;
const MAX_COST: u32 = 1_000_000;

/// Checks all members of `api` that do not need the store.
///
/// # Errors
/// `INVALID_REQUEST` with every wrong member.
pub(super) fn validate(api: &Api) -> Result<()> {
    let mut problems = Problems::default();
    check_slug(&mut problems, &api.slug);
    problems.take("name", text::name(&api.name));
    problems.take("audience", absolute_uri(&api.audience));
    if api.member_max_keys > MAX_MEMBER_KEYS {
        problems.add("member_max_keys", "Use a number from 0 to 1,000.");
    }
    scopes(&mut problems, api);
    presets(&mut problems, api);
    tiers(&mut problems, api);
    origins(&mut problems, api);
    for (role, scopes) in api.role_scopes.iter() {
        known(&mut problems, api, &format!("role_scopes.{role}"), scopes);
    }
    routes(&mut problems, api);
    problems.check()
}

fn routes(problems: &mut Problems, api: &Api) {
    bounded(problems, "routes", api.routes.len(), MAX_ROUTES);
    if api.open && !api.routes.is_empty() {
        problems.add("open", "An API with routes is not open: remove open, or the routes.");
    }
    let mut seen = HashSet::new();
    // Patterns that some services cannot distinguish are in one group.
    let mut alike: HashMap<String, Vec<&Route>> = HashMap::new();
    for (at, wanted) in api.routes.iter().enumerate() {
        let field = format!("routes[{at}]");
        if !seen.insert((wanted.method.as_str(), wanted.path.as_str())) {
            problems
                .add(format!("{field}.path"), "This method and path occur twice; the first match decides.");
        }
        let earlier = alike.entry(wanted.path.trim_end_matches('/').to_lowercase()).or_default();
        if earlier.iter().any(|earlier| confused(earlier, wanted)) {
            problems.add(
                format!("{field}.path"),
                "It differs from an earlier route only in case or in a slash at the end, and asks for something \
                 else: many services do not distinguish the two.",
            );
        }
        earlier.push(wanted);
        let before = &api.routes[..at];
        if let Some(shadow) = before.iter().find(|one| shadows(one, wanted) && !one.asks_like(wanted)) {
            let text = format!(
                "No request matches it, because {} {} comes first: put the more specific route before it.",
                shadow.method, shadow.path
            );
            problems.add(format!("{field}.path"), text);
        }
        route(problems, api, &field, wanted);
    }
}

/// Whether every request that `later` covers matches `earlier` first. Routers that prefer the more specific route would
/// serve it nevertheless.
fn shadows(earlier: &Route, later: &Route) -> bool {
    let has_methods = earlier.method == "*" || earlier.method == later.method;
    has_methods && earlier.path != later.path && covers(&earlier.path, &later.path)
}

/// Whether a pattern covers every path of another one.
fn covers(wide: &str, narrow: &str) -> bool {
    let (mut wide, mut narrow) = (wide.split('/').skip(1).peekable(), narrow.split('/').skip(1));
    while let Some(segment) = wide.next() {
        if segment == "*" && wide.peek().is_none() {
            return true;
        }
        let covered = match narrow.next() {
            None | Some("*" | "") => false,
            Some(other) => segment.starts_with('{') || segment == other,
        };
        if !covered {
            return false;
        }
    }
    narrow.next().is_none()
}

/// Whether some services treat two routes as one although their patterns and requirements differ.
fn confused(one: &Route, other: &Route) -> bool {
    let any = |route: &Route| route.method == "*";
    one.path != other.path && !one.asks_like(other) && (one.method == other.method || any(one) || any(other))
}

fn bounded(problems: &mut Problems, field: &str, count: usize, most: usize) {
    if count > most {
        problems.add(field, format!("Use at most {most} of them."));
    }
}

fn scopes(problems: &mut Problems, api: &Api) {
    bounded(problems, "scopes", api.scopes.len(), MAX_SCOPES);
    let mut seen = HashSet::new();
    for (at, scope) in api.scopes.iter().enumerate() {
        let field = format!("scopes[{at}].name");
        if !seen.insert(scope.name.as_str()) {
            problems.add(field, format!("{} occurs twice.", scope.name));
        } else if is_openid(scope.name.as_str()) {
            problems.add(field, format!("{} is a scope of OpenID Connect and of no API.", scope.name));
        }
        problems.take(&format!("scopes[{at}].description"), text::description(&scope.description));
    }
}

fn presets(problems: &mut Problems, api: &Api) {
    bounded(problems, "presets", api.presets.len(), MAX_PRESETS);
    let mut seen = HashSet::new();
    for (at, preset) in api.presets.iter().enumerate() {
        let field = format!("presets[{at}].name");
        match text::name(&preset.name) {
            Ok(name) if name != preset.name => problems.add(field, "Leave out the spaces around the name."),
            Ok(_) if !seen.insert(preset.name.as_str()) => {
                problems.add(field, format!("{} occurs twice.", preset.name));
            }
            Ok(_) => {}
            Err(reason) => problems.add(field, reason),
        }
        problems.take(&format!("presets[{at}].description"), text::description(&preset.description));
        known(problems, api, &format!("presets[{at}].scopes"), &preset.scopes);
    }
}

/// Adds a problem for scopes that the API does not have.
fn known(problems: &mut Problems, api: &Api, field: &str, scopes: &ScopeSet) {
    let unknown = scopes.difference(&api.all_scopes());
    if !unknown.is_empty() {
        problems.add(field, format!("No scope of this API: {unknown}."));
    }
}

fn tiers(problems: &mut Problems, api: &Api) {
    bounded(problems, "tiers", api.tiers.len(), MAX_TIERS);
    if api.tiers.is_empty() {
        problems.add("tiers", "Keep at least one tier; a limit of null makes it unlimited.");
    }
    let mut seen = HashSet::new();
    for (at, tier) in api.tiers.iter().enumerate() {
        if !seen.insert(tier.name.as_str()) {
            problems.add(format!("tiers[{at}].name"), format!("{} occurs twice.", tier.name));
        }
        check_tier(problems, at, tier);
    }
    for (field, name) in [
        ("default_tier", &api.default_tier),
        ("token_tier", &api.token_tier),
        ("member_tier", &api.member_tier),
    ] {
        if !seen.contains(name.as_str()) {
            problems.add(field, format!("This API has no tier {name:?}."));
        }
    }
}

fn check_tier(problems: &mut Problems, at: usize, tier: &Tier) {
    // RateLimit headers contain the names of tiers.
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !(1..=64).contains(&tier.name.len()) || !tier.name.bytes().all(is_token) {
        problems
            .add(format!("tiers[{at}].name"), "Use 1 to 64 letters, digits, dots, dashes and underscores.");
    }
    let limit = RateLimit { limit: tier.limit, window_seconds: tier.window_seconds, burst: tier.burst };
    if let Err(error) = limit.validate() {
        problems.add(format!("tiers[{at}].{}", error.field), error.reason);
    }
}

fn origins(problems: &mut Problems, api: &Api) {
    bounded(problems, "allowed_origins", api.allowed_origins.len(), MAX_ORIGINS);
    for (at, allowed) in api.allowed_origins.iter().enumerate() {
        problems.take(&format!("allowed_origins[{at}]"), allowed.parse::<Origin>());
    }
}

fn route(problems: &mut Problems, api: &Api, field: &str, route: &Route) {
    let is_method = matches!(route.method.parse::<Method>(), Ok(method) if method != Method::Other);
    if route.method != "*" && !is_method {
        problems.add(format!("{field}.method"), "Use a method in upper case, for example GET, or * for any.");
    }
    problems.take(&format!("{field}.path"), path_pattern(&route.path));
    if !(1..=MAX_COST).contains(&route.cost) {
        problems.add(format!("{field}.cost"), "Use a number from 1 to 1,000,000.");
    }
    let Some(scope) = &route.scope else { return };
    if route.public {
        problems.add(format!("{field}.scope"), "A public route has no scope.");
    }
    let named: ScopeSet = scope.names().filter_map(|name| name.parse().ok()).collect();
    known(problems, api, &format!("{field}.scope"), &named);
}
