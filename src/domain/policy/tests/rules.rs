//! The rules, their order and their explanations.

use super::*;

/// A row and a question that break every rule of a list, from an index on.
fn broken_from(first: usize) -> (KeyRow, RequestedEnvironment, Option<ScopeExpr>) {
    let mut row = row();
    let breaks = |rule: VerifyCode| VerifyCode::ALL.iter().position(|code| *code == rule).unwrap() >= first;
    row.secret_expires_at = breaks(VerifyCode::NotFound).then_some(NOW);
    row.revoked_at = breaks(VerifyCode::Revoked).then_some(NOW);
    row.disabled_at = breaks(VerifyCode::Disabled).then_some(NOW);
    row.expires_at = breaks(VerifyCode::Expired).then_some(NOW);
    row.api_no = if breaks(VerifyCode::WrongApi) { 8 } else { 7 };
    row.allowed_ips = breaks(VerifyCode::IpNotAllowed).then(|| "192.0.2.0/24".into());
    row.ratelimit = breaks(VerifyCode::RateLimited).then_some(LIMIT_OF_ONE);
    row.quota = breaks(VerifyCode::QuotaExceeded).then_some(QUOTA_OF_ONE);
    let environment = if breaks(VerifyCode::WrongEnvironment) {
        RequestedEnvironment::Test
    } else {
        RequestedEnvironment::Live
    };
    let scopes = breaks(VerifyCode::InsufficientScope).then(|| "a:write".parse().unwrap());
    (row, environment, scopes)
}

const LIMIT_OF_ONE: RateLimit = RateLimit { limit: Some(1), window_seconds: 60, burst: None };
const QUOTA_OF_ONE: crate::model::Quota =
    crate::model::Quota { limit: 1, period: crate::model::QuotaPeriod::Total };

#[test]
fn the_first_rule_that_fails_is_the_answer() {
    for (place, expected) in VerifyCode::ALL.iter().enumerate().skip(1) {
        let (row, environment, scopes) = broken_from(place);
        let bench = Bench::new(api(7), row);
        // Two requests at once exceed limit and quota by one.
        let question = Question { environment, scopes: scopes.as_ref(), cost: 2, ..bench.question() };
        let verdict = bench.ask(&question, NOW, Duration::ZERO);
        assert_eq!(verdict.code, *expected);
        let failed: Vec<_> = verdict
            .checks(&question)
            .into_iter()
            .filter(|check| check.result == CheckResult::Failed)
            .map(|check| check.rule)
            .collect();
        assert_eq!(failed, [*expected]);
    }
}

#[test]
fn explanations_name_every_rule_once_and_in_order() {
    let bench = Bench::new(api(7), row());
    let verdict = bench.ask_now();
    let checks = verdict.checks(&bench.question());
    assert!(checks.iter().all(|check| check.result == CheckResult::Passed && !check.observed.is_empty()));
    let rules: Vec<_> = checks.into_iter().map(|check| check.rule).collect();
    assert_eq!(rules, VerifyCode::ALL[1..]);
}

#[test]
fn ends_count_from_their_very_moment() {
    for (end, expected) in [
        (NOW.plus_millis(1), VerifyCode::Valid),
        (NOW, VerifyCode::Expired),
        (NOW.plus_millis(-1), VerifyCode::Expired),
    ] {
        let bench = Bench::new(api(7), KeyRow { expires_at: Some(end), ..row() });
        assert_eq!(bench.ask_now().code, expected);
    }
}

#[test]
fn a_secret_past_its_grace_is_unknown_but_the_key_is_named() {
    let bench = Bench::new(api(7), KeyRow { secret_expires_at: Some(NOW), ..row() });
    let verdict = bench.ask_now();
    assert_eq!(verdict.code, VerifyCode::NotFound);
    let error = verdict.error(&bench.question());
    assert_eq!(error.code, crate::error::Code::InvalidApiKey);
    assert_eq!(error.details["key_id"], KeyId::from_u128(1).to_string());
}

#[test]
fn about_another_api_s_key_only_the_code_is_shown() {
    let states = [
        (KeyRow { api_no: 8, ..row() }, VerifyCode::WrongApi),
        (KeyRow { api_no: 8, revoked_at: Some(NOW), ..row() }, VerifyCode::Revoked),
        (KeyRow { api_no: 8, expires_at: Some(NOW), ..row() }, VerifyCode::Expired),
        (KeyRow { api_no: 8, secret_expires_at: Some(NOW), ..row() }, VerifyCode::NotFound),
    ];
    for (row, expected) in states {
        let bench = Bench::new(api(7), row);
        let verdict = bench.ask_now();
        assert_eq!(verdict.code, expected);
        assert!(verdict.known_entry().is_none() && verdict.holds().is_none());
        assert!(verdict.error(&bench.question()).details.is_empty());
        let id = KeyId::from_u128(1).to_string();
        assert!(verdict.checks(&bench.question()).iter().all(|check| !check.observed.contains(&id)));
        let key = verdict.holder().and_then(Bearer::key);
        assert_eq!(key.map(|key| key.no), Some(1), "the log names it all the same");
    }
}

