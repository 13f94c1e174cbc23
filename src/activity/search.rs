//! Search for rows, newest first: through the index, or by a backward scan where there is none.

use ipnet::IpNet;
use serde::Serialize;

use super::log::Log;
use super::recent;
use super::times;
use super::view::Names;
use crate::model::activity::{Kind, Outcome, Reason};
use crate::model::{ClientId, KeyId, RequestId, Timestamp, UserId};
use crate::store::activity as table;
use crate::store::activity::{Conditions, Finder, Stored, segment};
use crate::store::{Conn, Error as DbError, Reader, activity_index as index, activity_names as names};

/// Filter of rows; all given parts must match.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Filter {
    /// At this time or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// The key, as subject or as author of a change.
    pub key: Option<KeyId>,
    /// The user, as subject or as author of a change.
    pub user: Option<UserId>,
    /// The OAuth client.
    pub client: Option<ClientId>,
    /// Slug or id of the API; with `!` before it, every other API.
    pub api: Option<String>,
    /// The outcome.
    pub outcome: Option<Outcome>,
    /// The kind.
    pub kind: Option<Kind>,
    /// The network.
    pub ip: Option<IpNet>,
    /// Part of the path, the user agent, the request id, the kind or the code; case is ignored.
    pub q: Option<String>,
    /// Id of the request.
    pub request_id: Option<RequestId>,
}

impl Filter {
    /// Time range. A request id contains its time, which narrows the range.
    fn times(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        const AROUND_SECONDS: i64 = 2;
        let made_at = self.request_id.map(RequestId::at);
        let from = made_at.map(|at| at.minus_seconds(AROUND_SECONDS));
        let to = made_at.map(|at| at.plus_seconds(AROUND_SECONDS));
        (self.from.max(from), [self.to, to].into_iter().flatten().min())
    }
}

/// Limits of one call; it returns its matches when it reaches one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    /// Rows that are scanned without an index.
    pub(super) scanned: i64,
    /// Rows that are found by index and then read.
    pub(super) visited: usize,
}

pub(super) const BUDGET: Budget = Budget { scanned: 500_000, visited: 20_000 };

/// Matching rows, newest first, and the continuation: rows below that number were not examined.
pub(super) struct SearchResult {
    pub(super) rows: Vec<Stored>,
    pub(super) rest_below: Option<i64>,
}

impl SearchResult {
    const NOTHING: Self = Self { rows: Vec::new(), rest_below: None };
}

/// Matching rows below `before`, `limit` at most.
pub(super) fn search(
    reader: &Reader<'_>,
    log: &Log,
    filter: &Filter,
    before: i64,
    limit: usize,
    budget: Budget,
) -> Result<SearchResult, DbError> {
    let Some((first, last)) = table::ends(reader)? else { return Ok(SearchResult::NOTHING) };
    let Some(conditions) = resolve(reader, filter)? else { return Ok(SearchResult::NOTHING) };
    let mut budget = budget;
    let mut search = Search {
        reader,
        conditions,
        words: filter.q.as_deref().map(|q| TextQuery::new(q, Names::default())),
        limit,
        rows: Vec::new(),
    };
    let mut rest_below = None;
    for (start, end) in times::ranges(reader, (first, last), filter.times())? {
        let range = (start, end.min(before.saturating_sub(1)));
        rest_below = match search.conditions.key_no {
            Some(key_no) => search.by_key(log, range, last, key_no, &mut budget.visited)?,
            None => search.by_scan(range, &mut budget.scanned)?,
        };
        if rest_below.is_some() {
            break;
        }
    }
    Ok(SearchResult { rows: search.rows, rest_below })
}

/// All matching rows of a small range, newest first.
pub(super) fn window(
    reader: &Reader<'_>,
    filter: &Filter,
    range: (i64, i64),
) -> Result<Vec<Stored>, DbError> {
    let Some(conditions) = resolve(reader, filter)? else { return Ok(Vec::new()) };
    let words = filter.q.as_deref().map(|q| TextQuery::new(q, Names::default()));
    let mut search = Search { reader, conditions, words, limit: usize::MAX, rows: Vec::new() };
    search.visit(range)?;
    Ok(search.rows)
}

/// The filter with row numbers; none if it names something that does not exist.
fn resolve(conn: &Conn<'_>, filter: &Filter) -> Result<Option<Conditions>, DbError> {
    let mut conditions = Conditions {
        from: filter.from,
        to: filter.to,
        outcome: filter.outcome,
        kind: filter.kind,
        ips: filter.ip.map(|network| (network.network(), network.broadcast())),
        request_id: filter.request_id,
        ..Conditions::default()
    };
    if let Some(id) = filter.key {
        conditions.key_no = names::key_no(conn, id)?;
    }
    if let Some(id) = filter.user {
        conditions.user_no = names::user_no(conn, id)?;
    }
    if let Some(api) = &filter.api {
        conditions.api = names::about_api(conn, api)?;
    }
    if let Some(id) = filter.client {
        conditions.client_no = names::client_no(conn, id)?;
    }
    let all_known = filter.key.is_some() == conditions.key_no.is_some()
        && filter.user.is_some() == conditions.user_no.is_some()
        && filter.api.is_some() == conditions.api.is_some()
        && filter.client.is_some() == conditions.client_no.is_some();
    Ok(all_known.then_some(conditions))
}

