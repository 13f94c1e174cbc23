//! The network of an address, for limits and counts.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// An IP address in a body or a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(pub IpAddr);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Typical allocation of one subscriber: an IPv4 /24 or an IPv6 /56. The IPv6 /48 is its [`Network::site`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    kind: Kind,
    /// Bytes of the prefix; the others are zero.
    prefix: [u8; 7],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    Unknown,
    V4,
    V6,
    Site,
}

impl Network {
    /// The network of requests with an unknown address.
    pub const UNKNOWN: Self = Self { kind: Kind::Unknown, prefix: [0; 7] };

    /// The network of `ip`. An IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2) is an IPv4 address.
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, _] = ip.octets();
                Self { kind: Kind::V4, prefix: [a, b, c, 0, 0, 0, 0] }
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, g, ..] = ip.octets();
                Self { kind: Kind::V6, prefix: [a, b, c, d, e, f, g] }
            }
        }
    }

    /// The IPv6 /48 around an IPv6 /56.
    pub fn site(self) -> Option<Self> {
        let [a, b, c, d, e, f, _] = self.prefix;
        (self.kind == Kind::V6).then_some(Self { kind: Kind::Site, prefix: [a, b, c, d, e, f, 0] })
    }

    /// The first address; none for [`Network::UNKNOWN`].
    pub fn first(self) -> Option<IpAddr> {
        let [a, b, c, d, e, f, g] = self.prefix;
        match self.kind {
            Kind::Unknown => None,
            Kind::V4 => Some(Ipv4Addr::new(a, b, c, 0).into()),
            Kind::V6 | Kind::Site => {
                Some(Ipv6Addr::from([a, b, c, d, e, f, g, 0, 0, 0, 0, 0, 0, 0, 0, 0]).into())
            }
        }
    }

    /// Bytes that no other network has.
    pub fn to_bytes(self) -> [u8; 8] {
        let [a, b, c, d, e, f, g] = self.prefix;
        [self.kind as u8, a, b, c, d, e, f, g]
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = match self.kind {
            Kind::Unknown => return f.write_str("unknown"),
            Kind::V4 => 24,
            Kind::V6 => 56,
            Kind::Site => 48,
        };
        match self.first() {
            Some(first) => write!(f, "{first}/{bits}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn of(ip: &str) -> Network {
        Network::of(ip.parse().unwrap())
    }

    #[test]
    fn neighbours_share_a_network() {
        assert_eq!(of("203.0.113.9"), of("203.0.113.200"));
        assert_eq!(of("203.0.113.9"), of("::ffff:203.0.113.1"));
        assert_ne!(of("203.0.113.9"), of("203.0.112.9"));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_ne!(of("2001:db8:0:100::1"), of("2001:db8:0:200::1"));
        assert_eq!(of("2001:db8:0:100::1").site(), of("2001:db8:0:200::1").site());
        assert_ne!(of("2001:db8:0:100::1").site(), of("2001:db8:1:100::1").site());
    }

    #[test]
    fn a_network_is_written_in_cidr_form() {
        assert_eq!(of("203.0.113.9").to_string(), "203.0.113.0/24");
        assert_eq!(of("2001:db8:0:1ff::1").to_string(), "2001:db8:0:100::/56");
        assert_eq!(of("2001:db8:0:1ff::1").site().unwrap().to_string(), "2001:db8::/48");
        assert_eq!(Network::UNKNOWN.to_string(), "unknown");
    }

    #[test]
    fn no_two_networks_have_the_same_bytes() {
        let site = of("2001:db8::1").site().unwrap();
        let networks = [
            of("32.1.13.1"),
            of("32.1.14.1"),
            of("2001:db8::1"),
            of("2001:db8:1::1"),
            site,
            Network::UNKNOWN,
        ];
        let bytes: HashSet<[u8; 8]> = networks.map(Network::to_bytes).into();
        assert_eq!(bytes.len(), networks.len());
    }
}
