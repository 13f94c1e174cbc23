//! Rows of the log in JSON.

use poem_openapi::registry::MetaSchema;
use serde::Serialize;

use crate::http::object::{OrNull, object};
use crate::http::schema::{json_type, plain_type};
use crate::model::activity::{
    Activity, Actor, ClientName, Detail, KeyName, Kind, Method, Outcome, Reason, UserName, activity_members,
    actor_members, client_name_members, key_name_members, user_name_members,
};
use crate::model::members::with_members;
use crate::model::{ActivityId, Address, ClientId, Environment, KeyId, RequestId, Timestamp, UserId};
use crate::platform::cursor::Page;

with_members! { $ activity_page_members
/// A part of the log.
#[derive(Debug, Serialize)]
pub struct ActivityPage {
    /// The rows, newest first.
    pub data: Vec<Activity>,
    /// The `cursor` of the next page; null on the last one.
    pub next_cursor: OrNull<String>,
}
}

activity_page_members!(object writes "ActivityPage" null);
activity_members!(object writes "Activity" null);
key_name_members!(object writes "ActivityKey" null);
user_name_members!(object writes "ActivityUser" null);
client_name_members!(object writes "ActivityClient" null);
actor_members!(object writes "ActivityBy" null);
plain_type!(Detail, "Detail", MetaSchema::ANY);
json_type!(KeyName);

impl From<Page<Activity>> for ActivityPage {
    fn from(page: Page<Activity>) -> Self {
        Self { data: page.data, next_cursor: OrNull(page.next_cursor) }
    }
}
