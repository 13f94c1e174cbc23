//! Rotation of a client's secret.

use serde_json::json;

use super::{Issued, add_secret, ensure_no_escalation, find, finish, require_recent_sign_in, view};
use crate::domain::identity::access::{Can, ClientsWrite};
use crate::domain::identity::key_bound;
use crate::domain::keys::MAX_GRACE_SECONDS;
use crate::error::{Code, Error, Result};
use crate::model::activity::Kind;
use crate::model::{ClientId, ClientType};
use crate::store;
use crate::store::Tx;

/// Gives a client a new secret; the previous one works for `grace_seconds` more, older ones end.
///
/// # Errors
/// `NOT_FOUND`; `INVALID_REQUEST` for a grace beyond 30 days; `UNPROCESSABLE` for a public client, which has no secret;
/// `FORBIDDEN` for an escalation.
pub fn rotate(tx: &mut Tx<'_>, can: &Can<ClientsWrite>, id: ClientId, grace_seconds: u32) -> Result<Issued> {
    if grace_seconds > MAX_GRACE_SECONDS {
        let reason = "Use a number of seconds from 0 to 2,592,000 (30 days).";
        return Err(Error::invalid("grace_seconds", reason));
    }
    key_bound::refuse_bound(tx, can)?;
    let client = find(tx, id)?;
    ensure_no_escalation(can, &client)?;
    require_recent_sign_in(can, &client)?;
    if client.kind == ClientType::Public {
        return Err(Error::new(Code::Unprocessable, "A public client has no secret"));
    }
    // A secret that ends at once has ended under both readings of the clock.
    let ended = can.services.settled();
    let mut end = match grace_seconds {
        0 => ended.at(),
        _ => can.now.plus_seconds(i64::from(grace_seconds)),
    };
    let mut former = None;
    for (hash, info) in store::clients::secrets(tx, client.no)? {
        if info.expires_at.is_some_and(|at| at <= can.now) {
            continue;
        }
        former.get_or_insert(info.start);
        store::clients::end_secret(tx, &hash, info.expires_at.map_or(end, |at| at.min(end)))?;
        end = ended.at();
    }
    store::clients::drop_ended_secrets(tx, client.no, ended)?;
    let secret = add_secret(tx, &can.services, client.no, can.now)?;
    let shown = view(tx, client, can.now)?;
    let to = shown.secrets.first().map(|info| &info.start);
    let detail = json!({ "secret": { "from": former, "to": to }, "grace_seconds": grace_seconds });
    finish(tx, can, Kind::ClientRotated, &shown.client, Some(Box::new(detail)))?;
    Ok(Issued { view: shown, secret: Some(secret) })
}
