//! Public part of a signing key.

use serde::{Deserialize, Serialize};

use super::setting::SigningAlg;
use super::{string_enum::string_enum, time::Timestamp};

string_enum! {
    /// Stage in the life of a signing key.
    KeyStage {
        /// Published before its first token, so that verifiers know it.
        Next = "next",
        /// Signs tokens.
        Active = "active",
        /// Signs no more tokens; published until its last token has expired.
        Retired = "retired",
    }
}

/// A signing key without its private half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyInfo {
    /// RFC 7638 thumbprint of the public half; the `kid` of its tokens.
    pub kid: String,
    /// Algorithm.
    pub alg: SigningAlg,
    /// Stage.
    pub stage: KeyStage,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time at which it began to sign.
    pub activated_at: Option<Timestamp>,
    /// Time at which it stopped signing.
    pub retired_at: Option<Timestamp>,
    /// Time at which it leaves the JWKS.
    pub expires_at: Option<Timestamp>,
}
