//! Ids: TypeIDs over UUIDv7, for example `key_01h455vb4pex5vsknk084sn02q`.
//!
//! A TypeID is a prefix, `_` and a 128-bit UUID as 26 characters of lowercase Crockford base32. The UUID is
//! of version 7 (RFC 9562, section 5.7): its first 48 bits are the millisecond of its creation, so ids sort by age.

use std::fmt;

use super::{ascii::Ascii, time::Timestamp};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of the part after the `_`.
const SUFFIX: usize = 26;
/// Characters of any id: all prefixes have three letters.
const LENGTH: usize = 3 + 1 + SUFFIX;

/// A byte's value as a base32 digit, or 255.
const DIGITS: [u8; 256] = {
    let mut digits = [255; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        digits[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// A text that is not an id of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdError {
    /// Expected prefix, without its `_`.
    pub prefix: &'static str,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Give an id that starts with {}_ and has {SUFFIX} characters after it.", self.prefix)
    }
}

impl std::error::Error for IdError {}

/// The UUIDv7 of a millisecond and 74 random bits, the low bits of `random`.
fn uuid_v7(at: Timestamp, random: u128) -> u128 {
    const VERSION: u128 = 0x7 << 76;
    const VARIANT: u128 = 0b10 << 62;
    let rand_a = (random >> 62) & 0xfff;
    let rand_b = random & ((1 << 62) - 1);
    (at.millis() as u128) << 80 | VERSION | rand_a << 64 | VARIANT | rand_b
}

fn encode(prefix: &str, uuid: u128) -> Ascii<LENGTH> {
    let mut text = Ascii::new();
    text.push_str(prefix);
    text.push(b'_');
    // 128 bits are 3 and then 25 times 5; 25-bit words avoid 128-bit arithmetic.
    text.push(ALPHABET[(uuid >> 125) as usize]);
    for shift in [100, 75, 50, 25, 0] {
        let word = (uuid >> shift) as u32;
        for shift in [20, 15, 10, 5, 0] {
            text.push(ALPHABET[(word >> shift & 31) as usize]);
        }
    }
    text
}

fn decode(prefix: &'static str, text: &str) -> Result<u128, IdError> {
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).unwrap_or_default();
    // 26 digits hold 130 bits: a first digit above 7 would overflow.
    if digits.len() != SUFFIX || digits.as_bytes()[0] > b'7' {
        return Err(IdError { prefix });
    }
    let mut uuid = 0;
    for &byte in digits.as_bytes() {
        match DIGITS[usize::from(byte)] {
            255 => return Err(IdError { prefix }),
            digit => uuid = uuid << 5 | u128::from(digit),
        }
    }
    Ok(uuid)
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident = $prefix:literal;)+) => {
        /// Prefixes of all kinds of ids.
        #[cfg(test)]
        const PREFIXES: &[&str] = &[$($name::PREFIX),+];
    $(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// Prefix, without the `_`.
            pub const PREFIX: &'static str = {
                assert!($prefix.len() == 3, "ids have prefixes of three letters");
                $prefix
            };

            /// A new id: `now` for the order, 74 of the 80 random bits for uniqueness.
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                let mut wide = [0; 16];
                wide[6..].copy_from_slice(&random);
                Self(uuid_v7(now, u128::from_be_bytes(wide)))
            }

            /// Millisecond of creation.
            pub fn at(self) -> Timestamp {
                Timestamp::from_millis((self.0 >> 80) as i64)
            }

            /// The UUID as a number; it sorts like the id.
            pub const fn as_u128(self) -> u128 {
                self.0
            }

            /// The id of a UUID from [`Self::as_u128`].
            pub const fn from_u128(uuid: u128) -> Self {
                Self(uuid)
            }

            /// The UUID's 16 bytes, most significant first, so that they sort like the id.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// The id of 16 bytes from [`Self::to_bytes`].
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }

            /// The text without an allocation, for the hot path.
            pub fn encode(self) -> Ascii<LENGTH> {
                encode($prefix, self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.encode())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.encode())
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            /// Strict: one text per id, so lower case and the exact prefix only.
            fn from_str(text: &str) -> Result<Self, IdError> {
                decode($prefix, text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.encode())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let example = concat!($prefix, "_01h455vb4pex5vsknk084sn02q");
                deserializer.deserialize_str(super::string_enum::FromText::new(example))
            }
        }
    )+};
}

ids! {
    /// An API key; rotation keeps its id.
    KeyId = "key";
    /// A service that Keywright protects.
    ApiId = "api";
    /// A person who signs in.
    UserId = "usr";
    /// An OAuth client, "OAuth app" on screen.
    ClientId = "app";
    /// A grant of a user to a client.
    GrantId = "grt";
    /// A session.
    SessionId = "ses";
    /// A webhook endpoint.
    WebhookId = "whk";
    /// One delivery to a webhook.
    DeliveryId = "dlv";
    /// One row of the activity log.
    ActivityId = "act";
    /// An invitation to join.
    InvitationId = "inv";
    /// One HTTP request.
    RequestId = "req";
    /// One of a key's secrets; the id, never the secret itself.
    SecretId = "sec";
}

impl ActivityId {
    /// The id of row `no`: the row number replaces the random bits, so that no id is stored.
    ///
    /// Ids sort by time and then by number. A text may contain any pair of the two: after a lookup by [`Self::no`],
    /// compare the row's time with [`Self::at`].
    pub fn of(at: Timestamp, no: i64) -> Self {
        Self(uuid_v7(at, u128::from(no as u64)))
    }

    /// Row number of an id from [`Self::of`].
    pub fn no(self) -> i64 {
        let rand_a = (self.0 >> 64) as u64;
        let rand_b = self.0 as u64 & ((1 << 62) - 1);
        (rand_a << 62 | rand_b) as i64
    }
}

#[cfg(test)]
mod tests;
