//! The parameters of an OAuth request.

use std::fmt;

use super::error::{OAuthError, Result};
use crate::model::Secret;

/// Maximum number of parameters of one request.
const MAX_PARAMS: usize = 64;

/// Parameters by name. Its `Debug` shows only the names.
#[derive(Clone, Default)]
pub struct Params(Vec<(String, Secret)>);

impl Params {
    /// Collects decoded names and values. An empty value counts as absent (RFC 6749, section 3.1).
    ///
    /// # Errors
    /// `invalid_request` for a repeated parameter (RFC 6749, sections 3.1 and 3.2), and for too many.
    pub fn collect(pairs: impl IntoIterator<Item = Result<(String, String)>>) -> Result<Self> {
        let mut params: Vec<(String, Secret)> = Vec::new();
        for pair in pairs {
            let (name, value) = pair?;
            if params.iter().any(|(known, _)| *known == name) {
                return Err(OAuthError::invalid_request("A parameter was sent twice"));
            }
            if params.len() == MAX_PARAMS {
                return Err(OAuthError::invalid_request("There are too many parameters"));
            }
            params.push((name, Secret::new(value)));
        }
        Ok(Self(params))
    }

    /// Value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name)?;
        Some(found.1.expose()).filter(|value| !value.is_empty())
    }

    /// A required parameter.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn need(&self, name: &'static str) -> Result<&str> {
        self.get(name).ok_or_else(|| OAuthError::invalid_request(format!("The parameter {name} is missing")))
    }

    /// A required secret parameter.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn need_secret(&self, name: &'static str) -> Result<Secret> {
        self.need(name).map(|value| Secret::new(value.to_owned()))
    }

    /// Whether any of these is present.
    pub fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.get(name).is_some())
    }

    /// Every parameter, as sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.expose()))
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
impl Params {
    /// Parameters written as `a=1&b=2`, without escapes.
    pub(crate) fn plain(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let split =
            |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self::collect(pairs.map(|pair| Ok(split(pair).unwrap()))).unwrap()
    }
}
