//! Access tokens and sessions pass the same rules, limits and explanation as keys.

use super::*;
use crate::error::Error;
use crate::model::activity::{Outcome, Reason};
use crate::model::{ClientId, GrantId, Identity, IdentityKind, UserId};

fn token(scopes: &str) -> Identity {
    Identity {
        kind: IdentityKind::Token,
        user: Some((5, UserId::from_u128(5), Role::Member)),
        client: Some((6, ClientId::from_u128(6))),
        grant: Some((9, GrantId::from_u128(9))),
        api_no: Some(7),
        scopes: scopes.parse().unwrap(),
        ..Identity::anonymous()
    }
}

fn judge(bench: &Bench, identity: Identity, question: &Question<'_>) -> Verdict {
    let bearer = Bearer::Token(Box::new(identity));
    bench.engine.judge(bearer, question, NOW, &At(NOW, Duration::ZERO)).unwrap()
}

#[test]
fn a_token_is_refused_by_the_same_rules_as_a_key() {
    let wanted: ScopeExpr = "a:write".parse().unwrap();
    for (api_no, environment, scopes, expected) in [
        (7, RequestedEnvironment::Live, "a:write", VerifyCode::Valid),
        (7, RequestedEnvironment::Any, "admin", VerifyCode::Valid),
        (7, RequestedEnvironment::Live, "a:read", VerifyCode::InsufficientScope),
        (7, RequestedEnvironment::Test, "a:write", VerifyCode::WrongEnvironment),
        (8, RequestedEnvironment::Test, "a:read", VerifyCode::WrongApi),
    ] {
        let key = KeyRow { api_no, scopes: scopes.into(), ..row() };
        let bench = Bench::new(api(7), key);
        let question = Question { environment, scopes: Some(&wanted), ..bench.question() };
        let identity = Identity { api_no: Some(api_no), ..token(scopes) };
        let verdict = judge(&bench, identity, &question);
        assert_eq!(verdict.code, expected, "{scopes}");
        assert_eq!(bench.ask(&question, NOW, Duration::ZERO).code, expected, "the key with {scopes}");
        let checks = verdict.checks(&question);
        let rules: Vec<_> = checks.iter().map(|check| check.rule).collect();
        assert_eq!(rules, VerifyCode::ALL[1..], "one explanation for both");
        let failed = checks.iter().find(|check| check.result == CheckResult::Failed).map(|check| check.rule);
        assert_eq!(failed, Some(expected).filter(|code| *code != VerifyCode::Valid));
    }
}

#[test]
fn a_token_counts_for_its_grant_or_its_user_in_the_token_tier() {
    for (per, other_shares) in [(LimitPer::Key, false), (LimitPer::User, true)] {
        let mut api = api(7);
        api.tiers = vec![tier("default", None, LimitPer::Key), tier("tokens", Some(1), per)];
        api.token_tier = "tokens".to_owned();
        let bench = Bench::new(api, row());
        let verdict = judge(&bench, token("a:read"), &bench.question());
        assert_eq!((verdict.code, verdict.tier()), (VerifyCode::Valid, Some("tokens")));
        let refused = judge(&bench, token("a:read"), &bench.question());
        assert_eq!(refused.code, VerifyCode::RateLimited);
        assert_eq!(refused.outcome(), (Outcome::Limited, Reason::RateLimited));
        let error = refused.error(&bench.question());
        assert_eq!(error.details["limit"], 1);
        assert_eq!(error.retry_after_seconds, refused.retry_after_seconds());
        let other = Identity { grant: Some((10, GrantId::from_u128(10))), ..token("a:read") };
        let other = judge(&bench, other, &bench.question()).code;
        assert_eq!(other == VerifyCode::RateLimited, other_shares, "{per:?}");
        assert_eq!(bench.ask_now().code, VerifyCode::Valid, "a key has a bucket of its own");
    }
}

#[tokio::test]
async fn an_invalid_token_has_its_own_error() {
    let world = crate::domain::testing::World::new().await;
    let api = world.services.catalog.get().built_in().clone();
    let question =
        Question { api: &api, scopes: None, environment: RequestedEnvironment::Live, cost: 1, ip: None };
    let ask = |error: Error| {
        world.services.engine.ask_token(&world.services, Err(error), &question, world.now()).unwrap()
    };
    let invalid = ask(Error::invalid_token());
    assert_eq!(
        (invalid.code, invalid.outcome()),
        (VerifyCode::NotFound, (Outcome::Refused, Reason::InvalidToken))
    );
    assert_eq!(invalid.error(&question).code, crate::error::Code::InvalidToken);
    let expired = ask(Error::new(crate::error::Code::ExpiredToken, "The access token has expired"));
    assert_eq!((expired.code, expired.outcome()), (VerifyCode::Expired, (Outcome::Refused, Reason::Expired)));
    assert_eq!(expired.error(&question).code, crate::error::Code::ExpiredToken);
    assert!(expired.holder().is_none());
    let down = Error::unavailable("the store cannot be read");
    assert!(world.services.engine.ask_token(&world.services, Err(down), &question, world.now()).is_err());
    let elsewhere = Identity { api_no: Some(api.no + 1), ..token("a:read") };
    let verdict =
        world.services.engine.ask_token(&world.services, Ok(elsewhere), &question, world.now()).unwrap();
    assert_eq!(verdict.code, VerifyCode::WrongApi);
    assert_eq!(verdict.error(&question).code, crate::error::Code::InvalidToken, "RFC 9068, section 4");
    assert!(verdict.known().is_none());
}
