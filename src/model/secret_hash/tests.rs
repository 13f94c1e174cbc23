use proptest::prelude::*;

use super::SecretHash;

/// FIPS 180-4's example for "abc".
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

proptest! {
    #[test]
    fn survives_its_text_in_either_case(bytes in any::<[u8; 32]>()) {
        let hash = SecretHash::from_bytes(bytes);
        prop_assert_eq!(hash.as_bytes(), &bytes);
        let text = hash.to_string();
        prop_assert_eq!(text.parse(), Ok(hash));
        prop_assert_eq!(text.to_uppercase().parse(), Ok(hash));
    }

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*", wide in "\\PC{64}") {
        let _ = text.parse::<SecretHash>();
        let _ = wide.parse::<SecretHash>();
    }
}

#[test]
fn it_is_sha_256() {
    assert_eq!(SecretHash::of("abc").to_string(), ABC);
    assert_eq!(format!("{:?}", SecretHash::of("abc")), ABC);
    assert_eq!(ABC.parse(), Ok(SecretHash::of("abc")));
    assert_eq!(serde_json::from_str::<SecretHash>(&format!("{ABC:?}")).unwrap(), SecretHash::of("abc"));
}

#[test]
fn other_text_is_refused() {
    for text in ["", "abc", &ABC[1..], &format!("{ABC}0"), &ABC.replace('a', "g"), &"é".repeat(32)] {
        let error = text.parse::<SecretHash>().unwrap_err().to_string();
        assert_eq!(error, "Give the SHA-256 of the key as 64 hexadecimal digits.", "{text}");
    }
}
