//! Revocation of a leaked key by any holder of its secret: secret scanners, or a person who finds one in a log.

use std::sync::Arc;

use crate::domain::identity::access::Call;
use crate::domain::identity::key_state;
use crate::error::Result;
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::{RateLimit, Secret, SecretHash};
use crate::store;

/// Maximum length of a key, in bytes.
const MAX_LENGTH: usize = 1_024;
/// Limit of one network: 10 a minute.
const PER_NETWORK: RateLimit = RateLimit { limit: Some(10), window_seconds: 60, burst: None };

/// Revokes the key of the secret `presented`, of any API, for any caller. A secret within its grace period is valid; an
/// expired one is not. The response does not reveal whether there was such a key.
///
/// # Errors
/// `RATE_LIMITED` for too many requests from one network.
pub async fn revoke_leaked(call: &Arc<Call>, presented: &Secret) -> Result<()> {
    let services = &call.services;
    let limits = services.engine.network_limits();
    limits.take("revoke-leaked", call.request.network(), &PER_NETWORK, services.clock.monotonic(), 1)?;
    let text = presented.expose().trim();
    let hash = SecretHash::of(text);
    let known = text.len() <= MAX_LENGTH
        && call
            .services
            .read(move |conn| Ok::<_, store::Error>(store::keys::find_by_secret(conn, &hash)?.is_some()))
            .await?;
    if !known {
        let entry = call.entry(Kind::KeyLeaked);
        return call.services.log.push(Entry {
            outcome: Outcome::Refused,
            reason: Reason::NotFound,
            ..entry
        });
    }
    let call = call.clone();
    let services = call.services.clone();
    services
        .write(move |tx| {
            let Some(key) = store::keys::find_by_secret(tx, &hash)? else { return Ok(()) };
            let live = key.live_secrets(call.now).any(|secret| secret.hash == hash);
            if live { key_state::revoke(tx, &call, key, Kind::KeyLeaked) } else { Ok(()) }
        })
        .await
}