#[test]
fn networks_bind_and_match_ipv4_mapped_ipv6() {
    let row = KeyRow { allowed_ips: Some("192.0.2.0/24 2001:db8::/32".into()), ..row() };
    let bench = Bench::new(api(7), row);
    for (ip, expected) in [
        (Some("192.0.2.200"), VerifyCode::Valid),
        (Some("::ffff:192.0.2.200"), VerifyCode::Valid),
        (Some("2001:db8::1"), VerifyCode::Valid),
        (Some("192.0.3.1"), VerifyCode::IpNotAllowed),
        (Some("::1"), VerifyCode::IpNotAllowed),
        (None, VerifyCode::IpNotAllowed),
    ] {
        let question = Question { ip: ip.map(|ip| ip.parse().unwrap()), ..bench.question() };
        assert_eq!(bench.ask(&question, NOW, Duration::ZERO).code, expected, "{ip:?}");
    }
}

#[test]
fn a_scope_that_grants_all_satisfies_every_expression() {
    let wanted: ScopeExpr = "a:read AND a:write".parse().unwrap();
    for (scopes, expected) in [
        ("a:read", VerifyCode::InsufficientScope),
        ("a:read a:write", VerifyCode::Valid),
        ("admin", VerifyCode::Valid),
    ] {
        let bench = Bench::new(api(7), KeyRow { scopes: scopes.into(), ..row() });
        let question = Question { scopes: Some(&wanted), ..bench.question() };
        assert_eq!(bench.ask(&question, NOW, Duration::ZERO).code, expected, "{scopes}");
    }
}

#[test]
fn a_person_s_key_holds_what_the_person_holds() {
    for (role, scopes, expected) in [
        (Role::Owner, "a:read a:write", "a:read a:write"),
        (Role::Viewer, "a:read a:write", "a:read"),
        (Role::Viewer, "admin", "a:read"),
        (Role::Member, "a:read", ""),
    ] {
        let row = KeyRow { user: Some(person(role)), scopes: scopes.into(), ..row() };
        let verdict = Bench::new(api(7), row).ask_now();
        assert_eq!(&*verdict.holds().unwrap().text, expected, "{role} {scopes}");
    }
    let disabled = KeyUser { disabled: true, ..person(Role::Owner) };
    let bench = Bench::new(api(7), KeyRow { user: Some(disabled), ..row() });
    assert_eq!(bench.ask_now().code, VerifyCode::Disabled);
}

#[test]
fn an_open_api_admits_every_key_and_tokens_that_hold_one_of_its_scopes() {
    let token = |scopes: &str| {
        let scopes = scopes.parse().unwrap();
        Bearer::Token(Box::new(Identity {
            kind: IdentityKind::Token,
            api_no: Some(7),
            scopes,
            ..Identity::anonymous()
        }))
    };
    for (open, scopes, expected) in [
        (true, "a:read", VerifyCode::Valid),
        (true, "admin", VerifyCode::Valid),
        (true, "openid", VerifyCode::InsufficientScope),
        (true, "", VerifyCode::InsufficientScope),
        (false, "", VerifyCode::Valid),
    ] {
        let bench = Bench::new(Api { open, ..api(7) }, KeyRow { scopes: scopes.into(), ..row() });
        let at = At(NOW, Duration::ZERO);
        let verdict = bench.engine.judge(token(scopes), &bench.question(), NOW, &at).unwrap();
        assert_eq!(verdict.code, expected, "a token with {scopes:?}, open: {open}");
        assert_eq!(bench.ask_now().code, VerifyCode::Valid, "a key with {scopes:?}, open: {open}");
    }
    // A question that names scopes is answered by them alone.
    let wanted: ScopeExpr = "other".parse().unwrap();
    let bench = Bench::new(Api { open: true, ..api(7) }, row());
    let question = Question { scopes: Some(&wanted), ..bench.question() };
    assert_eq!(bench.ask(&question, NOW, Duration::ZERO).code, VerifyCode::InsufficientScope);
}

#[test]
fn a_test_key_answers_only_questions_for_one() {
    let bench = Bench::new(api(7), KeyRow { environment: Environment::Test, ..row() });
    for (environment, expected) in [
        (RequestedEnvironment::Test, VerifyCode::Valid),
        (RequestedEnvironment::Any, VerifyCode::Valid),
        (RequestedEnvironment::Live, VerifyCode::WrongEnvironment),
    ] {
        let question = Question { environment, ..bench.question() };
        assert_eq!(bench.ask(&question, NOW, Duration::ZERO).code, expected, "{environment}");
    }
}
