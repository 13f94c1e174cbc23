//! Ending a key for good.

use serde_json::json;

use super::{api_of, find, finish, nobody_gains};
use crate::domain::identity::access::{Call, KeysWrite};
use crate::domain::identity::reach::Reach;
use crate::error::Result;
use crate::model::activity::Kind;
use crate::model::{ApiKey, KeyId};
use crate::store;
use crate::store::Tx;

/// Revokes a key with all its secrets. The row and its activity stay. A key that is revoked already stays so.
///
/// # Errors
/// `NOT_FOUND`; `FORBIDDEN` for a key of Keywright's own API that holds more than the caller.
pub fn revoke(tx: &mut Tx<'_>, reach: &Reach<KeysWrite>, id: KeyId) -> Result<()> {
    let call = reach.call();
    let key = find(tx, reach, id)?;
    nobody_gains(call, &api_of(tx, &key)?, &key)?;
    end(tx, call, key, Kind::KeyRevoked)
}

/// Revokes whatever state the key is in, and logs it as `kind`.
pub(super) fn end(tx: &mut Tx<'_>, call: &Call, mut key: ApiKey, kind: Kind) -> Result<()> {
    if key.revoked_at.is_some() {
        return Ok(());
    }
    let detail = json!({ "status": { "from": key.status(call.now), "to": "revoked" } });
    key.revoked_at = Some(call.now);
    key.updated_at = call.now;
    store::keys::update(tx, &key)?;
    finish(tx, call, kind, &key, Some(Box::new(detail)))
}

/// Revokes every key of a person who is removed, and tells how many.
pub(crate) fn revoke_all_of(tx: &mut Tx<'_>, call: &Call, user_no: i64) -> Result<usize> {
    let ids = store::users::unrevoked_keys(tx, user_no)?;
    for id in &ids {
        if let Some(key) = store::keys::find(tx, *id)? {
            end(tx, call, key, Kind::KeyRevoked)?;
        }
    }
    Ok(ids.len())
}
