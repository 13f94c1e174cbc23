//! Whoever holds a key may end it: for secret scanners, and for whoever finds one in a log.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv6Net};

use crate::domain::identity::access::Call;
use crate::domain::identity::key_state;
use crate::domain::policy::limits::{BucketId, Subject};
use crate::error::{Code, Error, Result};
use crate::model::activity::{Kind, Reason};
use crate::model::{RateLimit, Secret, SecretHash};
use crate::store;

/// Longer texts are no keys.
const MAX_LENGTH: usize = 1_024;
/// What one network may send: 10 a minute.
const PER_NETWORK: RateLimit = RateLimit { limit: Some(10), window_seconds: 60, burst: None };

/// Revokes the key that `presented` proves, whatever API it is of and whoever sends it. A secret in its grace proves
/// its key; one that ended does not. The answer does not tell whether there was such a key.
///
/// # Errors
/// `RATE_LIMITED` for many at once from one network.
pub async fn revoke_leaked(call: &Arc<Call>, presented: &Secret) -> Result<()> {
    limit(call)?;
    let text = presented.expose().trim();
    let hash = SecretHash::of(text);
    let known = text.len() <= MAX_LENGTH
        && call
            .services
            .read(move |conn| Ok::<_, store::Error>(store::keys::find_by_secret(conn, &hash)?.is_some()))
            .await?;
    if !known {
        let (services, ip) = (&call.services, call.request.ip);
        return services.log.push_unidentified(call.now, Kind::KeyLeaked, Reason::NotFound, None, ip);
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

/// Takes one request from what the sender's network has.
fn limit(call: &Call) -> Result<()> {
    let network = network(call.request.ip).to_string();
    let bucket = BucketId { api_no: 0, tier: "revoke-leaked", subject: Subject::Owner(&network) };
    let services = &call.services;
    let level = services.engine.limiter().take(&bucket, &PER_NETWORK, services.clock.monotonic(), 1)?;
    let Some(level) = level.filter(|level| !level.passed) else { return Ok(()) };
    let wait = level.retry_in.unwrap_or_default().as_millis().div_ceil(1_000);
    let wait = u64::try_from(wait).unwrap_or(u64::MAX);
    Err(Error::new(Code::RateLimited, "Too many of these requests from your network; wait a while")
        .with("limit", PER_NETWORK.limit)
        .with("window_seconds", PER_NETWORK.window_seconds)
        .with("retry_after_seconds", wait)
        .retry_after(wait))
}

/// Who is counted as one: an IPv4 address, or the /64 that a single IPv6 subscriber has.
fn network(ip: IpAddr) -> IpNet {
    match ip {
        IpAddr::V4(_) => ip.into(),
        IpAddr::V6(six) => Ipv6Net::new_assert(six, 64).trunc().into(),
    }
}
