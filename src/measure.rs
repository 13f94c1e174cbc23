//! Metrics: cheap counters and histograms, and the families in which they are exported.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Parts of a counter: concurrent threads rarely use the same one.
const STRIPES: usize = 8;

/// Upper bounds of the buckets of a [`Latency`], in nanoseconds: 10 µs to 10 s.
const BOUNDS: [u64; 19] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Two cache lines, as processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

/// The part of this thread.
fn stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
    }
    OWN.get()
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter([Padded<AtomicU64>; STRIPES]);

impl Counter {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0[stripe()].0.fetch_add(count, Ordering::Relaxed);
    }

    /// The sum so far.
    pub fn get(&self) -> u64 {
        self.0.iter().map(|part| part.0.load(Ordering::Relaxed)).sum()
    }
}

/// A histogram of durations.
#[derive(Debug, Default)]
pub struct Latency([Padded<Buckets>; STRIPES]);

#[derive(Debug, Default)]
struct Buckets {
    /// One for each of [`BOUNDS`], and one for longer durations.
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

impl Latency {
    /// Counts a duration.
    pub fn observe(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let part = &self.0[stripe()].0;
        part.counts[BOUNDS.partition_point(|&bound| bound < nanos)].fetch_add(1, Ordering::Relaxed);
        part.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// The current counts.
    pub fn histogram(&self) -> Histogram {
        let sum = |of: &dyn Fn(&Buckets) -> u64| self.0.iter().map(|part| of(&part.0)).sum::<u64>();
        let bounds = BOUNDS.iter().map(|&nanos| nanos as f64 / 1e9).chain([f64::INFINITY]);
        let count = |at: usize| sum(&|buckets| buckets.counts[at].load(Ordering::Relaxed));
        Histogram {
            buckets: bounds.enumerate().map(|(at, bound)| (bound, count(at))).collect(),
            sum_seconds: sum(&|buckets| buckets.nanos.load(Ordering::Relaxed)) as f64 / 1e9,
        }
    }
}

/// Counts of a histogram.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Upper bounds in seconds, the last one infinite, with the number of durations of each bucket.
    pub buckets: Vec<(f64, u64)>,
    /// The sum of all durations, in seconds.
    pub sum_seconds: f64,
}

/// Labels: names and values that distinguish the samples of a family. Values come from code and configuration, never
/// from requests: the collector stores each combination.
pub type Labels = Vec<(&'static str, Cow<'static, str>)>;

/// Samples of one name.
#[derive(Debug, Clone)]
pub struct Family {
    /// Name, without the product's prefix, in Prometheus' conventions: base units, counters end in `_total`.
    pub name: &'static str,
    /// Description.
    pub help: &'static str,
    /// The samples.
    pub samples: Samples,
}

/// The kinds of samples.
#[derive(Debug, Clone)]
pub enum Samples {
    /// Counter.
    Counters(Vec<(Labels, f64)>),
    /// Gauge.
    Gauges(Vec<(Labels, f64)>),
    /// Histogram.
    Histograms(Vec<(Labels, Histogram)>),
}

impl Family {
    /// A family with one counter.
    pub fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self::counters(name, help, [(Labels::new(), value as f64)])
    }

    /// A family with one gauge.
    pub fn gauge(name: &'static str, help: &'static str, value: impl Into<f64>) -> Self {
        Self::gauges(name, help, [(Labels::new(), value.into())])
    }

    /// A family of counters.
    pub fn counters(
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) -> Self {
        Self { name, help, samples: Samples::Counters(samples.into_iter().collect()) }
    }

    /// A family of gauges.
    pub fn gauges(
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) -> Self {
        Self { name, help, samples: Samples::Gauges(samples.into_iter().collect()) }
    }

    /// A family of histograms.
    pub fn histograms(
        name: &'static str,
        help: &'static str,
        samples: impl IntoIterator<Item = (Labels, Histogram)>,
    ) -> Self {
        Self { name, help, samples: Samples::Histograms(samples.into_iter().collect()) }
    }
}

/// One label.
pub fn label(name: &'static str, value: impl Into<Cow<'static, str>>) -> Labels {
    vec![(name, value.into())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_the_bucket_whose_bound_it_does_not_exceed() {
        let latency = Latency::default();
        for micros in [0, 10, 11, 25, 1_000, 10_000_000, 10_000_001] {
            latency.observe(Duration::from_micros(micros));
        }
        let histogram = latency.histogram();
        let counted = |bound: f64| histogram.buckets.iter().find(|(le, _)| *le == bound).unwrap().1;
        assert_eq!((counted(1e-5), counted(2.5e-5), counted(1e-3)), (2, 2, 1));
        assert_eq!((counted(10.0), counted(f64::INFINITY)), (1, 1));
        assert!((histogram.sum_seconds - 20.001_047).abs() < 1e-9, "{}", histogram.sum_seconds);
    }

    #[test]
    fn threads_that_count_at_once_lose_nothing() {
        let (counter, latency) = (Counter::default(), Latency::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        counter.add(2);
                        latency.observe(Duration::from_nanos(1));
                    }
                });
            }
        });
        assert_eq!(counter.get(), 80_000);
        assert_eq!(latency.histogram().buckets.iter().map(|(_, count)| count).sum::<u64>(), 40_000);
    }
}
