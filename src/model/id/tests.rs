use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn any_time() -> impl Strategy<Value = Timestamp> {
    (0..=Timestamp::MAX.millis()).prop_map(Timestamp::from_millis)
}

proptest! {
    #[test]
    fn every_id_survives_its_text(uuid in any::<u128>()) {
        let id = KeyId::from_u128(uuid);
        let text = id.to_string();
        prop_assert_eq!(text.len(), LENGTH);
        prop_assert_eq!(text.parse(), Ok(id));
        prop_assert_eq!(KeyId::from_bytes(id.to_bytes()), id);
        let json = serde_json::to_string(&id).unwrap();
        prop_assert_eq!(&json, &format!("\"{text}\""));
        prop_assert_eq!(serde_json::from_str::<KeyId>(&json).unwrap(), id);
    }

    #[test]
    fn text_bytes_and_numbers_have_one_order(a in any::<u128>(), b in any::<u128>()) {
        let (x, y) = (UserId::from_u128(a), UserId::from_u128(b));
        prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        prop_assert_eq!(x.cmp(&y), x.to_bytes().cmp(&y.to_bytes()));
        prop_assert_eq!(x.cmp(&y), x.to_string().cmp(&y.to_string()));
    }

    #[test]
    fn new_ids_know_and_sort_by_their_time(
        a in any_time(), b in any_time(), random in any::<([u8; 10], [u8; 10])>(),
    ) {
        let (x, y) = (KeyId::new(a, random.0), KeyId::new(b, random.1));
        prop_assert_eq!((x.at(), y.at()), (a, b));
        if a != b {
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
        }
    }

    #[test]
    fn the_layout_is_version_7(at in any_time(), random in any::<[u8; 10]>()) {
        let bytes = SessionId::new(at, random).to_bytes();
        prop_assert_eq!(&bytes[..6], &at.millis().to_be_bytes()[2..]);
        prop_assert_eq!(bytes[6] >> 4, 7);
        prop_assert_eq!(bytes[8] >> 6, 0b10);
    }

    #[test]
    fn each_of_74_random_bits_counts(at in any_time(), random in any::<u128>(), bit in 0..74_u32) {
        let bytes = |random: u128| random.to_be_bytes()[6..].try_into().unwrap();
        let (one, other) = (GrantId::new(at, bytes(random)), GrantId::new(at, bytes(random ^ 1 << bit)));
        prop_assert_ne!(one, other);
    }

    #[test]
    fn activity_ids_carry_time_and_number(at in any_time(), no in any::<i64>()) {
        let id = ActivityId::of(at, no);
        prop_assert_eq!((id.at(), id.no()), (at, no));
        prop_assert_eq!(id.to_bytes()[6] >> 4, 7);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn activity_ids_of_one_moment_sort_by_number(at in any_time(), a in 0..i64::MAX, b in 0..i64::MAX) {
        prop_assert_eq!(ActivityId::of(at, a).cmp(&ActivityId::of(at, b)), a.cmp(&b));
    }

    #[test]
    fn there_is_one_text_per_id(uuid in any::<u128>(), place in 0..LENGTH, character in any::<char>()) {
        let text = KeyId::from_u128(uuid).to_string();
        let changed: String =
            text.chars().enumerate().map(|(at, old)| if at == place { character } else { old }).collect();
        match changed.parse::<KeyId>() {
            Ok(id) => prop_assert_eq!(id.to_string(), changed),
            Err(error) => prop_assert_eq!(error, IdError { prefix: "key" }),
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*", suffix in "\\PC{0,30}") {
        let _ = text.parse::<KeyId>();
        let _ = format!("key_{suffix}").parse::<KeyId>();
    }
}

#[test]
fn the_examples_of_the_type_id_specification_hold() {
    // From the specification's file of valid examples.
    for (suffix, uuid) in [
        ("00000000000000000000000000", 0),
        ("00000000000000000000000001", 1),
        ("0000000000000000000000000a", 10),
        ("0000000000000000000000000g", 16),
        ("00000000000000000000000010", 32),
        ("7zzzzzzzzzzzzzzzzzzzzzzzzz", u128::MAX),
        ("0123456789abcdefghjkmnpqrs", 0x0110c853_1d09_52d8_d73e_1194e95b5f19),
        ("01h455vb4pex5vsknk084sn02q", 0x01890a5d_ac96_774b_bcce_b302099a8057),
    ] {
        assert_eq!(KeyId::from_u128(uuid).to_string(), format!("key_{suffix}"));
    }
}

#[test]
fn what_is_no_id_is_refused() {
    for text in [
        "",
        "key",
        "key_",
        "key_01h455vb4pex5vsknk084sn02",
        "key_01h455vb4pex5vsknk084sn02qq",
        "key_81h455vb4pex5vsknk084sn02q",
        "key_01H455VB4PEX5VSKNK084SN02Q",
        "key_01h455vb4pex5vsknk084sn02u",
        "KEY_01h455vb4pex5vsknk084sn02q",
        "usr_01h455vb4pex5vsknk084sn02q",
        "key-01h455vb4pex5vsknk084sn02q",
        "01h455vb4pex5vsknk084sn02q",
        " key_01h455vb4pex5vsknk084sn02q",
    ] {
        assert_eq!(text.parse::<KeyId>(), Err(IdError { prefix: "key" }), "{text}");
    }
}

#[test]
fn no_two_kinds_share_a_prefix() {
    let prefixes = PREFIXES;
    assert_eq!(prefixes.iter().collect::<HashSet<_>>().len(), prefixes.len());
}

#[test]
fn the_error_says_what_to_send() {
    let error = IdError { prefix: "key" }.to_string();
    assert_eq!(error, "Give an id that starts with key_ and has 26 characters after it.");
}
