//! The borders between the rooms of `src`, drawn in `lib.rs`: allowed imports, and names with restricted use.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use source::{Module, Path};

/// The nouns that no row names: `domain/apis`, `domain/settings` and the like. They do not name each other.
const NOUNS: &str = "domain/*";

/// The rooms from top to bottom. A room may name the rooms of the rows below its own.
const ROWS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["app"],
    &["http", "worker"],
    &["domain/instance", "domain/setup"],
    &["domain/oauth"],
    &["domain/clients"],
    &["domain/keys"],
    &[NOUNS],
    &["domain/identity"],
    &["domain/policy"],
    &["activity"],
    &["platform"],
    &["store"],
    &["config", "env", "error", "measure"],
    &["locks", "model"],
];

/// Rooms with restricted importers: if `http` used queries, it would bypass the rules.
const ONLY_FOR: &[(&str, &[&str])] = &[
    ("store", &["app", "worker", "domain", "activity", "platform"]),
    ("config", &["app", "cli"]),
    ("app", &["cli"]),
    ("cli", &["main"]),
];

/// Names with restricted users.
const WORDS_FOR: &[(&str, &[&str])] = &[
    ("rusqlite", &["store"]),
    ("poem", &["http"]),
    ("poem_openapi", &["http"]),
    ("clap", &["cli"]),
    ("StatusCode", &["http", "cli"]),
    ("HeaderMap", &["http", "cli"]),
    ("HeaderName", &["http", "cli"]),
    ("HeaderValue", &["http", "cli"]),
];

/// First words of SQL statements, which only `store` may contain.
const SQL: &[&str] = &["SELECT ", "INSERT ", "UPDATE ", "DELETE FROM", "CREATE ", "PRAGMA ", "WITH "];

/// Maximum number of rooms from which a struct outside of `app` has fields.
const MOST_ROOMS: usize = 3;

type Modules = BTreeMap<Path, Module>;

fn is_known(room: &str) -> bool {
    row(room).is_some()
}

fn row(room: &str) -> Option<usize> {
    let of = |name: &str| ROWS.iter().position(|row| row.contains(&name));
    of(room).or_else(|| room.starts_with("domain/").then(|| of(NOUNS))?)
}

/// Room of a path from the root of the crate; none for other crates, and for roots that only list modules.
fn room(path: &[String]) -> Option<String> {
    let mut parts = path.iter().map(String::as_str);
    match (parts.next()?, parts.next()?, parts.next()) {
        ("crate", "domain", Some(second)) => Some(format!("domain/{second}")),
        ("crate", "domain" | "lib", None) => None,
        ("crate", first, _) => Some(first.to_owned()),
        _ => None,
    }
}

/// Whether `owners` holds the room or, as `domain`, all rooms of its folder.
fn holds(owners: &[&str], room: &str) -> bool {
    owners.iter().any(|owner| room == *owner || room.split('/').next() == Some(owner))
}

/// The arrows between rooms, each with a module that has it.
fn arrows(modules: &Modules) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for (path, module) in modules {
        let Some(from) = room(&rooted(path)) else { continue };
        for to in module.named.iter().filter_map(|target| room(target)) {
            if to != from && is_known(&to) {
                found.entry((from.clone(), to)).or_insert_with(|| path.join("::"));
            }
        }
    }
    found
}

fn rooted(path: &[String]) -> Path {
    std::iter::once("crate".to_owned()).chain(path.iter().cloned()).collect()
}

/// Violations of the borders.
fn complaints(modules: &Modules) -> Vec<String> {
    let mut wrong = Vec::new();
    for ((from, to), at) in arrows(modules) {
        match (row(&from), row(&to)) {
            (Some(above), Some(below)) if above < below => {}
            (Some(_), Some(_)) => wrong.push(format!("{at}: {from} names {to}, which is not below it")),
            _ => wrong.push(format!("{at}: {from} or {to} is not in the drawing")),
        }
        let owners = ONLY_FOR.iter().find(|(room, _)| *room == to);
        if owners.is_some_and(|(_, owners)| !holds(owners, &from)) {
            wrong.push(format!("{at}: {from} names {to}"));
        }
    }
    for (path, module) in modules {
        let Some(from) = room(&rooted(path)) else { continue };
        let at = path.join("::");
        if !is_known(&from) {
            wrong.push(format!("{at}: {from} is not in the drawing"));
        }
        for (word, owners) in WORDS_FOR {
            if !holds(owners, &from) && module.identifiers.iter().any(|name| name == word) {
                wrong.push(format!("{at}: {from} names {word}"));
            }
        }
        // `Headers` and the like may be ours; `http` as the start of a path is the crate or our own room.
        if from.starts_with("domain/")
            && module.named.iter().any(|named| named.len() > 1 && named[0] == "http")
        {
            wrong.push(format!("{at}: {from} names http"));
        }
        let is_sql = |text: &String| {
            let text = text.trim_start_matches(['r', '#', '"']).trim_start();
            SQL.iter().any(|start| text.starts_with(start))
        };
        if from != "store" {
            wrong.extend(
                module.strings.iter().filter(|text| is_sql(text)).map(|text| format!("{at}: SQL {text}")),
            );
        }
    }
    wrong.extend(cycles(modules).into_iter().map(|cycle| format!("a circle: {}", cycle.join(" → "))));
    wrong
}

