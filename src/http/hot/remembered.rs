//! Texts that come again and again, read once.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use crate::locks;

/// Texts kept; beyond, all are forgotten and come again.
const CAPACITY: usize = 256;
/// Longer texts are read each time.
const LONGEST: usize = 512;

/// What texts say.
pub(super) struct Remembered<T>(RwLock<HashMap<Box<str>, Arc<T>>>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> Remembered<T> {
    /// What `text` says, by `read` if it is new; failures are not remembered.
    ///
    /// # Errors
    /// Those of `read`.
    pub(super) fn get<E>(&self, text: &str, read: impl FnOnce(&str) -> Result<T, E>) -> Result<Arc<T>, E> {
        if let Some(known) = locks::read(&self.0).get(text) {
            return Ok(known.clone());
        }
        let value = Arc::new(read(text)?);
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
