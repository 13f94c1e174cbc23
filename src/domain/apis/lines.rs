//! Changes of an API as lines for people: `+ scope queries:read`, `~ tier free: 100/60 s → 200/60 s`.

use std::collections::BTreeMap;

use crate::model::Api;
use crate::model::api::{Preset, Route, ScopeInfo, Tier};

/// Every difference between two states of an API.
pub(super) fn changes(before: &Api, after: &Api) -> Vec<String> {
    let mut lines = Vec::new();
    for (member, from, to) in
        members(before).into_iter().zip(members(after)).map(|((name, from), (_, to))| (name, from, to))
    {
        if from != to {
            lines.push(format!("~ {member}: {from} → {to}"));
        }
    }
    named(&mut lines, "scope", before.scopes.iter().map(scope), after.scopes.iter().map(scope));
    named(&mut lines, "preset", before.presets.iter().map(preset), after.presets.iter().map(preset));
    named(&mut lines, "tier", before.tiers.iter().map(tier), after.tiers.iter().map(tier));
    named(&mut lines, "scopes of the role", roles(before), roles(after));
    named(&mut lines, "route", before.routes.iter().map(route), after.routes.iter().map(route));
    if lines.is_empty() && before != after {
        lines.push("~ order of scopes, presets, tiers or routes".to_owned());
    }
    lines
}

fn members(api: &Api) -> Vec<(&'static str, String)> {
    vec![
        ("name", api.name.clone()),
        ("audience", api.audience.clone()),
        ("prefix", api.prefix.to_string()),
        ("default_tier", api.default_tier.clone()),
        ("token_tier", api.token_tier.clone()),
        ("member_tier", api.member_tier.clone()),
        ("member_max_keys", api.member_max_keys.to_string()),
        ("x_api_key", api.x_api_key.to_string()),
        ("open", api.open.to_string()),
        ("case_insensitive_paths", api.case_insensitive_paths.to_string()),
        ("allowed_origins", format!("[{}]", api.allowed_origins.join(", "))),
    ]
}

/// Lines for named items, with their other members.
fn named(
    lines: &mut Vec<String>,
    kind: &str,
    before: impl Iterator<Item = (String, String)>,
    after: impl Iterator<Item = (String, String)>,
) {
    let mut before: BTreeMap<String, String> = before.collect();
    for (name, to) in after {
        match before.remove(&name) {
            None => lines.push(format!("+ {kind} {name}{}", rest(&to))),
            Some(from) if from != to => lines.push(format!("~ {kind} {name}: {from} → {to}")),
            Some(_) => {}
        }
    }
    lines.extend(before.into_keys().map(|name| format!("- {kind} {name}")));
}

fn rest(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn scope(scope: &ScopeInfo) -> (String, String) {
    let grants_all = if scope.grants_all { " (grants all)" } else { "" };
    (scope.name.to_string(), format!("{}{grants_all}", scope.description))
}

fn preset(preset: &Preset) -> (String, String) {
    let environment = preset.environment.map_or_else(String::new, |only| format!(" ({only} only)"));
    (preset.name.clone(), format!("{} [{}]{environment}", preset.description, preset.scopes))
}

fn tier(tier: &Tier) -> (String, String) {
    let limit = tier.limit.map_or_else(
        || "unlimited".to_owned(),
        |limit| format!("{limit} per {} s, burst {}", tier.window_seconds, tier.burst.unwrap_or(limit)),
    );
    (tier.name.clone(), format!("{limit}, per {}", tier.per))
}

fn roles(api: &Api) -> impl Iterator<Item = (String, String)> {
    api.role_scopes.iter().map(|(role, scopes)| (role.to_string(), scopes.to_string()))
}

fn route(route: &Route) -> (String, String) {
    let scope = match (&route.scope, route.public) {
        (_, true) => "public".to_owned(),
        (Some(scope), false) => scope.to_string(),
        (None, false) => "any credential".to_owned(),
    };
    let (environment, cost) = (route.environment, route.cost);
    (format!("{} {}", route.method, route.path), format!("{scope}, {environment}, cost {cost}"))
}