/// Cycles among rooms, each once.
fn cycles(modules: &Modules) -> Vec<Vec<String>> {
    let mut next: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, to) in arrows(modules).into_keys() {
        next.entry(to.clone()).or_default();
        next.entry(from).or_default().insert(to);
    }
    // Rooms without arrows to remaining rooms are removed; a room that cannot be removed is on a cycle or above one.
    loop {
        let ends: Vec<String> =
            next.iter().filter(|(_, to)| to.is_empty()).map(|(from, _)| from.clone()).collect();
        if ends.is_empty() {
            break;
        }
        next.retain(|from, _| !ends.contains(from));
        next.values_mut().for_each(|to| to.retain(|room| !ends.contains(room)));
    }
    let Some(start) = next.keys().next().cloned() else { return Vec::new() };
    let mut way = vec![start];
    loop {
        let following = next[way.last().unwrap()].first().unwrap().clone();
        if let Some(at) = way.iter().position(|room| *room == following) {
            return vec![way.split_off(at)];
        }
        way.push(following);
    }
}

/// Rooms of the fields of each struct, by the definitions of their types.
fn rooms_of_structs(modules: &Modules) -> Vec<(String, BTreeSet<String>)> {
    let mut found = Vec::new();
    for (path, module) in modules {
        for shape in &module.structs {
            let mut rooms = BTreeSet::new();
            for target in &shape.types {
                definitions(modules, target, &mut Vec::new(), &mut rooms);
            }
            found.push((format!("{}::{}", path.join("::"), shape.name), rooms));
        }
    }
    found.sort_by_key(|(name, rooms)| (std::cmp::Reverse(rooms.len()), name.clone()));
    found
}

/// Resolves re-exports and aliases of `target` to rooms.
fn definitions(modules: &Modules, target: &Path, seen: &mut Vec<Path>, rooms: &mut BTreeSet<String>) {
    if target.first().is_none_or(|first| first != "crate") || seen.contains(target) {
        return;
    }
    seen.push(target.clone());
    let (name, parent) = target.split_last().unwrap();
    let exported = modules.get(&parent[1.min(parent.len())..]).and_then(|module| module.exports.get(name));
    match exported {
        Some(targets) => targets.iter().for_each(|target| definitions(modules, target, seen, rooms)),
        None => rooms.extend(room(target)),
    }
}

