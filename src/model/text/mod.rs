//! Names and descriptions that people decide by, under one rule.
//!
//! A name is shown where a person allows or refuses something, so it must be what it looks like: no character that is
//! invisible, blank, or reorders text (Unicode Technical Report 36, Technical Standard 39).

mod characters;
mod own_name;

pub use self::characters::deceptive;
pub use self::own_name::looks_like_own_name;

/// Maximum length of a name, in characters. The dashboard's `MAX_NAME` is the same.
pub const MAX_NAME: usize = 120;
/// Maximum length of a description, in characters.
const MAX_DESCRIPTION: usize = 500;

/// Normalises a name for storage: without spaces around it.
///
/// # Errors
/// A sentence for the caller when it is empty, longer than 120 characters or has a deceptive character.
pub fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_NAME {
        return Err(format!("Use 1 to {MAX_NAME} characters."));
    }
    check(text)?;
    Ok(text.to_owned())
}

/// Normalises the name of a client, which must not look like Keywright itself: people consent to it.
///
/// # Errors
/// As [`name`], and when it is or looks like the name of this product.
pub fn client_name(text: &str) -> Result<String, String> {
    let name = name(text)?;
    if looks_like_own_name(&name) {
        return Err("This name looks like Keywright's own; use another.".to_owned());
    }
    Ok(name)
}

/// Normalises a description for storage; it may be empty.
///
/// # Errors
/// A sentence for the caller when it is longer than 500 characters or has a deceptive character.
pub fn description(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().count() > MAX_DESCRIPTION {
        return Err(format!("Use at most {MAX_DESCRIPTION} characters."));
    }
    check(text)?;
    Ok(text.to_owned())
}

/// Refuses text with a deceptive character, and names the character.
///
/// # Errors
/// A sentence for the caller.
pub fn check(text: &str) -> Result<(), String> {
    match deceptive(text) {
        Some(character) => Err(format!(
            "Leave out U+{:04X}: it is invisible, blank, or changes how the text around it is shown.",
            u32::from(character)
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(name("  Production Backend ").as_deref(), Ok("Production Backend"));
        assert_eq!(name(&"ü".repeat(120)), Ok("ü".repeat(120)));
        for wrong in ["", "  ", "\u{3000}", &"x".repeat(121), "a\nb", "a\u{0}b", "a\u{202e}b", "\u{1b}[31m"] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(description("").as_deref(), Ok(""));
        assert_eq!(description(&"ü".repeat(500)), Ok("ü".repeat(500)));
        assert!(description(&"x".repeat(501)).is_err());
        assert!(description("Read\u{2067} everything").is_err());
    }

    #[test]
    fn the_refused_character_is_named() {
        let reason = name("Ada\u{ad} Lovelace").unwrap_err();
        assert!(reason.contains("U+00AD"), "{reason}");
    }

    #[test]
    fn a_client_cannot_have_the_name_of_this_product() {
        assert!(client_name("Keywright").is_err());
        assert!(client_name("Grafana").is_ok());
        assert!(name("Keywright").is_ok());
    }
}
