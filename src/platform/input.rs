//! Validation of requests: one error lists all problems, by field.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The problems of one request, field by field.
#[derive(Debug, Default)]
pub struct Problems(Map<String, Value>);

impl Problems {
    /// Adds the problem of `field`; the first one of a field is kept.
    pub fn add(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.0.entry(field).or_insert_with(|| Value::String(reason.into()));
    }

    /// The value of a check; on failure adds its problem and returns none.
    pub fn take<T>(
        &mut self,
        field: &str,
        checked: std::result::Result<T, impl std::fmt::Display>,
    ) -> Option<T> {
        checked.map_err(|reason| self.add(field, reason.to_string())).ok()
    }

    /// `Ok` if there are no problems.
    ///
    /// # Errors
    /// `INVALID_REQUEST` with every problem.
    pub fn check(self) -> Result<()> {
        Error::invalid_fields(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_in_one_answer() {
        let mut problems = Problems::default();
        problems.add("name", "Use 1 to 120 characters.");
        problems.add("slug", "first");
        problems.add("slug", "second");
        let details = problems.check().unwrap_err().details;
        assert_eq!(details.len(), 2);
        assert_eq!(details["slug"], "first");
        Problems::default().check().unwrap();
    }
}
