//! Bounds of what callers can make the server store.

use super::RateLimit;

/// Bounds of what callers can make the server store. A server uses the defaults; a test sets lower ones.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Authorization requests that wait for a person, over all networks.
    pub waiting_authorizations: i64,
    /// Self-registered clients of one network block that no person has allowed anything.
    pub unused_clients_per_network: i64,
    /// Self-registered clients that no person has allowed anything, over all networks.
    pub unused_clients: i64,
    /// Sessions of one person in the store, ended ones included.
    pub sessions_per_person: u32,
    /// Successful sign-ins of one person.
    pub sign_ins_per_person: RateLimit,
    /// Refreshes and authorization codes of one person.
    pub tokens_per_person: RateLimit,
}

impl Default for Bounds {
    fn default() -> Self {
        let a_minute =
            |limit, burst| RateLimit { limit: Some(limit), window_seconds: 60, burst: Some(burst) };
        Self {
            waiting_authorizations: 20_000,
            unused_clients_per_network: 60,
            unused_clients: 10_000,
            sessions_per_person: 100,
            sign_ins_per_person: a_minute(20, 60),
            tokens_per_person: a_minute(60, 300),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures that `docs/architecture.md` promises.
    #[test]
    fn the_defaults_are_the_documented_figures() {
        let bounds = Bounds::default();
        assert_eq!(bounds.waiting_authorizations, 20_000);
        assert_eq!((bounds.unused_clients_per_network, bounds.unused_clients), (60, 10_000));
        assert_eq!(bounds.sessions_per_person, 100);
        let figures = |limit: RateLimit| (limit.limit, limit.window_seconds, limit.burst);
        assert_eq!(figures(bounds.sign_ins_per_person), (Some(20), 60, Some(60)));
        assert_eq!(figures(bounds.tokens_per_person), (Some(60), 60, Some(300)));
    }
}
