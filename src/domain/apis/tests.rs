use serde_json::json;

use super::*;
use crate::domain::identity::access::Can;
use crate::domain::identity::self_or_all::SelfOrAll;
use crate::domain::keys::{self, NewKey};
use crate::domain::testing::{World, scopes};
use crate::error::Code;
use crate::model::api::RoleScopes;
use crate::model::{ApiKey, Role};

fn described(value: Value) -> ApiDescription {
    serde_json::from_value(value).unwrap()
}

fn afdb() -> Value {
    json!({
        "slug": "afdb",
        "name": "AI for Database",
        "scopes": [
            { "name": "queries:read", "description": "Run queries" },
            { "name": "queries:write" },
            { "name": "admin", "grants_all": true },
        ],
        "presets": [{ "name": "Read", "scopes": ["queries:read"] }],
        "role_scopes": { "member": ["queries:read"] },
        "routes": [{ "method": "GET", "path": "/v1/queries", "scope": "queries:read OR admin" }],
    })
}

/// `afdb()` with some members replaced.
fn with(members: Value) -> ApiDescription {
    let mut value = afdb();
    for (name, member) in members.as_object().unwrap() {
        value[name] = member.clone();
    }
    described(value)
}

async fn add(world: &World, description: ApiDescription) -> Result<Api> {
    let can = Can::check(&world.admin()).unwrap();
    world.write(move |tx| create(tx, &can, description.clone())).await
}

async fn edit(
    world: &World,
    slug: &'static str,
    edit: impl Fn(&mut ApiDescription) + Send + 'static,
) -> Result<Api> {
    let can = Can::check(&world.admin()).unwrap();
    world.write(move |tx| change(tx, &can, slug, &edit)).await
}

async fn apply_it(world: &World, description: ApiDescription) -> Result<Applied> {
    let can = Can::check(&world.admin()).unwrap();
    world.write(move |tx| apply(tx, &can, description.clone())).await
}

async fn remove(world: &World, slug: &'static str) -> Result<()> {
    let can = Can::check(&world.admin()).unwrap();
    world.write(move |tx| delete(tx, &can, slug)).await
}

async fn key(world: &World, held: &str, tier: Option<&str>) -> ApiKey {
    let access = SelfOrAll::of(&world.admin()).unwrap();
    let new = NewKey {
        api: "afdb".to_owned(),
        name: "Key".to_owned(),
        scopes: Some(scopes(held)),
        tier: tier.map(str::to_owned),
        ..NewKey::default()
    };
    world.write(move |tx| keys::create(tx, &access, new.clone())).await.unwrap().key
}

async fn revoke(world: &World, key: &ApiKey) {
    let (access, id) = (SelfOrAll::of(&world.admin()).unwrap(), key.id);
    world.write(move |tx| keys::revoke(tx, &access, id)).await.unwrap();
}

#[tokio::test]
async fn a_new_api_takes_its_defaults_and_is_known_at_once() {
    let world = World::new().await;
    let made =
        add(&world, described(json!({ "slug": "ai-for-db", "name": " AI for Database " }))).await.unwrap();
    let api = find(&world.services, "ai-for-db").unwrap();
    assert_eq!(*api, made);
    assert_eq!(*find(&world.services, &made.id.to_string()).unwrap(), made);
    assert_eq!((api.name.as_str(), api.prefix.as_str()), ("AI for Database", "aifordb"));
    assert_eq!(api.audience, "https://auth.example.com/ai-for-db");
    let tiers: Vec<_> =
        api.tiers.iter().map(|tier| (tier.name.as_str(), tier.limit, tier.window_seconds)).collect();
    assert_eq!(tiers, [("free", Some(100), 60), ("pro", Some(1_000), 60), ("enterprise", None, 60)]);
    assert_eq!((&*api.default_tier, &*api.token_tier, &*api.member_tier), ("free", "free", "free"));
    assert!(api.scopes_of(Role::Member).is_empty());
}

