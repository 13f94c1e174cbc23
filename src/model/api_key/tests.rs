use super::*;
use crate::model::QuotaPeriod;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn key() -> ApiKey {
    let now = at("2026-06-01T12:00:00Z");
    ApiKey {
        no: 1,
        id: KeyId::new(now, [0; 10]),
        api_no: 1,
        api: "afdb".to_owned(),
        name: "Key".to_owned(),
        environment: Environment::Live,
        scopes: ScopeSet::empty(),
        tier: None,
        ratelimit: None,
        quota: None,
        owner: None,
        user: None,
        allowed_ips: Vec::new(),
        metadata: Map::new(),
        expires_at: None,
        disabled_at: None,
        revoked_at: None,
        created_at: now,
        updated_at: now,
        usage: KeyUsage::default(),
        secrets: Vec::new(),
    }
}

#[test]
fn the_first_reason_in_the_order_of_verification_is_the_status() {
    let now = at("2026-06-01T12:00:00Z");
    let mut key = key();
    assert_eq!(key.status(now), KeyStatus::Active);
    key.expires_at = Some(now.plus_millis(1));
    assert_eq!(key.status(now), KeyStatus::Active);
    key.expires_at = Some(now);
    assert_eq!(key.status(now), KeyStatus::Expired);
    key.disabled_at = Some(now);
    assert_eq!(key.status(now), KeyStatus::Disabled);
    key.revoked_at = Some(now);
    assert_eq!(key.status(now), KeyStatus::Revoked);
}

#[test]
fn a_quota_counts_in_its_own_period_only() {
    let mut key = key();
    let quota = Quota { limit: 10, period: QuotaPeriod::Day };
    key.usage.quota_used = 7;
    key.usage.quota_period_at = at("2026-06-01T00:00:00Z");
    assert_eq!(key.quota_used(&quota, at("2026-06-01T23:59:59Z")), 7);
    assert_eq!(key.quota_used(&quota, at("2026-06-02T00:00:00Z")), 0);
    let total = Quota { period: QuotaPeriod::Total, ..quota };
    key.usage.quota_period_at = Timestamp::MIN;
    assert_eq!(key.quota_used(&total, at("2030-01-01T00:00:00Z")), 7);
}

fn secret(seed: &str, expires_at: Option<Timestamp>) -> KeySecretInfo {
    let hash = SecretHash::of(seed);
    KeySecretInfo { hash, start: String::new(), end: String::new(), created_at: Timestamp::MIN, expires_at }
}

#[test]
fn a_secret_is_live_until_the_moment_of_its_end() {
    let now = at("2026-06-01T12:00:00Z");
    assert!(secret("a", None).is_live(Timestamp::MAX));
    assert!(secret("a", Some(now.plus_millis(1))).is_live(now));
    assert!(!secret("a", Some(now)).is_live(now));
    assert!(!secret("a", Some(now)).is_live(now.plus_millis(1)));
}

#[test]
fn a_revoked_key_has_the_secrets_that_were_live_when_it_was_revoked() {
    let now = at("2026-06-01T12:00:00Z");
    let mut key = key();
    key.secrets = vec![secret("new", None), secret("old", Some(now))];
    let live = |key: &ApiKey, at| key.live_secrets(at).map(|secret| secret.hash).collect::<Vec<_>>();
    let (new, old) = (SecretHash::of("new"), SecretHash::of("old"));
    assert_eq!(live(&key, now.plus_millis(-1)), [new, old]);
    assert_eq!(live(&key, now), [new]);
    key.revoked_at = Some(now.plus_millis(-1));
    assert_eq!(live(&key, now), [new, old]);
    assert_eq!(key.hashes(), [new, old], "with those that ended");
}
