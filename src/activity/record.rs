//! Changes: written in the transaction of the change itself, with their event for the world outside.

use serde_json::{Map, Value, json};

use super::strings::cap;
use crate::error::Result;
use crate::model::ActivityId;
use crate::model::activity::Entry;
use crate::store::activity as table;
use crate::store::activity::{Inserter, Stored, segment};
use crate::store::{Tx, activity_names as names};

/// Writes a change into the log and its event into the outbox, in the transaction of the change itself.
///
/// # Errors
/// When it cannot be written; the change is then undone too.
pub fn record(tx: &mut Tx<'_>, entry: &Entry) -> Result<()> {
    let no = table::last(tx)? + 1;
    // The dictionary is the appender's, and this transaction may still be lost: a string of its own costs little.
    let mut intern = |text: &Option<Box<str>>| {
        text.as_deref().map(|text| table::insert_string(tx, segment(no), cap(text))).transpose()
    };
    let (path_no, agent_no) = (intern(&entry.path)?, intern(&entry.agent)?);
    Inserter::new(tx)?.insert(&Stored::new(no, entry, path_no, agent_no))?;
    let payload = event(tx, ActivityId::of(entry.at, no), entry)?;
    table::insert_event(tx, entry.kind.as_str(), entry.at, &payload.to_string())?;
    Ok(())
}

/// What the world outside is told: the same words as the API's, and nothing of where the request came from.
fn event(tx: &Tx<'_>, id: ActivityId, entry: &Entry) -> Result<Value> {
    let mut event = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            event.insert(name.to_owned(), value.into());
        }
    };
    put("activity_id", Some(id.to_string()));
    put("at", Some(entry.at.to_string()));
    put("event", Some(entry.kind.as_str().to_owned()));
    put("api", entry.api_no.map(|no| names::api(tx, no)).transpose()?.flatten());
    put("key_id", key(tx, entry.key_no)?);
    put("user_id", user(tx, entry.user_no)?);
    put("by_key_id", key(tx, entry.by_key_no)?);
    put("by_user_id", user(tx, entry.by_user_no)?);
    if let Some(detail) = &entry.detail {
        event.insert("detail".to_owned(), json!(detail));
    }
    Ok(event.into())
}

fn key(tx: &Tx<'_>, no: Option<i64>) -> Result<Option<String>> {
    Ok(no.map(|no| names::key(tx, no)).transpose()?.flatten().map(|key| key.id.to_string()))
}

fn user(tx: &Tx<'_>, no: Option<i64>) -> Result<Option<String>> {
    Ok(no.map(|no| names::user(tx, no)).transpose()?.flatten().map(|user| user.id.to_string()))
}
