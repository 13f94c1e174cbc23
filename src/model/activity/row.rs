//! A row of the log with public ids and names instead of row numbers. JSON, the columns of CSV, and the OpenAPI document,
//! from which the types of the dashboard are generated, follow these lists of members.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Kind, Method, Outcome, Reason};
use crate::model::members::with_members;
use crate::model::{ActivityId, Address, ClientId, Environment, KeyId, RequestId, Timestamp, UserId};

with_members! { $ activity_members
/// One decision or change.
#[derive(Debug, Clone, Serialize)]
pub struct Activity {
    /// Time of the event.
    pub at: Timestamp,
    /// `act_…`
    pub id: ActivityId,
    /// Kind of event: `key.verify`, `request.authorize` and `api.call` for decisions; `key.created` and others for
    /// changes.
    pub kind: Kind,
    /// Outcome; `changed` for a change.
    pub outcome: Outcome,
    /// Reason, such as `VALID`, `EXPIRED` or `INSUFFICIENT_SCOPE`.
    pub code: Reason,
    /// Description of the code, for refusals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<&'static str>,
    /// Slug of the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// The key that the row is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyName>,
    /// The user that the row is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserName>,
    /// The OAuth client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientName>,
    /// The actor, if it is not the key or the user above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Actor>,
    /// Address of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<Address>,
    /// The request's method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// The request's path, without query; its first 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The request's User-Agent; its first 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Duration of the request, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_us: Option<u32>,
    /// `X-Request-Id` of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// Number of refusals without a known key that the row counts; 1 for every other row.
    pub count: u32,
    /// The changed values, or the values that the failed rule compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Detail>,
}
}

with_members! { $ key_name_members
/// A key as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyName {
    /// `key_…`
    pub id: KeyId,
    /// Its name now.
    pub name: String,
    /// `live` or `test`.
    pub environment: Environment,
    /// First characters of the random part of its newest secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Last characters of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
}
}

with_members! { $ user_name_members
/// A person as the log shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserName {
    /// `usr_…`
    pub id: UserId,
    /// Their email address now.
    pub email: String,
    /// Their name now.
    pub name: String,
}
}

with_members! { $ client_name_members
/// An OAuth app as the log shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientName {
    /// `app_…`
    pub id: ClientId,
    /// Its name now.
    pub name: String,
}
}

with_members! { $ actor_members
/// The key and the user that made a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// The key that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyName>,
    /// The person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserName>,
}
}

impl Actor {
    /// None without either.
    pub fn of(key: Option<KeyName>, user: Option<UserName>) -> Option<Self> {
        (key.is_some() || user.is_some()).then_some(Self { key, user })
    }
}

/// The changed values, or the values that the failed rule compared, as stored JSON.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Detail(Box<RawValue>);

impl Detail {
    /// None for text that is not JSON.
    pub fn parse(json: String) -> Option<Self> {
        RawValue::from_string(json).ok().map(Self)
    }

    /// The JSON.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}
