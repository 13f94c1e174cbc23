//! The filter of a query.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use crate::activity::Filter;
use crate::error::{Error, Result};
use crate::http::schema::Unparsed;
use crate::model::activity::{Kind, Outcome};

/// Characters of a text that is searched for.
const MAX_Q: usize = 200;

/// A filter before its parameters are parsed.
#[derive(Default)]
pub(super) struct RawFilter {
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) key: Option<String>,
    pub(super) user: Option<String>,
    pub(super) client: Option<String>,
    pub(super) api: Option<String>,
    pub(super) outcome: Option<Unparsed<Outcome>>,
    pub(super) kind: Option<Unparsed<Kind>>,
    pub(super) ip: Option<String>,
    pub(super) q: Option<String>,
    pub(super) request_id: Option<String>,
}

impl RawFilter {
    /// # Errors
    /// `INVALID_REQUEST`, naming every parameter that cannot be read.
    pub(super) fn parse(&self) -> Result<Filter> {
        let mut wrong = serde_json::Map::new();
        let wrong = &mut wrong;
        let filter = Filter {
            from: read(wrong, "from", self.from.as_deref(), str::parse),
            to: read(wrong, "to", self.to.as_deref(), str::parse),
            key: read(wrong, "key", self.key.as_deref(), str::parse),
            user: read(wrong, "user", self.user.as_deref(), str::parse),
            client: read(wrong, "client", self.client.as_deref(), str::parse),
            api: self.api.clone(),
            outcome: read(wrong, "outcome", self.outcome.as_ref().map(Unparsed::text), str::parse),
            kind: read(wrong, "kind", self.kind.as_ref().map(Unparsed::text), |text| {
                text.parse().map_err(|_| "Use a kind of activity, such as key.verify or key.created.")
            }),
            ip: read(wrong, "ip", self.ip.as_deref(), network),
            q: read(wrong, "q", self.q.as_deref(), |text| match text.chars().count() {
                1..=MAX_Q => Ok(text.to_owned()),
                _ => Err("Search for 1 to 200 characters."),
            }),
            request_id: read(wrong, "request_id", self.request_id.as_deref(), str::parse),
        };
        Error::invalid_fields(std::mem::take(wrong))?;
        Ok(filter)
    }
}

fn read<T, E: std::fmt::Display>(
    wrong: &mut serde_json::Map<String, Value>,
    field: &str,
    text: Option<&str>,
    parse: impl FnOnce(&str) -> std::result::Result<T, E>,
) -> Option<T> {
    match parse(text?) {
        Ok(value) => Some(value),
        Err(reason) => {
            wrong.insert(field.to_owned(), reason.to_string().into());
            None
        }
    }
}

fn network(text: &str) -> std::result::Result<IpNet, &'static str> {
    let address = || text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
    text.parse().or_else(|_| address()).map_err(|_| "Use an address or a network, such as 192.0.2.0/24.")
}
