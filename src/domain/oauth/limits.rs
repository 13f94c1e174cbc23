//! Limits of unauthenticated callers.

use crate::domain::identity::access::Call;
use crate::error::Result;
use crate::model::RateLimit;

/// Charges `cost` requests of kind `what` to the sender's network.
///
/// # Errors
/// `RATE_LIMITED`, with the wait.
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

/// Network for counting self-registered clients: an IPv4 /24, or an IPv6 /48.
pub(super) fn block(call: &Call) -> String {
    let network = call.request.network();
    network.site().unwrap_or(network).to_string()
}
