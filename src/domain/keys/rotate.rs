//! Rotation of a key.

use serde_json::{Value, json};

use super::create::add_secret;
use super::{Issued, api_of, ensure_no_escalation, find, may_act_for};
use crate::domain::identity::access::KeysWrite;
use crate::domain::identity::key_bound;
use crate::domain::identity::key_state;
use crate::domain::identity::self_or_all::SelfOrAll;
use crate::env::Settled;
use crate::error::{Code, Error, Result};
use crate::model::activity::Kind;
use crate::model::{ApiKey, KeyId, KeySecretInfo, KeyStatus, Timestamp};
use crate::store;
use crate::store::Tx;

/// Default grace period of the previous secret: a day.
pub const DEFAULT_GRACE_SECONDS: u32 = 86_400;
/// Maximum grace period: 30 days.
pub const MAX_GRACE_SECONDS: u32 = 30 * 86_400;

/// Gives a key a new secret; the previous one works for `grace_seconds` more, older ones end. Id, policy and activity
/// are kept.
///
/// # Errors
/// `NOT_FOUND`; `INVALID_REQUEST` for a grace beyond 30 days; `FORBIDDEN` for an escalation; `CONFLICT` for a revoked
/// key, `UNPROCESSABLE` for an expired one.
pub fn rotate(
    tx: &mut Tx<'_>,
    access: &SelfOrAll<KeysWrite>,
    id: KeyId,
    grace_seconds: u32,
) -> Result<Issued> {
    let call = access.call();
    if grace_seconds > MAX_GRACE_SECONDS {
        return Err(Error::invalid(
            "grace_seconds",
            "Use a number of seconds from 0 to 2,592,000 (30 days).",
        ));
    }
    let mut key = find(tx, access, id)?;
    if let Some(bound) = key_bound::bound(tx, call)? {
        bound.allows(key.user.map(|user| user.id), key.expires_at)?;
    }
    let api = api_of(tx, &key)?;
    ensure_no_escalation(call, &api, &key)?;
    may_act_for(call, &api, key.user)?;
    call.require_recent_sign_in_for(&api, &key.scopes)?;
    refuse_ended(&key, call.now)?;
    let before = key.secrets.first().cloned();
    end_secrets(tx, &mut key, (call.now, call.services.settled()), grace_seconds)?;
    let secret = add_secret(tx, &api, &mut key, &call.services.random(), call.now)?;
    key.updated_at = call.now;
    store::keys::update(tx, &key)?;
    let detail = detail(before.as_ref(), &key.secrets[0], grace_seconds);
    key_state::record(tx, call, Kind::KeyRotated, &key, Some(Box::new(detail)))?;
    Ok(Issued { key, secret })
}

fn refuse_ended(key: &ApiKey, now: Timestamp) -> Result<()> {
    match (key.status(now), key.expires_at) {
        (KeyStatus::Revoked, _) => Err(Error::conflict("A revoked key cannot be rotated; create another")),
        // A disabled key may have expired too.
        (_, Some(end)) if end <= now => Err(Error::new(
            Code::Unprocessable,
            "An expired key cannot be rotated; set a later expiry first, or create another",
        )
        .with("expired_at", end.to_string())),
        _ => Ok(()),
    }
}

/// The newest secret gets the grace period, unless it ends earlier; the others end now, under both readings of the
/// clock.
fn end_secrets(
    tx: &mut Tx<'_>,
    key: &mut ApiKey,
    (now, settled): (Timestamp, Settled),
    grace_seconds: u32,
) -> Result<()> {
    let mut end = match grace_seconds {
        0 => settled.at(),
        _ => now.plus_seconds(i64::from(grace_seconds)),
    };
    for secret in key.secrets.iter_mut().filter(|secret| secret.is_live(now)) {
        let at = secret.expires_at.map_or(end, |before| before.min(end));
        store::keys::end_secret(tx, &secret.hash, at)?;
        secret.expires_at = Some(at);
        end = settled.at();
    }
    Ok(())
}

fn detail(before: Option<&KeySecretInfo>, after: &KeySecretInfo, grace_seconds: u32) -> Value {
    let shown = |secret: &KeySecretInfo| format!("{}…{}", secret.start, secret.end);
    json!({
        "secret": { "from": before.map(shown), "to": shown(after) },
        "grace_seconds": grace_seconds,
    })
}
