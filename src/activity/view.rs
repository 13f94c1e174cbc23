//! Rows with public ids and names instead of row numbers.

use std::collections::HashMap;

use crate::model::activity::{Activity, Actor, ClientName, Detail, KeyName, Outcome, UserName};
use crate::model::{ActivityId, Address, UserId};
use crate::store::activity as table;
use crate::store::activity::Stored;
use crate::store::activity_names as names;
use crate::store::{Error, Reader};

impl Activity {
    /// The row for the owner of its key: actions of others without their identity and address.
    #[must_use]
    pub(crate) fn for_owner(mut self, owner: UserId) -> Self {
        let (by_key, by_user) = self.by.take().map_or((None, None), |by| (by.key, by.user));
        let by_user_is_owner = by_user.as_ref().is_none_or(|user| user.id == owner);
        let by_themselves = by_user_is_owner && by_key.is_none();
        if self.outcome == Outcome::Changed && !by_themselves {
            (self.ip, self.path, self.user_agent, self.detail) = (None, None, None, None);
        }
        self.by = Actor::of(None, by_user.filter(|_| by_user_is_owner));
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
        let is_refusal = matches!(row.outcome, Outcome::Refused | Outcome::Limited);
        Ok(Activity {
            at: row.at,
            id: ActivityId::of(row.at, row.no),
            kind: row.kind,
            outcome: row.outcome,
            code: row.reason,
            why: is_refusal.then(|| row.reason.about()),
            api: self.api(reader, row.api_no)?,
            key: self.key(reader, row.key_no)?,
            user: self.user(reader, row.user_no)?,
            client: remembered(&mut self.clients, row.client_no, |no| names::client(reader, no))?,
            by: Actor::of(self.key(reader, row.by_key_no)?, self.user(reader, row.by_user_no)?),
            ip: row.ip.map(Address),
            method: row.method,
            path: self.string(reader, row.path_no)?,
            user_agent: self.string(reader, row.agent_no)?,
            took_us: row.took_us,
            request_id: row.request_id,
            count: row.count.unwrap_or(1),
            detail: row.detail.and_then(|detail| Detail::parse(detail.into())),
        })
    }
}
