use proptest::prelude::*;
use time::{Date, Duration, Month, OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

use super::{Timestamp, TimestampError};

fn any_time() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.millis()..=Timestamp::MAX.millis()).prop_map(Timestamp::from_millis)
}

fn calendar(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.millis()) * 1_000_000).unwrap()
}

fn midnight(date: Date) -> Timestamp {
    Timestamp::from_seconds(date.midnight().assume_utc().unix_timestamp())
}

proptest! {
    #[test]
    fn prints_what_the_time_crate_prints(at in any_time(), whole in any::<bool>()) {
        let at = if whole { Timestamp::from_seconds(at.seconds()) } else { at };
        let expected = calendar(at);
        let fraction = match expected.millisecond() {
            0 => String::new(),
            millis => format!(".{millis:03}"),
        };
        let (date, time) = (expected.date(), expected.time().truncate_to_second());
        let expected = format!("{date}T{:02}:{:02}:{:02}{fraction}Z", time.hour(), time.minute(), time.second());
        prop_assert_eq!(at.to_string(), expected);
    }

    #[test]
    fn reads_what_it_prints(at in any_time()) {
        prop_assert_eq!(at.to_string().parse(), Ok(at));
        let json = serde_json::to_string(&at).unwrap();
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), at);
    }

    #[test]
    fn reads_every_offset(at in any_time(), minutes in -1_439..=1_439_i32) {
        let offset = UtcOffset::from_whole_seconds(minutes * 60).unwrap();
        if let Some(local) = calendar(at).checked_to_offset(offset) {
            prop_assert_eq!(local.format(&Rfc3339).unwrap().parse(), Ok(at));
        }
    }

    #[test]
    fn text_sorts_like_time_where_both_have_whole_seconds(a in any_time(), b in any_time()) {
        let (a, b) = (Timestamp::from_seconds(a.seconds()), Timestamp::from_seconds(b.seconds()));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn days_and_months_begin_where_the_calendar_says(at in any_time()) {
        let date = calendar(at).date();
        let first = date.replace_day(1).unwrap();
        prop_assert_eq!(at.utc_day_start(), midnight(date));
        prop_assert_eq!(at.utc_month_start(), midnight(first));
        let next_day = date.next_day().map_or(Timestamp::MAX, midnight);
        prop_assert_eq!(at.next_utc_day(), next_day);
        let next_month = first.checked_add(Duration::days(i64::from(first.month().length(first.year()))));
        prop_assert_eq!(at.next_utc_month(), next_month.map_or(Timestamp::MAX, midnight));
    }

    #[test]
    fn arithmetic_never_leaves_the_range(at in any_time(), by in any::<i64>()) {
        for moved in [at.plus_millis(by), at.plus_seconds(by), at.minus_seconds(by), Timestamp::from_seconds(by)] {
            prop_assert!((Timestamp::MIN..=Timestamp::MAX).contains(&moved));
            prop_assert_eq!(moved.to_string().parse(), Ok(moved));
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*", almost in "[0-9]{4}-[0-9]{2}-[0-9]{2}.[0-9]{2}:[0-9]{2}:[0-9]{2}\\PC{0,8}") {
        let _ = text.parse::<Timestamp>();
        let _ = almost.parse::<Timestamp>();
    }
}

#[test]
fn every_day_of_the_first_four_centuries_is_in_the_calendar() {
    let mut date = Date::from_calendar_date(1970, Month::January, 1).unwrap();
    for day in 0..146_097 {
        let at = Timestamp::from_seconds(day * 86_400);
        assert_eq!(at.encode().as_str(), format!("{date}T00:00:00Z"));
        date = date.next_day().unwrap();
    }
}

#[test]
fn a_fraction_shows_only_where_there_is_one() {
    let at = Timestamp::from_seconds(1_704_067_200);
    assert_eq!(at.to_string(), "2024-01-01T00:00:00Z");
    assert_eq!(at.plus_millis(7).to_string(), "2024-01-01T00:00:00.007Z");
    assert_eq!(format!("{at:?}"), "2024-01-01T00:00:00Z");
    assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59.999Z");
}

#[test]
fn other_spellings_of_rfc_3339_are_read() {
    let at = Timestamp::from_seconds(1_704_067_200);
    for text in [
        "2024-01-01T00:00:00Z",
        "2024-01-01t00:00:00z",
        "2024-01-01 00:00:00Z",
        "2024-01-01T02:30:00+02:30",
        "2023-12-31T23:00:00.000-01:00",
        "2024-01-01T00:00:00.000999999Z",
    ] {
        assert_eq!(text.parse(), Ok(at), "{text}");
    }
}

#[test]
fn what_is_no_time_is_refused() {
    for text in [
        "",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01_00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:00Z ",
        "1704067200",
        "12024-01-01T00:00:00Z",
    ] {
        assert_eq!(text.parse::<Timestamp>(), Err(TimestampError::Malformed), "{text}");
    }
    for text in ["1969-12-31T23:59:59.9999Z", "1970-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"] {
        assert_eq!(text.parse::<Timestamp>(), Err(TimestampError::OutOfRange), "{text}");
    }
}

#[test]
fn arithmetic_is_in_milliseconds() {
    let at: Timestamp = "1970-01-01T00:01:40.250Z".parse().unwrap();
    assert_eq!((at.millis(), at.seconds()), (100_250, 100));
    assert_eq!(at.plus_millis(-250).millis(), 100_000);
    assert_eq!(at.plus_seconds(2).millis(), 102_250);
    assert_eq!(at.minus_seconds(2).millis(), 98_250);
    assert_eq!(at.plus_seconds(2).millis_since(at), 2_000);
    assert_eq!(at.millis_since(at.plus_seconds(2)), -2_000);
    assert_eq!(Timestamp::from_millis(-1), Timestamp::MIN);
    assert_eq!(Timestamp::from_millis(Timestamp::MAX.millis() + 1), Timestamp::MAX);
}

#[test]
fn a_start_up_to_a_minute_in_the_future_counts() {
    let now = Timestamp::from_seconds(1_000);
    assert!(now.plus_millis(-1).has_started(now));
    assert!(now.plus_millis(60_000).has_started(now));
    assert!(!now.plus_millis(60_001).has_started(now));
}

#[test]
fn the_error_says_what_to_write() {
    let error = "yesterday".parse::<Timestamp>().unwrap_err().to_string();
    assert_eq!(error, "Write the time as RFC 3339, for example 2024-01-01T00:00:00Z.");
    let error = "1969-12-31T23:59:59Z".parse::<Timestamp>().unwrap_err().to_string();
    assert_eq!(error, "Use a time between the years 1970 and 9999 in UTC.");
}
