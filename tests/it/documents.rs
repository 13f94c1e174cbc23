//! The documents agree with the repository: paths, links, tests, settings and `make` targets that they name exist.

use std::path::{Path, PathBuf};

use keywright::config::SETTINGS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files and folders below `folder`, as paths from the root, without built and installed files.
fn tree(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if ["node_modules", "target", "dist"].iter().any(|built| path.ends_with(built)) {
                continue;
            }
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.push(path.strip_prefix(root()).expect("below the root").display().to_string());
        }
    }
    found
}

/// The documents that people write; `docs/conformance.md` is generated.
fn documents() -> Vec<String> {
    let written =
        tree("docs").into_iter().filter(|path| path.ends_with(".md") && !path.ends_with("conformance.md"));
    let names = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    written.chain(names.map(str::to_owned)).collect()
}

/// The parts of a line between backticks.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether a file or folder of the repository has this path, whole or without its first folders.
fn exists(path: &str, tree: &[String]) -> bool {
    let path = path.trim_end_matches("/mod.rs").trim_end_matches('/');
    tree.iter()
        .any(|known| known.strip_suffix(path).is_some_and(|rest| rest.is_empty() || rest.ends_with('/')))
}

/// Whether a quoted text is meant as a path of this repository.
fn is_path(text: &str) -> bool {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "/_.-".contains(c));
    let source =
        [".rs", ".sql", ".mjs", ".js", ".ts", ".svelte", ".py"].iter().any(|end| text.ends_with(end));
    let rooms =
        ["src/", "tests/", "docs/", "ui/", "benches/", "http/", "domain/", "model/", "store/", "activity/"];
    let more = ["platform/", "env/", "app/", "cli/", "worker/", "config/", "policy/", "identity/"];
    plain && (source || rooms.iter().chain(&more).any(|room| text.starts_with(room)))
}

/// The paths that a text names and that do not exist.
fn missing(text: &str, tree: &[String]) -> Vec<String> {
    text.lines()
        .flat_map(quoted)
        .filter(|path| is_path(path) && !exists(path, tree))
        .map(str::to_owned)
        .collect()
}

fn sources() -> Vec<String> {
    ["src", "tests", "docs", "ui", "benches", "fuzz"]
        .into_iter()
        .flat_map(tree)
        .chain(["schema.sql".to_owned()])
        .collect()
}

#[test]
fn paths() {
    let tree = sources();
    let found: Vec<String> = documents()
        .iter()
        .flat_map(|document| {
            missing(&text(document), &tree).into_iter().map(move |path| format!("{document}: {path}"))
        })
        .collect();
    assert!(found.is_empty(), "these paths do not exist:\n{}", found.join("\n"));
}

#[test]
fn links() {
    let mut found = Vec::new();
    for document in documents() {
        let folder = root().join(&document).parent().expect("a folder").to_owned();
        let text = text(&document);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
        for target in targets.filter(|target| !target.is_empty() && !target.contains(':')) {
            let path: PathBuf = folder.join(target);
            if !path.exists() {
                found.push(format!("{document}: {target}"));
            }
        }
    }
    assert!(found.is_empty(), "these links lead nowhere:\n{}", found.join("\n"));
}

/// A test is named by its path, and may be cut short with an ellipsis.
#[test]
fn tests_of_invariants() {
    let code: String = sources().iter().filter(|path| path.ends_with(".rs")).map(|path| text(path)).collect();
    let document = text("docs/architecture.md");
    let names = document.lines().flat_map(quoted).filter_map(|name| {
        let name = name.strip_suffix('…')?.rsplit("::").next()?;
        Some(name.trim_start_matches('…'))
    });
    let names: Vec<&str> = names.filter(|name| name.contains('_')).collect();
    assert!(names.len() > 20, "the architecture names its tests");
    let found: Vec<&&str> = names.iter().filter(|name| !code.contains(&format!("fn {name}"))).collect();
    assert!(found.is_empty(), "no test has these names: {found:?}");
}

#[test]
fn names_of_the_glossary() {
    let code: String =
        tree("src").iter().filter(|path| path.ends_with(".rs")).map(|path| text(path)).collect();
    let document = text("docs/glossary.md");
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| **")).collect();
    assert!((20..40).contains(&rows.len()), "a page");
    for row in rows {
        let column = row.rsplit('|').nth(1).expect("a third column");
        assert!(quoted(column).next().is_some(), "no name in {row}");
        for name in quoted(column) {
            let declared = ["struct", "enum", "trait", "fn", "mod", "pub"].iter().any(|word| {
                [" ", "<", "(", ":", ";", "\n"]
                    .iter()
                    .any(|end| code.contains(&format!("{word} {name}{end}")))
            });
            assert!(
                declared || code.contains(&format!("{name} {{")),
                "docs/glossary.md: {name} is not declared"
            );
        }
    }
}

#[test]
fn settings() {
    let document = text("docs/configuration.md");
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| `")).collect();
    for setting in SETTINGS {
        let name = format!("`{}`", setting.name);
        assert!(rows.iter().any(|row| row.contains(&name)), "docs/configuration.md has no row for {name}");
    }
}

#[test]
fn make_targets() {
    let makefile = text("Makefile");
    for document in documents() {
        let text = text(&document);
        let commands = text.lines().flat_map(|line| quoted(line).chain([line]));
        for target in commands.filter_map(|command| command.strip_prefix("make ")?.split_whitespace().next())
        {
            let target = target.trim_end_matches(|c: char| !c.is_alphanumeric());
            assert!(makefile.contains(&format!("\n{target}:")), "{document}: make {target}");
        }
    }
}

/// A newcomer reads the README in a minute and finds both commands in it.
#[test]
fn readme() {
    let readme = text("README.md");
    assert!(readme.lines().count() <= 100, "move reference parts to docs/");
    assert!(readme.contains("\nmake run ") && readme.contains("\nmake test "));
}

#[test]
fn a_missing_path_is_found() {
    let tree = ["src/store/migrate.rs".to_owned(), "src/http".to_owned()];
    assert!(missing("`store/migrate.rs`, `migrate.rs`, `/v1/keys`, `src/http`", &tree).is_empty());
    assert_eq!(missing("`src/store/grate.rs` and `rate.rs`", &tree), ["src/store/grate.rs", "rate.rs"]);
}
