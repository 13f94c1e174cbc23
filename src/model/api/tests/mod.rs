mod routes;

use serde_json::json;

use super::*;
use crate::model::RequestedEnvironment;

fn set(text: &str) -> ScopeSet {
    text.parse().unwrap()
}

/// An API with the scopes `read`, `write` and `admin`, of which the last grants all.
fn api() -> Api {
    let scope = |name: &str| ScopeInfo {
        name: Scope::new(name).unwrap(),
        description: String::new(),
        grants_all: name == "admin",
    };
    let tier = |name: &str| Tier {
        name: name.to_owned(),
        limit: Some(10),
        window_seconds: 60,
        burst: None,
        per: LimitPer::Key,
    };
    let preset = |name: &str| Preset {
        name: name.to_owned(),
        description: String::new(),
        scopes: set("read"),
        environment: None,
    };
    Api {
        no: 7,
        id: ApiId::from_u128(7),
        slug: "afdb".to_owned(),
        name: "An API".to_owned(),
        audience: "https://api.example.com".to_owned(),
        prefix: "afdb".parse().unwrap(),
        built_in: false,
        default_tier: "free".to_owned(),
        token_tier: "free".to_owned(),
        member_tier: "free".to_owned(),
        member_max_keys: 5,
        x_api_key: false,
        open: false,
        case_insensitive_paths: false,
        allowed_origins: Vec::new(),
        role_scopes: RoleScopes { viewer: Some(set("read")), ..RoleScopes::default() },
        scopes: ["read", "write", "admin"].map(scope).to_vec(),
        presets: ["reader", "writer"].map(preset).to_vec(),
        tiers: ["free", "pro"].map(tier).to_vec(),
        routes: Vec::new(),
        created_at: Timestamp::MIN,
        updated_at: Timestamp::MIN,
    }
}

#[test]
fn a_scope_is_satisfied_by_name_or_by_one_that_grants_all() {
    let api = api();
    assert!(api.satisfies(&set("read"), "read"));
    assert!(api.satisfies(&set("admin"), "read"));
    assert!(!api.satisfies(&set("write"), "read"));
    assert!(!api.satisfies(&set(""), "read"));
    assert!(api.grants_all(&set("admin read")));
    assert!(!api.grants_all(&set("read write")), "holding each by name is not holding all");
    assert!(!api.grants_all(&set("root")), "a scope of another API grants nothing here");
}

#[test]
fn a_set_covers_what_it_names_and_only_one_that_grants_all_covers_another() {
    let api = api();
    for (held, wanted, expected) in [
        ("read write", "read", true),
        ("read", "read write", false),
        ("read", "", true),
        ("admin", "read write", true),
        ("admin", "admin", true),
        ("read write", "admin", false),
        ("", "read", false),
    ] {
        assert_eq!(api.covers(&set(held), &set(wanted)), expected, "{held:?} {wanted:?}");
    }
}

#[test]
fn a_cut_leaves_what_both_sets_grant() {
    let api = api();
    for (asked, held, expected) in [
        ("read write", "read", "read"),
        ("read", "admin", "read"),
        ("admin", "admin", "admin"),
        ("admin", "read", "read"),
        ("write", "read", ""),
    ] {
        assert_eq!(api.cut(&set(asked), &set(held)), set(expected), "{asked:?} {held:?}");
    }
}

#[test]
fn roles_hold_what_is_listed_and_owners_and_admins_everything_else() {
    let mut api = api();
    assert_eq!(api.all_scopes(), set("admin read write"));
    for (role, expected) in [
        (Role::Owner, "admin read write"),
        (Role::Admin, "admin read write"),
        (Role::Developer, ""),
        (Role::Viewer, "read"),
        (Role::Member, ""),
    ] {
        assert_eq!(api.scopes_of(role), set(expected), "{role}");
    }
    api.role_scopes.admin = Some(set("write"));
    assert_eq!(api.scopes_of(Role::Admin), set("write"));
}

#[test]
fn tiers_and_presets_are_found_by_name() {
    let api = api();
    assert_eq!(api.tier("pro").map(|tier| tier.name.as_str()), Some("pro"));
    assert_eq!(api.tier("none"), None);
    assert_eq!(api.preset("writer").map(|preset| preset.name.as_str()), Some("writer"));
    assert_eq!(api.preset("none"), None);
}

#[test]
fn what_is_left_out_takes_its_default() {
    let tier: Tier = serde_json::from_value(json!({ "name": "free", "limit": 10 })).unwrap();
    assert_eq!((tier.window_seconds, tier.per), (60, LimitPer::Key));
    let route: Route = serde_json::from_value(json!({ "method": "GET", "path": "/" })).unwrap();
    assert_eq!((route.environment, route.cost, route.public), (RequestedEnvironment::Live, 1, false));
    for (word, environment) in [
        ("live", RequestedEnvironment::Live),
        ("test", RequestedEnvironment::Test),
        ("any", RequestedEnvironment::Any),
    ] {
        let written = json!({ "method": "GET", "path": "/", "environment": word });
        let route: Route = serde_json::from_value(written).unwrap();
        assert_eq!(route.environment, environment);
        assert_eq!(serde_json::to_value(&route).unwrap()["environment"], word);
    }
}

#[test]
fn a_description_makes_the_same_api() {
    let mut api = api();
    api.routes = vec![routes::route("GET", "/v1", "read")];
    let described = ApiDescription::from(&api);
    assert_eq!((&described.slug, &described.tiers), (&api.slug, &Some(api.tiers.clone())));
    assert_eq!((&described.scopes, &described.routes), (&api.scopes, &api.routes));
}
