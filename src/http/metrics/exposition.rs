//! Families of samples as OpenMetrics text 1.0.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::measure::{Family, Labels, Samples};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Prefix of every name but those of the process.
const PRODUCT: &str = "keywright";

#[derive(Debug)]
struct Families(Vec<Family>);

/// The text of `families`, and of `process`, whose names are the same for every program.
pub(super) fn exposition(families: Vec<Family>, process: Vec<Family>) -> String {
    let mut text = String::new();
    let written = write(&mut text, families, process);
    debug_assert!(written.is_ok(), "writing to a string does not fail");
    text
}

fn write(text: &mut String, families: Vec<Family>, process: Vec<Family>) -> fmt::Result {
    let mut own = Registry::with_prefix(PRODUCT);
    own.register_collector(Box::new(Families(families)));
    text::encode_registry(text, &own)?;
    let mut common = Registry::default();
    common.register_collector(Box::new(Families(process)));
    text::encode(text, &common)
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.0 {
            encode(&mut encoder, family)?;
        }
        Ok(())
    }
}

fn encode(encoder: &mut DescriptorEncoder<'_>, family: &Family) -> fmt::Result {
    // The encoder adds `_total` to the samples of a counter.
    let name = family.name.strip_suffix("_total").unwrap_or(family.name);
    let help = family.help;
    match &family.samples {
        Samples::Counters(samples) => {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            each(metric, samples, |metric, value| ConstCounter::new(*value).encode(metric))
        }
        Samples::Gauges(samples) => {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            each(metric, samples, |metric, value| ConstGauge::new(*value).encode(metric))
        }
        Samples::Histograms(samples) => {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
            each(metric, samples, |mut metric, histogram| {
                let count = histogram.buckets.iter().map(|(_, count)| count).sum();
                metric.encode_histogram::<[(&str, &str); 0]>(
                    histogram.sum_seconds,
                    count,
                    &histogram.buckets,
                    None,
                )
            })
        }
    }
}

fn each<T>(
    mut metric: MetricEncoder<'_>,
    samples: &[(Labels, T)],
    mut encode: impl FnMut(MetricEncoder<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    // A sample without labels is the only one of its family.
    if let [(labels, value)] = samples
        && labels.is_empty()
    {
        return encode(metric, value);
    }
    for (labels, value) in samples {
        let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, &**value)).collect();
        encode(metric.encode_family(&labels)?, value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Latency, label};

    #[test]
    fn families_read_as_openmetrics() {
        let latency = Latency::default();
        latency.observe(std::time::Duration::from_micros(20));
        let families = vec![
            Family::counters("decisions_total", "Decisions.", [(label("api", "a\"b\\c\n"), 3.0)]),
            Family::gauge("connections", "Open connections.", 2),
            Family::histograms("commit_duration_seconds", "Commits.", [(Labels::new(), latency.histogram())]),
        ];
        let text = exposition(families, vec![Family::gauge("process_open_fds", "Open files.", 7)]);
        for line in [
            "# HELP keywright_decisions Decisions.",
            "# TYPE keywright_decisions counter",
            "keywright_decisions_total{api=\"a\\\"b\\\\c\\n\"} 3.0",
            "keywright_connections 2.0",
            "keywright_commit_duration_seconds_bucket{le=\"0.00001\"} 0",
            "keywright_commit_duration_seconds_bucket{le=\"0.000025\"} 1",
            "keywright_commit_duration_seconds_bucket{le=\"+Inf\"} 1",
            "keywright_commit_duration_seconds_count 1",
            "process_open_fds 7.0",
            "# EOF",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
