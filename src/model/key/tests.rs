use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn any_environment() -> impl Strategy<Value = Environment> {
    prop::sample::select(Environment::ALL)
}

fn any_key() -> impl Strategy<Value = (KeyPrefix, Environment, KeySecret)> {
    ("[a-z][a-z0-9]{0,15}", any_environment(), any::<[u8; 32]>()).prop_map(|(prefix, environment, random)| {
        let prefix = prefix.parse().unwrap();
        (prefix, environment, KeySecret::generate(prefix, environment, &random))
    })
}

fn is_ours(text: &str) -> bool {
    matches!(inspect(text), Shape::Ours { .. })
}

proptest! {
    #[test]
    fn what_was_made_is_ours((prefix, environment, key) in any_key()) {
        let (prefix, text) = (prefix.as_str(), key.expose());
        prop_assert_eq!(inspect(text), Shape::Ours { prefix, environment });
        prop_assert_eq!(text.len(), prefix.len() + 6 + 32 + 6);
        let random = text.strip_prefix(&format!("{prefix}_{environment}_")).unwrap();
        prop_assert_eq!((key.start(), key.end()), (&random[..4], &random[28..32]));
        prop_assert_eq!(key.hash(), SecretHash::of(text));
    }

    #[test]
    fn one_wrong_character_is_never_ours((_, _, key) in any_key(), place in any::<prop::sample::Index>(), to in "[A-Za-z0-9_]|\\PC") {
        let text = key.expose();
        let place = place.index(text.len());
        prop_assume!(text[place..=place] != to);
        let changed = [&text[..place], &to, &text[place + 1..]].concat();
        prop_assert!(!is_ours(&changed));
        prop_assert_ne!(SecretHash::of(&changed), key.hash());
    }

    #[test]
    fn two_neighbours_exchanged_are_never_ours((_, _, key) in any_key(), place in any::<prop::sample::Index>()) {
        let mut bytes = key.expose().as_bytes().to_vec();
        let place = place.index(bytes.len() - 1);
        prop_assume!(bytes[place] != bytes[place + 1]);
        bytes.swap(place, place + 1);
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(!is_ours(&changed));
    }

    #[test]
    fn our_shape_with_any_other_checksum_is_recognised((prefix, environment, key) in any_key(), checksum in "[A-Za-z0-9]{6}") {
        let covered = &key.expose()[..key.expose().len() - 6];
        let forged = format!("{covered}{checksum}");
        prop_assume!(forged != key.expose());
        prop_assert_eq!(inspect(&forged), Shape::BadChecksum { prefix: prefix.as_str(), environment });
    }

    #[test]
    fn shorter_and_longer_are_foreign((_, _, key) in any_key(), more in "[A-Za-z0-9]{1,100}", cut in 1..38_usize) {
        let text = key.expose();
        let longer = format!("{text}{more}");
        prop_assert_eq!(inspect(&longer), Shape::Foreign);
        prop_assert_eq!(inspect(&text[..text.len() - cut]), Shape::Foreign);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*", body in "\\PC{30,40}") {
        let _ = inspect(&text);
        let _ = inspect(&format!("afdb_live_{body}"));
    }

    #[test]
    fn prefixes_are_accepted_exactly_when_the_pattern_matches(good in "[a-z][a-z0-9]{0,15}", other in "\\PC{0,18}") {
        let prefix: KeyPrefix = good.parse().unwrap();
        prop_assert_eq!(prefix.to_string(), good);
        let letters = other.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let fits = letters && other.len() <= 16 && other.starts_with(|c: char| c.is_ascii_lowercase());
        prop_assert_eq!(other.parse::<KeyPrefix>().is_ok(), fits);
    }
}

