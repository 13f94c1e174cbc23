//! Rate limits: no window exceeds limit and burst, and no request is refused without need.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::domain::policy::limits::{BucketId, Level, Limiter, Options, Subject};

const ID: BucketId<'_> = BucketId { api_no: 7, tier: "pro", subject: Subject::Key(1) };
const SECOND: u64 = 1_000_000_000;

fn limit(limit: u32, window_seconds: u32, burst: Option<u32>) -> RateLimit {
    RateLimit { limit: Some(limit), window_seconds, burst }
}

fn take(limiter: &Limiter, limit: &RateLimit, at: u64, cost: u32) -> Level {
    limiter.take(&ID, limit, Duration::from_nanos(at), cost).unwrap().unwrap()
}

proptest! {
    #[test]
    fn no_window_ever_passes_more_than_limit_and_burst(
        count in 1_u32..50,
        window in 1_u32..20,
        burst in proptest::option::of(1_u32..80),
        // Waits of up to a third of a window, in thousandths of it, and costs.
        steps in proptest::collection::vec((0_u64..333, 1_u32..4), 1..300),
    ) {
        let (limiter, limit) = (Limiter::default(), limit(count, window, burst));
        let window = u64::from(window) * SECOND;
        let (mut now, mut passed) = (SECOND, Vec::new());
        for (wait, cost) in steps {
            // Mostly bursts: two thirds of the requests come at once.
            now += if wait < 222 { wait } else { (wait - 222) * window / 333 };
            let level = take(&limiter, &limit, now, cost);
            if level.passed {
                passed.push((now, u64::from(cost)));
            } else if let Some(wait) = level.retry_in {
                let retry = now + u64::try_from(wait.as_nanos()).unwrap();
                let look = |at| limiter.look(&ID, &limit, Duration::from_nanos(at), cost).unwrap().passed;
                prop_assert!(look(retry), "passes when it was promised");
                prop_assert!(!look(retry - 1), "and not a moment before");
            } else {
                prop_assert!(cost > burst.unwrap_or(count), "only what exceeds the bucket never passes");
            }
        }
        let most = u64::from(count) + u64::from(burst.unwrap_or(count));
        for (at, (start, _)) in passed.iter().enumerate() {
            let within: u64 =
                passed[at..].iter().take_while(|(time, _)| time - start < window).map(|(_, cost)| cost).sum();
            prop_assert!(within <= most, "{within} of at most {most}");
        }
    }

    #[test]
    fn requests_within_the_limit_are_never_refused(count in 1_u32..1000, window in 1_u32..100) {
        let (limiter, limit) = (Limiter::default(), limit(count, window, Some(1)));
        let pace = (u64::from(window) * SECOND).div_ceil(u64::from(count));
        for request in 1..200 {
            prop_assert!(take(&limiter, &limit, request * pace, 1).passed);
        }
    }

    #[test]
    fn no_limit_or_time_overflows(
        count in 1..=RateLimit::MAX_LIMIT,
        window in 1..=RateLimit::MAX_WINDOW_SECONDS,
        burst in proptest::option::of(1..=RateLimit::MAX_LIMIT),
        cost in 1_u32..,
        now in any::<u64>(),
    ) {
        let (limiter, limit) = (Limiter::default(), limit(count, window, burst));
        for _ in 0..3 {
            let level = take(&limiter, &limit, now, cost);
            prop_assert!(level.passed || cost > 0);
            prop_assert!(level.remaining <= burst.unwrap_or(count));
        }
    }
}

