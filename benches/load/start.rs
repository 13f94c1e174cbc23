//! The program itself: size, start time, and memory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::Options;
use super::arms::What;
use super::child::{Child, resident_mib};
use super::drive::{Connections, sample};
use super::fill::{Key, Scratch, Store};
use super::support::{PROGRAM, Program};
use super::table::{Goal, Table, median};

const TIMES: usize = 7;

/// Measures all of them.
pub(crate) fn measure(table: &mut Table, scratch: &Scratch, options: &Options, keys: &[Key]) {
    size(table, scratch);
    let many = scratch.copy(Store::Keys(options.keys), "start");
    let (mut times, mut idle) = (Vec::new(), f64::NAN);
    for _ in 0..TIMES {
        let (took, memory) = start(&many, keys);
        times.push(took.as_secs_f64() * 1e3);
        idle = memory;
    }
    table.line("start to first answer, 1M keys", Goal::AtMost(50.0), median(times), "ms");
    table.line("resident memory, idle", Goal::AtMost(15.0), idle, "MiB");

    let child = Child::start("keywright", &many, &options.cores.0);
    let mut all = What::Forward.requests(keys, (0..options.keys).collect());
    Connections::open(child.port, options.connections, b"").send(&mut all, options.keys);
    let what = format!("… after {} distinct keys, default cache", options.keys);
    table.line(what, Goal::AtMost(120.0), child.resident_mib(), "MiB");
    drop(child);
    let _ = std::fs::remove_dir_all(many);
}

/// Starts the program, polls until it answers, and lets it idle: time until the first response, and resident memory.
fn start(data: &Path, keys: &[Key]) -> (Duration, f64) {
    let mut program = Program::at(data);
    // The algorithm of the keys in the store: another one would make new keys at the start.
    program.set("KEYWRIGHT_SIGNING_ALG", "RS256");
    let started = Instant::now();
    let server = program.serve::<&str>([]);
    let answer = sample(server.address().port(), &mut What::Verify.requests(keys, vec![0]));
    assert!(answer.windows(12).any(|part| part == b"\"valid\":true"), "the key is good");
    let took = started.elapsed();
    // Until the jobs of the first second are done.
    std::thread::sleep(Duration::from_millis(1_500));
    let memory = resident_mib(server.pid());
    server.stop();
    (took, memory)
}

/// Bytes of the program on disk without symbols, and those of the dashboard.
fn size(table: &mut Table, scratch: &Scratch) {
    let stripped = scratch.path("stripped");
    let status = Command::new("strip").arg("-o").arg(&stripped).arg(PROGRAM).status();
    assert!(status.is_ok_and(|status| status.success()), "strip (binutils) takes the symbols away");
    let whole = std::fs::metadata(&stripped).expect("strip wrote it").len() as f64;
    let dashboard = bytes(&Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/dist")) as f64;
    let megabytes = |bytes: f64| bytes / 1e6;
    table.line(
        "stripped binary without the dashboard",
        Goal::AtMost(12.0),
        megabytes(whole - dashboard),
        "MB",
    );
    table.line("… the dashboard's files in it", Goal::None, megabytes(dashboard), "MB");
}

fn bytes(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return 0 };
    let of = |path: PathBuf| {
        if path.is_dir() { bytes(&path) } else { path.metadata().map_or(0, |file| file.len()) }
    };
    entries.flatten().map(|entry| of(entry.path())).sum()
}
