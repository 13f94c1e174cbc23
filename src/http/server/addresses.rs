//! Open connections by address, so that one address cannot use them all.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use ipnet::IpNet;

use crate::locks;
use crate::model::Network;

/// Connections by address: an IPv4 address, or an IPv6 /56. As many entries as there are connections, at most.
pub(super) struct Addresses {
    most: usize,
    /// Proxies, which serve many clients.
    unlimited: Arc<[IpNet]>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection of an address; ends the count when it is dropped.
pub(super) struct Entered {
    addresses: Arc<Addresses>,
    address: IpAddr,
}

impl Addresses {
    pub(super) fn new(most: usize, unlimited: Arc<[IpNet]>) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), unlimited, open: Mutex::default() })
    }

    /// Counts a connection from `ip`; none when it has too many already.
    pub(super) fn enter(self: &Arc<Self>, ip: IpAddr) -> Option<Entered> {
        let address = if ip.is_ipv6() { Network::of(ip).first()? } else { ip };
        let mut open = self.lock();
        let count = open.entry(address).or_default();
        if *count >= self.most && !self.unlimited.iter().any(|network| network.contains(&ip)) {
            return None;
        }
        *count += 1;
        Some(Entered { addresses: self.clone(), address })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        locks::lock(&self.open)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut open = self.addresses.lock();
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_a_proxy_has_no_bound() {
        let addresses = Addresses::new(3, [IpNet::from(IpAddr::from([192, 0, 2, 1]))].into());
        let enter = |ip: &str| addresses.enter(ip.parse().unwrap());
        let held: Vec<_> = (0..5).filter_map(|_| enter("198.51.100.1")).collect();
        assert_eq!(held.len(), 3);
        assert!(enter("198.51.100.2").is_some());
        let six: Vec<_> = (0..5).filter_map(|host| enter(&format!("2001:db8::{host}"))).collect();
        assert_eq!(six.len(), 3, "an IPv6 /56 is one address");
        let proxied: Vec<_> = (0..9).filter_map(|_| enter("192.0.2.1")).collect();
        assert_eq!(proxied.len(), 9);
        drop((held, six, proxied));
        assert!(addresses.lock().is_empty(), "nothing is left of closed connections");
        assert!(enter("198.51.100.1").is_some());
    }
}
