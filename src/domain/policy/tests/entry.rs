//! What an entry of the cache takes and remembers.

use super::*;
use crate::domain::policy::entry::{Interner, allocation};
use crate::model::{Quota, QuotaPeriod};

fn entry(row: KeyRow) -> Entry {
    Entry::new(row, &Interner::default(), None).unwrap()
}

#[test]
fn every_part_of_an_entry_counts_as_memory() {
    let text = |length: usize| "x".repeat(length).into_boxed_str();
    let small = entry(KeyRow { name: text(100), metadata: text(200), ..row() }).heap_bytes();
    assert_eq!(small, 112 + 208);
    let more = KeyRow {
        name: text(100),
        metadata: text(200),
        tier: Some(text(300)),
        owner: Some(text(400)),
        allowed_ips: Some("192.0.2.0/24 2001:db8::/32".into()),
        ..row()
    };
    let networks = allocation(2 * size_of::<ipnet::IpNet>());
    assert_eq!(entry(more).heap_bytes(), small + 320 + 416 + networks);
    let quota = Some(Quota { limit: 1, period: QuotaPeriod::Day });
    let row = KeyRow { name: text(100), metadata: text(200), quota, ..row() };
    let metered = engine(CACHE_BYTES).find(&SecretHash::of("a"), |_| Ok(Some(row.clone()))).unwrap().unwrap();
    assert!(metered.heap_bytes() >= small + 64, "the meter counts too");
}

#[test]
fn the_first_use_of_each_hour_is_noted() {
    let entry = entry(row());
    let hour = NOW.plus_millis(-(NOW.millis() % 3_600_000));
    assert_eq!(entry.first_use_in_hour(hour.plus_seconds(1_800)), Some(hour));
    assert_eq!(entry.first_use_in_hour(hour.plus_seconds(3_599)), None);
    assert_eq!(entry.first_use_in_hour(hour.plus_seconds(3_600)), Some(hour.plus_seconds(3_600)));
}
