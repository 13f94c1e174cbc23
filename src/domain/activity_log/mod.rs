//! Access rules of the activity log. [`crate::activity`] is the log itself.

use std::sync::Arc;

use crate::activity::{self, ChainReport, Counts, CountsFilter, Export, Filter, Tail, Tally};
use crate::domain::identity::access::{ActivityRead, Can};
use crate::domain::identity::self_or_all::SelfOrAll;
use crate::error::{Error, Result};
use crate::model::activity::{Activity, KeyName};
use crate::model::{ActivityId, KeyId, Timestamp};
use crate::platform::cursor::Page;
use crate::store::activity_names as names;

/// The newest rows that match `filter`: see [`activity::list`].
///
/// # Errors
/// `INVALID_CURSOR`.
pub async fn list(
    can: &Can<ActivityRead>,
    filter: Filter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page<Activity>> {
    activity::list(&can.services, filter, cursor, limit).await
}

/// The rows of one key, for readers of the log and for the user who owns the key; the owner does not see the other
/// parties.
///
/// # Errors
/// `NOT_FOUND`, and those of [`list`].
pub async fn list_of_key(
    access: &SelfOrAll<ActivityRead>,
    key: KeyId,
    filter: Filter,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page<Activity>> {
    check_key(access, key)?;
    let filter = Filter { key: Some(key), ..filter };
    let page = activity::list(&access.call().services, filter, cursor, limit).await?;
    Ok(match access.only() {
        None => page,
        Some(owner) => page.map(|row| row.for_owner(owner.id)),
    })
}

/// One row.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn get(can: &Can<ActivityRead>, id: ActivityId) -> Result<Activity> {
    activity::get(&can.services, id).await
}

/// Counts over time: see [`activity::counts`]. A signed-in user without the scope `activity:read` may filter by a key
/// of their own.
///
/// # Errors
/// `INVALID_REQUEST` for a range that is empty or too long, `NOT_FOUND` for a key that the caller may not see,
/// `INSUFFICIENT_SCOPE`.
pub async fn counts(access: &SelfOrAll<ActivityRead>, of: CountsFilter) -> Result<Counts> {
    match of.key {
        Some(key) => check_key(access, key)?,
        None => drop(Can::<ActivityRead>::check(access.call())?),
    }
    activity::counts(&access.call().services, of).await
}

/// The keys with the most decisions: see [`activity::top_keys`].
///
/// # Errors
/// `INVALID_REQUEST` for a range that is empty or too long.
pub async fn top_keys(
    can: &Can<ActivityRead>,
    from: Timestamp,
    to: Timestamp,
    limit: usize,
) -> Result<Vec<(KeyName, Tally)>> {
    activity::top_keys(&can.services, from, to, limit).await
}

/// The matching rows, in steps.
///
/// # Errors
/// When buffered rows cannot be written.
pub async fn export(can: &Can<ActivityRead>, filter: Filter) -> Result<Export> {
    Export::open(log_of(can), filter).await
}

/// New rows, after the row `after` or from now on.
///
/// # Errors
/// When buffered rows cannot be written.
pub async fn follow(can: &Can<ActivityRead>, filter: Filter, after: Option<ActivityId>) -> Result<Tail> {
    Tail::open(log_of(can), filter, after).await
}

/// Verifies the chain of the whole log: see [`activity::verify_chain`].
pub async fn verify_chain(can: &Can<ActivityRead>) -> Result<ChainReport> {
    activity::verify_chain(&can.services).await
}

fn log_of(can: &Can<ActivityRead>) -> Arc<activity::Services> {
    can.services.policy.activity.clone()
}

/// Whether the key exists and the caller may see it.
fn check_key(access: &SelfOrAll<ActivityRead>, key: KeyId) -> Result<()> {
    let owner = access.call().services.db.lookup(|conn| names::key_owner(conn, key))?;
    let within = |owner: Option<i64>| access.only().is_none_or(|only| owner == Some(only.no));
    owner.filter(|owner| within(*owner)).map(drop).ok_or_else(|| Error::not_found("key"))
}
