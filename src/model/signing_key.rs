//! What everybody may know about a key that tokens are signed with.

use serde::{Deserialize, Serialize};

use super::setting::SigningAlg;
use super::{string_enum::string_enum, time::Timestamp};

string_enum! {
    /// Where a signing key is in its life.
    KeyStage {
        /// Published, so that verifiers know it before its first token.
        Next = "next",
        /// Signs.
        Active = "active",
        /// Signs no more; published until its last token has ended.
        Retired = "retired",
    }
}

/// A signing key without its private half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyInfo {
    /// RFC 7638 thumbprint of the public half; the `kid` of its tokens.
    pub kid: String,
    /// What it signs with.
    pub alg: SigningAlg,
    /// Where it is in its life.
    pub stage: KeyStage,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it began to sign.
    pub activated_at: Option<Timestamp>,
    /// When it stopped.
    pub retired_at: Option<Timestamp>,
    /// When it leaves the JWKS.
    pub expires_at: Option<Timestamp>,
}
