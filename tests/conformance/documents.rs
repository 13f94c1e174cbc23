//! Four documents about authentication: their statements, by file and line, and the check of each. The documents are
//! not part of this repository. Their examples are here word for word; with the documents in a folder,
//! `CONFORMANCE_DOCUMENTS=DIR` compares them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

/// The descriptions, in the order of their tests.
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
    /// Name of its file.
    pub file: String,
    /// Name of its product.
    pub title: String,
    /// Slug of the API of the product.
    pub api: String,
    /// Text of the document → name of its replacement in a run.
    pub replaced: BTreeMap<String, String>,
    /// Its statements.
    #[serde(rename = "statement")]
    pub statements: Vec<Statement>,
    /// Its skipped lines.
    pub not_run: Vec<NotRun>,
}

/// Lines that are skipped.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotRun {
    /// First and last line.
    pub lines: Lines,
    /// Reason.
    pub why: String,
}

/// A statement, with the input of its check.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Statement {
    /// First and last line.
    pub lines: Lines,
    /// One of [`PARTS`].
    pub part: String,
    /// The statement in a few words; for a row of a table of scopes, the scope.
    pub says: String,
    /// Name of the check; by default the example is run.
    pub check: Option<String>,

    /// An example for `sh`.
    pub shell: Option<String>,
    /// An example for Node.js.
    pub node: Option<String>,
    /// An example for Python.
    pub python: Option<String>,
    /// An example that is a plain request.
    pub http: Option<String>,
    /// A documented response.
    pub json: Option<String>,
    /// The example is not in the document; it follows its advice.
    pub ours: bool,
    /// Shell commands that set the example's variables.
    pub exports: Option<String>,
    /// A command of ours that follows the example.
    pub ends_with: Option<String>,
    /// The request that the service must receive.
    pub arrives: Option<Arrives>,

    /// `METHOD /path` of a route that the check calls.
    pub opens: String,
    /// Routes that must be allowed.
    pub passes: Vec<String>,
    /// Routes that must be refused for lack of permission.
    pub refuses: Vec<String>,
    /// Scopes of the key or the application.
    pub scopes: Vec<String>,
    /// Preset of the key.
    pub preset: Option<String>,
    /// Environment of the preset.
    pub environment: Option<String>,
    /// The tier to test.
    pub tier: String,
    /// Number of requests that it allows.
    pub limit: u32,
    /// Names for keys.
    pub names: Vec<String>,
    /// Prefix of a key.
    pub shape: String,
    /// Redirect URI of the application.
    pub redirect_uri: String,
    /// The person who allows the application.
    pub person: Option<String>,
    /// Defect of the credential.
    pub provoke: String,
    /// Expected status.
    pub status: u16,
    /// The endpoint for the function.
    pub endpoint: String,
}

/// A request that the service must receive.
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

    /// All its texts that must be in the document.
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

/// Differences between the documents in `folder` and the descriptions.
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
