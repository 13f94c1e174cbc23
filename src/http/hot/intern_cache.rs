//! Parsed texts, cached by their source.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use crate::locks;

/// Largest number of entries. A full cache is emptied.
const CAPACITY: usize = 256;
/// Longest text that is cached, in bytes. Longer texts are parsed each time.
const LONGEST: usize = 512;

/// Parsed values by text.
pub(super) struct InternCache<T>(RwLock<HashMap<Box<str>, Arc<T>>>);

impl<T> Default for InternCache<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> InternCache<T> {
    /// The value of `text`: cached, or parsed by `parse`. Failures are not cached.
    ///
    /// # Errors
    /// Those of `parse`.
    pub(super) fn get<E>(&self, text: &str, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<Arc<T>, E> {
        if let Some(known) = locks::read(&self.0).get(text) {
            return Ok(known.clone());
        }
        let value = Arc::new(parse(text)?);
        if text.len() <= LONGEST {
            let mut known = locks::write(&self.0);
            if known.len() >= CAPACITY {
                known.clear();
            }
            known.insert(text.into(), value.clone());
        }
        Ok(value)
    }
}
