//! Rows of the activity log and the strings that they share.

use std::net::IpAddr;

use super::columns::ip_bytes;
use crate::model::activity::{Entry, Kind, Method, Outcome, Reason, Stream};
use crate::model::{RequestId, Timestamp};
use crate::store::{Conn, Error, Row, Statement, ToSql, Tx, params};

/// Rows to a segment: what one part of the index covers. Part of the format of the file.
pub const SEGMENT_ROWS: i64 = 1_000_000;

/// The segment that a row belongs to.
pub const fn segment(no: i64) -> i64 {
    no / SEGMENT_ROWS
}

/// A row as the table has it: texts are numbers of [`string`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns are described in schema.sql")]
pub struct Stored {
    pub no: i64,
    pub stream: Stream,
    pub at: Timestamp,
    pub kind: Kind,
    pub outcome: Outcome,
    pub reason: Reason,
    pub identified: bool,
    pub api_no: Option<i64>,
    pub key_no: Option<i64>,
    pub user_no: Option<i64>,
    pub client_no: Option<i64>,
    pub grant_no: Option<i64>,
    pub session_no: Option<i64>,
    pub by_key_no: Option<i64>,
    pub by_user_no: Option<i64>,
    pub ip: Option<IpAddr>,
    pub method: Option<Method>,
    pub path_no: Option<i64>,
    pub agent_no: Option<i64>,
    pub took_us: Option<u32>,
    pub request_id: Option<RequestId>,
    pub count: Option<u32>,
    pub detail: Option<Box<str>>,
}

impl Stored {
    /// `entry` as row `no`, its texts replaced by their numbers.
    pub fn new(no: i64, entry: &Entry, path_no: Option<i64>, agent_no: Option<i64>) -> Self {
        Self {
            no,
            stream: Stream::ONLY,
            at: entry.at,
            kind: entry.kind,
            outcome: entry.outcome,
            reason: entry.reason,
            identified: entry.identified,
            api_no: entry.api_no,
            key_no: entry.key_no,
            user_no: entry.user_no,
            client_no: entry.client_no,
            grant_no: entry.grant_no,
            session_no: entry.session_no,
            by_key_no: entry.by_key_no,
            by_user_no: entry.by_user_no,
            ip: entry.ip.map(|ip| ip.to_canonical()),
            method: entry.method,
            path_no,
            agent_no,
            took_us: entry.took_us,
            request_id: entry.request_id,
            count: entry.count,
            detail: entry.detail.as_ref().map(|detail| detail.to_string().into()),
        }
    }

    /// Whether it says nothing but what almost every row says.
    fn is_usual(&self) -> bool {
        let others = [self.user_no, self.client_no, self.grant_no, self.session_no, self.by_user_no];
        self.identified && others.iter().all(Option::is_none) && self.count.is_none() && self.detail.is_none()
    }

    /// The keys under which the row is found: the key that it is about, and for a change the key that made it. Who
    /// asked for a decision is no such key: one gateway asks for all callers.
    pub fn indexed_keys(&self) -> (Option<i64>, Option<i64>) {
        indexed_keys(self.outcome, self.key_no, self.by_key_no)
    }
}

fn indexed_keys(outcome: Outcome, key_no: Option<i64>, by_key_no: Option<i64>) -> (Option<i64>, Option<i64>) {
    let by = by_key_no.filter(|_| outcome == Outcome::Changed && by_key_no != key_no);
    (key_no, by)
}

const COLUMNS: &str = "no, at, kind, outcome, code, api_no, key_no, user_no, client_no, grant_no, session_no, \
                       by_key_no, by_user_no, ip, method, path_no, agent_no, took_us, request_id, count, detail, \
                       unidentified, stream";

/// Inserts rows with prepared statements: one for the usual row, which is about a key alone and binds a third fewer values,
/// and one for all others.
pub struct Inserter<'c> {
    usual: Statement<'c>,
    whole: Statement<'c>,
}

