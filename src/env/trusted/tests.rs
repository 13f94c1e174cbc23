use super::*;
use crate::env::ManualClock;

const DAY: i64 = 86_400;

fn start() -> Timestamp {
    "2026-06-01T12:00:00Z".parse().unwrap()
}

struct Bench {
    source: Arc<ManualClock>,
    clock: TrustedClock,
}

impl Bench {
    fn new() -> Self {
        let source = Arc::new(ManualClock::new(start()));
        Self { clock: TrustedClock::new(source.clone()), source }
    }

    /// Moves the wall clock by `seconds` relative to boot time.
    fn jump(&self, seconds: i64) {
        self.source.set_wall(self.source.wall().plus_seconds(seconds));
    }

    /// Advances time, with one reading per second, as in the server.
    fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.source.advance(Duration::from_secs(1));
            self.clock.now();
        }
    }

    /// Both times, in seconds since the start.
    fn times(&self) -> (i64, i64) {
        let since = |time: Timestamp| time.millis_since(start()) / 1_000;
        (since(self.clock.now()), since(self.clock.settled().at()))
    }
}

#[test]
fn without_a_jump_both_times_are_the_wall_clock() {
    let bench = Bench::new();
    bench.pass(10);
    assert_eq!(bench.times(), (10, 10));
    assert_eq!(bench.clock.disagreement(), None);
}

#[test]
fn the_later_time_judges_and_the_earlier_deletes_until_the_jump_is_over() {
    for jump in [120 * DAY, 60 * DAY, DAY, 7_200, 600, -600, -7_200, -DAY, -10_000 * DAY] {
        let bench = Bench::new();
        bench.jump(jump);
        bench.pass(4);
        // Timestamps start in 1970.
        let wall = bench.source.wall().millis_since(start()) / 1_000;
        assert_eq!(bench.times(), (wall.max(4), wall.min(4)), "{jump}");
        assert_eq!(bench.clock.disagreement().is_some(), jump.abs() > 3_600, "{jump}");
        bench.source.set_wall(start().plus_seconds(4));
        assert_eq!(bench.times(), (4, 4), "nothing is left of {jump}");
        assert_eq!(bench.clock.disagreement(), None);
    }
}

#[test]
fn a_difference_ends_when_it_was_steady_for_long_enough() {
    for (jump, wait) in
        [(5, 60), (600, 600), (-3_600, 3_600), (3_601, 10_800), (-DAY, 10_800), (90 * DAY, 10_800)]
    {
        let bench = Bench::new();
        bench.jump(jump);
        bench.clock.now();
        bench.pass(wait - 1);
        let passed = wait as i64 - 1;
        assert_eq!(bench.times(), (passed + jump.max(0), passed + jump.min(0)), "{jump}");
        bench.pass(1);
        assert_eq!(bench.times(), (passed + 1 + jump, passed + 1 + jump), "{jump}");
        assert_eq!(bench.clock.disagreement(), None, "{jump}");
    }
}

#[test]
fn what_is_not_observed_is_not_steady() {
    let bench = Bench::new();
    bench.jump(DAY);
    bench.clock.now();
    // The process is stopped, or the machine suspended: one reading before, one after.
    bench.source.advance(Duration::from_secs(20_000));
    assert_eq!(bench.times(), (20_000 + DAY, 20_000));
    // A difference that changes starts again.
    bench.pass(10_000);
    bench.jump(3_600);
    bench.pass(10_000);
    assert_eq!(bench.times(), (40_000 + DAY + 3_600, 40_000));
}

#[test]
fn small_steps_do_not_add_up_to_a_jump() {
    let bench = Bench::new();
    for _ in 0..100 {
        bench.jump(3_599);
        bench.clock.now();
    }
    bench.pass(4);
    assert_eq!(bench.times(), (4 + 359_900, 4));
}

#[test]
fn an_administrator_ends_it_at_once() {
    let bench = Bench::new();
    bench.jump(-DAY);
    let seen = bench.clock.disagreement().unwrap();
    assert_eq!((seen.ahead_seconds(), seen.accepted_in_seconds), (-DAY, 10_800));
    bench.pass(600);
    assert_eq!(bench.clock.disagreement().unwrap().accepted_in_seconds, 10_200);
    bench.clock.accept();
    assert_eq!(bench.times(), (600 - DAY, 600 - DAY));
    assert_eq!(bench.clock.disagreement(), None);
}

#[test]
fn a_start_is_judged_by_what_the_store_holds() {
    // The server was down for a week, or the clock is wrong by a week: it works, and deletes nothing yet.
    let bench = Bench::new();
    bench.clock.begin(start().minus_seconds(7 * DAY));
    assert_eq!(bench.times(), (0, -7 * DAY));
    bench.pass(10_800);
    assert_eq!(bench.times(), (10_800, 10_800));
    // The clock was set back while the server was down.
    let bench = Bench::new();
    bench.clock.begin(start().plus_seconds(DAY));
    assert_eq!(bench.times(), (DAY, 0));
    assert_eq!(bench.clock.witness(), start().plus_seconds(DAY));
}
