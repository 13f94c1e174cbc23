//! Compares this build with another one: the same requests to both servers in turns, with a confidence interval for
//! each ratio.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::arms::{What, shuffled};
use super::child::Child;
use super::drive::{Connections, Requests, sample};
use super::fill::{FEW, Key, Random, Scratch};
use super::table::median;
use super::tokens;
use super::{Options, fill};

/// A row fails if its whole interval is below this.
const LEAST: f64 = 0.97;
/// Bootstrap samples.
const RESAMPLES: usize = 5_000;

/// A build of this program, with its server.
struct Side {
    child: Child,
    rows: Vec<Row>,
}

/// One request, with the durations of each round.
struct Row {
    name: &'static str,
    good: &'static [u8],
    requests: Requests<'static>,
    per_second: Vec<f64>,
    cpu_us: Vec<f64>,
}

/// Compares this build with the program `base`, the same one built from another commit.
///
/// The ratio of a row is that of the CPU time of the servers per request, which other processes disturb less than the
/// throughput; above 1 this build is faster. True if no row is significantly slower.
pub(crate) fn run(base: &Path, options: &Options) -> bool {
    let scratch = Scratch::new();
    let keys: &'static [Key] = fill::keys(FEW).leak();
    let this = std::env::current_exe().expect("this program has a path");
    let mut sides = [(this, "this"), (base.to_owned(), "base")]
        .map(|(program, name)| Side::start(&program, &scratch.path(name), keys, options));
    for round in 0..=options.rounds {
        for row in 0..sides[0].rows.len() {
            // The order alternates between rounds.
            for turn in 0..2 {
                sides[(round + turn) % 2].measure(row, options, round > 0);
            }
        }
    }
    report(&sides)
}

impl Side {
    fn start(program: &PathBuf, data: &Path, keys: &'static [Key], options: &Options) -> Self {
        let status = Command::new(program).args(["fill", &format!("keys-{FEW}")]).arg(data).status();
        assert!(status.is_ok_and(|status| status.success()), "{} makes no store", program.display());
        let child = Child::of(program, "keywright-es256", data, &options.cores.0);
        let basic = tokens::client(data);
        let mut request = Requests::Whole { texts: vec![tokens::token_request(&basic)], next: 0 };
        let issued: Vec<String> =
            (0..tokens::TOKENS).map(|_| tokens::access_token(&sample(child.port, &mut request))).collect();
        let texts = |of: &dyn Fn(&str) -> Vec<u8>| Requests::Whole {
            texts: issued.iter().map(|token| of(token)).collect(),
            next: 0,
        };
        let row = |name, good, requests| Row { name, good, requests, per_second: vec![], cpu_us: vec![] };
        let rows = vec![
            row("verify", What::Verify.good(), What::Verify.requests(keys, shuffled(FEW))),
            row("forward-auth, key", What::Forward.good(), What::Forward.requests(keys, shuffled(FEW))),
            row("forward-auth, access token", b"", texts(&|token| super::arms::forward(token).into_bytes())),
            row(
                "introspection",
                tokens::ACTIVE,
                texts(&|token| tokens::introspection_request(&basic, token)),
            ),
            row("client credentials, ES256", tokens::TOKEN, request),
        ];
        Self { child, rows }
    }

    fn measure(&mut self, row: usize, options: &Options, counts: bool) {
        let row = &mut self.rows[row];
        let mut connections = Connections::open(self.child.port, options.connections, row.good);
        connections.send(&mut row.requests, 500);
        let cpu = self.child.cpu_time();
        let (count, took) = connections.send_for(&mut row.requests, options.time);
        if counts {
            let cpu: Duration = self.child.cpu_time() - cpu;
            row.per_second.push(count as f64 / took.as_secs_f64());
            row.cpu_us.push(cpu.as_secs_f64() * 1e6 / count as f64);
        }
    }
}

fn report([this, base]: &[Side; 2]) -> bool {
    println!(
        "| row | base requests/s | this requests/s | base CPU µs | this CPU µs | ratio | 95 % interval | |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |");
    let mut good = true;
    for (this, base) in this.rows.iter().zip(&base.rows) {
        let ratios: Vec<f64> = base.cpu_us.iter().zip(&this.cpu_us).map(|(base, this)| base / this).collect();
        let (low, high) = interval(&ratios);
        let slower = high < LEAST;
        good &= !slower;
        let of = |values: &[f64]| median(values.iter().copied());
        println!(
            "| {} | {:.0} | {:.0} | {:.1} | {:.1} | {:.3} | {low:.3} – {high:.3} | {} |",
            this.name,
            of(&base.per_second),
            of(&this.per_second),
            of(&base.cpu_us),
            of(&this.cpu_us),
            of(&ratios),
            if slower { "slower" } else { "" }
        );
    }
    good
}

/// The 95 % interval of the median, by the bootstrap: rounds are drawn with repetition, and the median is taken again.
fn interval(ratios: &[f64]) -> (f64, f64) {
    let mut random = Random(7);
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| median((0..ratios.len()).map(|_| ratios[random.below(ratios.len() as u64) as usize])))
        .collect();
    medians.sort_by(f64::total_cmp);
    let at = |percent: f64| medians[((RESAMPLES - 1) as f64 * percent / 100.0).round() as usize];
    (at(2.5), at(97.5))
}