#[tokio::test]
async fn what_is_stored_comes_back_as_it_was_described() {
    let world = World::new().await;
    let description = with(json!({
        "audience": "https://api.example.com", "prefix": "db", "member_max_keys": 2, "x_api_key": true,
        "allowed_origins": ["https://app.example.com"], "token_tier": "gold",
        "presets": [{ "name": "Development", "description": "Try", "scopes": ["queries:read"], "environment": "test" }],
        "tiers": [
            { "name": "gold", "limit": 10, "window_seconds": 1, "burst": 20, "per": "owner" },
            { "name": "none", "limit": null },
        ],
        "routes": [
            { "method": "*", "path": "/health", "public": true },
            { "method": "POST", "path": "/v1/*", "scope": "queries:write", "environment": "any", "cost": 7 },
        ],
    }));
    let made = add(&world, description.clone()).await.unwrap();
    let stored = world.services.read(|conn| store::apis::find(conn, "afdb")).await.unwrap().unwrap();
    assert_eq!(stored, made);
    let back = ApiDescription::from(&stored);
    let expected = ApiDescription {
        default_tier: Some("gold".to_owned()),
        member_tier: Some("gold".to_owned()),
        ..description
    };
    assert_eq!(back, expected);
    assert_eq!(described(serde_json::to_value(&back).unwrap()), back);
}

#[tokio::test]
async fn every_mistake_is_named() {
    let world = World::new().await;
    let wrong = with(json!({
        "slug": "Bad_Slug", "name": "", "audience": "not a uri", "prefix": "x", "member_max_keys": 1001,
        "default_tier": "gone", "allowed_origins": ["https://a/"],
        "scopes": [{ "name": "a" }, { "name": "a" }, { "name": "email" }],
        "presets": [{ "name": "P", "scopes": ["b"] }, { "name": "P", "scopes": [] }, { "name": " Q", "scopes": [] }],
        "tiers": [{ "name": "a b", "limit": 0 }, { "name": "t" }, { "name": "t" }],
        "role_scopes": { "viewer": ["b"] },
        "routes": [
            { "method": "get", "path": "/v1/../x", "scope": "a AND b", "cost": 0 },
            { "method": "GET", "path": "/x", "scope": "a", "public": true },
            { "method": "GET", "path": "/x" },
        ],
    }));
    let reported = add(&world, wrong).await.unwrap_err();
    assert_eq!(reported.code, Code::InvalidRequest);
    let fields: Vec<&str> = reported.details.keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        [
            "allowed_origins[0]",
            "audience",
            "default_tier",
            "member_max_keys",
            "member_tier",
            "name",
            "presets[0].scopes",
            "presets[1].name",
            "presets[2].name",
            "role_scopes.viewer",
            "routes[0].cost",
            "routes[0].method",
            "routes[0].path",
            "routes[0].scope",
            "routes[1].scope",
            "routes[2].path",
            "scopes[1].name",
            "scopes[2].name",
            "slug",
            "tiers[0].limit",
            "tiers[0].name",
            "tiers[2].name",
            "token_tier",
        ]
    );
    let no_prefix = described(json!({ "slug": "a-very-long-slug-indeed", "name": "x" }));
    assert!(add(&world, no_prefix).await.unwrap_err().details.contains_key("prefix"));
    let no_tier = with(json!({ "tiers": [] }));
    assert!(add(&world, no_tier).await.unwrap_err().details.contains_key("tiers"));
}

#[tokio::test]
async fn slug_audience_and_prefix_are_of_one_api_alone() {
    let world = World::new().await;
    add(&world, with(json!({ "audience": "https://api.example.com" }))).await.unwrap();
    let other = json!({ "slug": "other", "name": "Other" });
    let clash = |member: &str, value: &str| {
        let mut description = other.clone();
        description[member] = value.into();
        add(&world, described(description))
    };
    for (member, value) in [
        ("slug", "afdb"),
        ("slug", "keywright"),
        ("audience", "https://api.example.com"),
        ("prefix", "afdb"),
        ("prefix", "kw"),
    ] {
        let refused = clash(member, value).await.unwrap_err();
        assert_eq!(refused.code, Code::Conflict, "{member}");
        assert!(refused.details.contains_key(member), "{member}: {refused:?}");
    }
    add(&world, described(other.clone())).await.unwrap();
    let refused =
        edit(&world, "other", |api| api.audience = Some("https://api.example.com".to_owned())).await;
    assert_eq!(refused.unwrap_err().code, Code::Conflict);
}