/// Computed by another program: big-number division and zlib's `crc32`.
#[test]
fn the_format_is_this_one() {
    let make = |prefix: &str, environment, random| {
        KeySecret::generate(prefix.parse().unwrap(), environment, &random).expose().to_owned()
    };
    let counting = std::array::from_fn(|index| index as u8);
    assert_eq!(make("afdb", Environment::Live, counting), "afdb_live_jlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf49a2zu");
    assert_eq!(make("kw", Environment::Test, [255; 32]), "kw_test_1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp13a3VRr");
    assert_eq!(make("a", Environment::Live, [0; 32]), "a_live_000000000000000000000000000000004KRQTh");
}

#[test]
fn other_shapes_are_foreign() {
    for text in [
        "",
        "_",
        "__",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "afdb_live_",
        "afdb_prod_jlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf49a2zu",
        "AFDB_live_jlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf49a2zu",
        "4fdb_live_jlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf49a2zu",
        "_live_jlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf49a2zu",
        "af_db_live_jlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf49a2zu",
        "afdb_live_jlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf49a2z-",
        "afdb_live_jlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf49a2zu\n",
        " afdb_live_jlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf49a2zu",
        "abcdefghijklmnopq_live_jlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf49a2zu",
        &"a".repeat(1 << 20),
    ] {
        assert_eq!(inspect(text), Shape::Foreign, "{text:.80}");
    }
}

/// 32 characters of 20,000 keys: each digit is expected 10,323 times at a standard deviation of about 101, and
/// each digit of the first place 323 times at about 18. The inputs are fixed, so this never fails by chance.
#[test]
fn every_digit_is_as_frequent_as_the_others() {
    let digit = |byte| ALPHABET.iter().position(|&digit| digit == byte).unwrap();
    let (mut anywhere, mut first, mut keys) = ([0_u32; 62], [0_u32; 62], HashSet::new());
    for seed in 0..20_000_u32 {
        let digits = random_digits(SecretHash::of(&seed.to_string()).as_bytes());
        digits.iter().for_each(|&byte| anywhere[digit(byte)] += 1);
        first[digit(digits[0])] += 1;
        keys.insert(*digits);
    }
    assert_eq!(keys.len(), 20_000);
    assert!(anywhere.iter().all(|count| count.abs_diff(10_323) < 5 * 101), "{anywhere:?}");
    assert!(first.iter().all(|count| count.abs_diff(323) < 5 * 18), "{first:?}");
}

#[test]
fn debug_shows_nothing() {
    let key = KeySecret::generate("afdb".parse().unwrap(), Environment::Live, &[7; 32]);
    assert_eq!(format!("{key:?} {key:#?}"), "KeySecret(…) KeySecret(…)");
}

#[test]
fn a_question_that_names_no_environment_means_live() {
    use Environment::{Live, Test};
    let accepted = |asked: RequestedEnvironment| (asked.accepts(Live), asked.accepts(Test));
    assert_eq!(accepted(RequestedEnvironment::default()), (true, false));
    assert_eq!(accepted("test".parse().unwrap()), (false, true));
    assert_eq!(accepted("any".parse().unwrap()), (true, true));
    assert_eq!(Environment::default(), Live);
}

#[test]
fn a_route_of_either_environment_asks_for_any() {
    for (asked, only) in [
        (RequestedEnvironment::Live, Some(Environment::Live)),
        (RequestedEnvironment::Test, Some(Environment::Test)),
        (RequestedEnvironment::Any, None),
    ] {
        assert_eq!((asked.only(), Option::<Environment>::from(asked)), (only, only));
        assert_eq!(RequestedEnvironment::from(only), asked);
    }
}

#[test]
fn a_wrong_prefix_is_answered_with_the_rule() {
    let error = "4fdb".parse::<KeyPrefix>().unwrap_err().to_string();
    assert_eq!(error, "Use 1 to 16 lowercase letters and digits for the key prefix, a letter first.");
    assert_eq!(format!("{:?}", "afdb".parse::<KeyPrefix>().unwrap()), "\"afdb\"");
}