struct Search<'r> {
    reader: &'r Reader<'r>,
    conditions: Conditions,
    words: Option<TextQuery>,
    limit: usize,
    rows: Vec<Stored>,
}

impl Search<'_> {
    /// Iterates over the rows about one key. Returns the continuation.
    fn by_key(
        &mut self,
        log: &Log,
        (first, mut last): (i64, i64),
        newest: i64,
        key_no: i64,
        budget: &mut usize,
    ) -> Result<Option<i64>, DbError> {
        let mut finder = Finder::new(self.reader, &self.conditions)?;
        while last >= first {
            if *budget == 0 {
                return Ok(Some(last + 1));
            }
            let wanted = (*budget).min((self.limit - self.rows.len()).max(64));
            let nos = rows_of_key(self.reader, log, (segment(last), newest), key_no, last + 1, wanted)?;
            for no in nos.iter().copied().filter(|no| *no >= first) {
                if self.rows.len() == self.limit || *budget == 0 {
                    return Ok(Some(no + 1));
                }
                *budget -= 1;
                if let Some(row) = finder.get(no)? {
                    self.take(row)?;
                }
            }
            last = match nos.last() {
                Some(&no) if nos.len() == wanted => no - 1,
                _ => segment(last) * table::SEGMENT_ROWS - 1,
            };
        }
        Ok(None)
    }

    /// Iterates over all rows. Returns the continuation.
    fn by_scan(&mut self, (first, last): (i64, i64), budget: &mut i64) -> Result<Option<i64>, DbError> {
        if last < first {
            return Ok(None);
        }
        if self.rows.len() == self.limit || *budget == 0 {
            return Ok(Some(last + 1));
        }
        let stop = first.max(last - (*budget - 1));
        *budget -= last - stop + 1;
        self.visit((stop, last))?;
        // If the last match is the last row of the range, the next range continues from there.
        let next =
            if self.rows.len() == self.limit { self.rows.last().map_or(stop, |row| row.no) } else { stop };
        Ok((next > first).then_some(next))
    }

    /// Collects matching rows of `range`, newest first, up to the limit.
    fn visit(&mut self, range: (i64, i64)) -> Result<(), DbError> {
        let (reader, conditions) = (self.reader, self.conditions.clone());
        table::search(reader, range, &conditions, |row| {
            self.take(row)?;
            Ok(self.rows.len() < self.limit)
        })
    }

    /// Collects a row if the text matches too.
    fn take(&mut self, row: Stored) -> Result<(), DbError> {
        let fits = self.words.as_mut().map_or(Ok(true), |words| words.fit(self.reader, &row))?;
        if fits {
            self.rows.push(row);
        }
        Ok(())
    }
}

fn rows_of_key(
    reader: &Reader<'_>,
    log: &Log,
    (segment, newest): (i64, i64),
    key_no: i64,
    before: i64,
    limit: usize,
) -> Result<Vec<i64>, DbError> {
    if index::is_indexed(reader, segment)? {
        index::rows_of_key(reader, segment, key_no, before, limit)
    } else {
        recent::rows_of_key(reader, log, (segment, newest), key_no, before, limit)
    }
}

/// The text to search for.
struct TextQuery {
    /// In lower case.
    part: String,
    kinds: Vec<Kind>,
    reasons: Vec<Reason>,
    names: Names,
}

impl TextQuery {
    fn new(q: &str, names: Names) -> Self {
        let part = q.to_lowercase();
        let within = |text: &str| text.to_lowercase().contains(&part);
        Self {
            kinds: Kind::ALL.iter().copied().filter(|kind| within(kind.as_str())).collect(),
            reasons: Reason::ALL.iter().copied().filter(|reason| within(reason.as_str())).collect(),
            part,
            names,
        }
    }

    fn fit(&mut self, reader: &Reader<'_>, row: &Stored) -> Result<bool, DbError> {
        if self.kinds.contains(&row.kind) || self.reasons.contains(&row.reason) {
            return Ok(true);
        }
        if row.request_id.is_some_and(|id| id.encode().contains(&self.part)) {
            return Ok(true);
        }
        for no in [row.path_no, row.agent_no] {
            let text = self.names.string(reader, no)?;
            if text.is_some_and(|text| text.to_lowercase().contains(&self.part)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
