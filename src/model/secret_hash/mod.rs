//! Stored hash of a secret.

use std::{fmt, str::FromStr};

use aws_lc_rs::digest;
use serde::{Deserialize, Deserializer};

use super::{ascii::Ascii, string_enum::FromText};

/// SHA-256 of a whole secret: stored and looked up in its place.
///
/// A slow hash is not needed: 190 random bits cannot be guessed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of a secret.
    pub fn of(secret: &str) -> Self {
        let digest = digest::digest(&digest::SHA256, secret.as_bytes());
        Self(digest.as_ref().try_into().expect("SHA-256 gives 32 bytes"))
    }

    /// The hash from its stored bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lowercase hexadecimal digits, without an allocation.
    pub fn encode(&self) -> Ascii<64> {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = Ascii::new();
        for byte in self.0 {
            text.push(HEX[usize::from(byte >> 4)]);
            text.push(HEX[usize::from(byte & 15)]);
        }
        text
    }
}

/// A text that is not a [`SecretHash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretHashError;

impl fmt::Display for SecretHashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Give the SHA-256 of the key as 64 hexadecimal digits.")
    }
}

impl std::error::Error for SecretHashError {}

impl FromStr for SecretHash {
    type Err = SecretHashError;

    /// Digits in either case, since tools differ.
    fn from_str(text: &str) -> Result<Self, SecretHashError> {
        if text.len() != 64 {
            return Err(SecretHashError);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or(SecretHashError);
            *byte = (digit(0)? << 4 | digit(1)?) as u8;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.encode())
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.encode())
    }
}

impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FromText::new("64 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests;
