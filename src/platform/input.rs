//! What callers write, checked: every problem of a request is told at once, each under the name of its field.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The longest name of anything, in characters.
const MAX_NAME: usize = 120;
/// The longest description, in characters.
const MAX_DESCRIPTION: usize = 500;

/// The problems of one request, field by field.
#[derive(Debug, Default)]
pub struct Problems(Map<String, Value>);

impl Problems {
    /// Notes what is wrong with `field`; the first word on a field stands.
    pub fn add(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.0.entry(field).or_insert_with(|| Value::String(reason.into()));
    }

    /// Takes the value out of a check, or notes its problem.
    pub fn take<T>(
        &mut self,
        field: &str,
        checked: std::result::Result<T, impl std::fmt::Display>,
    ) -> Option<T> {
        checked.map_err(|reason| self.add(field, reason.to_string())).ok()
    }

    /// Goes on when there is nothing to say.
    ///
    /// # Errors
    /// `INVALID_REQUEST` with every problem.
    pub fn check(self) -> Result<()> {
        Error::invalid_fields(self.0)
    }
}

/// A name as it is kept: without spaces around it.
///
/// # Errors
/// A sentence when it is empty, longer than 120 characters or holds control characters.
pub fn name(text: &str) -> std::result::Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_NAME {
        return Err("Use 1 to 120 characters.");
    }
    if text.chars().any(is_unprintable) {
        return Err("Leave out control characters and line breaks.");
    }
    Ok(text.to_owned())
}

/// A description as it is kept; it may be empty.
///
/// # Errors
/// A sentence when it is longer than 500 characters or holds control characters.
pub fn description(text: &str) -> std::result::Result<String, &'static str> {
    let text = text.trim();
    if text.chars().count() > MAX_DESCRIPTION {
        return Err("Use at most 500 characters.");
    }
    if text.chars().any(is_unprintable) {
        return Err("Leave out control characters and line breaks.");
    }
    Ok(text.to_owned())
}

/// Control characters, and those that turn or hide the text around them: names are shown to people who decide by
/// them.
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(name("  Production Backend ").as_deref(), Ok("Production Backend"));
        assert_eq!(name(&"ü".repeat(120)), Ok("ü".repeat(120)));
        for wrong in ["", "  ", &"x".repeat(121), "a\nb", "a\u{0}b", "a\u{202e}b", "\u{1b}[31m"] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(description("").as_deref(), Ok(""));
        assert!(description(&"x".repeat(501)).is_err());
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let mut problems = Problems::default();
        problems.add("name", "Use 1 to 120 characters.");
        problems.add("slug", "first");
        problems.add("slug", "second");
        let told = problems.check().unwrap_err().details;
        assert_eq!(told.len(), 2);
        assert_eq!(told["slug"], "first");
        Problems::default().check().unwrap();
    }
}
