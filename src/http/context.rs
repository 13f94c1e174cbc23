//! Properties of a request that do not depend on its credential.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ipnet::IpNet;
use poem::http::{HeaderMap, HeaderName};
use poem::web::RemoteAddr;
use poem::{Addr, Request};

use super::server::ControlPeer;
use crate::domain::identity::Services;
use crate::model::RequestInfo;
use crate::model::activity::Method;
use crate::model::{RequestId, Timestamp, redact};

/// Longest User-Agent and path that the log keeps, in bytes.
const LOGGED_BYTES: usize = 256;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Trusted peers.
#[derive(Debug, Clone)]
pub struct Trust {
    /// Networks of proxies whose forwarding headers count.
    pub proxies: Vec<IpNet>,
    /// The user that the server runs as. That user and root may do everything through `control.sock`.
    pub operator_uid: u32,
}

/// Made by the edge for every request. Small, since the hot path makes it too.
#[derive(Debug, Clone, Copy)]
pub struct RequestContext {
    /// The id that the answer carries.
    pub id: RequestId,
    /// When the request arrived.
    pub now: Timestamp,
    /// The same moment on the monotonic clock.
    pub started: Duration,
    /// Address of the client as trusted proxies forward it; none where that cannot be parsed.
    pub ip: Option<IpAddr>,
    /// Whether the peer is a trusted proxy, so that its forwarding headers count.
    pub from_proxy: bool,
    /// Whether it came through `control.sock` from the user that the server runs as, or from root.
    pub operator: bool,
}

impl RequestContext {
    /// Reads the connection and, from a trusted peer, `X-Forwarded-For`.
    pub fn of(request: &Request, services: &Services, ids: &RequestIds, trust: &Trust) -> Self {
        let trusted = &trust.proxies;
        let now = services.now();
        let peer = peer_address(request.remote_addr());
        let from_proxy = peer.is_some_and(|ip| trusts(trusted, ip));
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Self {
            id: ids.next(now),
            now,
            started: services.clock.monotonic(),
            ip: if from_proxy { forwarded_for(request.headers(), trusted, peer) } else { Some(peer) },
            from_proxy,
            operator: request
                .extensions()
                .get::<ControlPeer>()
                .is_some_and(|peer| peer.uid == 0 || peer.uid == trust.operator_uid),
        }
    }

    /// The context that the edge put into `request`.
    ///
    /// # Panics
    /// Never behind the edge.
    pub fn get(request: &Request) -> Self {
        *request.extensions().get::<Self>().expect("the edge is outermost")
    }

    /// The request for the rules and the log.
    pub fn info(&self, request: &Request) -> RequestInfo {
        RequestInfo {
            id: self.id,
            ip: self.ip,
            method: method(request.method().as_str()),
            path: clip(request.uri().path()),
            agent: request
                .headers()
                .get("user-agent")
                .map(|value| clip(&String::from_utf8_lossy(value.as_bytes()))),
        }
    }
}

/// Makes request ids. They need to be unique, not secret, and fresh random bytes would be a good part of what a
/// request costs: a counter from a random start, mixed so that neighbours do not look alike.
#[derive(Debug)]
pub struct RequestIds(AtomicU64);

impl RequestIds {
    /// A source that starts somewhere else each time.
    pub fn new(services: &Services) -> Self {
        Self(AtomicU64::new(u64::from_le_bytes(services.random())))
    }

    fn next(&self, now: Timestamp) -> RequestId {
        // SplitMix64's step and mixture: no two counts give the same number.
        let mut mixed = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let mut bytes = [0; 10];
        let (extra, number) = bytes.split_at_mut(2);
        number.copy_from_slice(&mixed.to_be_bytes());
        // The id has a few bits more than the number.
        extra.copy_from_slice(&mixed.to_le_bytes()[..2]);
        RequestId::new(now, bytes)
    }
}

/// The method for the log.
pub fn method(name: &str) -> Method {
    match name.parse() {
        Ok(Method::Other) | Err(_) => Method::Other,
        Ok(known) => known,
    }
}

/// The part of a client's text that is logged: its first bytes, with control characters escaped, which a terminal
/// would obey, and keys redacted.
pub fn clip(text: &str) -> Box<str> {
    let text = redact(text);
    let text = &text[..text.floor_char_boundary(LOGGED_BYTES)];
    if !text.chars().any(char::is_control) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped.into()
}

/// The IPv4 address of an IPv4-mapped IPv6 address (`::ffff:192.0.2.1`); other addresses unchanged.
pub fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

fn trusts(trusted: &[IpNet], ip: IpAddr) -> bool {
    trusted.iter().any(|network| network.contains(&ip))
}

fn peer_address(remote: &RemoteAddr) -> Option<IpAddr> {
    match &remote.0 {
        Addr::SocketAddr(address) => Some(canonical(address.ip())),
        Addr::Unix(_) | Addr::Custom(..) => None,
    }
}

/// Reads `X-Forwarded-For` from the right to the first address that is not a trusted proxy; the client can forge
/// everything further left. Without the header it is `peer`; none when a trusted proxy forwards something that is not
/// an address.
pub(super) fn forwarded_for(headers: &HeaderMap, trusted: &[IpNet], peer: IpAddr) -> Option<IpAddr> {
    let mut nearest = peer;
    for value in headers.get_all(FORWARDED_FOR).iter().rev() {
        for hop in value.to_str().ok()?.rsplit(',') {
            nearest = canonical(parse_hop(hop.trim())?);
            if !trusts(trusted, nearest) {
                return Some(nearest);
            }
        }
    }
    Some(nearest)
}

/// An address, perhaps with a port: `192.0.2.1`, `192.0.2.1:1234`, `2001:db8::1`, `[2001:db8::1]:1234`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    hop.parse()
        .ok()
        .or_else(|| hop.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
        .or_else(|| hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}
