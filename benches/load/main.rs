//! What the hot path costs over HTTP, whole processes against each other.
//!
//! Each server runs on a core of its own, the load on another. One round measures every arm once, one after the
//! other, so that whatever else the machine does meets them alike; a ratio is the median of the rounds' own ratios.
//! Besides the throughput it measures the CPU time that the server took for a request, which busy neighbours disturb
//! less.
//!
//! `cargo bench --bench load` runs it; `-- --help` tells what can be chosen.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a report is what this is for")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

mod arms;
mod drive;
mod fill;
mod report;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use arms::{Arm, What};
use drive::{Connections, Requests};
use report::Report;
use server::{Child, Kind};

/// What can be chosen.
pub(crate) struct Options {
    /// Measurements of each arm.
    pub(crate) rounds: usize,
    /// Length of one.
    pub(crate) time: Duration,
    /// Keys in the large store.
    pub(crate) keys: usize,
    /// Keys of the large store that warm arms use: they fit into the cache.
    pub(crate) hot: usize,
    /// Cores of server and load.
    pub(crate) cores: (String, String),
    /// Connections of the load.
    pub(crate) connections: usize,
    /// Names of arms to run; empty runs all.
    pub(crate) only: Vec<String>,
}

/// Keys in the small store.
const FEW: usize = 1_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", kind, path] => server::run(kind, Path::new(path)),
        ["fill", count, path] => fill::fill(Path::new(path), count.parse().expect("a number of keys")),
        _ => run(&options(&arguments)),
    }
}

fn options(arguments: &[String]) -> Options {
    let mut options = Options {
        rounds: 5,
        time: Duration::from_millis(2_000),
        keys: 1_000_000,
        hot: 50_000,
        cores: ("0".to_owned(), "1".to_owned()),
        connections: 32,
        only: vec![],
    };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let value = rest.next().cloned().unwrap_or_default();
        let number = || value.parse::<usize>().unwrap_or_else(|_| usage());
        match name.as_str() {
            "--rounds" => options.rounds = number(),
            "--millis" => options.time = Duration::from_millis(number() as u64),
            "--keys" => options.keys = number(),
            "--hot" => options.hot = number(),
            "--connections" => options.connections = number(),
            "--server-core" => options.cores.0 = value,
            "--load-core" => options.cores.1 = value,
            "--only" => options.only = value.split(',').map(str::to_owned).collect(),
            _ => usage(),
        }
    }
    options
}

fn usage() -> ! {
    eprintln!(
        "--rounds 5  --millis 2000  --keys 1000000  --hot 50000  --connections 32  --server-core 0  --load-core 1  \
         --only forward,verify"
    );
    std::process::exit(2)
}

fn run(options: &Options) {
    server::pin(std::process::id(), &options.cores.1);
    let stores = fill::Stores::prepare(options);
    let keys = fill::keys(options.keys.max(FEW));
    let few = Child::start(Kind::Keywright, &stores.few, &options.cores.0);
    let many = Child::start(Kind::Keywright, &stores.many, &options.cores.0);
    // The constant servers answer exactly what the real one does.
    let sample = |what: What| -> PathBuf {
        let answer = drive::sample(few.port, &what.request(&fill::management_key()), &keys[0]);
        let path = stores.directory.join(format!("{}.http", what.name()));
        std::fs::write(&path, answer).expect("the directory can be written");
        path
    };
    let (forward, verify) = (sample(What::Forward), sample(What::Verify));
    let bare = Child::start(Kind::Bare, Path::new("-"), &options.cores.0);
    let constant_forward = Child::start(Kind::Constant, &forward, &options.cores.0);
    let constant_verify = Child::start(Kind::ConstantBody, &verify, &options.cores.0);

    let mut report = Report::default();
    let before_load = many.resident_bytes();
    for round in 0..=options.rounds {
        for arm in Arm::ALL.iter().filter(|arm| options.only.is_empty() || options.only.contains(&arm.name()))
        {
            let child = match arm {
                Arm::Bare => &bare,
                Arm::Constant(What::Forward) => &constant_forward,
                Arm::Constant(What::Verify) => &constant_verify,
                Arm::Few(_) => &few,
                Arm::ManyWarm(_) | Arm::ManyMissing(_) => &many,
            };
            let mut requests = arm.requests(&keys, options, round);
            let mut connections = Connections::open(child.port, options.connections, arm.what());
            connections.send(&mut requests, arm.warm_up(options));
            let cpu = child.cpu_time();
            let (count, took) = connections.send_for(&mut requests, options.time);
            // The first round only warms up.
            if round > 0 {
                report.add(&arm.name(), count, took, child.cpu_time() - cpu);
            }
        }
    }
    report.print();
    memory(options, &many, &keys, before_load);
}

/// Every key of the large store once: what stays in memory?
fn memory(options: &Options, many: &Child, keys: &[fill::Key], before: u64) {
    if !options.only.is_empty() && !options.only.iter().any(|name| name == "memory") {
        return;
    }
    let mut requests = Requests::new(What::Forward, keys, (0..options.keys).collect());
    Connections::open(many.port, options.connections, What::Forward).send(&mut requests, options.keys);
    let mebibytes = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
    println!(
        "resident memory: {:.0} MiB after the start, {:.0} MiB after {} distinct keys (goal: at most 120)",
        mebibytes(before),
        mebibytes(many.resident_bytes()),
        options.keys
    );
}
