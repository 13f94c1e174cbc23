//! Redaction of keys in untrusted texts, such as URLs, before the texts are stored.

use std::borrow::Cow;
use std::ops::Range;

use super::Environment;

/// Minimum length of the run after the environment; a shorter one is not a key of ours.
const SHORTEST: usize = 16;

/// Whether the text contains what looks like an API key: `afdb_live_` and a long run of letters and digits, also with
/// percent escapes.
pub fn holds_key(text: &str) -> bool {
    next(text, 0).is_some() || unescaped(text).is_some_and(|plain| next(&plain, 0).is_some())
}

/// The text without secrets: `/v1/queries?key=afdb_live_…`. Escapes are kept unless they hide a key.
pub fn redact(text: &str) -> Cow<'_, str> {
    match unescaped(text).filter(|plain| next(plain, 0).is_some()) {
        Some(plain) => Cow::Owned(redacted(&plain).into_owned()),
        None => redacted(text),
    }
}

/// The text with its percent escapes decoded; none without escapes.
fn unescaped(text: &str) -> Option<String> {
    let (mut rest, mut plain) = (text, Vec::new());
    while let Some(at) = rest.find('%') {
        let hex = |at: usize| rest.as_bytes().get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let escape = hex(at + 1).zip(hex(at + 2)).and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
        plain.extend_from_slice(&rest.as_bytes()[..at]);
        plain.push(escape.unwrap_or(b'%'));
        rest = &rest[at + if escape.is_some() { 3 } else { 1 }..];
    }
    if plain.is_empty() {
        return None;
    }
    plain.extend_from_slice(rest.as_bytes());
    Some(String::from_utf8_lossy(&plain).into_owned())
}

fn redacted(text: &str) -> Cow<'_, str> {
    let Some(mut secret) = next(text, 0) else { return Cow::Borrowed(text) };
    let (mut safe, mut done) = (String::with_capacity(text.len()), 0);
    loop {
        safe.push_str(&text[done..secret.start]);
        safe.push('…');
        done = secret.end;
        match next(text, done) {
            Some(further) => secret = further,
            None => break,
        }
    }
    safe.push_str(&text[done..]);
    Cow::Owned(safe)
}

/// Secret part of the first key that begins at or after `from`.
fn next(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = from;
    // Underscores are rarer than letters, and every key has two.
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'_') {
        at += found + 1;
        let has_prefix = at >= 2 && bytes[at - 2].is_ascii_alphanumeric();
        for environment in [Environment::Live, Environment::Test] {
            let Some(rest) = text[at..].strip_prefix(environment.as_str()) else { continue };
            let Some(secret) = rest.strip_prefix('_') else { continue };
            let length = secret.bytes().take_while(u8::is_ascii_alphanumeric).count();
            if has_prefix && length >= SHORTEST {
                let start = text.len() - secret.len();
                return Some(start..start + length);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::KeySecret;

    #[test]
    fn keys_are_found_at_any_position() {
        let key = KeySecret::generate("afdb".parse().unwrap(), Environment::Test, &[9; 32]);
        let key = key.expose();
        for (text, safe) in [
            (format!("/v1/queries?key={key}"), "/v1/queries?key=afdb_test_…".to_owned()),
            (format!("/{key}/x"), "/afdb_test_…/x".to_owned()),
            (format!("{key}&{key}"), "afdb_test_…&afdb_test_…".to_owned()),
            (format!("größe_{key}ß"), "größe_afdb_test_…ß".to_owned()),
            (format!("/a%20b?key={}", key.replace('_', "%5F")), "/a b?key=afdb_test_…".to_owned()),
            (format!("%zz/{}", key.replace('t', "%74")), "%zz/afdb_test_…".to_owned()),
        ] {
            assert!(holds_key(&text));
            assert_eq!(redact(&text), safe);
        }
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in [
            "",
            "_",
            "/v1/queries?limit=10",
            "/a%20b%2fc%",
            "%",
            "/a_live_b",
            "/x_test_results",
            "_live_0123456789abcdefghij",
            "/ab-_live_0123456789abcdefghij",
            "a_ß",
        ] {
            assert!(!holds_key(text), "{text}");
            assert!(matches!(redact(text), Cow::Borrowed(same) if same == text));
        }
    }
}
