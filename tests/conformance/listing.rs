//! `docs/conformance.md`: the list of tested statements.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use crate::documents::Document;
use crate::{checks, hostile};

const FILE: &str = "docs/conformance.md";
const BEGIN: &str = "<!-- begin: written by `UPDATE_SNAPSHOTS=1 make conformance` -->\n";
const END: &str = "<!-- end -->";

/// Differences between the page and the tests; with `UPDATE_SNAPSHOTS` set, the page is written instead.
pub fn compare(documents: &[Arc<Document>]) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = std::fs::read_to_string(&path).expect("the page");
    let (before, rest) = text.split_once(BEGIN).expect("the begin of the listing");
    let (_, after) = rest.split_once(END).expect("the end of the listing");
    let current = format!("{before}{BEGIN}\n{}\n{END}{after}", listing(documents).trim_end());
    if current == text {
        return Vec::new();
    }
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, current).expect("written");
        return Vec::new();
    }
    vec![format!(
        "{FILE} lists other statements than the tests; UPDATE_SNAPSHOTS=1 make conformance writes it"
    )]
}

fn listing(documents: &[Arc<Document>]) -> String {
    let mut text = String::new();
    for document in documents {
        let _ = write!(text, "## {}\n\n| where | part | statement |\n| --- | --- | --- |\n", document.title);
        for statement in &document.statements {
            let (lines, part, says) = (statement.lines, &statement.part, &statement.says);
            let _ = writeln!(text, "| {}:{lines} | {part} | {says} |", document.file);
        }
        let _ = writeln!(text, "| {} | Rotation and the log | {} |", document.file, checks::IN_THE_LOG);
        text += "\nNot run:\n\n";
        for passage in &document.not_run {
            let _ = writeln!(text, "- {}:{}: {}", document.file, passage.lines, passage.why);
        }
        text.push('\n');
    }
    text += "## Hostile requests\n\n";
    for says in hostile::statements() {
        let _ = writeln!(text, "- {says}");
    }
    text
}
