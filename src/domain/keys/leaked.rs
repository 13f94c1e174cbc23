//! Whoever holds a key may end it: for secret scanners, and for whoever finds one in a log.

use std::sync::Arc;

use super::revoke::end;
use crate::db;
use crate::domain::access::Call;
use crate::error::Result;
use crate::model::activity::{Kind, Reason};
use crate::model::{Secret, SecretHash};

/// Longer texts are no keys.
const MAX_LENGTH: usize = 1_024;

/// Revokes the key that `presented` proves, whatever API it is of and whoever sends it. A secret in its grace proves
/// its key; one that ended does not. The answer does not tell whether there was such a key.
///
/// # Errors
/// `RATE_LIMITED` for many at once from one network.
pub async fn revoke_leaked(call: &Arc<Call>, presented: &Secret) -> Result<()> {
    let text = presented.expose().trim();
    let hash = SecretHash::of(text);
    let known = text.len() <= MAX_LENGTH
        && call
            .core
            .read(move |conn| Ok::<_, db::Error>(db::keys::find_by_secret(conn, &hash)?.is_some()))
            .await?;
    if !known {
        let (core, ip) = (&call.core, call.request.ip);
        return core.activity.push_unidentified(call.now, Kind::KeyLeaked, Reason::NotFound, None, ip);
    }
    let call = call.clone();
    let core = call.core.clone();
    core.write(move |tx| {
        let Some(key) = db::keys::find_by_secret(tx, &hash)? else { return Ok(()) };
        let live = key.live_secrets(call.now).any(|secret| secret.hash == hash);
        if live { end(tx, &call, key, Kind::KeyLeaked) } else { Ok(()) }
    })
    .await
}