impl<'c> Inserter<'c> {
    /// Prepares the statements.
    pub fn new(tx: &Tx<'c>) -> Result<Self, Error> {
        let conn: Conn<'c> = **tx;
        Ok(Self {
            usual: conn.prepare(
                "INSERT INTO activity (no, at, kind, outcome, code, api_no, key_no, by_key_no, ip, method, path_no, \
                 agent_no, took_us, request_id, stream) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            )?,
            whole: conn.prepare(
                "INSERT INTO activity (no, at, kind, outcome, code, api_no, key_no, by_key_no, ip, method, path_no, \
                 agent_no, took_us, request_id, stream, user_no, client_no, grant_no, session_no, by_user_no, count, \
                 detail, unidentified) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, \
                 ?17, ?18, ?19, ?20, ?21, ?22, ?23)",
            )?,
        })
    }

    /// Inserts one row.
    pub fn insert(&mut self, row: &Stored) -> Result<(), Error> {
        if row.is_usual() {
            bind_usual(&mut self.usual, row)?;
            self.usual.run()?;
            return Ok(());
        }
        let statement = &mut self.whole;
        bind_usual(statement, row)?;
        statement.bind(16, row.user_no)?;
        statement.bind(17, row.client_no)?;
        statement.bind(18, row.grant_no)?;
        statement.bind(19, row.session_no)?;
        statement.bind(20, row.by_user_no)?;
        statement.bind(21, row.count)?;
        statement.bind(22, row.detail.as_deref())?;
        statement.bind(23, !row.identified)?;
        statement.run()?;
        Ok(())
    }
}

fn bind_usual(statement: &mut Statement<'_>, row: &Stored) -> Result<(), Error> {
    statement.bind(1, row.no)?;
    statement.bind(2, row.at.millis())?;
    statement.bind(3, row.kind.number())?;
    statement.bind(4, row.outcome.number())?;
    statement.bind(5, row.reason.number())?;
    statement.bind(6, row.api_no)?;
    statement.bind(7, row.key_no)?;
    statement.bind(8, row.by_key_no)?;
    match row.ip {
        Some(IpAddr::V4(ip)) => statement.bind(9, &ip.octets()[..])?,
        Some(IpAddr::V6(ip)) => statement.bind(9, &ip.octets()[..])?,
        None => statement.bind(9, None::<i64>)?,
    }
    statement.bind(10, row.method.map(Method::number))?;
    statement.bind(11, row.path_no)?;
    statement.bind(12, row.agent_no)?;
    statement.bind(13, row.took_us)?;
    match row.request_id {
        Some(id) => statement.bind(14, &id.to_bytes()[..])?,
        None => statement.bind(14, None::<i64>)?,
    }
    statement.bind(15, row.stream.no())?;
    Ok(())
}

fn stored(row: &Row<'_>) -> Result<Stored, Error> {
    let no = row.get(0)?;
    let unreadable = || Error::Corrupt(format!("activity row {no} does not hold what it should"));
    let number =
        |column| -> Result<u8, Error> { u8::try_from(row.get::<i64>(column)?).map_err(|_| unreadable()) };
    Ok(Stored {
        no,
        at: row.time(1)?,
        kind: Kind::from_number(number(2)?).ok_or_else(unreadable)?,
        outcome: Outcome::from_number(number(3)?).ok_or_else(unreadable)?,
        reason: Reason::from_number(number(4)?).ok_or_else(unreadable)?,
        api_no: row.get(5)?,
        key_no: row.get(6)?,
        user_no: row.get(7)?,
        client_no: row.get(8)?,
        grant_no: row.get(9)?,
        session_no: row.get(10)?,
        by_key_no: row.get(11)?,
        by_user_no: row.get(12)?,
        ip: row.get::<Option<Vec<u8>>>(13)?.map(|ip| address(&ip).ok_or_else(unreadable)).transpose()?,
        method: match row.get::<Option<i64>>(14)? {
            Some(_) => Some(Method::from_number(number(14)?).ok_or_else(unreadable)?),
            None => None,
        },
        path_no: row.get(15)?,
        agent_no: row.get(16)?,
        took_us: row.get(17)?,
        request_id: row
            .get::<Option<Vec<u8>>>(18)?
            .map(|id| id.try_into().map(RequestId::from_bytes).map_err(|_| unreadable()))
            .transpose()?,
        count: row.get(19)?,
        detail: row.get::<Option<String>>(20)?.map(Into::into),
        identified: !row.bool(21)?,
        stream: Stream::try_from(row.get::<i64>(22)?).map_err(|_| unreadable())?,
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

/// The first and the last row's number; none while the log is empty.
pub fn ends(conn: &Conn<'_>) -> Result<Option<(i64, i64)>, Error> {
    // Two statements: SQLite looks at one end of the tree only when it is asked for one end only.
    let first = conn.number("SELECT min(no) FROM activity", &[])?;
    let last = last(conn)?;
    Ok((last > 0).then_some((first, last)))
}

/// The last row's number; 0 while the log is empty.
pub fn last(conn: &Conn<'_>) -> Result<i64, Error> {
    conn.number("SELECT max(no) FROM activity", &[])
}

/// Row `no`, if retention has not removed it.
pub fn get(conn: &Conn<'_>, no: i64) -> Result<Option<Stored>, Error> {
    conn.first(&format!("SELECT {COLUMNS} FROM activity WHERE no = ?1"), params![no], stored)
}

/// When row `no` happened, or the first one after it that retention has left.
pub fn time(conn: &Conn<'_>, no: i64) -> Result<Option<Timestamp>, Error> {
    conn.first("SELECT at FROM activity WHERE no >= ?1 ORDER BY no LIMIT 1", params![no], |row| row.time(0))
}

/// Rows from `first` to `last`, oldest first, until `visit` says false.
pub fn each(
    conn: &Conn<'_>,
    first: i64,
    last: i64,
    mut visit: impl FnMut(Stored) -> Result<bool, Error>,
) -> Result<(), Error> {
    let sql = format!("SELECT {COLUMNS} FROM activity WHERE no BETWEEN ?1 AND ?2 ORDER BY no");
    conn.each(&sql, params![first, last], |row| visit(stored(row)?))
}

/// Which API rows are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiFilter {
    /// The one with this number.
    This(i64),
    /// Any other, or none.
    Others(i64),
}

/// What rows must be like; every member narrows.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the columns are described in schema.sql")]
pub struct Conditions {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub key_no: Option<i64>,
    pub user_no: Option<i64>,
    pub client_no: Option<i64>,
    pub api: Option<ApiFilter>,
    pub outcome: Option<Outcome>,
    pub kind: Option<Kind>,
    /// First and last address of a network, of the same family.
    pub ips: Option<(IpAddr, IpAddr)>,
    pub request_id: Option<RequestId>,
}

impl Conditions {
    /// A WHERE clause after `no` conditions with ?1 and ?2, and its further parameters.
    fn sql(&self) -> (String, Vec<Box<dyn ToSql>>) {
        let mut clause = String::new();
        let mut values: Vec<Box<dyn ToSql>> = Vec::new();
        let mut add = |condition: &str, value: Box<dyn ToSql>| {
            values.push(value);
            clause.push_str(" AND ");
            clause.push_str(&condition.replace('?', &format!("?{}", values.len() + 2)));
        };
        if let Some(from) = self.from {
            add("at >= ?", Box::new(from.millis()));
        }
        if let Some(to) = self.to {
            add("at < ?", Box::new(to.millis()));
        }
        if let Some(outcome) = self.outcome {
            add("outcome = ?", Box::new(outcome.number()));
        }
        if let Some(kind) = self.kind {
            add("kind = ?", Box::new(kind.number()));
        }
        match self.api {
            Some(ApiFilter::This(no)) => add("api_no = ?", Box::new(no)),
            Some(ApiFilter::Others(no)) => add("(api_no IS NULL OR api_no <> ?)", Box::new(no)),
            None => {}
        }
        if let Some(no) = self.key_no {
            let changed = Outcome::Changed.number();
            add(&format!("(key_no = ? OR (outcome = {changed} AND by_key_no = ?))"), Box::new(no));
        }
        if let Some(no) = self.user_no {
            add("(user_no = ? OR by_user_no = ?)", Box::new(no));
        }
        if let Some(no) = self.client_no {
            add("client_no = ?", Box::new(no));
        }
        if let Some((first, last)) = self.ips {
            let (first, last) = (ip_bytes(first), ip_bytes(last));
            add(&format!("(length(ip) = {} AND ip >= ?)", first.len()), Box::new(first));
            add("ip <= ?", Box::new(last));
        }
        if let Some(id) = self.request_id {
            add("request_id = ?", Box::new(id.to_bytes().to_vec()));
        }
        (clause, values)
    }
}

/// Rows from `first` to `last` that fit, newest first, until `visit` says false.
pub fn search(
    conn: &Conn<'_>,
    (first, last): (i64, i64),
    conditions: &Conditions,
    mut visit: impl FnMut(Stored) -> Result<bool, Error>,
) -> Result<(), Error> {
    let (clause, values) = conditions.sql();
    let sql = format!("SELECT {COLUMNS} FROM activity WHERE no BETWEEN ?1 AND ?2{clause} ORDER BY no DESC");
    let mut parameters: Vec<&dyn ToSql> = vec![&first, &last];
    parameters.extend(values.iter().map(|value| &**value));
    conn.each(&sql, &parameters, |row| visit(stored(row)?))
}

/// Looks at single rows, one after the other, with one prepared statement.
pub struct Finder<'c> {
    statement: Statement<'c>,
    values: Vec<Box<dyn ToSql>>,
}

impl<'c> Finder<'c> {
    /// Prepares to look for rows that fit.
    pub fn new(conn: &Conn<'c>, conditions: &Conditions) -> Result<Self, Error> {
        let (clause, values) = conditions.sql();
        // As everywhere the first two say where to look.
        let sql = format!("SELECT {COLUMNS} FROM activity WHERE no BETWEEN ?1 AND ?2{clause}");
        Ok(Self { statement: conn.prepare(&sql)?, values })
    }

    /// Row `no`, if it is there and fits.
    pub fn get(&mut self, no: i64) -> Result<Option<Stored>, Error> {
        let mut parameters: Vec<&dyn ToSql> = vec![&no, &no];
        parameters.extend(self.values.iter().map(|value| &**value));
        self.statement.first(&parameters, stored)
    }
}

/// The text behind a number of `path_no` or `agent_no`.
pub fn string(conn: &Conn<'_>, no: i64) -> Result<Option<String>, Error> {
    conn.first("SELECT text FROM activity_strings WHERE no = ?1", params![no], |row| row.get(0))
}

/// Stores a text for the rows of `segment` and returns its number.
pub fn insert_string(tx: &mut Tx<'_>, segment: i64, text: &str) -> Result<i64, Error> {
    tx.insert(
        "INSERT INTO activity_strings (segment, text) VALUES (?1, ?2) RETURNING no",
        params![segment, text],
    )
}
