//! Rate limits of unauthenticated callers, by network.
//!
//! The buckets are cells in two rows of fixed size, selected by a keyed hash. A request passes if the fuller cell of
//! its network allows it, so two networks must collide in both rows before one affects the other; nothing is evicted,
//! and these buckets take no capacity from those of keys.

use std::sync::Mutex;
use std::time::Duration;

use super::{BucketRate, Level, nanos};
use crate::error::Result;
use crate::locks;
use crate::model::{Network, RateLimit};
use crate::platform::vault::{Signer, Vault};

const ROWS: usize = 2;
/// Limit of an IPv6 /48, as a multiple of that of one network.
const SITE: u32 = 4;

/// Bounds of [`NetworkLimits`].
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Cells per row, 8 bytes each.
    pub cells: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cells: 32_768 }
    }
}

/// Limits of all networks.
pub struct NetworkLimits {
    signer: Signer,
    cells: usize,
    /// Time at which each bucket is full, on the monotonic clock.
    rows: Mutex<[Box<[u64]>; ROWS]>,
}

impl NetworkLimits {
    /// Limits whose cells only the holder of `vault` can compute.
    pub fn new(vault: &Vault, options: Options) -> Self {
        let cells = options.cells.max(1);
        let rows = std::array::from_fn(|_| vec![0; cells].into_boxed_slice());
        Self { signer: vault.signer("network_limits"), cells, rows: Mutex::new(rows) }
    }

    /// Charges `cost` requests of kind `what` to `network` and to its IPv6 /48.
    ///
    /// # Errors
    /// `RATE_LIMITED`, with the wait.
    pub fn take(
        &self,
        what: &str,
        network: Network,
        limit: &RateLimit,
        now: Duration,
        cost: u32,
    ) -> Result<()> {
        let of_site = RateLimit {
            limit: limit.limit.map(|limit| limit.saturating_mul(SITE)),
            burst: limit.burst.map(|burst| burst.saturating_mul(SITE)),
            ..*limit
        };
        let site = network.site().map(|site| (site, of_site));
        for (network, limit) in [(network, *limit)].into_iter().chain(site) {
            if let Some(level) =
                self.take_one(what, network, &limit, nanos(now), cost).filter(|level| !level.passed)
            {
                return Err(
                    level.refusal(&limit, "Too many of these requests came from your network; wait a while")
                );
            }
        }
        Ok(())
    }

    fn take_one(
        &self,
        what: &str,
        network: Network,
        limit: &RateLimit,
        now: u64,
        cost: u32,
    ) -> Option<Level> {
        let bucket_rate = BucketRate::of(limit)?;
        let hash = self.signer.mac(&[what.as_bytes(), &network.to_bytes()]);
        let place = |row: usize| {
            let word = hash[row * 8..][..8].try_into().map_or(0, u64::from_le_bytes);
            (word % self.cells as u64) as usize
        };
        let mut rows = locks::lock(&self.rows);
        let full_at = (0..ROWS).map(|row| rows[row][place(row)]).min().unwrap_or(0);
        let (level, after) = bucket_rate.take(now, full_at, cost);
        if let Some(after) = after {
            for row in 0..ROWS {
                let cell = &mut rows[row][place(row)];
                *cell = (*cell).max(after);
            }
        }
        Some(level)
    }

    /// Buckets that are not full: row, cell, and the time until they are.
    pub(super) fn unfilled(&self, now: u64) -> Vec<(u64, u64, u64)> {
        let rows = locks::lock(&self.rows);
        let cells = rows.iter().enumerate().flat_map(|(row, cells)| {
            cells.iter().enumerate().map(move |(cell, full_at)| (row as u64, cell as u64, *full_at))
        });
        cells
            .filter(|(.., full_at)| *full_at > now)
            .map(|(row, cell, full_at)| (row, cell, full_at - now))
            .collect()
    }

    /// Restores a bucket of the previous run.
    pub(super) fn restore(&self, row: u64, cell: u64, full_at: u64) {
        let mut rows = locks::lock(&self.rows);
        let cell = rows.get_mut(row as usize).and_then(|cells| cells.get_mut(cell as usize));
        if let Some(cell) = cell {
            *cell = (*cell).max(full_at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::SeededRng;
    use crate::platform::vault::generate;

    const TEN: RateLimit = RateLimit { limit: Some(10), window_seconds: 60, burst: None };

    fn limits(cells: usize) -> NetworkLimits {
        NetworkLimits::new(&Vault::open(&generate(&SeededRng::new(1))).unwrap(), Options { cells })
    }

    fn passed(limits: &NetworkLimits, ip: &str, times: usize, seconds: u64) -> usize {
        let (network, now) = (Network::of(ip.parse().unwrap()), Duration::from_secs(seconds));
        (0..times).filter(|_| limits.take("x", network, &TEN, now, 1).is_ok()).count()
    }

    #[test]
    fn each_network_has_its_own_and_gets_it_back() {
        let limits = limits(Options::default().cells);
        assert_eq!(passed(&limits, "192.0.2.1", 50, 0), 10);
        assert_eq!(passed(&limits, "192.0.2.99", 50, 0), 0, "a neighbour shares it");
        assert_eq!(passed(&limits, "198.51.100.1", 50, 0), 10);
        assert_eq!(passed(&limits, "192.0.2.1", 50, 60), 10);
        let refused =
            limits.take("x", Network::of("192.0.2.1".parse().unwrap()), &TEN, Duration::from_secs(60), 1);
        assert_eq!(refused.unwrap_err().retry_after_seconds, Some(6));
    }

    #[test]
    fn an_ipv6_site_has_four_times_as_much() {
        let limits = limits(Options::default().cells);
        let sum: usize =
            (0..=255).map(|net| passed(&limits, &format!("2001:db8:7:{net:02x}00::1"), 20, 0)).sum();
        assert_eq!(sum, 40);
        assert_eq!(passed(&limits, "2001:db8:8::1", 20, 0), 10);
    }

    #[test]
    fn a_burst_of_a_site_is_four_times_that_of_a_network() {
        let limits = limits(Options::default().cells);
        let burst_of_five = RateLimit { burst: Some(5), ..TEN };
        let take = |net: u8| {
            let network = Network::of(format!("2001:db8:7:{net:02x}00::1").parse().unwrap());
            limits.take("x", network, &burst_of_five, Duration::ZERO, 1).is_ok()
        };
        assert_eq!((0..10).filter(|_| take(0)).count(), 5);
        assert_eq!((1..=255).filter(|&net| take(net)).count(), 15);
    }

    #[test]
    fn a_flood_from_many_networks_leaves_almost_all_others_alone_and_loosens_no_limit() {
        let limits = limits(1_024);
        assert_eq!(passed(&limits, "192.0.2.1", 10, 0), 10);
        for n in 0..200 {
            passed(&limits, &format!("10.0.{n}.1"), 100, 0);
        }
        assert_eq!(passed(&limits, "192.0.2.1", 10, 0), 0);
        let others = (0..200).filter(|n| passed(&limits, &format!("172.16.{n}.1"), 1, 0) == 1).count();
        assert!(others > 180, "{others} of 200");
    }
}
