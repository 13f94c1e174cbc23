//! Quotas, alone and together with limits.

use super::*;
use crate::domain::policy::quota::Meters;
use crate::model::{Quota, QuotaPeriod};

fn quota(limit: u64, period: QuotaPeriod) -> Option<Quota> {
    Some(Quota { limit, period })
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_period_starts_anew_by_the_calendar_in_utc() {
    for (period, next) in [
        (QuotaPeriod::Day, Some("2026-02-01T00:00:00Z")),
        (QuotaPeriod::Month, Some("2026-02-01T00:00:00Z")),
        (QuotaPeriod::Total, None),
    ] {
        let bench = Bench::new(api(7), KeyRow { quota: quota(1, period), ..row() });
        let last = at("2026-01-31T23:59:59.999Z");
        let ask = |now| bench.ask(&bench.question(), now, Duration::ZERO);
        assert_eq!(ask(last).code, VerifyCode::Valid);
        let refused = ask(last);
        assert_eq!(refused.code, VerifyCode::QuotaExceeded);
        assert_eq!(refused.quota.unwrap().resets_at, next.map(at));
        assert_eq!(refused.retry_after_seconds(), next.map(|_| 1));
        let code = ask(at("2026-02-01T00:00:00Z")).code;
        let expected = if next.is_some() { VerifyCode::Valid } else { VerifyCode::QuotaExceeded };
        assert_eq!(code, expected, "{period}");
    }
}

#[test]
fn a_clock_set_back_refills_nothing() {
    let bench = Bench::new(api(7), KeyRow { quota: quota(1, QuotaPeriod::Day), ..row() });
    let ask = |now| bench.ask(&bench.question(), now, Duration::ZERO).code;
    assert_eq!(ask(at("2026-02-01T12:00:00Z")), VerifyCode::Valid);
    assert_eq!(ask(at("2026-01-31T12:00:00Z")), VerifyCode::QuotaExceeded);
    assert_eq!(ask(at("2026-02-01T13:00:00Z")), VerifyCode::QuotaExceeded);
    // Also after a restart, when only the row has the count.
    let row = KeyRow { quota_period_at: at("2026-02-01T00:00:00Z"), quota_used: 1, ..bench.row.clone() };
    let after = Bench::new(api(7), row);
    let code = after.ask(&after.question(), at("2026-01-31T12:00:00Z"), Duration::ZERO).code;
    assert_eq!(code, VerifyCode::QuotaExceeded);
}

#[test]
fn limit_and_quota_are_taken_both_or_neither() {
    let one_a_minute = RateLimit { limit: Some(1), window_seconds: 60, burst: None };
    let row = KeyRow { ratelimit: Some(one_a_minute), quota: quota(2, QuotaPeriod::Total), ..row() };
    let bench = Bench::new(api(7), row);
    let ask = |minute: u64| bench.ask(&bench.question(), NOW, Duration::from_secs(minute * 60));
    assert_eq!(ask(1).code, VerifyCode::Valid);
    let limited = ask(1);
    assert_eq!((limited.code, limited.quota.unwrap().used), (VerifyCode::RateLimited, 1));
    assert_eq!(ask(2).code, VerifyCode::Valid);
    // Both are exhausted: the rate limit is reported, because it is checked first.
    assert_eq!(ask(2).code, VerifyCode::RateLimited);
    let exceeded = ask(3);
    assert_eq!(exceeded.code, VerifyCode::QuotaExceeded);
    assert_eq!(exceeded.rate.unwrap().level.unwrap().remaining, 1, "the limit was left alone");
}

#[test]
fn a_change_or_an_eviction_gives_nothing_back() {
    let mut bench = Bench::new(api(7), KeyRow { quota: quota(10, QuotaPeriod::Total), ..row() });
    for used in 1..=5 {
        assert_eq!(bench.ask_now().quota.unwrap().used, used);
        // The stored count is older; the meter continues.
        bench.engine.forget(&[SecretHash::of("a key")]);
        bench.row.name = format!("renamed {used}").into();
    }
}

#[test]
fn many_threads_use_a_quota_up_exactly() {
    let bench = Bench::new(api(7), KeyRow { quota: quota(1000, QuotaPeriod::Total), ..row() });
    let passed = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    if bench.ask_now().code == VerifyCode::Valid {
                        passed.fetch_add(1, Ordering::SeqCst);
                    }
                    bench.engine.forget(&[SecretHash::of("a key")]);
                }
            });
        }
    });
    assert_eq!(passed.into_inner(), 1000);
}

#[test]
fn meters_that_no_key_holds_are_dropped_before_the_table_grows() {
    let meters = Meters::default();
    let of = |no| KeyRow { no, quota: quota(10, QuotaPeriod::Total), quota_used: 3, ..row() };
    let adopt = |no| meters.adopt(&of(no), meters.generation());
    let held = adopt(0).unwrap();
    held.lock().used = 7;
    let before = meters.generation();
    for no in 1..1_000 {
        // When others are dropped, the caller is to read its row again.
        if adopt(no).is_none() {
            adopt(no).unwrap();
        }
    }
    let drops = meters.generation() - before;
    assert!(
        (1..700).contains(&drops),
        "unused meters were dropped {drops} times, each time the table was full"
    );
    assert_eq!(adopt(0).unwrap().lock().used, 7, "the one in use goes on");
    let stale = meters.adopt(&of(5_000), before);
    assert!(stale.is_none(), "a row that was read before the drop may miss what was written");
}