#[tokio::test]
async fn a_change_replaces_what_it_names_and_shows_at_once() {
    let world = World::new().await;
    let made = add(&world, described(afdb())).await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(5));
    let changed = edit(&world, "afdb", |api| api.name = "Renamed".to_owned()).await.unwrap();
    assert_eq!(changed.updated_at, made.updated_at.plus_seconds(5));
    assert_eq!(Api { name: made.name.clone(), updated_at: made.updated_at, ..changed.clone() }, made);
    assert_eq!(*find(&world.services, "afdb").unwrap(), changed);
    // An empty change is not logged.
    world.clock.advance(std::time::Duration::from_secs(5));
    assert_eq!(edit(&world, "afdb", |_| {}).await.unwrap(), changed);
    let moved = edit(&world, "afdb", |api| api.slug = "new".to_owned()).await.unwrap_err();
    assert!(moved.details.contains_key("slug"));
    assert_eq!(edit(&world, "gone", |_| {}).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn a_scope_in_use_stays() {
    let world = World::new().await;
    add(&world, described(afdb())).await.unwrap();
    let without_read = |api: &mut ApiDescription| api.scopes.retain(|scope| &*scope.name != "queries:read");
    let refused = edit(&world, "afdb", without_read).await.unwrap_err();
    assert_eq!(refused.code, Code::Conflict);
    let used_by = &refused.details["queries:read"];
    assert_eq!(*used_by, json!(["the preset Read", "the role member", "the route /v1/queries"]));

    let held = key(&world, "queries:write", None).await;
    let without_write = |api: &mut ApiDescription| api.scopes.retain(|scope| &*scope.name != "queries:write");
    let refused = edit(&world, "afdb", without_write).await.unwrap_err();
    assert_eq!(refused.details["queries:write"], json!([format!("the key {}", held.id)]));
    revoke(&world, &held).await;
    edit(&world, "afdb", without_write).await.unwrap();
    assert!(!find(&world.services, "afdb").unwrap().all_scopes().contains("queries:write"));
    // The removal of an API removes its dependants.
    let all_at_once = |api: &mut ApiDescription| {
        api.scopes.clear();
        api.presets.clear();
        api.role_scopes = RoleScopes::default();
        api.routes.clear();
        api.open = true;
    };
    edit(&world, "afdb", all_at_once).await.unwrap();
}

#[tokio::test]
async fn a_scope_whose_name_is_part_of_another_is_distinct() {
    let world = World::new().await;
    add(
        &world,
        with(json!({ "scopes": [{ "name": "a" }, { "name": "a_b" }, { "name": "aXb" }, { "name": "A_B" }],
        "presets": [], "role_scopes": {}, "routes": [] })),
    )
    .await
    .unwrap();
    key(&world, "aXb A_B", None).await;
    let keep_used =
        |api: &mut ApiDescription| api.scopes.retain(|scope| matches!(&*scope.name, "aXb" | "A_B"));
    edit(&world, "afdb", keep_used).await.unwrap();
}

#[tokio::test]
async fn a_tier_in_use_stays() {
    let world = World::new().await;
    add(&world, described(afdb())).await.unwrap();
    let held = key(&world, "queries:read", Some("pro")).await;
    let without = |name: &'static str| {
        move |api: &mut ApiDescription| api.tiers.as_mut().unwrap().retain(|tier| tier.name != name)
    };
    let refused = edit(&world, "afdb", without("free")).await.unwrap_err();
    assert_eq!(refused.code, Code::Conflict);
    assert_eq!(refused.details["free"], json!(["default_tier", "token_tier", "member_tier"]));
    let refused = edit(&world, "afdb", without("pro")).await.unwrap_err();
    assert_eq!(refused.details["pro"], json!([format!("the key {}", held.id)]));
    edit(&world, "afdb", without("enterprise")).await.unwrap();
}

#[tokio::test]
async fn the_built_in_api_cannot_be_changed() {
    let world = World::new().await;
    assert_eq!(edit(&world, "keywright", |_| {}).await.unwrap_err().code, Code::Forbidden);
    assert_eq!(remove(&world, "keywright").await.unwrap_err().code, Code::Forbidden);
    let own = ApiDescription::from(&**world.services.catalog.get().built_in());
    assert_eq!(apply_it(&world, own).await.unwrap_err().code, Code::Forbidden);
}

#[tokio::test]
async fn an_api_goes_when_its_keys_are_revoked() {
    let world = World::new().await;
    add(&world, described(afdb())).await.unwrap();
    let held = key(&world, "queries:read", None).await;
    let refused = remove(&world, "afdb").await.unwrap_err();
    assert_eq!((refused.code, &refused.details["keys"]), (Code::Conflict, &json!(1)));
    revoke(&world, &held).await;
    let before = find(&world.services, "afdb").unwrap().no;
    remove(&world, "afdb").await.unwrap();
    assert_eq!(find(&world.services, "afdb").unwrap_err().code, Code::NotFound);
    // The log keeps the old number, so it is never used again.
    assert!(add(&world, described(afdb())).await.unwrap().no > before);
    assert!(key(&world, "queries:read", None).await.no > held.no);
}

