//! Whole-process measurements: the server on one core, the load on another.
//!
//! The important figures are ratios within one run. Arms are measured in turns, round after round, so that other load
//! on the machine affects them alike; a ratio is the median of the ratios of the rounds. Besides the throughput it
//! measures the CPU time of the server per request, which other processes disturb less.
//!
//! `cargo bench --bench load` runs everything and prints one table; `-- --help` lists the options. Stores are created
//! once, under `target/bench-data`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a report is what this is for")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

mod arms;
mod child;
mod compare;
mod drive;
mod fill;
mod log;
mod people;
mod raw;
mod rest;
mod serve;
mod start;
#[path = "../../tests/it/support/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    clippy::unwrap_used,
    reason = "the tests use the rest, and a step that fails ends them"
)]
mod support;
mod table;
mod tokens;

use std::path::Path;
use std::time::Duration;

use arms::{On, What};
use child::Child;
use drive::Connections;
use fill::{FEW, Key, Scratch, Store};
use table::{Goal, Table};

/// Options.
pub(crate) struct Options {
    /// Measurements per arm.
    pub(crate) rounds: usize,
    /// Duration of one.
    pub(crate) time: Duration,
    /// Keys in the large store.
    pub(crate) keys: usize,
    /// Keys of the large store that warm arms use: they fit into the cache.
    pub(crate) hot: usize,
    /// Rows in the large log.
    pub(crate) rows: u64,
    /// Cores of server and load.
    pub(crate) cores: (String, String),
    /// Connections of the load.
    pub(crate) connections: usize,
    /// Phases to run; empty runs all.
    pub(crate) phases: Vec<String>,
    /// Prefixes of the names of arms to run; empty runs all.
    pub(crate) only: Vec<String>,
}

impl Options {
    fn wants(&self, phase: &str) -> bool {
        self.phases.is_empty() || self.phases.iter().any(|name| name == phase)
    }

    fn wants_arm(&self, arm: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| arm.starts_with(name.as_str()))
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", kind, path] => serve::run(kind, Path::new(path)),
        ["fill", store, path] => fill::fill(store, Path::new(path)),
        ["compare", base, ..] => {
            let options = options(&arguments[2..]);
            child::pin(std::process::id(), &options.cores.1);
            if !compare::run(Path::new(base), &options) {
                eprintln!("a row is slower than before: its whole interval lies below 0.97");
                std::process::exit(1);
            }
        }
        _ => run(&options(&arguments)),
    }
}

fn options(arguments: &[String]) -> Options {
    let mut options = Options {
        rounds: 7,
        time: Duration::from_millis(1_000),
        keys: 1_000_000,
        hot: 50_000,
        rows: 10_000_000,
        cores: ("0".to_owned(), "1".to_owned()),
        connections: 32,
        phases: vec![],
        only: vec![],
    };
    let mut rest = arguments.iter();
    while let Some(name) = rest.next() {
        let value = rest.next().cloned().unwrap_or_default();
        let number = || value.parse::<usize>().unwrap_or_else(|_| usage());
        let list = || value.split(',').map(str::to_owned).collect();
        match name.as_str() {
            "--rounds" => options.rounds = number(),
            "--millis" => options.time = Duration::from_millis(number() as u64),
            "--keys" => options.keys = number(),
            "--hot" => options.hot = number(),
            "--rows" => options.rows = number() as u64,
            "--connections" => options.connections = number(),
            "--server-core" => options.cores.0 = value,
            "--load-core" => options.cores.1 = value,
            "--phases" => options.phases = list(),
            "--only" => options.only = value.split(';').map(str::to_owned).collect(),
            _ => usage(),
        }
    }
    options
}

fn usage() -> ! {
    eprintln!(
        "--rounds 7  --millis 1000  --keys 1000000  --hot 50000  --rows 10000000  --connections 32  --server-core 0  \
         --load-core 1  --phases hot,log,tokens,people,start  --only 'bare;verify'"
    );
    std::process::exit(2)
}

