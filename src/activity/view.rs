//! Rows with public ids and names instead of row numbers.

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
    /// Time of the event.
    pub at: Timestamp,
    /// Kind of the event.
    pub kind: Kind,
    /// Outcome.
    pub outcome: Outcome,
    /// Reason.
    pub code: Reason,
    /// Slug of the API.
    pub api: Option<String>,
    /// The key that the row is about.
    pub key: Option<KeyName>,
    /// The user that the row is about.
    pub user: Option<UserName>,
    /// The OAuth client.
    pub client: Option<ClientName>,
    /// The key that made the request, if it is another one.
    pub by_key: Option<KeyName>,
    /// The user who made the request, if it is another one.
    pub by_user: Option<UserName>,
    /// Address of the client.
    pub ip: Option<IpAddr>,
    /// Request method.
    pub method: Option<Method>,
    /// Request path, without query.
    pub path: Option<String>,
    /// `User-Agent` of the request.
    pub user_agent: Option<String>,
    /// Duration of the request, in microseconds.
    pub took_us: Option<u32>,
    /// `X-Request-Id` of the response.
    pub request_id: Option<RequestId>,
    /// Number of refusals that the row counts; 1 for every other row.
    pub count: u32,
    /// Changed values, or the values that the failed rule compared.
    pub detail: Option<Box<RawValue>>,
}

impl Activity {
    /// The row for the owner of its key: actions of others without their identity and address.
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

/// Caches names while one response is built.
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

    /// `row` with names instead of numbers.
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
