//! Changes of keys as credentials: logged here.

use serde_json::{Value, json};

use crate::activity;
use crate::domain::identity::access::Call;
use crate::error::Result;
use crate::model::ApiKey;
use crate::model::activity::Kind;
use crate::store;
use crate::store::Tx;

/// Logs a change of a key.
///
/// # Errors
/// When the row cannot be written; the change is then undone too.
pub(crate) fn record(
    tx: &mut Tx<'_>,
    call: &Call,
    kind: Kind,
    key: &ApiKey,
    detail: Option<Box<Value>>,
) -> Result<()> {
    let mut entry = call.entry(kind);
    entry.api_no = Some(key.api_no);
    entry.key_no = Some(key.no);
    entry.user_no = key.user.map(|user| user.no);
    entry.detail = detail;
    activity::record(tx, &entry)
}

/// Revokes a key in any state, and logs it as `kind`. A revoked key stays revoked.
pub(crate) fn revoke(tx: &mut Tx<'_>, call: &Call, mut key: ApiKey, kind: Kind) -> Result<()> {
    if key.revoked_at.is_some() {
        return Ok(());
    }
    let detail = json!({ "status": { "from": key.status(call.now), "to": "revoked" } });
    key.revoked_at = Some(call.now);
    key.updated_at = call.now;
    store::keys::update(tx, &key)?;
    record(tx, call, kind, &key, Some(Box::new(detail)))
}

/// Revokes every key of a removed user; returns their number.
pub(super) fn revoke_all_of(tx: &mut Tx<'_>, call: &Call, user_no: i64) -> Result<usize> {
    let ids = store::users::unrevoked_keys(tx, user_no)?;
    for id in &ids {
        if let Some(key) = store::keys::find(tx, *id)? {
            revoke(tx, call, key, Kind::KeyRevoked)?;
        }
    }
    Ok(ids.len())
}
