//! Activity over time.

use std::collections::{BTreeMap, HashMap};

use super::hours;
use super::view::Names;
use crate::db::activity_hours::{self as table, Slot};
use crate::db::{Error as DbError, Reader, activity_names as names};
use crate::domain::access::{ActivityRead, Can};
use crate::error::{Error, Result};
use crate::model::activity::{Group, Interval, Outcome};
use crate::model::{KeyId, Timestamp};

const HOUR_SECONDS: i64 = 3_600;
const DAY_SECONDS: i64 = 86_400;
/// Keys that are told apart; the others are one.
const TOP_KEYS: usize = 10;

/// What to show.
#[derive(Debug, Clone)]
pub struct Chart {
    /// From the hour or day that holds this time.
    pub from: Timestamp,
    /// Until this time.
    pub to: Timestamp,
    /// How long each point is.
    pub interval: Interval,
    /// What the lines are.
    pub group: Group,
    /// Only this key.
    pub key: Option<KeyId>,
    /// Only the API with this slug or id.
    pub api: Option<String>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// What it stands for: an outcome, the slug of an API, the id of a key, or `other`.
    pub name: String,
    /// The name for people, where that is another one.
    pub label: Option<String>,
    /// How many decisions and changes there were at each point.
    pub counts: Vec<u64>,
}

/// Lines over the same points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// When each point begins.
    pub at: Vec<Timestamp>,
    /// The lines.
    pub series: Vec<Series>,
}

impl Chart {
    /// # Errors
    /// `INVALID_REQUEST` for a span that is empty or too long.
    fn check(&self) -> Result<()> {
        let most_days = match (self.interval, self.group) {
            (Interval::Hour, _) | (_, Group::Key) => 31,
            (Interval::Day, _) => 400,
        };
        let seconds = self.to.millis_since(self.from) / 1_000;
        if seconds > 0 && seconds <= most_days * DAY_SECONDS {
            return Ok(());
        }
        let sentence = format!("Choose a time after `from`, at most {most_days} days later for this chart.");
        Err(Error::invalid("to", sentence))
    }

    fn step_seconds(&self) -> i64 {
        match self.interval {
            Interval::Hour => HOUR_SECONDS,
            Interval::Day => DAY_SECONDS,
        }
    }

    fn start(&self) -> i64 {
        let step = self.step_seconds() * 1_000;
        self.from.millis() - self.from.millis() % step
    }

    fn points(&self) -> Vec<Timestamp> {
        let step = self.step_seconds() as usize * 1_000;
        (self.start()..self.to.millis()).step_by(step).map(Timestamp::from_millis).collect()
    }
}

/// How often something happened, by the hour or by the day. Refusals without a known key count as often as they
/// happened.
///
/// # Errors
/// `INVALID_REQUEST`, or when the store cannot be read or written.
pub async fn chart(can: &Can<ActivityRead>, chart: Chart) -> Result<Lines> {
    chart.check()?;
    let core = can.core.clone();
    core.activity.flush(&core.db).await?;
    Ok(core.read(move |reader| draw(reader, &chart)).await?)
}

fn draw(reader: &Reader<'_>, chart: &Chart) -> std::result::Result<Lines, DbError> {
    let at = chart.points();
    let key_no = chart.key.map(|id| names::key_no(reader, id)).transpose()?;
    let api_no = chart.api.as_ref().map(|api| names::api_no(reader, api)).transpose()?;
    if key_no == Some(None) || api_no == Some(None) {
        return Ok(Lines { at, series: Vec::new() });
    }
    let mut lines = BTreeMap::<i64, Vec<u64>>::new();
    let (start, step, end) = (chart.start(), chart.step_seconds() * 1_000, chart.to.millis());
    let wanted_key = key_no.flatten();
    let all_keys = chart.group == Group::Key && wanted_key.is_none();
    let mut add = |slot: Slot, count: i64| {
        let fits_key = if all_keys { slot.key_no != 0 } else { slot.key_no == wanted_key.unwrap_or(0) };
        let fits_api = api_no.flatten().is_none_or(|no| no == slot.api_no);
        if !fits_key || !fits_api || slot.at < start || slot.at >= end {
            return;
        }
        let line = match chart.group {
            Group::Outcome => i64::from(slot.outcome),
            Group::Api => slot.api_no,
            Group::Key => slot.key_no,
        };
        let point = ((slot.at - start) / step) as usize;
        let counts = lines.entry(line).or_insert_with(|| vec![0; at.len()]);
        counts[point] += count.unsigned_abs();
    };
    if all_keys {
        table::of_keys(reader, (Timestamp::from_millis(start), chart.to), &mut add)?;
    } else {
        for hour in (start..end).step_by(HOUR_SECONDS as usize * 1_000) {
            table::of_hour(reader, Timestamp::from_millis(hour), wanted_key.unwrap_or(0), &mut add)?;
        }
    }
    hours::each_uncounted(reader, &mut add)?;
    let series = name(reader, chart.group, lines)?;
    Ok(Lines { at, series })
}

fn name(
    reader: &Reader<'_>,
    group: Group,
    lines: BTreeMap<i64, Vec<u64>>,
) -> std::result::Result<Vec<Series>, DbError> {
    let mut names = Names::default();
    match group {
        Group::Outcome => {
            let line = |(number, counts): (i64, Vec<u64>)| {
                let outcome = u8::try_from(number).ok().and_then(Outcome::from_number);
                let name = outcome.map_or("other", Outcome::as_str).to_owned();
                Series { name, label: None, counts }
            };
            Ok(lines.into_iter().map(line).collect())
        }
        Group::Api => lines
            .into_iter()
            .map(|(no, counts)| {
                let slug = names.api(reader, Some(no))?;
                Ok(Series { name: slug.unwrap_or_else(|| "none".to_owned()), label: None, counts })
            })
            .collect(),
        Group::Key => top(lines)
            .into_iter()
            .map(|(no, counts)| {
                let key = names.key(reader, no)?;
                let (name, label) =
                    key.map_or(("other".to_owned(), None), |key| (key.id.to_string(), Some(key.name)));
                Ok(Series { name, label, counts })
            })
            .collect(),
    }
}

/// The busiest lines, and the sum of the others under none.
fn top(lines: BTreeMap<i64, Vec<u64>>) -> Vec<(Option<i64>, Vec<u64>)> {
    let totals: HashMap<i64, u64> = lines.iter().map(|(no, counts)| (*no, counts.iter().sum())).collect();
    let mut lines: Vec<(i64, Vec<u64>)> = lines.into_iter().collect();
    lines.sort_by_key(|(no, _)| (std::cmp::Reverse(totals[no]), *no));
    let rest = lines.split_off(lines.len().min(TOP_KEYS));
    let mut top: Vec<_> = lines.into_iter().map(|(no, counts)| (Some(no), counts)).collect();
    let others = rest.into_iter().map(|(_, counts)| counts).reduce(|mut sum, counts| {
        sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        sum
    });
    top.extend(others.map(|counts| (None, counts)));
    top
}
