//! Requirements of a password: long enough, and not easy to guess. No rules about kinds of characters (NIST SP 800-63B,
//! section 3.1.1.2).

use zxcvbn::{Score, zxcvbn};

use crate::error::{Error, Result};
use crate::model::Secret;

/// Minimum length, in characters.
pub const MIN_CHARACTERS: usize = 8;
/// Maximum length, in characters; all of them count.
pub const MAX_CHARACTERS: usize = 256;
/// Minimum strength: a weaker password is found in fewer than a million guesses.
const MIN_SCORE: Score = Score::Two;
/// Shorter words of the context are too common inside other words.
const MIN_WORD: usize = 4;
/// Length that is estimated: further characters only raise the strength and slow the estimate.
const ESTIMATED_CHARACTERS: usize = 64;

/// Refuses texts that cannot be a password, at sign-in and at a change.
///
/// # Errors
/// `INVALID_REQUEST` for `field`.
pub fn check_length(field: &str, password: &Secret) -> Result<()> {
    let text = password.expose();
    // A character has one to four bytes, so 10 kB are refused without counting.
    let too_long = text.len() > 4 * MAX_CHARACTERS || text.chars().count() > MAX_CHARACTERS;
    if text.contains('\0') {
        return Err(Error::invalid(field, "A password cannot hold the character NUL."));
    }
    if too_long || text.chars().count() < MIN_CHARACTERS {
        return Err(Error::invalid(field, "Use 8 to 256 characters."));
    }
    Ok(())
}

/// Refuses passwords that are guessed first: the commonest leaked ones, patterns, and words of the context (OWASP ASVS
/// 5, 6.2.4, 6.2.11 and 6.2.12).
pub(super) fn check_strength(field: &str, password: &Secret, context: &Context) -> Result<()> {
    let start: String = password.expose().chars().take(ESTIMATED_CHARACTERS).collect();
    let start = Secret::new(start);
    let words: Vec<&str> = context.0.iter().map(String::as_str).collect();
    let estimate = zxcvbn(start.expose(), &words);
    let easy = estimate.score() < MIN_SCORE;
    let mut reason = "This password is too easy to guess.".to_owned();
    match context.words_in(password.expose()) {
        // The rest must be strong without the words of the context.
        Some((word, rest)) if easy || rest < MIN_CHARACTERS => {
            let reason = format!("{reason} It is built from \"{word}\", which is guessed first.");
            return Err(Error::invalid(field, reason));
        }
        _ if !easy => return Ok(()),
        _ => {}
    }
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

/// Words that an attacker of this instance and this person guesses first.
#[derive(Debug, Clone, Default)]
pub struct Context(Vec<String>);

impl Context {
    /// The words of `texts` (names, slugs, hosts, addresses): each text whole, without its separators, and in parts.
    pub fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut words = Vec::new();
        for text in texts {
            let text = text.to_lowercase();
            let parts: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
            let all = [text.clone(), parts.concat()].into_iter().chain(parts.into_iter().map(str::to_owned));
            for word in all {
                if word.chars().count() >= MIN_WORD && !words.contains(&word) {
                    words.push(word);
                }
            }
        }
        Self(words)
    }

    /// The longest word that `password` contains, and the number of its characters without all such words, spaces and
    /// punctuation. The usual replacements of letters are undone.
    fn words_in(&self, password: &str) -> Option<(&str, usize)> {
        let mut rest = plain(password);
        let mut words: Vec<&String> = self.0.iter().collect();
        words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let mut found = None;
        for word in words {
            let without = Secret::new(rest.expose().replace(plain(word).expose(), ""));
            if without != rest {
                found = found.or(Some(word.as_str()));
                rest = without;
            }
        }
        found.map(|word| {
            (word, rest.expose().chars().filter(|c| !c.is_whitespace() && !c.is_ascii_punctuation()).count())
        })
    }
}

/// A text in lower case, with the usual replacements of letters undone.
fn plain(text: &str) -> Secret {
    Secret::new(text.to_lowercase().chars().map(letter).collect())
}

/// The letter that a sign or digit replaces in passwords such as `p4ssw0rd`.
fn letter(character: char) -> char {
    match character {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        other => other,
    }
}
