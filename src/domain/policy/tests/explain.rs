//! What an explanation says about each rule.

use super::*;
use crate::error::Error;
use crate::model::{ClientId, Identity, IdentityKind, Quota, QuotaPeriod, UserId};

/// What each rule saw, in order; empty where a rule before it failed.
fn seen(verdict: &Verdict, question: &Question<'_>) -> Vec<String> {
    verdict.checks(question).into_iter().map(|check| check.observed).collect()
}

#[test]
fn every_rule_says_what_it_saw_of_a_good_key() {
    let bench = Bench::new(api(7), row());
    let id = KeyId::from_u128(1);
    assert_eq!(
        seen(&bench.ask_now(), &bench.question()),
        [
            &format!("the key {id}"),
            "not revoked",
            "not disabled",
            "no end is set",
            "a key of api7",
            "a live key; asked for live",
            "no address; every address is allowed",
            "holds \"a:read\"; nothing was asked for",
            "default: unlimited",
            "no quota",
        ]
    );
}

#[test]
fn limits_say_what_is_left() {
    let row = KeyRow {
        secret_expires_at: Some(NOW.plus_seconds(60)),
        expires_at: Some(NOW.plus_seconds(120)),
        allowed_ips: Some("192.0.2.0/24 2001:db8::/32".into()),
        ratelimit: Some(RateLimit { limit: Some(10), window_seconds: 60, burst: None }),
        quota: Some(Quota { limit: 5, period: QuotaPeriod::Day }),
        quota_period_at: QuotaPeriod::Day.start(NOW),
        ..row()
    };
    let bench = Bench::new(api(7), row);
    let wanted: ScopeExpr = "a:read".parse().unwrap();
    let ip = Some("::ffff:192.0.2.1".parse().unwrap());
    let question = Question { scopes: Some(&wanted), ip, ..bench.question() };
    let verdict = bench.ask(&question, NOW, Duration::ZERO);
    let seen = seen(&verdict, &question);
    let ends = NOW.plus_seconds(60);
    assert!(seen[0].ends_with(&format!(", by a secret that was replaced and ends at {ends}")), "{}", seen[0]);
    assert_eq!(seen[3], format!("ends at {}", NOW.plus_seconds(120)));
    assert_eq!(seen[6], "192.0.2.1; allowed are 192.0.2.0/24, 2001:db8::/32");
    assert_eq!(seen[7], "holds \"a:read\"; asked for \"a:read\"");
    assert_eq!(seen[8], "its own limit: 10 in 60 s, 9 left at once");
    assert_eq!(seen[9], "1 of 5 used in this period (day)");
    assert_eq!(verdict.quota.unwrap().remaining(), 4);
}

#[test]
fn the_rule_that_failed_says_why_and_later_ones_nothing() {
    let at = NOW.plus_seconds(-1);
    let disabled = KeyUser { disabled: true, ..person(Role::Owner) };
    for (row, place, why) in [
        (KeyRow { revoked_at: Some(at), ..row() }, 1, format!("revoked at {at}")),
        (KeyRow { disabled_at: Some(at), ..row() }, 2, format!("disabled at {at}")),
        (KeyRow { user: Some(disabled), ..row() }, 2, format!("its user {} is disabled", disabled.id)),
        (KeyRow { expires_at: Some(at), ..row() }, 3, format!("ends at {at}")),
        (KeyRow { api_no: 8, ..row() }, 4, "a key of another API".to_owned()),
    ] {
        let bench = Bench::new(api(7), row);
        let seen = seen(&bench.ask_now(), &bench.question());
        assert_eq!(seen[place], why);
        assert!(seen[place + 1..].iter().all(String::is_empty), "{seen:?}");
    }
    let enabled = KeyRow { user: Some(person(Role::Owner)), ..row() };
    let bench = Bench::new(api(7), enabled);
    assert_eq!(seen(&bench.ask_now(), &bench.question())[2], "not disabled");
}

#[test]
fn of_a_key_of_another_api_nothing_but_that_is_shown() {
    let bench = Bench::new(api(7), KeyRow { api_no: 8, ..row() });
    let seen = seen(&bench.ask_now(), &bench.question());
    assert_eq!(seen[..4], ["not shown, since the credential is for another API"; 4]);
}

#[test]
fn a_text_that_is_no_key_says_which_kind_of_text() {
    let bench = Bench::new(api(7), row());
    for (unknown, why) in [
        (Unknown::TooLong, "the text is longer than any key"),
        (Unknown::Mistyped, "the checksum is wrong: the key is mistyped or invented"),
        (Unknown::NoSuchKey, "no key has this secret"),
        (Unknown::Token(Box::new(Error::invalid_token())), "The access token is invalid"),
    ] {
        assert_eq!(seen(&Verdict::unknown(unknown), &bench.question())[0], why);
    }
}

#[test]
fn tokens_and_sessions_say_for_whom_they_are() {
    let bench = Bench::new(api(7), row());
    let (user, client) = (UserId::from_u128(5), ClientId::from_u128(6));
    let by = Some((5, user, Role::Member));
    let of = Some((6, client));
    for (kind, user, client, whose, what) in [
        (
            IdentityKind::Token,
            by,
            of,
            format!("a token of the client {client} for {user}"),
            "a token of api7",
        ),
        (IdentityKind::Token, None, of, format!("a token of the client {client}"), "a token of api7"),
        (IdentityKind::Token, None, None, "a token".to_owned(), "a token of api7"),
        (IdentityKind::Session, by, None, format!("a session of {user}"), "a session of api7"),
    ] {
        let scopes = "a:read".parse().unwrap();
        let identity = Identity { kind, user, client, api_no: Some(7), scopes, ..Identity::anonymous() };
        let bearer = Bearer::Token(Box::new(identity));
        let verdict = bench.engine.judge(bearer, &bench.question(), NOW, &At(NOW, Duration::ZERO)).unwrap();
        let seen = seen(&verdict, &bench.question());
        assert_eq!((&seen[0], seen[4].as_str()), (&whose, what));
        assert_eq!(seen[1..4], ["not revoked", "not disabled", "not expired"]);
    }
}