/// Every module of `src`.
fn all() -> Modules {
    let src = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![src.clone()];
    let mut modules = Modules::new();
    while let Some(file) = files.pop() {
        if file.is_dir() {
            files.extend(std::fs::read_dir(&file).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let below = file.strip_prefix(&src).unwrap().with_extension("");
        let mut path: Path = below.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if path.last().is_some_and(|last| last == "mod") {
            path.pop();
        }
        // Unit tests may use every room.
        if path.iter().any(|part| part == "tests" || part == "testing") {
            continue;
        }
        if path == ["lib"] {
            path.clear();
        }
        modules.extend(source::read(&path, &std::fs::read_to_string(&file).unwrap()));
    }
    assert!(modules.len() > 100, "this looks at the whole program");
    modules
}

#[test]
fn rooms_name_only_the_rooms_below() {
    let wrong = complaints(&all());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_struct_outside_app_has_fields_from_more_than_three_rooms() {
    let structs = rooms_of_structs(&all());
    #[expect(clippy::print_stdout, reason = "--nocapture shows the largest")]
    for (name, rooms) in structs.iter().take(5) {
        println!("{} rooms: {name} {rooms:?}", rooms.len());
    }
    let large = |name: &str, rooms: &BTreeSet<String>| rooms.len() > MOST_ROOMS && !name.starts_with("app");
    let wrong: Vec<_> = structs.iter().filter(|(name, rooms)| large(name, rooms)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn modules(files: &[(&str, &str)]) -> Modules {
    let path = |name: &str| name.split("::").map(str::to_owned).collect::<Vec<_>>();
    files.iter().flat_map(|(name, code)| source::read(&path(name), code)).collect()
}

#[test]
fn what_breaks_a_border_is_seen() {
    for (name, code) in [
        ("model::key", "use crate::store::Tx;"),
        ("store::keys", "fn f() { crate::domain::keys::x() }"),
        ("store::keys", "use super::super::domain::keys;"),
        ("domain::keys", "use crate::{model::{Api, Key}, http::error};"),
        ("domain::keys", "struct S { field: crate::http::context::RequestContext }"),
        ("domain::keys", "use super::oauth::Params;"),
        ("domain::keys::list", "use crate::domain::{apis, oauth as other}; fn f() { other::x() }"),
        ("domain::policy", "fn f() { super::identity::x() }"),
        ("domain::identity", "macro_rules! m { () => { $crate::domain::keys::x() } }"),
        ("domain::apis", "use crate::domain::keys;"),
        ("domain::keys", "use poem::Request;"),
        ("domain::oauth", "use hyper::StatusCode;"),
        ("domain::oauth", "fn f(request: http::Request<()>) {}"),
        ("domain::oauth", "const X: &str = \"SELECT 1\";"),
        ("domain::oauth", "const X: &str = r#\"\n  UPDATE keys SET x = 1\"#;"),
        ("http::api", "use crate::store;"),
        ("http::api", "fn f(c: rusqlite::Connection) {}"),
        ("domain::keys", "use crate::config::Config;"),
        ("http", "use crate::worker;"),
        ("main", "fn f() { keywright::app::start(); }"),
        ("novelty", ""),
        ("domain::novelty", "use crate::domain::keys;"),
        ("domain::novelty", "use crate::domain::apis;"),
    ] {
        assert!(!complaints(&modules(&[(name, code)])).is_empty(), "{name}: {code}");
    }
}

#[test]
fn what_keeps_the_borders_passes() {
    for (name, code) in [
        ("domain::novelty", "use crate::domain::identity;"),
        ("domain::keys", "// as crate::http does\nuse crate::store::Tx; use crate::domain::keys::list;"),
        ("domain::keys", "/// See [`crate::http`].\nconst X: &str = \"crate::http and // http::x\";"),
        (
            "domain::keys",
            "#[cfg(test)] use crate::http; #[cfg(test)] mod t { use crate::http::x; } struct S;",
        ),
        ("domain::oauth", "use super::identity::{Services, users}; use crate::domain::{clients, keys};"),
        ("http", "use crate::{domain::{keys, identity::access}, error::Error};"),
        ("domain::keys", "use mycrate::http::x; use self::list::x; const SELECT: &str = \"Select a key\";"),
        ("store", "const X: &str = \"SELECT 1\"; use rusqlite::Connection;"),
    ] {
        assert_eq!(complaints(&modules(&[(name, code)])), [""; 0], "{name}: {code}");
    }
}

#[test]
fn a_circle_of_rooms_is_found() {
    let circle = modules(&[
        ("domain::apis", "use crate::domain::settings;"),
        ("domain::settings", "use super::keys;"),
        ("domain::keys", "use crate::domain::apis; use crate::domain::identity;"),
        ("domain::oauth", "use crate::domain::keys;"),
    ]);
    assert_eq!(cycles(&circle), [["domain/apis", "domain/settings", "domain/keys"]]);
    let none =
        modules(&[("domain::keys", "use crate::domain::apis;"), ("domain::oauth", "use super::keys;")]);
    assert_eq!(cycles(&none), [[""; 0]; 0]);
}

#[test]
fn fields_are_counted_by_where_their_types_are_defined() {
    let modules = modules(&[
        ("store", "pub mod keys { pub struct Row; } pub struct Db;"),
        ("activity", "pub use crate::store::keys::Row; pub struct Log;"),
        ("platform", "pub type Rows<T> = Cache<T, crate::store::keys::Row>; struct Cache<K, V>(K, V);"),
        (
            "domain::keys",
            "use crate::activity::{Log, Row}; use crate::model as plain; use std::sync::Arc;
             struct Hidden { a: Arc<Log>, b: Row, #[doc(hidden)] c: Option<plain::Id>, d: (u8, super::policy::Engine) }
             struct Aliased(crate::platform::Rows<plain::Id>, Own);
             struct Own;",
        ),
    ]);
    let structs: BTreeMap<_, _> = rooms_of_structs(&modules).into_iter().collect();
    let rooms = |name: &str| structs[name].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(rooms("domain::keys::Hidden"), ["activity", "domain/policy", "model", "store"]);
    assert_eq!(rooms("domain::keys::Aliased"), ["domain/keys", "model", "platform", "store"]);
    assert_eq!(rooms("domain::keys::Own"), [""; 0]);
}
