//! The text of an API key: `{prefix}_{live|test}_{32 base62 characters}{6 base62 characters}`.
//!
//! The last six are the CRC-32 (ISO-HDLC) of everything before them: it separates a mistyped or invented key from a
//! real one without a database access, and lets secret scanners be certain of a match.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize, Zeroizing};

use super::{
    ascii::Ascii,
    secret::Secret,
    secret_hash::SecretHash,
    string_enum::{FromText, string_enum},
};

/// The digits of base62, lowest first.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 6;
/// Maximum length of a key of our form, in characters: `_live_` and `_test_` have six.
const LONGEST: usize = KeyPrefix::MAX_LENGTH + 6 + RANDOM_LENGTH + CHECKSUM_LENGTH;
/// Visible characters of the random part, at each of its ends.
const SHOWN_LENGTH: usize = 4;

string_enum! {
    /// Environment of a key.
    #[derive(Default)]
    Environment {
        /// Production.
        #[default]
        Live = "live",
        /// Tests.
        Test = "test",
    }
}

string_enum! {
    /// Environment that a request accepts; the default is `live`.
    #[derive(Default)]
    RequestedEnvironment {
        /// Live keys only.
        #[default]
        Live = "live",
        /// Test keys only.
        Test = "test",
        /// Both.
        Any = "any",
    }
}

impl RequestedEnvironment {
    /// Whether it accepts a key of `environment`.
    pub fn accepts(self, environment: Environment) -> bool {
        match self {
            Self::Live => environment == Environment::Live,
            Self::Test => environment == Environment::Test,
            Self::Any => true,
        }
    }

    /// The only accepted environment; none when both are.
    pub const fn only(self) -> Option<Environment> {
        match self {
            Self::Live => Some(Environment::Live),
            Self::Test => Some(Environment::Test),
            Self::Any => None,
        }
    }
}

impl From<RequestedEnvironment> for Option<Environment> {
    /// None if both are accepted.
    fn from(asked: RequestedEnvironment) -> Self {
        asked.only()
    }
}

impl From<Option<Environment>> for RequestedEnvironment {
    /// None accepts both.
    fn from(only: Option<Environment>) -> Self {
        match only {
            Some(Environment::Live) => Self::Live,
            Some(Environment::Test) => Self::Test,
            None => Self::Any,
        }
    }
}

/// Prefix of an API's keys: `[a-z][a-z0-9]{0,15}`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPrefix(Ascii<{ KeyPrefix::MAX_LENGTH }>);

impl KeyPrefix {
    /// Maximum length, in characters.
    pub const MAX_LENGTH: usize = 16;

    /// The prefix, without the `_` after it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_prefix(text: &str) -> bool {
    text.len() <= KeyPrefix::MAX_LENGTH
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// A text that is not a [`KeyPrefix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPrefixError;

impl fmt::Display for KeyPrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Use 1 to 16 lowercase letters and digits for the key prefix, a letter first.")
    }
}

impl std::error::Error for KeyPrefixError {}

impl FromStr for KeyPrefix {
    type Err = KeyPrefixError;

    fn from_str(text: &str) -> Result<Self, KeyPrefixError> {
        if !is_prefix(text) {
            return Err(KeyPrefixError);
        }
        let mut prefix = Ascii::new();
        prefix.push_str(text);
        Ok(Self(prefix))
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for KeyPrefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for KeyPrefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText::new("afdb"))
    }
}

/// A key in the clear, for one response. Its `Debug` is `KeySecret(…)`, it is not serialisable, and it wipes its
/// memory.
pub struct KeySecret(Secret);

impl KeySecret {
    /// A new key from 256 random bits, of which 190.5 are in the text.
    pub fn generate(prefix: KeyPrefix, environment: Environment, random: &[u8; 32]) -> Self {
        // Allocated at its full size: a string that grows leaves copies of the secret.
        let mut text = String::with_capacity(LONGEST);
        text.extend([prefix.as_str(), "_", environment.as_str(), "_"]);
        let digits = random_digits(random);
        text.extend(digits.iter().map(|&digit| char::from(digit)));
        let checksum = checksum(&text);
        text.extend(checksum.map(char::from));
        Self(Secret::new(text))
    }

    /// The whole key.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The stored hash.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.expose())
    }

    /// First four characters of the random part, which people recognise the key by.
    pub fn start(&self) -> &str {
        &self.random_part()[..SHOWN_LENGTH]
    }

    /// Last four characters of the random part.
    pub fn end(&self) -> &str {
        &self.random_part()[RANDOM_LENGTH - SHOWN_LENGTH..]
    }

    fn random_part(&self) -> &str {
        let end = self.expose().len() - CHECKSUM_LENGTH;
        &self.expose()[end - RANDOM_LENGTH..end]
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySecret(…)")
    }
}

/// The lowest 32 base62 digits of `random` as a number.
///
/// No value is rejected and the distribution is uniform up to a bias below 2^-65: 2^256 numbers map onto 62^32 ≈
/// 2^190.5 texts, so that some texts get one more of about 2^65.5 numbers.
fn random_digits(random: &[u8; 32]) -> Zeroizing<[u8; RANDOM_LENGTH]> {
    let mut limbs = Zeroizing::new([0_u32; 8]);
    for (limb, bytes) in limbs.iter_mut().zip(random.chunks_exact(4)) {
        *limb = bytes.iter().fold(0, |limb, &byte| limb << 8 | u32::from(byte));
    }
    let mut digits = Zeroizing::new([0; RANDOM_LENGTH]);
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u64;
        for limb in limbs.iter_mut() {
            let dividend = remainder << 32 | u64::from(*limb);
            *limb = (dividend / 62) as u32;
            remainder = dividend % 62;
        }
        *digit = ALPHABET[remainder as usize];
        remainder.zeroize();
    }
    digits
}

fn checksum(text: &str) -> [u8; CHECKSUM_LENGTH] {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [0; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

/// Properties of a presented key that its text alone shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape<'a> {
    /// Our format with a valid checksum.
    Ours {
        /// Its prefix.
        prefix: &'a str,
        /// Its environment.
        environment: Environment,
    },
    /// Our format with an invalid checksum: mistyped or invented, unless it was imported.
    BadChecksum {
        /// Its prefix.
        prefix: &'a str,
        /// Its environment.
        environment: Environment,
    },
    /// Other; only an imported key can have this form.
    Foreign,
}

/// Inspects a presented key without an allocation; accepts any text of any length.
pub fn inspect(candidate: &str) -> Shape<'_> {
    let Some((prefix, environment)) = split(candidate) else { return Shape::Foreign };
    // The form is ASCII only, so that the index is a character boundary.
    let (covered, given) = candidate.split_at(candidate.len() - CHECKSUM_LENGTH);
    if checksum(covered) == given.as_bytes() {
        Shape::Ours { prefix, environment }
    } else {
        Shape::BadChecksum { prefix, environment }
    }
}

/// Prefix and environment, if the text has exactly our format.
fn split(candidate: &str) -> Option<(&str, Environment)> {
    if candidate.len() > LONGEST {
        return None;
    }
    let (prefix, rest) = candidate.split_once('_')?;
    let (environment, body) = rest.split_once('_')?;
    let fits = is_prefix(prefix)
        && body.len() == RANDOM_LENGTH + CHECKSUM_LENGTH
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits { Some((prefix, environment.parse().ok()?)) } else { None }
}

#[cfg(test)]
mod tests;
