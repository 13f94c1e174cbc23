//! Text is plain technical English: help, messages, the OpenAPI document, the pages, the documents and the comments
//! contain none of the words that hide who acts on what.

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
/// In comments and documents rejected too.
const REJECTED_IN_COMMENTS: &[&str] = &[
    "stands on",
    "stands for",
    "stand for",
    "stood",
    "clothes",
    "dawdles",
    "hopeless",
    "vouches",
    "fares",
    "who asks",
    "who asked",
    "whom it",
    "what is told",
    "what becomes of",
    "what became of",
    "what came of",
    "in the words of",
    "takes up",
    "taken up",
    "as good as",
];

/// The rejected words of a text.
fn rejected(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let words = || text.split(|letter: char| !letter.is_alphanumeric());
    let found = REJECTED.iter().filter(|word| words().any(|part| part == **word));
    found.chain(REJECTED_PHRASES.iter().filter(|phrase| text.contains(**phrase))).copied().collect()
}

/// Comments and documentation of source text, by line. `marks` begin a comment line.
fn comments<'a>(text: &'a str, marks: &'a [&'a str]) -> impl Iterator<Item = (usize, &'a str)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let trimmed = line.trim_start();
        let whole = marks.iter().any(|mark| trimmed.starts_with(mark)).then_some(trimmed);
        let comment = whole.or_else(|| line.split_once(" // ").map(|(_, comment)| comment))?;
        Some((index + 1, comment))
    })
}

/// The rejected words of a comment.
fn rejected_in_comment(comment: &str) -> Vec<&'static str> {
    let lower = comment.to_lowercase();
    let bounded = |phrase: &&&str| {
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        lower.match_indices(**phrase).any(|(at, found)| {
            !is_letter(lower[..at].chars().next_back())
                && !is_letter(lower[at + found.len()..].chars().next())
        })
    };
    rejected(comment).into_iter().chain(REJECTED_IN_COMMENTS.iter().filter(bounded).copied()).collect()
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
    paths.extend(files(&sources, "ts").into_iter().filter(|path| !path.ends_with("schema.ts")));
    paths.extend(files(&root().join("src/http/pages"), "html"));
    assert!(paths.len() > 100);
    let mut found = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("readable");
        found.extend(complaints(&path.display().to_string(), [text.as_str()]));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn documents() {
    let mut paths = files(&root().join("docs"), "md");
    paths.extend(
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(|name| root().join(name)),
    );
    // Statements of public documents in their own words.
    paths.retain(|path| !path.ends_with("docs/conformance.md"));
    assert!(paths.len() > 15);
    let mut found = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("readable");
        // Code, such as the name of a file.
        let prose = |line: &str| line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        for line in text.lines().map(prose).filter(|line| !rejected_in_comment(line).is_empty()) {
            found.push(format!("{}: {:?} in {line:?}", path.display(), rejected_in_comment(&line)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn comments_of_the_code() {
    const SLASHES: &[&str] = &["//", "/*", "* ", "<!--"];
    let mut sources: Vec<(PathBuf, &[&str])> = Vec::new();
    for folder in ["src", "tests", "benches", "ui/src"] {
        for extension in ["rs", "js", "mjs", "ts", "svelte", "css"] {
            let folder = root().join(folder);
            sources.extend(files(&folder, extension).into_iter().map(|path| (path, SLASHES)));
        }
    }
    sources
        .extend(["schema.sql", "Makefile", "Cargo.toml"].map(|name| (root().join(name), &["--", "#"][..])));
    let skipped = |path: &Path| {
        let place = path.strip_prefix(root()).expect("below the root");
        let listed = place.ends_with("language.rs") || place.ends_with("schema.ts");
        listed || place.iter().any(|part| part == "node_modules")
    };
    sources.retain(|(path, _)| !skipped(path));
    assert!(sources.len() > 400);
    let mut found = Vec::new();
    for (path, marks) in sources {
        let text = std::fs::read_to_string(&path).expect("readable");
        for (line, comment) in comments(&text, marks) {
            let words = rejected_in_comment(comment);
            if !words.is_empty() {
                found.push(format!("{}:{line}: {words:?} in {comment:?}", path.display()));
            }
        }
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

    let code = "/// Whoever asks.\nlet told = 1; // stands for it\n/* as good as\n * a door */\n";
    let found: Vec<_> =
        comments(code, &["//", "/*", "* "]).map(|(line, text)| (line, rejected_in_comment(text))).collect();
    assert_eq!(
        found,
        [(1, vec!["whoever"]), (2, vec!["stands for"]), (3, vec!["as good as"]), (4, vec!["door"])]
    );
    assert!(rejected_in_comment("understands for itself; welfares").is_empty());
}
