//! Lists of keys.

use serde::Serialize;

use crate::domain::apis;
use crate::domain::identity::access::KeysRead;
use crate::domain::identity::self_or_all::SelfOrAll;
use crate::error::{Error, Result};
use crate::model::api_key::EXPIRING_SECONDS;
use crate::model::{ApiKey, Environment, KeyId, KeyStatus, Timestamp, UserId};
use crate::platform::cursor::{List, Page};
use crate::store;
use crate::store::Conn;
use crate::store::Extent;
use crate::store::keys::{Filter, StatusAt};

/// Age of `unused` and `unrotated`: 90 days.
const LONG_SECONDS: i64 = 90 * 86_400;
/// Maximum length of a search text, in characters.
const MAX_Q: usize = 120;

/// Filter of keys; all given members must match.
#[derive(Debug, Clone, Default, Serialize)]
pub struct KeyFilter {
    /// Slug or id of the API.
    pub api: Option<String>,
    /// Customer.
    pub owner: Option<String>,
    /// Owner.
    pub user_id: Option<UserId>,
    /// Environment.
    pub environment: Option<Environment>,
    /// Current state.
    pub status: Option<KeyStatus>,
    /// Created before this time.
    pub created_before: Option<Timestamp>,
    /// Text in name or owner, or the id, start or end of the key.
    pub q: Option<String>,
}

impl KeyFilter {
    /// How much a page may look at. A state and a text have no index.
    pub fn extent(&self) -> Extent {
        if self.q.is_some() || self.status.is_some() { Extent::Scan } else { Extent::Page }
    }
}

/// The keys within reach, newest first.
///
/// # Errors
/// `INVALID_REQUEST`, `INVALID_CURSOR`.
pub fn list(
    conn: &Conn<'_>,
    access: &SelfOrAll<KeysRead>,
    filter: &KeyFilter,
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<Page<ApiKey>> {
    let vault = &access.call().services.vault;
    let list = List::new(vault, "keys", (filter, access.only().map(|user| user.id)), limit)?;
    let Some(wanted) = resolve(conn, access, filter, list.position(after)?)? else {
        return Ok(Page { data: Vec::new(), next_cursor: None });
    };
    let keys = store::keys::list(conn, &wanted, list.rows())?;
    Ok(list.page(keys, |last| last.id))
}

/// The filter with row numbers; none if nothing can match.
fn resolve(
    conn: &Conn<'_>,
    access: &SelfOrAll<KeysRead>,
    filter: &KeyFilter,
    before: Option<KeyId>,
) -> Result<Option<Filter>> {
    let call = access.call();
    let unknown = |_| Error::invalid("api", "There is no API of this slug or id.");
    let api =
        filter.api.as_deref().map(|api| apis::find(&call.services, api).map_err(unknown)).transpose()?;
    let asked = match filter.user_id {
        None => None,
        Some(id) => match store::users::by_id(conn, id)? {
            Some(user) => Some(user.no),
            None => return Ok(None),
        },
    };
    let user_no = match (access.only(), asked) {
        (Some(own), Some(asked)) if own.no != asked => return Ok(None),
        (Some(own), _) => Some(own.no),
        (None, asked) => asked,
    };
    let now = call.now;
    Ok(Some(Filter {
        api_no: api.map(|api| api.no),
        owner: filter.owner.clone(),
        user_no,
        environment: filter.environment,
        status: filter.status.map(|status| StatusAt {
            status,
            now,
            soon: now.plus_seconds(EXPIRING_SECONDS),
            long_ago: now.minus_seconds(LONG_SECONDS),
        }),
        created_before: filter.created_before,
        q: text(filter.q.as_deref())?,
        before,
    }))
}

fn text(q: Option<&str>) -> Result<Option<String>> {
    let q = q.map(str::trim).filter(|q| !q.is_empty());
    if q.is_some_and(|q| q.chars().count() > MAX_Q) {
        return Err(Error::invalid("q", "Search for at most 120 characters."));
    }
    Ok(q.map(str::to_owned))
}