#[tokio::test]
async fn applying_a_description_makes_it_so_and_then_changes_nothing() {
    let world = World::new().await;
    let first = apply_it(&world, described(afdb())).await.unwrap();
    assert!(first.created);
    assert_eq!(first.changes.len(), 1);
    let again = apply_it(&world, described(afdb())).await.unwrap();
    assert_eq!(again, Applied { created: false, changes: vec![], warnings: vec![] });

    let changed = with(json!({
        "name": "Databases",
        "scopes": [{ "name": "queries:read", "description": "Ask" }, { "name": "admin", "grants_all": true },
                   { "name": "team:manage" }],
        "tiers": [{ "name": "free", "limit": 200 }],
        "role_scopes": {},
        "routes": [],
        "open": true,
    }));
    let applied = apply_it(&world, changed.clone()).await.unwrap();
    assert_eq!(
        applied.changes,
        [
            "~ name: AI for Database → Databases",
            "~ open: false → true",
            "~ scope queries:read: Run queries → Ask",
            "+ scope team:manage",
            "- scope queries:write",
            "~ tier free: 100 per 60 s, burst 100, per key → 200 per 60 s, burst 200, per key",
            "- tier enterprise",
            "- tier pro",
            "- scopes of the role member",
            "- route GET /v1/queries",
        ]
    );
    assert!(apply_it(&world, changed).await.unwrap().changes.is_empty());
    key(&world, "team:manage", None).await;
    let refused = apply_it(&world, described(afdb())).await.unwrap_err();
    assert_eq!(refused.code, Code::Conflict);
    assert!(refused.details.contains_key("team:manage"));
}

#[tokio::test]
async fn a_new_order_is_a_change_too() {
    let world = World::new().await;
    add(&world, described(afdb())).await.unwrap();
    let mut turned = described(afdb());
    turned.scopes.reverse();
    let applied = apply_it(&world, turned).await.unwrap();
    assert_eq!(applied.changes, ["~ order of scopes, presets, tiers or routes"]);
    assert_eq!(&*find(&world.services, "afdb").unwrap().scopes[0].name, "admin");
}

#[tokio::test]
async fn the_list_has_pages_and_the_built_in_api_is_first() {
    let world = World::new().await;
    for slug in ["one", "two", "three"] {
        add(&world, described(json!({ "slug": slug, "name": slug }))).await.unwrap();
        world.clock.advance(std::time::Duration::from_millis(2));
    }
    let can = SelfOrAll::of(&world.key_call("apis:read")).unwrap();
    let (mut seen, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = list(&can, Some(3), after.as_deref()).unwrap();
        seen.extend(page.data.iter().map(|api| api.slug.clone()));
        after = page.next_cursor;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["keywright", "one", "two", "three"]);
    assert_eq!(list(&can, None, Some("forged")).unwrap_err().code, Code::InvalidCursor);
    assert!(SelfOrAll::<ApisRead>::of(&world.key_call("keys:read")).is_err());
}

#[tokio::test]
async fn a_member_sees_what_they_need_for_keys_of_their_own() {
    let world = World::new().await;
    let presets =
        json!([{ "name": "Read", "scopes": ["queries:read"] }, { "name": "All", "scopes": ["admin"] }]);
    add(&world, with(json!({ "presets": presets }))).await.unwrap();
    add(&world, described(json!({ "slug": "hidden", "name": "Hidden" }))).await.unwrap();
    let member = world.user("m@example.com", Role::Member).await;
    let access = SelfOrAll::of(&world.session_call(member)).unwrap();
    let page = list(&access, None, None).unwrap();
    let slugs: Vec<&str> = page.data.iter().map(|api| api.slug.as_str()).collect();
    assert_eq!(slugs, ["keywright", "afdb"]);
    let seen = get(&access, "afdb").unwrap();
    assert_eq!(seen.all_scopes(), scopes("queries:read"));
    assert_eq!(seen.presets.len(), 1);
    assert!(seen.routes.is_empty() && seen.role_scopes.iter().all(|(role, _)| role == Role::Member));
    assert_eq!(get(&access, "hidden").unwrap_err().code, Code::NotFound);
}
