//! Floods against small bounds.

use super::*;
use crate::model::Timestamp;

const AT: i64 = 1_800_000_000;

fn refused(ip: &str, reason: Reason) -> Entry {
    let mut entry = Entry::new(Timestamp::from_seconds(AT), Kind::ApiCall, Outcome::Refused, reason);
    entry.ip = Some(ip.parse().unwrap());
    entry.path = Some("/v1/keys".into());
    entry
}

fn by_key(no: i64) -> Entry {
    let mut entry = refused("192.0.2.1", Reason::RateLimited);
    (entry.key_no, entry.identified) = (Some(no), true);
    entry
}

/// Full rows, and counted ones as they are after the minute.
fn flood(bounds: Bounds, entries: impl IntoIterator<Item = Entry>) -> (usize, Vec<Entry>) {
    let mut refusals = Refusals::new(bounds);
    let full = entries.into_iter().filter_map(|entry| refusals.admit(1, entry)).count();
    let mut rows = Vec::new();
    refusals.take_rows(1, false, false, &mut rows);
    assert!(rows.is_empty(), "the minute is not over");
    assert!(!refusals.due(1, false));
    refusals.take_rows(2, false, false, &mut rows);
    assert!(!refusals.due(2, true));
    (full, rows)
}

fn times(rows: &[Entry]) -> u32 {
    rows.iter().map(|row| row.count.unwrap_or(1)).sum()
}

#[test]
fn five_rows_a_reason_and_network_and_one_for_the_rest() {
    let addresses = (0..100).map(|host| format!("198.51.100.{host}"));
    let entries = addresses.flat_map(|ip| [refused(&ip, Reason::Missing), refused(&ip, Reason::NotFound)]);
    let (full, rows) = flood(Bounds::default(), entries);
    assert_eq!(full, 10);
    assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [Some(95), Some(95)]);
    assert_eq!(rows[0].ip, Some("198.51.100.0".parse().unwrap()));
    assert_eq!(rows[0].detail.as_ref().unwrap()["network"], "198.51.100.0/24");
    assert_eq!((rows[0].path.as_ref(), rows[0].identified), (None, false));
}

#[test]
fn one_address_keeps_its_name_and_the_next_minute_starts_anew() {
    let mut refusals = Refusals::new(Bounds::default());
    let mut full = 0;
    for minute in [7, 8] {
        full += (0..9).filter_map(|_| refusals.admit(minute, refused("192.0.2.7", Reason::Missing))).count();
    }
    let mut rows = Vec::new();
    refusals.take_rows(8, true, false, &mut rows);
    assert_eq!((full, rows.len(), times(&rows)), (10, 2, 8));
    assert!(rows.iter().all(|row| row.ip == Some("192.0.2.7".parse().unwrap()) && row.detail.is_none()));
}

#[test]
fn an_ipv6_site_has_a_bound_of_its_own() {
    let entries = (0..=255_u32).flat_map(|subnet| {
        (0..10).map(move |host| refused(&format!("2001:db8:7:{subnet:02x}00::{host}"), Reason::Missing))
    });
    let (full, rows) = flood(Bounds::default(), entries);
    assert_eq!(full, 20);
    assert_eq!(times(&rows) as usize, 2_560 - full);
    assert!(rows.len() <= 5, "one for each /56 that had full rows, and one for the /48: {}", rows.len());
    let of_site =
        |row: &Entry| row.detail.as_ref().is_some_and(|detail| detail["network"] == "2001:db8:7::/48");
    assert!(rows.iter().any(of_site));
}

#[test]
fn networks_beyond_the_bound_share_one_row_and_memory_stays_bounded() {
    let bounds = Bounds { networks: 8, ..Bounds::default() };
    let addresses = (0..10_000_u32).map(|n| format!("10.{}.{}.1", n >> 8 & 255, n & 255));
    let (full, rows) = flood(bounds, addresses.map(|ip| refused(&ip, Reason::LockedOut)));
    assert_eq!((full, rows.len()), (8, 1));
    assert_eq!((rows[0].ip, rows[0].count), (None, Some(9_992)));
    let networks = Bounds::default().networks;
    assert_eq!(networks, 4_096);
}

#[test]
fn counted_rows_beyond_the_bound_are_counted_together() {
    let bounds = Bounds { rows: 4, ..Bounds::default() };
    let addresses = (0..200_u32).flat_map(|n| (0..6).map(move |_| format!("10.0.{n}.1")));
    let (full, rows) = flood(bounds, addresses.map(|ip| refused(&ip, Reason::Missing)));
    assert_eq!((full, rows.len(), times(&rows)), (1_000, 5, 200));
}

#[test]
fn a_known_caller_is_counted_by_name_beyond_a_hundred() {
    let (full, rows) = flood(Bounds::default(), (0..1_000).map(|n| by_key(n % 2)));
    assert_eq!((full, rows.len(), times(&rows)), (200, 2, 800));
    assert!(rows.iter().all(|row| row.key_no.is_some() && row.identified));
}

#[test]
fn calls_of_our_own_api_are_counted_beyond_a_thousand() {
    let call = |outcome| {
        let mut entry = by_key(1);
        (entry.outcome, entry.reason) = (outcome, Reason::Valid);
        entry
    };
    assert!(counts(&call(Outcome::Allowed)));
    let (full, rows) = flood(Bounds::default(), (0..5_000).map(|_| call(Outcome::Allowed)));
    assert_eq!((full, rows.len(), times(&rows)), (1_000, 1, 4_000));
    assert_eq!(rows[0].outcome, Outcome::Allowed);
}

#[test]
fn a_reader_sees_the_current_minute_as_long_as_it_is_small() {
    let mut refusals = Refusals::new(Bounds::default());
    let flood = |refusals: &mut Refusals, networks: u32| {
        for n in 0..networks * 6 {
            refusals.admit(1, refused(&format!("10.0.{}.1", n % networks), Reason::Missing));
        }
    };
    let mut rows = Vec::new();
    flood(&mut refusals, 10);
    refusals.take_rows(1, true, false, &mut rows);
    assert_eq!(rows.len(), 10);
    flood(&mut refusals, 200);
    refusals.take_rows(1, true, false, &mut rows);
    assert_eq!(rows.len(), 10, "the others wait for the end of the minute");
    refusals.take_rows(1, true, true, &mut rows);
    assert_eq!(rows.len(), 210, "or of the server");
}
