//! Scopes and sets of them.

use std::{fmt, ops::Deref, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::string_enum::FromText;

/// The name of one permission of an API, for example `queries:read`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Arc<str>);

impl Scope {
    /// Maximum length, in characters.
    pub const MAX_LENGTH: usize = 64;

    /// The scope of this name: `[A-Za-z0-9._:/*-]{1,64}`, but neither `AND` nor `OR`.
    pub fn new(name: &str) -> Result<Self, ScopeError> {
        match name {
            "" => Err(ScopeError::Empty),
            "AND" | "OR" => Err(ScopeError::Reserved),
            _ if name.len() > Self::MAX_LENGTH => Err(ScopeError::TooLong),
            _ if !name.bytes().all(is_scope_byte) => Err(ScopeError::BadCharacter),
            _ => Ok(Self(name.into())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the name of a scope may contain this byte.
pub(super) const fn is_scope_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'/' | b'*' | b'-')
}

/// Reason why a text is not the name of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScopeError {
    /// It is empty.
    Empty,
    /// It has more than [`Scope::MAX_LENGTH`] characters.
    TooLong,
    /// It has a character that scope names do not have.
    BadCharacter,
    /// It is `AND` or `OR`, the words of scope expressions.
    Reserved,
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Give the scope a name.",
            Self::TooLong => "Use at most 64 characters for a scope's name.",
            Self::BadCharacter => "Use only letters, digits and . _ : / * - in a scope's name.",
            Self::Reserved => "Choose another name: AND and OR are the words of scope expressions.",
        })
    }
}

impl std::error::Error for ScopeError {}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(name: &str) -> Result<Self, ScopeError> {
        Self::new(name)
    }
}

impl Deref for Scope {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText::new("queries:read"))
    }
}

/// A set of scopes; cheap to clone.
///
/// As text the names are separated by spaces (RFC 6749, section 3.3), in JSON they are an array; sorted in both.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct ScopeSet(Arc<[Scope]>);

impl ScopeSet {
    /// The empty set.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Whether the set has the scope of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.0.binary_search_by(|scope| scope.as_str().cmp(name)).is_ok()
    }

    /// Whether `other` has every scope of this set.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|scope| other.contains(scope))
    }

    /// Intersection.
    pub fn intersection(&self, other: &Self) -> Self {
        self.retain(|scope| other.contains(scope))
    }

    /// Difference: the scopes that `other` does not have.
    pub fn difference(&self, other: &Self) -> Self {
        self.retain(|scope| !other.contains(scope))
    }

    /// Union.
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other).cloned().collect()
    }

    /// The scopes for which `keep` returns true.
    pub fn retain(&self, keep: impl Fn(&Scope) -> bool) -> Self {
        // The order is kept, so sorting is not needed.
        Self(self.iter().filter(|scope| keep(scope)).cloned().collect())
    }

    /// The scopes, sorted by name.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }

    /// Number of scopes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a ScopeSet {
    type Item = &'a Scope;
    type IntoIter = std::slice::Iter<'a, Scope>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut scopes: Vec<Scope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes.into())
    }
}

impl FromStr for ScopeSet {
    type Err = ScopeError;

    /// Names separated by one or more spaces; an empty text is the empty set.
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        text.split(' ').filter(|name| !name.is_empty()).map(Scope::new).collect()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope)?;
        }
        Ok(())
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Scope>::deserialize(deserializer).map(Self::from_iter)
    }
}

#[cfg(test)]
mod tests;