#[test]
fn threads_together_pass_no_more_than_one_alone() {
    let (limiter, limit, clock, passed) =
        (Limiter::default(), limit(1000, 1, Some(50)), AtomicU64::new(SECOND), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    let now = clock.fetch_add(10_000, Ordering::SeqCst);
                    if take(&limiter, &limit, now, 1).passed {
                        passed.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let elapsed = clock.load(Ordering::SeqCst) - SECOND;
    let most = 50 + elapsed * 1000 / SECOND;
    let passed = passed.load(Ordering::SeqCst);
    assert!(passed <= most, "{passed} of at most {most}");
    assert!(passed * 100 >= most * 95, "{passed} of {most}: it refused without need");
}

#[test]
fn the_fastest_and_the_slowest_limit_hold_their_figures() {
    let remaining = |limit| take(&Limiter::default(), &limit, SECOND, 1).remaining;
    assert_eq!(remaining(limit(1_000_000_000, 1, None)), 999_999_999);
    assert_eq!(remaining(limit(1, 2_678_400, Some(1_000))), 999);
}

#[test]
fn buckets_are_distinct() {
    let (limiter, limit) = (Limiter::default(), limit(1, 60, None));
    let ids = [
        ID,
        BucketId { api_no: 8, ..ID },
        BucketId { tier: "free", ..ID },
        BucketId { subject: Subject::Key(2), ..ID },
        BucketId { subject: Subject::User(1), ..ID },
        BucketId { subject: Subject::Own(1), ..ID },
        BucketId { subject: Subject::Owner("1"), ..ID },
    ];
    for passes in [true, false] {
        for id in ids {
            let level = limiter.take(&id, &limit, Duration::ZERO, 1).unwrap().unwrap();
            assert_eq!(level.passed, passes, "{id:?}");
        }
    }
}

#[test]
fn full_buckets_make_room_and_too_many_are_an_error() {
    // The figure that `docs/architecture.md` promises.
    let Options { shards, buckets_per_shard } = Options::default();
    assert_eq!(shards * buckets_per_shard, 3_670_016);
    let options = Options { shards: 1, buckets_per_shard: 1000 };
    let (limiter, limit) = (Limiter::with_options(&[0; 32], options), limit(1, 60, None));
    let at = |second| Duration::from_secs(second);
    let take =
        |key, now| limiter.take(&BucketId { subject: Subject::Key(key), ..ID }, &limit, now, 1).map(|_| ());
    for key in 0..100_000 {
        // A thousand keys a minute: each bucket is refilled when the next thousand arrive.
        let second = u64::try_from(key).unwrap() / 500 * 60;
        take(key, at(second)).unwrap();
        assert!(limiter.len() <= 1000);
    }
    let end = at(1_000_000);
    let refused = (0..2_000_000).find(|key| take(1_000_000 + key, end).is_err());
    assert!((1000..2000).contains(&refused.expect("memory is bounded")));
    assert!(take(1_000_000, at(2_000_000)).is_ok(), "and it recovers by itself");
}

#[test]
fn a_smaller_limit_finds_the_bucket_empty_at_worst() {
    let limiter = Limiter::default();
    let (day, minute) = (limit(10, 86_400, None), limit(10, 60, None));
    for _ in 0..10 {
        assert!(take(&limiter, &day, SECOND, 1).passed);
    }
    let level = take(&limiter, &minute, SECOND, 1);
    assert!(!level.passed);
    assert_eq!(level.retry_in, Some(Duration::from_secs(6)));
}

#[test]
fn a_response_has_the_remaining_requests_and_the_reset_time() {
    let (limiter, limit) = (Limiter::default(), limit(1000, 60, None));
    take(&limiter, &limit, SECOND, 1);
    let level = take(&limiter, &limit, SECOND, 1);
    assert_eq!((level.remaining, level.full_in), (998, Duration::from_millis(120)));
}

#[test]
fn keys_of_one_person_share_a_bucket_in_a_tier_by_user() {
    let mut api = api(7);
    api.tiers = vec![tier("default", Some(1), LimitPer::User)];
    let bench = |no, user| Bench::new(api.clone(), KeyRow { no, user, ..row() });
    let first = bench(1, Some(person(Role::Owner)));
    let mut others = [bench(2, Some(person(Role::Owner))), bench(3, None)];
    for other in &mut others {
        other.engine = first.engine.clone();
    }
    assert_eq!(first.ask_now().code, VerifyCode::Valid);
    assert_eq!(others[0].ask_now().code, VerifyCode::RateLimited);
    assert_eq!(others[1].ask_now().code, VerifyCode::Valid, "a service key has a bucket of its own");
}

#[test]
fn a_refused_request_says_when_to_come_back() {
    let limit = Some(limit(1, 60, None));
    let bench = Bench::new(api(7), KeyRow { ratelimit: limit, ..row() });
    assert_eq!(bench.ask_now().retry_after_seconds(), None);
    let refused = bench.ask_now();
    assert_eq!((refused.code, refused.retry_after_seconds()), (VerifyCode::RateLimited, Some(60)));
    assert_eq!(refused.error(&bench.question()).details["retry_after_seconds"], 60);
}

#[test]
fn keys_of_one_owner_share_a_bucket_in_a_tier_by_owner() {
    let mut api = api(7);
    api.tiers = vec![tier("default", Some(2), LimitPer::Owner)];
    let bench = |no, owner: Option<&str>| {
        Bench::new(api.clone(), KeyRow { no, owner: owner.map(Into::into), ..row() })
    };
    let first = bench(1, Some("acme"));
    let mut others = [bench(2, Some("acme")), bench(3, Some("other")), bench(4, None)];
    for other in &mut others {
        other.engine = first.engine.clone();
    }
    assert_eq!(first.ask_now().code, VerifyCode::Valid);
    assert_eq!(others[0].ask_now().code, VerifyCode::Valid);
    assert_eq!(first.ask_now().code, VerifyCode::RateLimited);
    assert_eq!(others[0].ask_now().code, VerifyCode::RateLimited);
    assert_eq!(others[1].ask_now().code, VerifyCode::Valid);
    assert_eq!(others[2].ask_now().code, VerifyCode::Valid, "without an owner it counts for itself");
}
