//! Rows as people and programs see them: public ids and words instead of numbers.

use std::collections::HashMap;
use std::net::IpAddr;

use serde_json::value::RawValue;

use crate::model::activity::{Kind, Method, Outcome, Reason};
use crate::model::{ActivityId, RequestId, Timestamp, UserId};
use crate::store::activity as table;
use crate::store::activity::Stored;
use crate::store::activity_names as names;
use crate::store::activity_names::{ClientName, KeyName, UserName};
use crate::store::{Error, Reader};

/// One row of the log.
#[derive(Debug, Clone)]
pub struct Activity {
    /// The public id.
    pub id: ActivityId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: Kind,
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub code: Reason,
    /// Slug of the API that it concerns.
    pub api: Option<String>,
    /// The key that it is about.
    pub key: Option<KeyName>,
    /// The person that it is about.
    pub user: Option<UserName>,
    /// The OAuth app that it came through.
    pub client: Option<ClientName>,
    /// The key that asked for it, when it is another one.
    pub by_key: Option<KeyName>,
    /// The person who asked for it.
    pub by_user: Option<UserName>,
    /// The address that the request came from.
    pub ip: Option<IpAddr>,
    /// The request's method.
    pub method: Option<Method>,
    /// The request's path, without query.
    pub path: Option<String>,
    /// The request's User-Agent.
    pub user_agent: Option<String>,
    /// How long the answer took, in microseconds.
    pub took_us: Option<u32>,
    /// The id that the answer carried.
    pub request_id: Option<RequestId>,
    /// How many refusals this row stands for; 1 for every other row.
    pub count: u32,
    /// What a change changed, what a refusal saw.
    pub detail: Option<Box<RawValue>>,
}

impl Activity {
    /// The row as the person sees it whose own key it is about: what others did is shown, but not who, nor from where.
    #[must_use]
    pub(crate) fn for_owner(mut self, owner: UserId) -> Self {
        let by_themselves =
            self.by_user.as_ref().is_none_or(|user| user.id == owner) && self.by_key.is_none();
        if self.outcome == Outcome::Changed && !by_themselves {
            (self.ip, self.path, self.user_agent, self.detail) = (None, None, None, None);
        }
        self.by_key = None;
        self.by_user = self.by_user.filter(|user| user.id == owner);
        self
    }
}

/// Remembers names while the rows of one answer are shown.
#[derive(Default)]
pub(super) struct Names {
    apis: HashMap<i64, Option<String>>,
    keys: HashMap<i64, Option<KeyName>>,
    users: HashMap<i64, Option<UserName>>,
    clients: HashMap<i64, Option<ClientName>>,
    strings: HashMap<i64, Option<String>>,
}

fn remembered<T: Clone>(
    known: &mut HashMap<i64, Option<T>>,
    no: Option<i64>,
    find: impl FnOnce(i64) -> Result<Option<T>, Error>,
) -> Result<Option<T>, Error> {
    let Some(no) = no else { return Ok(None) };
    if let Some(found) = known.get(&no) {
        return Ok(found.clone());
    }
    let found = find(no)?;
    known.insert(no, found.clone());
    Ok(found)
}

impl Names {
    /// A path or user agent.
    pub(super) fn string(&mut self, reader: &Reader<'_>, no: Option<i64>) -> Result<Option<String>, Error> {
        remembered(&mut self.strings, no, |no| table::string(reader, no))
    }

    /// The slug of an API.
    pub(super) fn api(&mut self, reader: &Reader<'_>, no: Option<i64>) -> Result<Option<String>, Error> {
        remembered(&mut self.apis, no, |no| names::api(reader, no))
    }

    /// A key.
    pub(super) fn key(&mut self, reader: &Reader<'_>, no: Option<i64>) -> Result<Option<KeyName>, Error> {
        remembered(&mut self.keys, no, |no| names::key(reader, no))
    }

    fn user(&mut self, reader: &Reader<'_>, no: Option<i64>) -> Result<Option<UserName>, Error> {
        remembered(&mut self.users, no, |no| names::user(reader, no))
    }

    /// `row` with names for its numbers.
    pub(super) fn show(&mut self, reader: &Reader<'_>, row: Stored) -> Result<Activity, Error> {
        Ok(Activity {
            id: ActivityId::of(row.at, row.no),
            at: row.at,
            kind: row.kind,
            outcome: row.outcome,
            code: row.reason,
            api: self.api(reader, row.api_no)?,
            key: self.key(reader, row.key_no)?,
            user: self.user(reader, row.user_no)?,
            client: remembered(&mut self.clients, row.client_no, |no| names::client(reader, no))?,
            by_key: self.key(reader, row.by_key_no)?,
            by_user: self.user(reader, row.by_user_no)?,
            ip: row.ip,
            method: row.method,
            path: self.string(reader, row.path_no)?,
            user_agent: self.string(reader, row.agent_no)?,
            took_us: row.took_us,
            request_id: row.request_id,
            count: row.count.unwrap_or(1),
            detail: row.detail.and_then(|detail| RawValue::from_string(detail.into()).ok()),
        })
    }
}
