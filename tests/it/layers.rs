//! The arrows that `lib.rs` draws: code calls downwards only.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What each layer may name, itself aside. A layer that is missing here fails the test.
const MAY_NAME: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("env", &["model"]),
    ("error", &["model"]),
    ("config", &["model"]),
    ("store", &["model", "env", "error"]),
    ("platform", &["store", "model", "env", "error"]),
    ("activity", &["platform", "store", "model", "env", "error"]),
    ("domain", &["activity", "platform", "store", "model", "env", "error"]),
    // Never `store`: a handler that queries has skipped the rules.
    ("http", &["domain", "activity", "platform", "model", "env", "error"]),
    ("worker", &["domain", "activity", "platform", "store", "model", "env", "error"]),
    (
        "app",
        &["http", "worker", "domain", "activity", "platform", "store", "model", "env", "error", "config"],
    ),
    ("cli", &["app", "http", "domain", "activity", "platform", "model", "env", "error", "config"]),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// Crates that only one layer may name.
const BELONGS_TO: &[(&str, &[&str])] =
    &[("rusqlite", &["store"]), ("poem", &["http"]), ("poem_openapi", &["http"]), ("clap", &["cli"])];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The first part of a file's path below `src`: its layer.
fn layer(path: &Path, src: &Path) -> String {
    let first = path.strip_prefix(src).unwrap().components().next().unwrap();
    Path::new(first.as_os_str()).file_stem().unwrap().to_str().unwrap().to_owned()
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The layers that a source names: `crate::x`, `keywright::x`, and each of `crate::{x, y}`.
fn named(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for root in ["crate::", "keywright::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(list) => found.extend(top_level(list).iter().map(|part| identifier(part).to_owned())),
                None => {
                    found.insert(identifier(rest).to_owned());
                }
            }
        }
    }
    found
}

/// The parts of `a::{b, c}, d}` up to its closing brace: `a::{b, c}` and `d`.
fn top_level(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in list.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' if depth == 0 => {
                parts.push(list[start..at].trim());
                start = at + 1;
            }
            '}' if depth == 0 => {
                parts.push(list[start..at].trim());
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    parts
}

/// Code without what only speaks about code.
fn without_comments(code: &str) -> String {
    code.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

fn complaints(layer: &str, code: &str) -> Vec<String> {
    let code = without_comments(code);
    let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == layer) else {
        return vec![format!("the layer {layer} is not in the picture")];
    };
    let known = |name: &str| MAY_NAME.iter().any(|(layer, _)| *layer == name);
    let upwards = named(&code)
        .into_iter()
        .filter(|name| known(name) && name != layer && !allowed.contains(&name.as_str()))
        .map(|name| format!("{layer} names {name}"));
    let foreign = BELONGS_TO.iter().filter(|(dependency, owners)| {
        let path = format!("{dependency}::");
        let named = code.match_indices(&path).any(|(at, _)| {
            !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
        });
        named && !owners.contains(&layer)
    });
    upwards.chain(foreign.map(|(dependency, _)| format!("{layer} names {dependency}"))).collect()
}

#[test]
fn arrows_point_downwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(files.len() > 30, "this looks at the whole program");
    let mut wrong = Vec::new();
    for file in files {
        // Unit tests may build whatever they test against.
        if file.iter().any(|part| part == "tests" || part == "tests.rs") {
            continue;
        }
        let code = std::fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(&src).unwrap().display().to_string();
        wrong.extend(
            complaints(&layer(&file, &src), &code)
                .into_iter()
                .map(|complaint| format!("{name}: {complaint}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_picture_has_no_cycle() {
    let mut left: Vec<_> = MAY_NAME.to_vec();
    while !left.is_empty() {
        let names: Vec<&str> = left.iter().map(|(name, _)| *name).collect();
        let before = left.len();
        left.retain(|(_, allowed)| allowed.iter().any(|name| names.contains(name)));
        assert!(left.len() < before, "a cycle among {names:?}");
    }
}

#[test]
fn an_arrow_that_runs_up_is_seen() {
    for (layer, code) in [
        ("model", "use crate::db::Tx;"),
        ("db", "fn f() { crate::domain::keys::x() }"),
        ("domain", "use crate::{model::{Api, Key}, http::error};"),
        ("domain", "use poem::Request;"),
        ("http", "use crate::store;"),
        ("http", "use ::rusqlite::Connection;\nfn f(c: rusqlite::Connection) {}"),
        ("domain", "use crate::config::Config;"),
        ("main", "keywright::app::start();"),
        ("novelty", ""),
    ] {
        assert!(!complaints(layer, code).is_empty(), "{layer}: {code}");
    }
    for (layer, code) in [
        ("domain", "// as crate::http does\nuse crate::db::Tx; use crate::domain::keys;"),
        ("http", "use crate::{domain::{Core, access}, error::Error};"),
        ("domain", "use mycrate::http::x; use super::poem_like::x;"),
    ] {
        assert_eq!(complaints(layer, code), [""; 0], "{layer}: {code}");
    }
}
