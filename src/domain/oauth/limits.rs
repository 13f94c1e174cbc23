//! Bounds for what strangers can make us store.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv6Net};

use crate::domain::identity::access::Call;
use crate::domain::policy::limits::{BucketId, Subject};
use crate::error::{Code, Error, Result};
use crate::model::RateLimit;

/// Takes one request from what the sender's network has.
///
/// # Errors
/// `RATE_LIMITED`, with when the same request would pass.
pub(super) fn take(call: &Call, what: &str, limit: &RateLimit) -> Result<()> {
    let network = network(call.request.ip).to_string();
    let bucket = BucketId { api_no: 0, tier: what, subject: Subject::Owner(&network) };
    let services = &call.services;
    let level = services.engine.limiter().take(&bucket, limit, services.clock.monotonic(), 1)?;
    let Some(level) = level.filter(|level| !level.passed) else { return Ok(()) };
    let wait = level.retry_in.unwrap_or_default().as_millis().div_ceil(1_000);
    let text = "Too many of these requests came from your network; wait a while";
    Err(Error::new(Code::RateLimited, text).retry_after(u64::try_from(wait).unwrap_or(u64::MAX)))
}

/// The block of addresses that one customer of a provider may have: an IPv4 address, or an IPv6 /48.
pub(super) fn block(ip: IpAddr) -> IpNet {
    match ip {
        IpAddr::V4(_) => ip.into(),
        IpAddr::V6(six) => Ipv6Net::new_assert(six, 48).trunc().into(),
    }
}

/// Who is counted as one: an IPv4 address, or the /64 that a single IPv6 subscriber has.
fn network(ip: IpAddr) -> IpNet {
    match ip {
        IpAddr::V4(_) => ip.into(),
        IpAddr::V6(six) => Ipv6Net::new_assert(six, 64).trunc().into(),
    }
}
