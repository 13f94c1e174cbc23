//! Finding keys.

use serde::Serialize;

use crate::domain::apis;
use crate::domain::identity::access::KeysRead;
use crate::domain::identity::reach::Reach;
use crate::error::{Error, Result};
use crate::model::api_key::EXPIRING_SECONDS;
use crate::model::{ApiKey, Environment, KeyId, KeyStatus, Timestamp, UserId};
use crate::platform::cursor::{List, Page};
use crate::store;
use crate::store::Conn;
use crate::store::keys::{Filter, StatusAt};

/// `unused` and `unrotated` mean for this time: 90 days.
const LONG_SECONDS: i64 = 90 * 86_400;
/// The longest text to search for, in characters.
const MAX_Q: usize = 120;

/// Which keys; every member narrows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct KeyFilter {
    /// Of this API, by slug or id.
    pub api: Option<String>,
    /// For this customer.
    pub owner: Option<String>,
    /// This person's own.
    pub user_id: Option<UserId>,
    /// Of this environment.
    pub environment: Option<Environment>,
    /// In this state now.
    pub status: Option<KeyStatus>,
    /// Made before this time.
    pub created_before: Option<Timestamp>,
    /// With this in name or owner, or with this id, start or end.
    pub q: Option<String>,
}

/// The keys within reach, newest first.
///
/// # Errors
/// `INVALID_REQUEST`, `INVALID_CURSOR`.
pub fn list(
    conn: &Conn<'_>,
    reach: &Reach<KeysRead>,
    filter: &KeyFilter,
    limit: Option<u32>,
    after: Option<&str>,
) -> Result<Page<ApiKey>> {
    let vault = &reach.call().services.vault;
    let list = List::new(vault, "keys", (filter, reach.only().map(|user| user.id)), limit)?;
    let Some(wanted) = resolve(conn, reach, filter, list.position(after)?)? else {
        return Ok(Page { data: Vec::new(), next_cursor: None });
    };
    let keys = store::keys::list(conn, &wanted, list.rows())?;
    Ok(list.page(keys, |last| last.id))
}

/// The filter in the store's words; none when nothing can fit.
fn resolve(
    conn: &Conn<'_>,
    reach: &Reach<KeysRead>,
    filter: &KeyFilter,
    before: Option<KeyId>,
) -> Result<Option<Filter>> {
    let call = reach.call();
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
    let user_no = match (reach.only(), asked) {
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
