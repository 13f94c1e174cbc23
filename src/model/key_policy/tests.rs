use super::*;

fn rate(limit: Option<u32>, window_seconds: u32, burst: Option<u32>) -> RateLimit {
    RateLimit { limit, window_seconds, burst }
}

fn wrong_field(policy: Result<(), PolicyError>) -> Option<&'static str> {
    policy.err().map(|error| error.field)
}

#[test]
fn rate_limits_are_checked_at_both_ends() {
    for fine in [
        rate(Some(1), 1, Some(1)),
        rate(None, 60, None),
        rate(Some(1_000_000_000), 2_678_400, Some(1_000_000_000)),
    ] {
        assert_eq!(fine.validate(), Ok(()), "{fine:?}");
    }
    assert_eq!(wrong_field(rate(Some(0), 60, None).validate()), Some("limit"));
    assert_eq!(wrong_field(rate(Some(1_000_000_001), 60, None).validate()), Some("limit"));
    assert_eq!(wrong_field(rate(Some(1), 0, None).validate()), Some("window_seconds"));
    assert_eq!(wrong_field(rate(Some(1), 2_678_401, None).validate()), Some("window_seconds"));
    assert_eq!(wrong_field(rate(Some(1), 60, Some(0)).validate()), Some("burst"));
    assert_eq!(wrong_field(rate(Some(1), 60, Some(1_000_000_001)).validate()), Some("burst"));
}

#[test]
fn quotas_are_checked_at_both_ends() {
    let quota = |limit| Quota { limit, period: QuotaPeriod::Month };
    assert_eq!(quota(1).validate(), Ok(()));
    assert_eq!(quota(Quota::MAX_LIMIT).validate(), Ok(()));
    assert_eq!(wrong_field(quota(0).validate()), Some("limit"));
    assert_eq!(wrong_field(quota(u64::MAX).validate()), Some("limit"));
    let error = quota(0).validate().unwrap_err().to_string();
    assert_eq!(error, "limit: Use a number from 1 to 1,000,000,000,000,000.");
}

#[test]
fn the_bucket_is_the_burst_or_else_the_limit() {
    assert_eq!(rate(Some(100), 60, None).bucket(), Some(100));
    assert_eq!(rate(Some(100), 60, Some(10)).bucket(), Some(10));
    assert_eq!(rate(None, 60, Some(10)).bucket(), None);
}

#[test]
fn policies_read_their_json_strictly() {
    let policy: RateLimit = serde_json::from_str(r#"{"limit": 100, "window_seconds": 60}"#).unwrap();
    assert_eq!(policy, rate(Some(100), 60, None));
    let quota: Quota = serde_json::from_str(r#"{"limit": 5, "period": "total"}"#).unwrap();
    assert_eq!(quota, Quota { limit: 5, period: QuotaPeriod::Total });
    for wrong in [r#"{"limit": 5, "period": "Day"}"#, r#"{"limit": -1, "period": "day"}"#, r#"{"limit": 5}"#]
    {
        assert!(serde_json::from_str::<Quota>(wrong).is_err(), "{wrong}");
    }
    let extra = r#"{"limit": 5, "period": "day", "role": "admin"}"#;
    assert!(serde_json::from_str::<Quota>(extra).is_err());
}

#[test]
fn quota_periods_follow_the_calendar() {
    let now: Timestamp = "2024-02-29T23:59:59.999Z".parse().unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    assert_eq!(QuotaPeriod::Day.start(now), at("2024-02-29T00:00:00Z"));
    assert_eq!(QuotaPeriod::Day.next(now), Some(at("2024-03-01T00:00:00Z")));
    assert_eq!(QuotaPeriod::Month.start(now), at("2024-02-01T00:00:00Z"));
    assert_eq!(QuotaPeriod::Month.next(now), Some(at("2024-03-01T00:00:00Z")));
    assert_eq!((QuotaPeriod::Total.start(now), QuotaPeriod::Total.next(now)), (Timestamp::MIN, None));
}

#[test]
fn verify_codes_are_the_contract_s_in_its_order() {
    let order = "VALID NOT_FOUND REVOKED DISABLED EXPIRED WRONG_API WRONG_ENVIRONMENT IP_NOT_ALLOWED \
                 INSUFFICIENT_SCOPE RATE_LIMITED QUOTA_EXCEEDED";
    assert_eq!(VerifyCode::NAMES.join(" "), order);
    assert!(VerifyCode::ALL.is_sorted());
}

#[test]
fn every_word_survives_text_and_json() {
    for &code in VerifyCode::ALL {
        assert_eq!(code.as_str().parse(), Ok(code));
        let json = serde_json::to_string(&code).unwrap();
        assert_eq!(json, format!("\"{code}\""));
        assert_eq!(serde_json::from_str::<VerifyCode>(&json).unwrap(), code);
    }
    let error = "Key".parse::<LimitPer>().unwrap_err();
    assert_eq!(error.to_string(), "Use one of: key, owner, user.");
    assert_eq!(LimitPer::default(), LimitPer::Key);
}
