//! What the walk found: the table that is printed, and the two that are kept.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use crate::documents::{Document, PARTS};
use crate::proxy::Kind;

/// How one statement fared through each proxy; an `Err` says what was wrong.
pub struct Row {
    /// Which document, or where else the statement comes from.
    pub source: String,
    /// One of the parts of the summary, or none.
    pub part: String,
    pub says: String,
    pub results: Vec<(Kind, Result<(), String>)>,
}

impl Row {
    /// A statement that nobody has tried yet.
    pub fn new(source: &str, part: &str, says: &str) -> Self {
        Self { source: source.to_owned(), part: part.to_owned(), says: says.to_owned(), results: Vec::new() }
    }

    fn passed(&self) -> bool {
        !self.results.is_empty() && self.results.iter().all(|(_, result)| result.is_ok())
    }

    fn word(&self, kind: Kind) -> &'static str {
        match self.results.iter().find(|(found, _)| *found == kind) {
            Some((_, Ok(()))) => "pass",
            Some((_, Err(_))) => "FAIL",
            None => "-",
        }
    }
}

/// Prints every statement, and counts what passed and what failed.
pub fn print(rows: &[Row]) -> (usize, usize) {
    let [nginx, caddy] = Kind::ALL;
    println!("{:<32}  {:<78}  {:<5}  {:<5}", "where", "statement", nginx.name(), caddy.name());
    for row in rows {
        println!("{:<32}  {:<78}  {:<5}  {:<5}", row.source, row.says, row.word(nginx), row.word(caddy));
        for (kind, wrong) in
            row.results.iter().filter_map(|(kind, result)| Some((kind, result.as_ref().err()?)))
        {
            println!("    {}: {wrong}", kind.name());
        }
    }
    let results = || rows.iter().flat_map(|row| &row.results);
    let passed = results().filter(|(_, result)| result.is_ok()).count();
    (passed, results().count() - passed)
}

/// A file that holds a table, and the marks around it.
struct Kept {
    file: &'static str,
    table: String,
}

const BEGIN: &str = "<!-- walk: written by `UPDATE_SNAPSHOTS=1 make walk` -->\n";
const END: &str = "<!-- walk ends -->";

impl Kept {
    fn path(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(self.file)
    }

    /// The file with this table in it.
    fn renewed(&self, text: &str) -> Result<String, String> {
        let missing = || format!("{} has no place for the walk's table", self.file);
        let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
        let (_, after) = rest.split_once(END).ok_or_else(missing)?;
        Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", self.table))
    }

    fn check(&self) -> Result<(), String> {
        let text = std::fs::read_to_string(self.path()).map_err(|error| format!("{}: {error}", self.file))?;
        let renewed = self.renewed(&text)?;
        if renewed == text {
            return Ok(());
        }
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            return std::fs::write(self.path(), renewed).map_err(|error| format!("{}: {error}", self.file));
        }
        Err(format!("{} does not say what this run found; UPDATE_SNAPSHOTS=1 make walk writes it", self.file))
    }
}

/// Compares what is kept of an earlier run with this one.
pub fn compare(documents: &[Arc<Document>], rows: &[Row]) -> Vec<String> {
    let kept = [
        Kept { file: "README.md", table: summary(documents, rows) },
        Kept { file: "docs/walk.md", table: whole(documents, rows) },
    ];
    kept.iter().filter_map(|kept| kept.check().err()).collect()
}

/// How many statements of each part of each document pass.
fn summary(documents: &[Arc<Document>], rows: &[Row]) -> String {
    let titles: String = documents.iter().map(|document| format!(" {} |", document.title)).collect();
    let mut table = format!("| |{titles}\n| --- |{}\n", " --- |".repeat(documents.len()));
    let counted = |file: &str, part: Option<&str>| {
        let of = rows.iter().filter(|row| row.source.starts_with(file));
        let of: Vec<_> = of.filter(|row| part.is_none_or(|part| row.part == part)).collect();
        let passed = of.iter().filter(|row| row.passed()).count();
        if of.is_empty() { String::new() } else { format!("{passed} of {}", of.len()) }
    };
    for part in PARTS.iter().map(|part| Some(*part)).chain([None]) {
        let _ = write!(table, "| {} |", part.unwrap_or("**All**"));
        for document in documents {
            let _ = write!(table, " {} |", counted(&document.file, part));
        }
        table.push('\n');
    }
    table
}

/// Every statement, and what is passed over.
fn whole(documents: &[Arc<Document>], rows: &[Row]) -> String {
    let [nginx, caddy] = Kind::ALL;
    let mut text = String::new();
    let section = |title: &str, prefix: &str| {
        let mut table =
            format!("## {title}\n\n| where | statement | nginx | Caddy |\n| --- | --- | --- | --- |\n");
        for row in rows.iter().filter(|row| row.source.starts_with(prefix)) {
            let (source, says) = (&row.source, &row.says);
            let _ = writeln!(table, "| {source} | {says} | {} | {} |", row.word(nginx), row.word(caddy));
        }
        table
    };
    for document in documents {
        text += &section(&document.title, &document.file);
        text += "\nNot run:\n\n";
        for passed in &document.not_run {
            let _ = writeln!(text, "- {}:{}: {}", document.file, passed.lines, passed.why);
        }
        text.push('\n');
    }
    text + &section("Hostile requests", HOSTILE)
}

/// The source of statements that are in no document.
pub const HOSTILE: &str = "forward-auth";
