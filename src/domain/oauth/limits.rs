//! Bounds of what a caller without a credential can make us store.

use crate::domain::identity::access::Call;
use crate::error::Result;
use crate::model::RateLimit;

/// Takes `cost` requests of kind `what` from what the sender's network has.
///
/// # Errors
/// `RATE_LIMITED`, with when the same request would pass.
pub(super) fn take(call: &Call, what: &str, limit: &RateLimit, cost: u32) -> Result<()> {
    let services = &call.services;
    services.engine.network_limits().take(
        what,
        call.request.network(),
        limit,
        services.clock.monotonic(),
        cost,
    )
}

/// Name of the network that self-registered clients are counted by: an IPv4 /24, or an IPv6 /48.
pub(super) fn block(call: &Call) -> String {
    let network = call.request.network();
    network.site().unwrap_or(network).to_string()
}
