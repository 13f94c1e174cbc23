//! References that prevent the removal of a part of an API.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::model::api::{Route, Tier};
use crate::model::{Api, Scope};
use crate::store;
use crate::store::Tx;

/// Refuses a change from `before` to `after` that removes a scope or tier in use.
///
/// # Errors
/// `CONFLICT`, with the references to each.
pub(super) fn check(tx: &Tx<'_>, before: &Api, after: &Api) -> Result<()> {
    let mut uses = Vec::new();
    let kept = after.all_scopes();
    for scope in before.all_scopes().iter().filter(|scope| !kept.contains(scope)) {
        uses.push(("scope", scope.to_string(), scope_uses(tx, after, scope)?));
    }
    for tier in before.tiers.iter().filter(|tier| after.tier(&tier.name).is_none()) {
        uses.push(("tier", tier.name.clone(), tier_uses(tx, after, tier)?));
    }
    uses.retain(|(_, _, by)| !by.is_empty());
    let Some((kind, name, by)) = uses.first() else { return Ok(()) };
    let message = format!("The {kind} {name} cannot be removed: it is used by {}", by.join(", "));
    let refusal = Error::conflict(message);
    Err(uses.into_iter().fold(refusal, |refusal, (_, name, by)| refusal.with(&name, by)))
}

fn scope_uses(tx: &Tx<'_>, after: &Api, scope: &Scope) -> Result<Vec<String>> {
    let mut uses = keys(store::keys::with_scope(tx, after.no, scope)?);
    let clients = store::apis::clients_with_scope(tx, after.no, scope)?;
    uses.extend(clients.into_iter().map(|id| format!("the OAuth app {id}")));
    let presets = after.presets.iter().filter(|preset| preset.scopes.contains(scope));
    uses.extend(presets.map(|preset| format!("the preset {}", preset.name)));
    let roles = after.role_scopes.iter().filter(|(_, scopes)| scopes.contains(scope));
    uses.extend(roles.map(|(role, _)| format!("the role {role}")));
    let names =
        |route: &Route| route.scope.as_ref().is_some_and(|expr| expr.names().any(|name| name == &**scope));
    let routes: HashSet<String> = after
        .routes
        .iter()
        .filter(|route| names(route))
        .map(|route| format!("the route {}", route.path))
        .collect();
    uses.extend(routes);
    Ok(uses)
}

fn tier_uses(tx: &Tx<'_>, after: &Api, tier: &Tier) -> Result<Vec<String>> {
    let mut uses = keys(store::keys::with_tier(tx, after.no, &tier.name)?);
    for (member, name) in [
        ("default_tier", &after.default_tier),
        ("token_tier", &after.token_tier),
        ("member_tier", &after.member_tier),
    ] {
        if *name == tier.name {
            uses.push(member.to_owned());
        }
    }
    Ok(uses)
}

fn keys(found: (i64, Option<String>)) -> Vec<String> {
    match found {
        (1, Some(id)) => vec![format!("the key {id}")],
        (count, Some(id)) => vec![format!("{count} keys such as {id}")],
        (_, None) => Vec::new(),
    }
}