fn run(options: &Options) {
    child::pin(std::process::id(), &options.cores.1);
    let (scratch, mut table) = (Scratch::new(), Table::default());
    let keys = fill::keys(options.keys.max(FEW));
    let bare = Child::start("bare", Path::new("-"), &options.cores.0);
    if options.wants("hot") {
        eprintln!("the hot path");
        hot(&mut table, &scratch, options, &keys, &bare);
    }
    if options.wants("log") {
        eprintln!("the log");
        log::report_fill(&mut table, options);
        log::measure_holds(&mut table, &scratch, options);
    }
    if options.wants("start") {
        eprintln!("the program");
        start::measure(&mut table, &scratch, options, &keys);
    }
    if options.wants("people") {
        eprintln!("people");
        people::measure(&mut table, &scratch, options);
    }
    if options.wants("tokens") {
        eprintln!("tokens");
        tokens::measure(&mut table, &scratch, options, &bare);
    }
    table.print();
}

/// Verify and forward-auth in all their arms, and the log's pages on the server with the rows.
fn hot(table: &mut Table, scratch: &Scratch, options: &Options, keys: &[Key], bare: &Child) {
    let services = &options.cores.0;
    let start = |store, name| Child::start("keywright", &scratch.copy(store, name), services);
    let few = start(Store::Keys(FEW), "few");
    let many = start(Store::Keys(options.keys), "many");
    let mut log = start(Store::Log(options.rows), "log");
    // The constant servers answer exactly what the real one does.
    let constant = |kind, what: What, name| {
        let path = scratch.path(name);
        let answer = drive::sample(few.port, &mut what.requests(keys, vec![0]));
        std::fs::write(&path, answer).expect("the directory can be written");
        Child::start(kind, &path, services)
    };
    let forward = constant("constant", What::Forward, "forward.http");
    let verify = constant("constant-body", What::Verify, "verify.http");
    if options.wants_arm("pages") {
        log::measure_pages(table, &mut log, 5_000);
    }
    let mut arms = arms::all(keys, options);
    arms.retain(|arm| options.wants_arm(arm.name));
    for round in 0..=options.rounds {
        for arm in &mut arms {
            if let Some(order) = arm.order {
                log.tell(order);
            }
            let child = match (arm.on, arm.what) {
                (On::Bare, _) => bare,
                (On::Constant, What::Forward) => &forward,
                (On::Constant, What::Verify) => &verify,
                (On::Few, _) => &few,
                (On::Many, _) => &many,
                (On::Log, _) => &log,
            };
            let mut connections = Connections::open(child.port, options.connections, arm.what.good());
            connections.send(&mut arm.requests, arm.warm_up);
            let cpu = child.cpu_time();
            let (count, took) = connections.send_for(&mut arm.requests, options.time);
            // The first round only warms up.
            if round > 0 {
                table.sample(arm.name, count, took, child.cpu_time() - cpu);
            }
        }
    }
    ratios(table);
}

fn ratios(table: &mut Table) {
    let limits = "complete logging ÷ a constant handler";
    table.ratio(
        &format!("forward-auth, {limits}"),
        "forward-auth",
        "forward-auth: constant",
        Goal::AtLeast(0.80),
    );
    table.ratio(&format!("verify, {limits}"), "verify", "verify: constant", Goal::AtLeast(0.75));
    for what in ["forward-auth", "verify"] {
        let arm = |suffix: &str| format!("{what}, {suffix}");
        let (on, off) = (arm("10M rows"), arm("log off"));
        let (warm, missing) = (arm("1M keys, warm"), arm("1M keys, missing"));
        table.ratio(&arm("log on ÷ off at 10M rows"), &on, &off, Goal::AtLeast(0.85));
        table.ratio(&arm("1M keys ÷ 1k keys, warm"), &warm, what, Goal::AtLeast(0.87));
        table.ratio(&arm("cache misses ÷ warm, 1M keys"), &missing, &warm, Goal::AtLeast(0.45));
    }
}
