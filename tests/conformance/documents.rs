//! What four documents about authentication promise: their statements, by file and line, and how each is tried. The
//! documents themselves are not part of this repository; what must run is here word for word, and where they are at
//! hand, `CONFORMANCE_DOCUMENTS=DIR` compares.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

/// The descriptions, in the order in which they are walked.
const DOCUMENTS: [&str; 4] = [
    include_str!("documents/ai-for-database.toml"),
    include_str!("documents/db-audit.toml"),
    include_str!("documents/ai-powered-api.toml"),
    include_str!("documents/ai-platform.toml"),
];

/// Parts of the summary, in its order.
pub const PARTS: [&str; 9] = [
    "Making keys",
    "Using keys",
    "OAuth 2.0",
    "Signing in",
    "Scopes",
    "Environments",
    "Limits",
    "Errors",
    "Rotation and the log",
];

/// One document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Its file's name.
    pub file: String,
    /// What its product is called.
    pub title: String,
    /// Slug of the API that stands for the product.
    pub api: String,
    /// What is written there → the name of what stands in its place when it runs.
    pub replaced: BTreeMap<String, String>,
    /// What it promises.
    #[serde(rename = "statement")]
    pub statements: Vec<Statement>,
    /// What is passed over.
    pub not_run: Vec<NotRun>,
}

/// Lines that are passed over.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotRun {
    /// First and last line.
    pub lines: Lines,
    /// Why.
    pub why: String,
}

/// One promise, and what a check needs to know to try it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Statement {
    /// First and last line.
    pub lines: Lines,
    /// One of [`PARTS`].
    pub part: String,
    /// The promise in a few words; for a row of a table of scopes, the scope.
    pub says: String,
    /// Name of the check; an example is run where none is named.
    pub check: Option<String>,

    /// An example for `sh`.
    pub shell: Option<String>,
    /// An example for Node.js.
    pub node: Option<String>,
    /// An example for Python.
    pub python: Option<String>,
    /// An example written as the request itself.
    pub http: Option<String>,
    /// An answer that is shown.
    pub json: Option<String>,
    /// The example is not in the document; it does what the document advises.
    pub ours: bool,
    /// Shell commands that set the example's variables.
    pub exports: Option<String>,
    /// A command of ours that follows the example.
    pub ends_with: Option<String>,
    /// What the service must get to see of the example.
    pub arrives: Option<Arrives>,

    /// `METHOD /path` of a route that the check calls.
    pub opens: String,
    /// Routes that must pass.
    pub passes: Vec<String>,
    /// Routes that must be refused for want of permission.
    pub refuses: Vec<String>,
    /// What the key or the application holds.
    pub scopes: Vec<String>,
    /// The preset that the key is made with.
    pub preset: Option<String>,
    /// The environment that the preset fixes.
    pub environment: Option<String>,
    /// The tier that is counted.
    pub tier: String,
    /// How many requests it lets pass.
    pub limit: u32,
    /// Names for keys.
    pub names: Vec<String>,
    /// What a key begins with.
    pub shape: String,
    /// Where the application has people sent back to.
    pub redirect_uri: String,
    /// Who allows the application.
    pub person: Option<String>,
    /// What is wrong with the credential.
    pub provoke: String,
    /// The status that must be answered.
    pub status: u16,
    /// The endpoint that the function is called with.
    pub endpoint: String,
}

/// A request as the service must get to see it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrives {
    pub method: String,
    pub path: String,
    pub json: Option<Value>,
    pub content_type: Option<String>,
}

/// `12` or `12-18`.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct Lines {
    first: usize,
    last: usize,
}

impl TryFrom<String> for Lines {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        let number = |text: &str| text.parse().map_err(|_| format!("{text} is no line"));
        Ok(Self { first: number(first)?, last: number(last)? })
    }
}

impl std::fmt::Display for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl Statement {
    /// Name of its check.
    pub fn check(&self) -> &str {
        self.check.as_deref().unwrap_or("example")
    }

    /// Everything of it that must stand in the document.
    fn quotes(&self) -> impl Iterator<Item = &str> {
        let all = [&self.shell, &self.node, &self.python, &self.http, &self.json];
        all.into_iter().filter(|_| !self.ours).flatten().map(|text| text.trim())
    }
}

/// All documents.
pub fn all() -> Vec<Document> {
    let documents: Vec<Document> =
        DOCUMENTS.iter().map(|text| toml::from_str(text).expect("a description of a document")).collect();
    for document in &documents {
        for statement in &document.statements {
            assert!(PARTS.contains(&statement.part.as_str()), "no part: {statement:?}");
        }
    }
    documents
}

/// What the documents in `folder` hold that the descriptions do not tell as it is.
pub fn compare(documents: &[Arc<Document>], folder: &Path) -> Vec<String> {
    documents.iter().flat_map(|document| compare_one(document, folder)).collect()
}

fn compare_one(document: &Document, folder: &Path) -> Vec<String> {
    let text = match std::fs::read_to_string(folder.join(&document.file)) {
        Ok(text) => text,
        Err(error) => return vec![format!("{}: {error}", document.file)],
    };
    let lines: Vec<&str> = text.lines().collect();
    let mut complaints = Vec::new();
    let mut promise = vec![false; lines.len()];
    let ranges = document.statements.iter().map(|statement| statement.lines);
    for range in ranges.chain(document.not_run.iter().map(|passed| passed.lines)) {
        match promise.get_mut(range.first - 1..range.last) {
            Some(promise) => promise.fill(true),
            None => complaints.push(format!("{}:{range} does not exist", document.file)),
        }
    }
    for (at, line) in lines.iter().enumerate() {
        if !promise[at] && !line.trim().is_empty() {
            complaints.push(format!("{}:{} is not promise: {line}", document.file, at + 1));
        }
    }
    for statement in &document.statements {
        let Some(quoted) = lines.get(statement.lines.first - 1..statement.lines.last) else { continue };
        let quoted = quoted.join("\n");
        for quote in statement.quotes().filter(|quote| !quoted.contains(quote)) {
            complaints.push(format!("{}:{} does not say:\n{quote}", document.file, statement.lines));
        }
    }
    complaints
}
