//! Tokens with any header and payload under a valid signature, for the fuzz target of tokens.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::de::DeserializeOwned;

use super::ring::{Active, NewSigningKey, Ring};
use crate::env::SeededRng;
use crate::model::Timestamp;
use crate::model::setting::SigningAlg;
use crate::model::signing_key::KeyStage;
use crate::platform::vault::{Vault, generate};

/// A key ring that signs any header and payload.
pub struct Forge {
    ring: Ring,
    active: Arc<Active>,
}

impl Default for Forge {
    fn default() -> Self {
        Self::new()
    }
}

impl Forge {
    /// A ring with one new Ed25519 key.
    ///
    /// # Panics
    /// When no key can be generated.
    pub fn new() -> Self {
        let rng = SeededRng::new(1);
        let vault = Vault::open(&generate(&rng)).expect("a new master key opens");
        let made = NewSigningKey::generate(SigningAlg::EdDsa).expect("the library makes keys");
        let mut stored = made.seal(&vault, &rng, Timestamp::MIN);
        stored.info.stage = KeyStage::Active;
        let ring = Ring::new(vec![stored], &vault).expect("a new key can be read");
        let active = ring.active.clone().expect("the key is active");
        Self { ring, active }
    }

    /// The `kid` of the key.
    pub fn kid(&self) -> &str {
        &self.active.kid
    }

    /// A signed token.
    ///
    /// # Panics
    /// When the library cannot sign.
    pub fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        let message = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(payload));
        self.active.finish(message).expect("the library signs")
    }

    /// Header of tokens of type `typ`.
    pub fn header(&self, typ: &str) -> String {
        self.active.header(typ)
    }

    /// Claims of a valid token.
    pub fn open<C: DeserializeOwned>(&self, typ: &str, token: &str) -> Option<C> {
        self.ring.open_jws(typ, token).map(|signed| signed.claims)
    }
}
