use super::*;
use crate::error::Code;

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
    assert!(!PasswordHash::of_nobody().fits(&secret("correct horse"), &mut memory));
    assert_eq!(format!("{read:?}"), "PasswordHash(…)");
}

#[test]
fn a_text_of_another_kind_is_no_hash() {
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
async fn what_is_guessed_first_is_refused_with_advice() {
    let passwords = Passwords::start(Size { threads: 1, waiting: 4 }).unwrap();
    let about = vec!["margarethe.olufsen@example.com".to_owned(), "Margarethe Olufsen".to_owned()];
    for weak in ["password", "12345678", "qwertyuiop", "margarethe", "Password1!", "aaaaaaaaaaaa"] {
        let refused = passwords.hash_new("password", secret(weak), about.clone(), [1; 16]).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidRequest, "{weak}");
        assert!(refused.details["password"].as_str().unwrap().contains("guess"), "{refused:?}");
    }
    let hash =
        passwords.hash_new("password", secret("correct horse battery staple"), about, [1; 16]).await.unwrap();
    assert!(passwords.verify(secret("correct horse battery staple"), Some(hash)).await.unwrap());
}

#[tokio::test]
async fn sixty_four_characters_count_whole_and_nobody_has_no_password() {
    let passwords = Passwords::start(Size { threads: 1, waiting: 4 }).unwrap();
    let long = "correct horse battery staple ".repeat(3);
    let (long, other) = (long[..64].to_owned(), format!("{}x", &long[..63]));
    let hash = passwords.hash_new("password", secret(&long), vec![], [1; 16]).await.unwrap();
    assert!(passwords.verify(secret(&long), Some(hash.clone())).await.unwrap());
    assert!(!passwords.verify(secret(&other), Some(hash)).await.unwrap());
    assert!(!passwords.verify(secret(&long), None).await.unwrap());
}
