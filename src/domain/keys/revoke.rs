//! Revocation of a key.

use super::{api_of, ensure_no_escalation, find};
use crate::domain::identity::access::KeysWrite;
use crate::domain::identity::key_state;
use crate::domain::identity::self_or_all::SelfOrAll;
use crate::error::Result;
use crate::model::KeyId;
use crate::model::activity::Kind;
use crate::store::Tx;

/// Revokes a key with all its secrets. Its row and activity are kept. A revoked key stays revoked.
///
/// # Errors
/// `NOT_FOUND`; `FORBIDDEN` for a key of Keywright's own API that holds more than the caller.
pub fn revoke(tx: &mut Tx<'_>, access: &SelfOrAll<KeysWrite>, id: KeyId) -> Result<()> {
    let call = access.call();
    let key = find(tx, access, id)?;
    ensure_no_escalation(call, &api_of(tx, &key)?, &key)?;
    key_state::revoke(tx, call, key, Kind::KeyRevoked)
}
