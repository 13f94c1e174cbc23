//! The numbers, and the ratios that matter.

use std::time::Duration;

/// One measurement.
#[derive(Debug, Clone, Copy)]
struct Sample {
    per_second: f64,
    cpu_us: f64,
}

/// All measurements.
#[derive(Default)]
pub(crate) struct Report {
    arms: Vec<(String, Vec<Sample>)>,
}

/// Numerator, denominator, and the least that the ratio should be.
const GOALS: &[(&str, &str, f64)] = &[
    ("forward", "constant-forward", 0.80),
    ("verify", "constant-verify", 0.75),
    ("forward-many-warm", "forward", 0.87),
    ("verify-many-warm", "verify", 0.87),
    ("forward-many-missing", "forward-many-warm", 0.45),
    ("verify-many-missing", "verify-many-warm", 0.45),
];

impl Report {
    pub(crate) fn add(&mut self, arm: &str, count: usize, took: Duration, cpu: Duration) {
        let sample = Sample {
            per_second: count as f64 / took.as_secs_f64(),
            cpu_us: cpu.as_secs_f64() * 1e6 / count as f64,
        };
        match self.arms.iter_mut().find(|(name, _)| name == arm) {
            Some((_, samples)) => samples.push(sample),
            None => self.arms.push((arm.to_owned(), vec![sample])),
        }
    }

    pub(crate) fn print(&self) {
        println!("{:<24} {:>12} {:>16}", "arm (medians)", "requests/s", "CPU µs/request");
        for (name, samples) in &self.arms {
            let rate = median(samples.iter().map(|sample| sample.per_second));
            let cpu = median(samples.iter().map(|sample| sample.cpu_us));
            println!("{name:<24} {rate:>12.0} {cpu:>16.2}");
        }
        println!("\n{:<48} {:>8} {:>8} {:>6}", "ratio (median of rounds)", "rate", "CPU", "goal");
        for (above, below, goal) in GOALS {
            let (Some(above_samples), Some(below_samples)) = (self.samples(above), self.samples(below))
            else {
                continue;
            };
            let pairs = || above_samples.iter().zip(below_samples);
            let rate = median(pairs().map(|(above, below)| above.per_second / below.per_second));
            let cpu = median(pairs().map(|(above, below)| below.cpu_us / above.cpu_us));
            println!("{:<48} {rate:>8.3} {cpu:>8.3} {goal:>6.2}", format!("{above} ÷ {below}"));
        }
    }

    fn samples(&self, arm: &str) -> Option<&[Sample]> {
        self.arms.iter().find(|(name, _)| name == arm).map(|(_, samples)| &samples[..])
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
