//! Authentication methods of a session: the `amr` of RFC 8176.

use std::fmt;
use std::str::FromStr;

/// A set of authentication methods. It grows only when a method is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuthMethods(u8);

impl AuthMethods {
    /// No method.
    pub const NONE: Self = Self(0);
    /// A password (`pwd`).
    pub const PASSWORD: Self = Self(1);
    /// A one-time code of an authenticator app, or a recovery code (`otp`).
    pub const ONE_TIME_CODE: Self = Self(1 << 1);

    const NAMES: [(Self, &'static str); 2] = [(Self::PASSWORD, "pwd"), (Self::ONE_TIME_CODE, "otp")];

    /// Union of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every method of `other` is in the set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the set has two independent factors.
    pub const fn is_multi_factor(self) -> bool {
        self.contains(Self::PASSWORD.and(Self::ONE_TIME_CODE))
    }

    /// Names of RFC 8176, section 2.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(method, _)| self.contains(*method)).map(|(_, name)| name)
    }
}

/// Names separated by single spaces, as stored.
impl fmt::Display for AuthMethods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// An unknown authentication method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownAuthMethod;

impl fmt::Display for UnknownAuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an unknown authentication method")
    }
}

impl std::error::Error for UnknownAuthMethod {}

impl FromStr for AuthMethods {
    type Err = UnknownAuthMethod;

    fn from_str(text: &str) -> Result<Self, UnknownAuthMethod> {
        text.split_ascii_whitespace().try_fold(Self::NONE, |methods, word| {
            let known = Self::NAMES.into_iter().find(|(_, name)| *name == word);
            known.map(|(method, _)| methods.and(method)).ok_or(UnknownAuthMethod)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_survive_the_store_and_add_up() {
        let both = AuthMethods::PASSWORD.and(AuthMethods::ONE_TIME_CODE);
        for (methods, text) in [(AuthMethods::NONE, ""), (AuthMethods::PASSWORD, "pwd"), (both, "pwd otp")] {
            assert_eq!(methods.to_string(), text);
            assert_eq!(text.parse(), Ok(methods));
        }
        assert_eq!("pwd face".parse::<AuthMethods>(), Err(UnknownAuthMethod));
        assert_eq!(UnknownAuthMethod.to_string(), "an unknown authentication method");
    }

    #[test]
    fn one_factor_twice_is_one_factor() {
        assert_eq!(AuthMethods::PASSWORD.and(AuthMethods::PASSWORD), AuthMethods::PASSWORD);
        assert!(!AuthMethods::PASSWORD.is_multi_factor());
        assert!(!AuthMethods::ONE_TIME_CODE.is_multi_factor());
        assert!(AuthMethods::PASSWORD.and(AuthMethods::ONE_TIME_CODE).is_multi_factor());
    }
}
