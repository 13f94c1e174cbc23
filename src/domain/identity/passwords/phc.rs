//! Argon2id (RFC 9106) and its stored form: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.

use std::str::FromStr;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use zeroize::Zeroize;

use crate::model::Secret;

/// Memory of one hash: 19 MiB, with two passes the second of OWASP's equivalent choices.
pub const MEMORY_KIB: u32 = 19_456;
/// Passes over the memory.
pub const PASSES: u32 = 2;
const LANES: u32 = 1;
const HASH_BYTES: usize = 32;

/// An Argon2id hash with its salt and cost. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: Vec<u8>,
    hash: [u8; HASH_BYTES],
}

impl PasswordHash {
    /// Hashes `password` with the current cost. `memory` is reused between calls.
    pub fn new(password: &Secret, salt: [u8; 16], memory: &mut Vec<Block>) -> Self {
        let mut made = Self::dummy();
        made.salt = salt.to_vec();
        made.hash = made.compute(password, memory).expect("our own cost is within Argon2's limits");
        made
    }

    /// A hash of the current cost that matches no password.
    pub fn dummy() -> Self {
        Self {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: vec![0; 16],
            hash: [0; HASH_BYTES],
        }
    }

    /// Whether this is the hash of `password`; constant time.
    pub fn fits(&self, password: &Secret, memory: &mut Vec<Block>) -> bool {
        self.compute(password, memory).is_some_and(|hash| verify_slices_are_equal(&hash, &self.hash).is_ok())
    }

    fn compute(&self, password: &Secret, memory: &mut Vec<Block>) -> Option<[u8; HASH_BYTES]> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(HASH_BYTES)).ok()?;
        let blocks = params.block_count();
        if memory.len() < blocks {
            memory.resize_with(blocks, Block::new);
        }
        let mut hash = [0; HASH_BYTES];
        let done = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into_with_memory(
            password.expose().as_bytes(),
            &self.salt,
            &mut hash,
            &mut memory[..blocks],
        );
        if done.is_err() {
            hash.zeroize();
        }
        done.is_ok().then_some(hash)
    }
}

impl std::fmt::Display for PasswordHash {
    /// The stored PHC string.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { memory_kib, passes, lanes, salt, hash } = self;
        write!(f, "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}$")?;
        write!(f, "{}${}", BASE64.encode(salt), BASE64.encode(hash))
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A text that is not a stored Argon2id hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordHashError;

impl FromStr for PasswordHash {
    type Err = PasswordHashError;

    fn from_str(text: &str) -> Result<Self, PasswordHashError> {
        let fields: Vec<&str> = text.split('$').collect();
        let ["", "argon2id", "v=19", cost, salt, hash] = fields[..] else { return Err(PasswordHashError) };
        let costs: Vec<&str> = cost.split(',').collect();
        let [memory, passes, lanes] = costs[..] else { return Err(PasswordHashError) };
        let number = |text: &str, name: &str| -> Result<u32, PasswordHashError> {
            let digits = text.strip_prefix(name).ok_or(PasswordHashError)?;
            digits.parse().map_err(|_| PasswordHashError)
        };
        let bytes = |text: &str| BASE64.decode(text).map_err(|_| PasswordHashError);
        Ok(Self {
            memory_kib: number(memory, "m=")?,
            passes: number(passes, "t=")?,
            lanes: number(lanes, "p=")?,
            salt: bytes(salt)?,
            hash: bytes(hash)?.try_into().map_err(|_| PasswordHashError)?,
        })
    }
}
