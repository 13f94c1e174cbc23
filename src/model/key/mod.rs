//! The text of an API key: `{prefix}_{live|test}_{32 base62 characters}{6 base62 characters}`.
//!
//! The last six are the CRC-32 (ISO-HDLC) of everything before them, so that a mistyped or invented key is told
//! from a real one without a look into the database, and a secret scanner can be sure of a find.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize, Zeroizing};

use super::{
    ascii::Ascii,
    secret::Secret,
    secret_hash::SecretHash,
    words::{FromText, word_enum},
};

/// The digits of base62, lowest first.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 6;
/// The longest key of our form, in characters: `_live_` and `_test_` have six.
const LONGEST: usize = KeyPrefix::MAX_LENGTH + 6 + RANDOM_LENGTH + CHECKSUM_LENGTH;
/// Characters of the random part that people may see, at each of its ends.
const SHOWN_LENGTH: usize = 4;

word_enum! {
    /// What a key is for.
    #[derive(Default)]
    Environment {
        /// The real thing.
        #[default]
        Live = "live",
        /// Trying things out.
        Test = "test",
    }
}

word_enum! {
    /// The environment that a question accepts; one that names none means `live`.
    #[derive(Default)]
    AskedEnvironment {
        /// Live keys only.
        #[default]
        Live = "live",
        /// Test keys only.
        Test = "test",
        /// Either.
        Any = "any",
    }
}

impl AskedEnvironment {
    /// Whether a key of `environment` is an answer to this question.
    pub fn accepts(self, environment: Environment) -> bool {
        match self {
            Self::Live => environment == Environment::Live,
            Self::Test => environment == Environment::Test,
            Self::Any => true,
        }
    }

    /// The one environment that is accepted; none when either is.
    pub const fn only(self) -> Option<Environment> {
        match self {
            Self::Live => Some(Environment::Live),
            Self::Test => Some(Environment::Test),
            Self::Any => None,
        }
    }
}

impl From<AskedEnvironment> for Option<Environment> {
    /// None where either is accepted.
    fn from(asked: AskedEnvironment) -> Self {
        asked.only()
    }
}

impl From<Option<Environment>> for AskedEnvironment {
    /// None accepts either.
    fn from(only: Option<Environment>) -> Self {
        match only {
            Some(Environment::Live) => Self::Live,
            Some(Environment::Test) => Self::Test,
            None => Self::Any,
        }
    }
}

/// What an API's keys start with: `[a-z][a-z0-9]{0,15}`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPrefix(Ascii<{ KeyPrefix::MAX_LENGTH }>);

impl KeyPrefix {
    /// The longest prefix, in characters.
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

/// A text that is no [`KeyPrefix`].
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

/// A key as its holder sees it, once. Prints as `KeySecret(…)`, never travels by itself, wipes its memory.
pub struct KeySecret(Secret);

impl KeySecret {
    /// A new key from 256 random bits, of which 190.5 reach the text.
    pub fn generate(prefix: KeyPrefix, environment: Environment, random: &[u8; 32]) -> Self {
        // Sized at once: a string that grows leaves copies of the secret behind.
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

    /// What the database knows it by.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.expose())
    }

    /// The first four characters of the random part, for people to recognise the key by.
    pub fn start(&self) -> &str {
        &self.random_part()[..SHOWN_LENGTH]
    }

    /// The last four characters of the random part.
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

/// The lowest 32 digits of `random` as one big number in base62.
///
/// Nothing is rejected and yet every text is as likely as any other: 2^256 numbers fall onto 62^32 ≈ 2^190.5
/// texts, so that some texts get one more of about 2^65.5 numbers each, a bias below 2^-65.
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

/// What can be told about a presented key from its text alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape<'a> {
    /// Our format, and the checksum fits.
    Ours {
        /// What it starts with.
        prefix: &'a str,
        /// What it says it is for.
        environment: Environment,
    },
    /// Exactly our format, but the checksum does not fit: mistyped or invented, unless it was imported.
    BadChecksum {
        /// What it starts with.
        prefix: &'a str,
        /// What it says it is for.
        environment: Environment,
    },
    /// Anything else; only an imported key can look so.
    Foreign,
}

/// Looks at a presented key without an allocation; any text of any length is fine.
pub fn inspect(candidate: &str) -> Shape<'_> {
    let Some((prefix, environment)) = split(candidate) else { return Shape::Foreign };
    // What has the form is ASCII, so that this lands within no character.
    let (covered, given) = candidate.split_at(candidate.len() - CHECKSUM_LENGTH);
    if checksum(covered) == given.as_bytes() {
        Shape::Ours { prefix, environment }
    } else {
        Shape::BadChecksum { prefix, environment }
    }
}

/// Prefix and environment, if the text has exactly our form.
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
