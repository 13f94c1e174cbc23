//! Measured figures beside their goals.

use std::time::Duration;

/// Goal of a figure.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// At least.
    AtLeast(f64),
    /// At most.
    AtMost(f64),
    /// No goal.
    None,
}

struct Line {
    what: String,
    goal: Goal,
    figure: f64,
    unit: &'static str,
}

/// One measurement of an arm.
#[derive(Debug, Clone, Copy)]
struct Sample {
    per_second: f64,
    cpu_us: f64,
}

/// All measurements.
#[derive(Default)]
pub(crate) struct Table {
    arms: Vec<(String, Vec<Sample>)>,
    lines: Vec<Line>,
}

impl Table {
    /// One measurement of an arm: requests, duration, and CPU time of the server.
    pub(crate) fn sample(&mut self, arm: &str, count: usize, took: Duration, cpu: Duration) {
        let sample = Sample {
            per_second: count as f64 / took.as_secs_f64(),
            cpu_us: cpu.as_secs_f64() * 1e6 / count as f64,
        };
        match self.arms.iter_mut().find(|(name, _)| name == arm) {
            Some((_, samples)) => samples.push(sample),
            None => self.arms.push((arm.to_owned(), vec![sample])),
        }
    }

    /// A figure.
    pub(crate) fn line(&mut self, what: impl Into<String>, goal: Goal, figure: f64, unit: &'static str) {
        self.lines.push(Line { what: what.into(), goal, figure, unit });
    }

    /// Throughput of one arm relative to another, if both were measured: the median of the ratios of the rounds.
    pub(crate) fn ratio(&mut self, what: &str, above: &str, below: &str, goal: Goal) {
        if let Some(ratio) = self.median_ratio(above, below, |sample| sample.per_second) {
            self.line(what, goal, ratio, "");
        }
    }

    /// The median throughput of an arm, for the record.
    pub(crate) fn rate(&mut self, what: &str, arm: &str, unit: &'static str) {
        if let Some(samples) = self.samples(arm) {
            let rate = median(samples.iter().map(|sample| sample.per_second));
            self.line(what, Goal::None, rate, unit);
        }
    }

    fn median_ratio(&self, above: &str, below: &str, of: fn(&Sample) -> f64) -> Option<f64> {
        let pairs = self.samples(above)?.iter().zip(self.samples(below)?);
        Some(median(pairs.map(|(above, below)| of(above) / of(below))))
    }

    fn samples(&self, arm: &str) -> Option<&[Sample]> {
        self.arms.iter().find(|(name, _)| name == arm).map(|(_, samples)| &samples[..])
    }

    /// Prints everything as Markdown.
    pub(crate) fn print(&self) {
        println!("| arm | requests/s | server CPU µs/request | ÷ bare 204 |\n| --- | ---: | ---: | ---: |");
        for (name, samples) in &self.arms {
            let rate = median(samples.iter().map(|sample| sample.per_second));
            let cpu = median(samples.iter().map(|sample| sample.cpu_us));
            let bare = self.median_ratio(name, "bare 204", |sample| sample.per_second);
            let bare = bare.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
            println!("| {name} | {rate:.0} | {cpu:.1} | {bare} |");
        }
        println!("\n| what | goal | measured | |\n| --- | ---: | ---: | --- |");
        for line in &self.lines {
            let (goal, met) = match line.goal {
                Goal::AtLeast(least) => (format!("≥ {}", number(least)), Some(line.figure >= least)),
                Goal::AtMost(most) => (format!("≤ {}", number(most)), Some(line.figure <= most)),
                Goal::None => (String::new(), None),
            };
            let verdict = met.map_or("", |met| if met { "met" } else { "missed" });
            let (figure, unit) = (number(line.figure), line.unit);
            println!(
                "| {} | {goal} | {figure}{}{unit} | {verdict} |",
                line.what,
                if unit.is_empty() { "" } else { " " }
            );
        }
    }
}

/// Three significant digits.
fn number(figure: f64) -> String {
    match figure.abs() {
        large if large >= 100.0 => format!("{figure:.0}"),
        middle if middle >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// The median.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(values, 50)
}

/// A percentile.
pub(crate) fn quantile(values: impl IntoIterator<Item = f64>, percent: usize) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
        .get((values.len() * percent / 100).min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}
