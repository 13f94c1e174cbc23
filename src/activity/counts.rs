//! Counts of activity over time, and the keys with most of it.

use std::collections::HashMap;

use super::{Services, rollup};
use crate::error::{Error, Result};
use crate::model::activity::{KeyName, Outcome};
use crate::model::{KeyId, Timestamp};
use crate::store::activity::ApiFilter;
use crate::store::activity_counts as table;
use crate::store::activity_counts::{KEY_MILLIS, SUM_MILLIS, Slot};
use crate::store::activity_names as names;
use crate::store::{Error as DbError, Reader};

/// Longest time range, in days: the retention of counts.
pub(super) const MAX_DAYS: i64 = 400;
/// Longest time range for the comparison of keys, in days.
const MAX_KEY_DAYS: i64 = 31;
const DAY_SECONDS: i64 = 86_400;
/// Possible lengths of a bucket; the shortest that gives at most [`BUCKETS`] is used.
const STEPS: [i64; 5] = [SUM_MILLIS, 900_000, KEY_MILLIS, 6 * KEY_MILLIS, 24 * KEY_MILLIS];
const BUCKETS: i64 = 200;

/// Filter of counts; all given parts must match.
#[derive(Debug, Clone)]
pub struct CountsFilter {
    /// Start: the bucket that contains this time.
    pub from: Timestamp,
    /// End: the bucket that contains this time.
    pub to: Timestamp,
    /// The key.
    pub key: Option<KeyId>,
    /// Slug or id of the API; with `!` before it, every other API.
    pub api: Option<String>,
}

/// Number of decisions and changes by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Allowed requests.
    pub allowed: u64,
    /// Refused requests.
    pub refused: u64,
    /// Rate-limited requests.
    pub limited: u64,
    /// Changes.
    pub changed: u64,
}

impl Tally {
    fn add(&mut self, outcome: u8, count: i64) {
        let count = count.unsigned_abs();
        match Outcome::from_number(outcome) {
            Some(Outcome::Allowed) => self.allowed += count,
            Some(Outcome::Refused) => self.refused += count,
            Some(Outcome::Limited) => self.limited += count,
            Some(Outcome::Changed) => self.changed += count,
            None => {}
        }
    }

    /// Number of decisions, whatever their outcome.
    pub const fn decisions(&self) -> u64 {
        self.allowed + self.refused + self.limited
    }
}

/// Counts over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Length of a bucket, in seconds.
    pub bucket_seconds: u32,
    /// Start and counts of each bucket; in order, without gaps.
    pub buckets: Vec<(Timestamp, Tally)>,
}

/// Counts over time. Refusals without a known key count as often as they happened.
///
/// # Errors
/// `INVALID_REQUEST` for a range that is empty or too long.
pub async fn counts(services: &Services, of: CountsFilter) -> Result<Counts> {
    check_span(of.from, of.to, MAX_DAYS)?;
    services.log.settled(&services.db).await?;
    let rows = services.log.options.steps.counted_rows;
    Ok(services.read(move |reader| count(reader, &of, rows)).await?)
}

fn check_span(from: Timestamp, to: Timestamp, most_days: i64) -> Result<()> {
    let millis = to.millis_since(from);
    if millis > 0 && millis <= most_days * DAY_SECONDS * 1_000 {
        return Ok(());
    }
    Err(Error::invalid("to", format!("Use a time after `from`, at most {most_days} days later.")))
}

fn count(reader: &Reader<'_>, of: &CountsFilter, rows_at_once: i64) -> std::result::Result<Counts, DbError> {
    let finest = if of.key.is_some() { KEY_MILLIS } else { SUM_MILLIS };
    let (from, to) = (of.from.millis(), of.to.millis());
    let fits = |step: &i64| *step >= finest && (to - from) / step <= BUCKETS;
    let step = STEPS.into_iter().find(fits).unwrap_or(24 * KEY_MILLIS);
    let start = from - from % step;
    let begins = (start..to).step_by(step as usize).map(Timestamp::from_millis);
    let mut buckets: Vec<_> = begins.map(|at| (at, Tally::default())).collect();
    let known = ResolvedFilter::of(reader, of)?;
    if let Some(known) = known {
        let end = start + step * buckets.len() as i64;
        let mut add = |slot: Slot, count: i64| {
            if known.fits(slot) && (start..end).contains(&slot.at) {
                buckets[((slot.at - start) / step) as usize].1.add(slot.outcome, count);
            }
        };
        for at in (start..end).step_by(finest as usize) {
            table::at(reader, at, known.key_no, &mut add)?;
        }
        rollup::each_uncounted(reader, rows_at_once, &mut add)?;
    }
    Ok(Counts { bucket_seconds: (step / 1_000) as u32, buckets })
}

/// The filter with row numbers.
struct ResolvedFilter {
    key_no: i64,
    api: Option<ApiFilter>,
}

impl ResolvedFilter {
    /// None if it names something that does not exist.
    fn of(reader: &Reader<'_>, of: &CountsFilter) -> std::result::Result<Option<Self>, DbError> {
        let key_no = of.key.map_or(Ok(Some(0)), |id| names::key_no(reader, id))?;
        let api = of.api.as_ref().map(|api| names::about_api(reader, api)).transpose()?;
        Ok(match (key_no, api) {
            (Some(key_no), None) => Some(Self { key_no, api: None }),
            (Some(key_no), Some(Some(api))) => Some(Self { key_no, api: Some(api) }),
            _ => None,
        })
    }

    fn fits(&self, slot: Slot) -> bool {
        let fits = |about| match about {
            ApiFilter::This(no) => slot.api_no == no,
            ApiFilter::Others(no) => slot.api_no != no,
        };
        slot.key_no == self.key_no && self.api.is_none_or(fits)
    }
}

/// The keys with the most decisions, `limit` at most. The hours of `from` and `to` count whole.
///
/// # Errors
/// `INVALID_REQUEST` for a range that is empty or too long.
pub async fn top_keys(
    services: &Services,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Result<Vec<(KeyName, Tally)>> {
    check_span(from, to, MAX_KEY_DAYS)?;
    services.log.settled(&services.db).await?;
    let span = (from.millis() - from.millis() % KEY_MILLIS, to.millis());
    let rows = services.log.options.steps.counted_rows;
    Ok(services.read(move |reader| busiest(reader, span, limit, rows)).await?)
}

fn busiest(
    reader: &Reader<'_>,
    span: (i64, i64),
    limit: usize,
    rows_at_once: i64,
) -> std::result::Result<Vec<(KeyName, Tally)>, DbError> {
    let mut tallies = HashMap::<i64, Tally>::new();
    let mut add = |slot: Slot, count: i64| {
        let changed = slot.outcome == Outcome::Changed.number();
        if slot.key_no > 0 && !changed && (span.0..span.1).contains(&slot.at) {
            tallies.entry(slot.key_no).or_default().add(slot.outcome, count);
        }
    };
    table::of_keys(reader, span, &mut add)?;
    rollup::each_uncounted(reader, rows_at_once, &mut add)?;
    let mut tallies: Vec<_> = tallies.into_iter().filter(|(_, tally)| tally.decisions() > 0).collect();
    tallies.sort_unstable_by_key(|(key_no, tally)| (std::cmp::Reverse(tally.decisions()), *key_no));
    tallies
        .into_iter()
        .take(limit)
        .filter_map(|(key_no, tally)| Some(names::key(reader, key_no).transpose()?.map(|key| (key, tally))))
        .collect()
}
