//! The walk: four documents about authentication, from which this project started, are proved by running them. For
//! each there is an instance of Keywright, the API that it protects, a small service behind it, and real nginx and
//! real Caddy in front, each with the file that `keywright proxy-config` prints. Every example runs as it stands there,
//! with other host, ids and secrets only. Then come requests that mean harm.
//!
//! It prints a table, and ends with 1 if anything failed. Words after `--` choose the statements that they are part of.

#![allow(unreachable_pub, reason = "a test binary exports nothing")]
#![allow(dead_code, reason = "the support is for other tests too")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "it prints a table")]

mod browser;
mod checks;
mod documents;
mod hostile;
mod programs;
mod proxy;
mod report;
#[allow(unused_imports, reason = "the support is for other tests too")]
#[path = "../it/support/mod.rs"]
mod support;
mod upstream;
mod wire;
mod world;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use documents::Document;
use proxy::Kind;
use report::Row;
use tokio::task::JoinSet;
use world::{Walk, World};

/// The built program.
const PROGRAM: &str = env!("CARGO_BIN_EXE_keywright");
/// Longest that an answer may take.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);
/// Longest that a check may take: one counts two thousand requests.
const LONGEST_CHECK: Duration = Duration::from_secs(180);

/// Waits for something that must come soon.
async fn deadline<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(LONGEST_ANSWER, future).await;
    waited.unwrap_or_else(|_| panic!("waiting for {what} takes too long"))
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let (mut passed, mut failed) = (0, 0);
    let mut complaints = Vec::new();
    let documents: Vec<Arc<Document>> = documents::all().into_iter().map(Arc::new).collect();
    if let Some(folder) = std::env::var_os("WALK_DOCUMENTS") {
        complaints.extend(documents::compare(&documents, Path::new(&folder)));
    }
    complaints.extend(unused_checks(&documents));
    let rows = runtime.block_on(walk(&documents, &Chosen(words.clone())));
    if !rows.is_empty() {
        (passed, failed) = report::print(&rows);
    }
    if words.is_empty() && failed == 0 {
        complaints.extend(report::compare(&documents, &rows));
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    println!("{passed} passed, {} failed", failed + complaints.len());
    if failed + complaints.len() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Which statements are wanted; all, where no words were given.
#[derive(Clone)]
struct Chosen(Vec<String>);

impl Chosen {
    fn wants(&self, text: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|word| text.contains(word))
    }
}

/// A check that nothing names proves nothing.
fn unused_checks(documents: &[Arc<Document>]) -> impl Iterator<Item = String> {
    let is_used = |name: &str| {
        documents.iter().flat_map(|document| &document.statements).any(|told| told.check() == name)
    };
    let unused = checks::NAMES.iter().filter(move |name| !is_used(name));
    unused.map(|name| format!("no statement is checked by {name}"))
}

/// Walks through all documents at once, and then through what is hostile.
async fn walk(documents: &[Arc<Document>], chosen: &Chosen) -> Vec<Row> {
    // Installed before anything is timed.
    support::libraries::python().await;
    let mut walks = JoinSet::new();
    for (at, document) in documents.iter().enumerate() {
        let (document, chosen) = (document.clone(), chosen.clone());
        walks.spawn(async move { (at, one(document, &chosen).await) });
    }
    let mut found = walks.join_all().await;
    found.sort_by_key(|(at, _)| *at);
    let mut rows: Vec<Row> = found.into_iter().flat_map(|(_, rows)| rows).collect();
    rows.extend(hostile::walk(documents, chosen).await);
    rows
}

/// Walks through one document: through nginx, then through Caddy.
async fn one(document: Arc<Document>, chosen: &Chosen) -> Vec<Row> {
    let mut told = Vec::new();
    let mut rows = Vec::new();
    for statement in checks::Told::all(&document) {
        let source = format!("{}:{}", document.file, statement.lines);
        if chosen.wants(&format!("{source} {} {}", statement.check(), statement.says)) {
            rows.push(Row::new(&source, &statement.part, &statement.says));
            told.push(statement);
        }
    }
    if told.is_empty() {
        return rows;
    }
    let mut last = Row::new(&document.file, "Rotation and the log", checks::IN_THE_LOG);
    let world = Arc::new(World::start(document).await);
    for kind in Kind::ALL {
        let walk = Arc::new(Walk::start(world.clone(), kind).await);
        for (row, told) in rows.iter_mut().zip(&told) {
            let check = checks::find(told.check()).unwrap_or_else(|| panic!("no check: {}", told.check()));
            world.upstream.take();
            row.results.push((kind, attempt(check(walk.clone(), told.clone())).await));
        }
        last.results.push((kind, attempt(checks::in_the_log(walk)).await));
    }
    rows.push(last);
    rows
}

/// Runs a check to its end; what it panicked with, where it did.
async fn attempt(check: impl Future<Output = ()> + Send + 'static) -> Result<(), String> {
    let task = tokio::spawn(tokio::time::timeout(LONGEST_CHECK, check));
    match task.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err("it does not end".to_owned()),
        Err(error) => {
            let panic = error.into_panic();
            let text = panic.downcast_ref::<String>().cloned();
            Err(text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default())
        }
    }
}
