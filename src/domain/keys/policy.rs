//! Validation of a key's policy.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::{Api, ApiKey, PolicyError, Quota, RateLimit, ScopeSet, Timestamp, UserId, text};
use crate::platform::input::Problems;

/// Maximum length of `owner`, in characters.
const MAX_OWNER: usize = 255;
/// Maximum size of `metadata`, in bytes of compact JSON.
const MAX_METADATA: usize = 4 << 10;
/// Maximum number of networks in `allowed_ips`.
const MAX_NETWORKS: usize = 64;

/// Members of a key's policy in the log.
#[derive(Serialize)]
pub(super) struct Policy<'k> {
    name: &'k str,
    environment: &'static str,
    scopes: &'k ScopeSet,
    tier: &'k Option<String>,
    ratelimit: &'k Option<RateLimit>,
    quota: &'k Option<Quota>,
    owner: &'k Option<String>,
    user_id: Option<UserId>,
    allowed_ips: &'k [IpNet],
    metadata: &'k Map<String, Value>,
    expires_at: Option<Timestamp>,
    disabled: bool,
}

impl<'k> From<&'k ApiKey> for Policy<'k> {
    fn from(key: &'k ApiKey) -> Self {
        Self {
            name: &key.name,
            environment: key.environment.as_str(),
            scopes: &key.scopes,
            tier: &key.tier,
            ratelimit: &key.ratelimit,
            quota: &key.quota,
            owner: &key.owner,
            user_id: key.user.map(|user| user.id),
            allowed_ips: &key.allowed_ips,
            metadata: &key.metadata,
            expires_at: key.expires_at,
            disabled: key.disabled_at.is_some(),
        }
    }
}

/// Adds a problem for scopes that the API does not have.
pub(super) fn check_scopes(problems: &mut Problems, api: &Api, scopes: &ScopeSet) {
    let known = api.all_scopes();
    let unknown = scopes.difference(&known);
    if !unknown.is_empty() {
        problems.add("scopes", format!("{} has no scope {unknown}; it has: {known}.", api.slug));
    }
}

/// Adds a problem for a tier that the API does not have.
pub(super) fn check_tier(problems: &mut Problems, api: &Api, tier: &str) {
    if api.tier(tier).is_none() {
        let names: Vec<&str> = api.tiers.iter().map(|tier| tier.name.as_str()).collect();
        problems.add("tier", format!("{} has no such tier; it has: {}.", api.slug, names.join(", ")));
    }
}

pub(super) fn check_limits(problems: &mut Problems, ratelimit: Option<&RateLimit>, quota: Option<&Quota>) {
    let mut note = |member: &str, checked: Result<(), PolicyError>| {
        if let Err(error) = checked {
            problems.add(format!("{member}.{}", error.field), error.reason);
        }
    };
    note("ratelimit", ratelimit.map_or(Ok(()), RateLimit::validate));
    note("quota", quota.map_or(Ok(()), Quota::validate));
}

pub(super) fn check_owner(problems: &mut Problems, owner: &str) {
    if !(1..=MAX_OWNER).contains(&owner.chars().count()) || owner.trim() != owner {
        problems.add("owner", "Use 1 to 255 characters, without spaces around them.");
    }
    problems.take("owner", text::check(owner));
}

pub(super) fn check_expiry(problems: &mut Problems, expires_at: Timestamp, now: Timestamp) {
    if expires_at <= now {
        problems.add("expires_at", "Use a time in the future.");
    }
}

pub(super) fn check_metadata(problems: &mut Problems, metadata: &Map<String, Value>) {
    let size = serde_json::to_string(metadata).map_or(usize::MAX, |text| text.len());
    if size > MAX_METADATA {
        problems.add("metadata", "Use at most 4 KiB of JSON.");
    }
}

/// Addresses and networks in normal form, sorted, without duplicates. A network with bits set behind its prefix is
/// refused: `192.0.2.5/24` may be meant as one address.
pub(super) fn networks(problems: &mut Problems, texts: &[String]) -> Vec<IpNet> {
    if texts.len() > MAX_NETWORKS {
        problems.add("allowed_ips", "Use at most 64 networks.");
        return Vec::new();
    }
    let mut networks = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        networks.extend(problems.take(&format!("allowed_ips[{at}]"), network(text)));
    }
    networks.sort_unstable();
    networks.dedup();
    networks
}

/// Normal form of a network of `allowed_ips`.
///
/// # Errors
/// A sentence that says what is wrong with the text.
pub fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_canonical().into());
    }
    let network: IpNet = text
        .parse()
        .map_err(|_| "Use an address or a network in CIDR form, for example 203.0.113.0/24.".to_owned())?;
    if network.trunc() != network {
        return Err(format!("Use {} for the whole network, or {} alone.", network.trunc(), network.addr()));
    }
    Ok(unmapped(network))
}

/// IPv4-mapped IPv6 (`::ffff:192.0.2.0/120`) is IPv4, as for the address of a request.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(six) = network else { return network };
    match (six.addr().to_ipv4_mapped(), six.prefix_len().checked_sub(96)) {
        (Some(four), Some(prefix)) => ipnet::Ipv4Net::new(four, prefix).map_or(network, IpNet::V4),
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> Result<Vec<String>, Map<String, Value>> {
        let mut problems = Problems::default();
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        let networks = networks(&mut problems, &texts);
        problems.check().map_err(|error| error.details)?;
        Ok(networks.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn networks_have_one_form() {
        let given = ["203.0.113.9", "10.0.0.0/8", "::ffff:192.0.2.0/120", "2001:DB8::/32", " 10.0.0.0/8"];
        let kept = ["10.0.0.0/8", "192.0.2.0/24", "203.0.113.9/32", "2001:db8::/32"];
        assert_eq!(read(&given).unwrap(), kept);
        assert_eq!(read(&["::ffff:192.0.2.7"]).unwrap(), ["192.0.2.7/32"]);
        assert_eq!(read(&["0.0.0.0/0"]).unwrap(), ["0.0.0.0/0"]);
    }

    #[test]
    fn an_ambiguous_network_is_refused() {
        let reported = read(&["10.0.0.0/8", "192.0.2.5/24"]).unwrap_err();
        assert_eq!(reported["allowed_ips[1]"], "Use 192.0.2.0/24 for the whole network, or 192.0.2.5 alone.");
        for wrong in ["", "example.com", "1.2.3", "1.2.3.4/33", "1.2.3.4-5", "*", "010.0.0.1"] {
            assert!(read(&[wrong]).is_err(), "{wrong}");
        }
        assert!(read(&["10.0.0.0/8"; 65]).is_err());
    }
}
