//! What a password must be like: long enough and not among the first that somebody would guess. No rules about
//! kinds of characters (NIST SP 800-63B, section 3.1.1.2).

use zxcvbn::{Score, zxcvbn};

use crate::error::{Error, Result};
use crate::model::Secret;

/// The shortest password, in characters.
pub const MIN_CHARACTERS: usize = 8;
/// The longest password, in characters; all of them count.
pub const MAX_CHARACTERS: usize = 256;
/// Below this, fewer than a million guesses find it.
const MIN_SCORE: Score = Score::Two;
/// As far as strength is estimated: more characters only make it better, and the estimate slower.
const ESTIMATED_CHARACTERS: usize = 64;

/// Refuses what cannot be anybody's password, at sign-in as well as at a change.
///
/// # Errors
/// `INVALID_REQUEST` about `field`.
pub fn check_length(field: &str, password: &Secret) -> Result<()> {
    let text = password.expose();
    // A character has one to four bytes: enough to refuse 10 kB without counting them.
    let too_long = text.len() > 4 * MAX_CHARACTERS || text.chars().count() > MAX_CHARACTERS;
    if text.contains('\0') {
        return Err(Error::invalid(field, "A password cannot hold the character NUL."));
    }
    if too_long || text.chars().count() < MIN_CHARACTERS {
        return Err(Error::invalid(field, "Use 8 to 256 characters."));
    }
    Ok(())
}

/// Refuses what is guessed first: common passwords, names, patterns, and what is known about the person.
pub(super) fn check_strength(field: &str, password: &Secret, about: &[String]) -> Result<()> {
    let start: String = password.expose().chars().take(ESTIMATED_CHARACTERS).collect();
    let start = Secret::new(start);
    let about: Vec<&str> = about.iter().flat_map(|text| parts(text)).collect();
    let estimate = zxcvbn(start.expose(), &about);
    if estimate.score() >= MIN_SCORE {
        return Ok(());
    }
    let mut reason = "This password is too easy to guess.".to_owned();
    if let Some(feedback) = estimate.feedback() {
        if let Some(warning) = feedback.warning() {
            reason = format!("{reason} {warning}");
        }
        for suggestion in feedback.suggestions() {
            reason = format!("{reason} {suggestion}");
        }
    }
    Err(Error::invalid(field, reason))
}

/// A name or an address, whole and in its parts.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2);
    std::iter::once(text).chain(words)
}
