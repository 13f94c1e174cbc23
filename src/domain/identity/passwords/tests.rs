use super::*;
use crate::error::Code;
use crate::model::Network;

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

#[test]
fn a_stored_hash_is_read_back_and_fits_its_password_alone() {
    let mut memory = Vec::new();
    let made = PasswordHash::new(&secret("correct horse"), [7; 16], &mut memory);
    let text = made.to_string();
    assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$"), "{text}");
    let read: PasswordHash = text.parse().unwrap();
    assert!(read.fits(&secret("correct horse"), &mut memory));
    assert!(!read.fits(&secret("correct horsf"), &mut memory));
    assert!(!PasswordHash::dummy().fits(&secret("correct horse"), &mut memory));
    assert_eq!(format!("{read:?}"), "PasswordHash(…)");
}

#[test]
fn text_of_another_form_is_not_a_hash() {
    for text in
        ["", "$argon2i$v=19$m=1,t=1,p=1$AAAA$AAAA", "$2b$10$abc", "$argon2id$v=19$m=x,t=2,p=1$AAAA$AAAA"]
    {
        assert!(text.parse::<PasswordHash>().is_err(), "{text}");
    }
}

#[test]
fn length_is_counted_in_characters_and_nul_is_refused() {
    for (text, fine) in [
        ("1234567".to_owned(), false),
        ("12345678".to_owned(), true),
        ("ü".repeat(256), true),
        ("ü".repeat(257), false),
        ("x".repeat(10_240), false),
        ("long enough\0but not text".to_owned(), false),
    ] {
        let answer = check_length("password", &secret(&text));
        assert_eq!(answer.is_ok(), fine, "{} characters", text.chars().count());
    }
}

#[tokio::test]
async fn common_passwords_are_refused_with_advice() {
    let passwords = Passwords::start(Size { threads: 1, waiting: 4 }).unwrap();
    let about = Context::of(["margarethe.olufsen@example.com", "Margarethe Olufsen"]);
    for weak in ["password", "12345678", "qwertyuiop", "margarethe", "Password1!", "aaaaaaaaaaaa"] {
        let refused = passwords
            .hash_new(Network::UNKNOWN, "password", secret(weak), about.clone(), [1; 16])
            .await
            .unwrap_err();
        assert_eq!(refused.code, Code::InvalidRequest, "{weak}");
        assert!(refused.details["password"].as_str().unwrap().contains("guess"), "{refused:?}");
    }
    let hash = passwords
        .hash_new(Network::UNKNOWN, "password", secret("correct horse battery staple"), about, [1; 16])
        .await
        .unwrap();
    assert!(
        passwords.verify(Network::UNKNOWN, secret("correct horse battery staple"), Some(hash)).await.unwrap()
    );
}

#[tokio::test]
async fn sixty_four_characters_count_whole_and_an_empty_password_is_refused() {
    let passwords = Passwords::start(Size { threads: 1, waiting: 4 }).unwrap();
    let long = "correct horse battery staple ".repeat(3);
    let (long, other) = (long[..64].to_owned(), format!("{}x", &long[..63]));
    let hash = passwords
        .hash_new(Network::UNKNOWN, "password", secret(&long), Context::default(), [1; 16])
        .await
        .unwrap();
    assert!(passwords.verify(Network::UNKNOWN, secret(&long), Some(hash.clone())).await.unwrap());
    assert!(!passwords.verify(Network::UNKNOWN, secret(&other), Some(hash)).await.unwrap());
    assert!(!passwords.verify(Network::UNKNOWN, secret(&long), None).await.unwrap());
}

#[tokio::test]
async fn words_of_the_context_are_refused_by_name() {
    let passwords = Passwords::start(Size { threads: 1, waiting: 4 }).unwrap();
    let context = Context::of([
        "keywright",
        "Acme Robotics",
        "auth.acme-robotics.example",
        "ada.lovelace@example.com",
        "AI for Database",
        "afdb",
    ]);
    for (weak, word) in [
        ("keywright2026", "keywright"),
        ("Keywright!2026", "keywright"),
        ("K3ywr1ght!!", "keywright"),
        ("acmerobotics1", "acmerobotics"),
        ("ACME-Robotics", "robotics"),
        ("keywright-afdb-2026", "keywright"),
        ("ada.lovelace.1815", "lovelace"),
        ("aifordatabase", "aifordatabase"),
        ("afdb20262026", "afdb"),
        ("lovelace1815", "lovelace"),
    ] {
        let refused = passwords
            .hash_new(Network::UNKNOWN, "password", secret(weak), context.clone(), [1; 16])
            .await
            .unwrap_err();
        let reason = refused.details["password"].as_str().unwrap();
        assert!(reason.contains(word), "{weak}: {reason}");
    }
    let good = secret("keywright sorts purple umbrellas");
    passwords.hash_new(Network::UNKNOWN, "password", good, context, [1; 16]).await.unwrap();
}

#[tokio::test]
async fn the_commonest_leaked_passwords_are_refused() {
    let passwords = Passwords::start(Size { threads: 1, waiting: 4 }).unwrap();
    for weak in [
        "password1",
        "Password123",
        "P@ssw0rd",
        "P@ssw0rd1",
        "qwerty123",
        "1q2w3e4r",
        "1q2w3e4r5t",
        "iloveyou1",
        "sunshine1",
        "princess1",
        "football1",
        "trustno1",
        "abcd1234",
        "welcome1",
        "Welcome123",
        "Aa123456",
        "1qaz2wsx",
        "zaq12wsx",
        "admin123",
        "letmein123",
        "changeme1",
        "monkey123",
        "dragon123",
        "superman1",
        "11111111",
        "123456789",
        "1234567890",
        "987654321",
        "qazwsxedc",
        "asdfghjkl",
        "Summer2024",
        "baseball1",
    ] {
        let refused =
            passwords.hash_new(Network::UNKNOWN, "password", secret(weak), Context::default(), [1; 16]).await;
        assert!(refused.is_err(), "{weak}");
    }
}
