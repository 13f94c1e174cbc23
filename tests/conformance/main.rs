//! Conformance tests: every statement of four public documents about API authentication, and hostile requests, each
//! through real nginx and real Caddy with the file that `keywright proxy-config` prints. An example runs as the document
//! shows it, with host, ids and secrets replaced.
//!
//! Each statement is a test with a name of its own: `ai-for-database::nginx::l12_the_key_is_only_shown_once`. The
//! statements of a document build on one another, so a statement runs those before it first (see [`sequence`]).

#![allow(unreachable_pub, reason = "a test binary exports nothing")]
#![allow(dead_code, reason = "other test binaries use the rest of the support")]
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod browser;
mod checks;
mod documents;
mod hostile;
mod listing;
mod programs;
mod proxy;
mod sequence;
#[allow(unused_imports, reason = "other test binaries use the rest of the support")]
#[path = "../it/support/mod.rs"]
mod support;
mod upstream;
mod wire;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use documents::Document;
use libtest_mimic::{Arguments, Failed, Trial};
use sequence::Sequence;
use tokio::runtime::Runtime;

/// Time limit of one answer.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

/// Waits for `future`, at most [`LONGEST_ANSWER`].
async fn deadline<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(LONGEST_ANSWER, future).await;
    waited.unwrap_or_else(|_| panic!("no answer in time: {what}"))
}

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let runtime = Arc::new(Runtime::new().expect("a runtime"));
    let documents: Vec<Arc<Document>> = documents::all().into_iter().map(Arc::new).collect();
    let mut sequences: Vec<Arc<Sequence>> =
        documents.iter().map(|document| Arc::new(checks::sequence(document))).collect();
    sequences.push(Arc::new(hostile::sequence(&documents[0])));
    // One thread per sequence: the statements of one sequence run one after another.
    arguments.test_threads.get_or_insert(sequences.len());
    let mut trials = about_documents(&documents);
    trials.extend(interleaved(&sequences, &runtime));
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Dropped inside the runtime, which stops the servers and proxies.
    let guard = runtime.enter();
    drop(sequences);
    drop(guard);
    conclusion.exit_code()
}

/// The tests of all sequences, taken in turns, so that the threads work on different sequences.
fn interleaved(sequences: &[Arc<Sequence>], runtime: &Arc<Runtime>) -> Vec<Trial> {
    let longest = sequences.iter().map(|sequence| sequence.len()).max().unwrap_or(0);
    let turns = (0..longest).flat_map(|at| sequences.iter().map(move |sequence| (sequence, at)));
    let tests = turns.filter(|(sequence, at)| *at < sequence.len());
    tests
        .map(|(sequence, at)| {
            let (sequence, runtime) = (sequence.clone(), runtime.clone());
            Trial::test(sequence.name(at), move || {
                runtime.block_on(sequence.result(at)).map_err(Failed::from)
            })
        })
        .collect()
}

/// Tests of the descriptions themselves. The documents are not part of this repository: where
/// `CONFORMANCE_DOCUMENTS` names their folder, the descriptions are compared with them.
fn about_documents(documents: &[Arc<Document>]) -> Vec<Trial> {
    let unused = checks::unused(documents);
    let listing = listing::compare(documents);
    let mut trials = vec![
        Trial::test("documents::every_check_is_used", move || fail_on(&unused)),
        Trial::test("documents::the_listing_is_current", move || fail_on(&listing)),
    ];
    if let Some(folder) = std::env::var_os("CONFORMANCE_DOCUMENTS").map(PathBuf::from) {
        let differences = documents::compare(documents, &folder);
        trials.push(Trial::test("documents::the_descriptions_quote_them", move || fail_on(&differences)));
    }
    trials
}

fn fail_on(complaints: &[String]) -> Result<(), Failed> {
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n").into()) }
}
