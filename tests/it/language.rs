//! User-visible text is plain technical English: help, messages, the OpenAPI document and the pages hold none of the
//! words that hide who acts on what.

use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::support::Program;

/// Indefinite pronouns in place of a role, and metaphors in place of the field's noun.
const REJECTED: &[&str] = &[
    "whoever",
    "whomever",
    "somebody",
    "someone",
    "nobody",
    "anybody",
    "everybody",
    "told",
    "meanwhile",
    "stranger",
    "strangers",
    "door",
    "doors",
    "sheet",
    "memo",
    "memos",
];
const REJECTED_PHRASES: &[&str] = &["goes without saying", "stands behind", "nothing of"];

/// The rejected words of a text.
fn rejected(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let words = || text.split(|letter: char| !letter.is_alphanumeric());
    let found = REJECTED.iter().filter(|word| words().any(|part| part == **word));
    found.chain(REJECTED_PHRASES.iter().filter(|phrase| text.contains(**phrase))).copied().collect()
}

fn complaints<'a>(place: &str, texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let lines = texts.into_iter().flat_map(str::lines);
    let found = lines.filter(|line| !rejected(line).is_empty());
    found.map(|line| format!("{place}: {:?} in {:?}", rejected(line), line.trim())).collect()
}

/// Files below `folder` with this extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The string literals of Rust code that a user can see: without attributes, and without the text of `expect`, which
/// is for developers.
fn literals(code: TokenStream, found: &mut Vec<String>) {
    let mut tokens = code.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                if matches!(tokens.peek(), Some(TokenTree::Punct(mark)) if mark.as_char() == '!') {
                    tokens.next();
                }
                let is_attribute = |next: &TokenTree| matches!(next, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket);
                tokens.next_if(is_attribute);
            }
            TokenTree::Ident(name) if name == "expect" => {
                tokens.next_if(|next| matches!(next, TokenTree::Group(_)));
            }
            TokenTree::Group(group) => literals(group.stream(), found),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if text.starts_with('"') || text.starts_with("r\"") || text.starts_with("r#") {
                    found.push(text);
                }
            }
            _ => {}
        }
    }
}

#[test]
fn messages() {
    let mut found = Vec::new();
    for path in files(&root().join("src"), "rs") {
        if path.iter().any(|part| part == "tests" || part == "tests.rs" || part == "testing.rs") {
            continue;
        }
        let code = std::fs::read_to_string(&path).expect("readable");
        let mut texts = Vec::new();
        // Unit tests inside a file come last.
        let code = code.split("#[cfg(test)]\nmod ").next().expect("a first part");
        literals(code.parse().expect("Rust"), &mut texts);
        let place = path.strip_prefix(root()).expect("below the root").display().to_string();
        found.extend(complaints(&place, texts.iter().map(String::as_str)));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn openapi_document() {
    let document = serde_json::from_str(keywright::http::openapi()).expect("JSON");
    let mut texts = Vec::new();
    described("", &document, &mut texts);
    assert!(texts.len() > 300, "the document describes its operations");
    let found: Vec<String> =
        texts.iter().flat_map(|(place, text)| complaints(place, [text.as_str()])).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Descriptions and summaries, with their places.
fn described(place: &str, value: &serde_json::Value, found: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                match member.as_str() {
                    Some(text) if name == "description" || name == "summary" => {
                        found.push((place.to_owned(), text.to_owned()));
                    }
                    _ => described(&format!("{place}/{name}"), member, found),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| described(place, item, found)),
        _ => {}
    }
}

#[test]
fn pages() {
    let sources = root().join("ui/src");
    let mut paths = files(&sources, "svelte");
    // The generated types repeat the OpenAPI document, which has a test of its own.
    paths.extend(files(&sources, "ts").into_iter().filter(|path| !path.ends_with("schema.d.ts")));
    paths.extend(files(&root().join("src/http/pages"), "html"));
    assert!(paths.len() > 100);
    let mut found = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("readable");
        found.extend(complaints(&path.display().to_string(), [text.as_str()]));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test]
async fn help() {
    let program = Program::new();
    let mut waiting: Vec<Vec<String>> = vec![vec![]];
    let (mut found, mut pages) = (Vec::new(), 0);
    while let Some(command) = waiting.pop() {
        let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let ended = program.run(arguments);
        let help = ended.good();
        pages += 1;
        found.extend(complaints(&command.join(" "), [help]));
        let commands =
            help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        let names = commands
            .filter(|line| !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next());
        waiting.extend(names.filter(|name| *name != "help").map(|name| {
            let mut next = command.clone();
            next.push(name.to_owned());
            next
        }));
    }
    assert!(pages > 20, "every subcommand has help");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_rejected_word_is_found() {
    assert_eq!(rejected("Whoever holds it is told."), ["whoever", "told"]);
    assert_eq!(rejected("That goes without saying."), ["goes without saying"]);
    assert!(rejected("A person without a doorbell").is_empty());
    let mut texts = Vec::new();
    let code = r#"#[doc = "somebody"] fn f() { x.expect("nobody"); Error::new("Ask somebody else") }"#;
    literals(code.parse().expect("Rust"), &mut texts);
    assert_eq!(texts, [r#""Ask somebody else""#]);
}
