//! The keys of one committed state, and compact JWS.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::Header;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::key::{Signer, Verifier};
use crate::env::Rng;
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::model::setting::SigningAlg;
use crate::model::signing_key::{KeyStage, SigningKeyInfo};
use crate::platform::vault::Vault;
use crate::store::signing_keys::Stored;
use crate::store::{Conn, Error as DbError, signing_keys};

/// Maximum length of a token, in bytes.
const MAX_TOKEN_BYTES: usize = 16 << 10;

/// A new key that is not stored yet.
pub(super) struct NewSigningKey(Signer);

impl NewSigningKey {
    pub(super) fn generate(alg: SigningAlg) -> Result<Self> {
        Signer::generate(alg).map(Self)
    }

    #[cfg(test)]
    pub(super) fn of(signer: Signer) -> Self {
        Self(signer)
    }

    /// Row for a `next` key.
    pub(super) fn seal(self, vault: &Vault, rng: &dyn Rng, now: Timestamp) -> Stored {
        let public = self.0.public();
        let kid = public["kid"].as_str().unwrap_or_default().to_owned();
        let private = self.0.to_pkcs8().expect("a key that was just made can be written");
        Stored {
            sealed: Some(vault.seal(rng, &place(&kid), &private)),
            info: SigningKeyInfo {
                kid,
                alg: self.0.alg(),
                stage: KeyStage::Next,
                created_at: now,
                activated_at: None,
                retired_at: None,
                expires_at: None,
            },
            public,
        }
    }
}

fn place(kid: &str) -> String {
    format!("signing_keys/{kid}/sealed")
}

/// The active key.
pub(super) struct Active {
    pub(super) kid: String,
    pub(super) signer: Signer,
}

impl Active {
    /// Encoded header and payload: the signing input.
    pub(super) fn message(&self, typ: &str, claims: &impl serde::Serialize) -> Result<String> {
        let header = self.header(typ);
        let payload = serde_json::to_vec(claims).map_err(Error::internal)?;
        let mut message = BASE64URL.encode(header);
        message.push('.');
        BASE64URL.encode_string(payload, &mut message);
        Ok(message)
    }

    /// Header of a token of this type.
    pub(super) fn header(&self, typ: &str) -> String {
        let alg = self.signer.alg().as_str();
        format!(r#"{{"alg":"{alg}","typ":"{typ}","kid":"{}"}}"#, self.kid)
    }

    /// The message with its signature.
    pub(super) fn finish(&self, mut message: String) -> Result<String> {
        let signature = self.signer.sign(message.as_bytes())?;
        message.push('.');
        BASE64URL.encode_string(signature, &mut message);
        Ok(message)
    }
}

/// A verified token.
pub struct Signed<C> {
    /// `kid` of the key.
    pub kid: String,
    /// Claims.
    pub claims: C,
}

/// One committed state; the default has no keys.
#[derive(Default)]
pub(in crate::domain::identity) struct Ring {
    pub(super) active: Option<Arc<Active>>,
    pub(super) keys: HashMap<String, Verifier>,
    pub(super) infos: Vec<SigningKeyInfo>,
    pub(super) jwks: Arc<str>,
}

impl Ring {
    /// The ring as the store has it; without keys before the first one is made.
    pub(in crate::domain::identity) fn load(
        conn: &Conn<'_>,
        vault: &Vault,
    ) -> std::result::Result<Self, DbError> {
        let stored = signing_keys::load_all(conn)?;
        if stored.is_empty() {
            return Ok(Self::default());
        }
        Self::new(stored, vault).map_err(|error| DbError::Other(format!("{error:?}")))
    }

    pub(super) fn new(stored: Vec<Stored>, vault: &Vault) -> Result<Self> {
        let mut active = None;
        let mut keys = HashMap::new();
        for key in &stored {
            let kid = &key.info.kid;
            keys.insert(kid.clone(), Verifier::new(key.info.alg, &key.public)?);
            if let (KeyStage::Active, Some(sealed)) = (key.info.stage, &key.sealed) {
                let private = vault
                    .unseal(&place(kid), sealed)
                    .ok_or_else(|| Error::internal("the signing key was sealed under another master.key"))?;
                let signer = Signer::from_pkcs8(key.info.alg, &private)?;
                active = Some(Arc::new(Active { kid: kid.clone(), signer }));
            }
        }
        if active.is_none() {
            return Err(Error::internal("no signing key is active"));
        }
        let set: Vec<&Value> = stored.iter().map(|key| &key.public).collect();
        let jwks = json!({ "keys": set }).to_string().into();
        Ok(Self { active, keys, jwks, infos: stored.into_iter().map(|key| key.info).collect() })
    }

    /// Strict: the header must equal the one that we write, with the key's own algorithm and no other member. So
    /// `none`, `jwk`, `jku`, `x5u`, `crit` and a public key as a shared secret never reach a signature check (RFC 8725,
    /// sections 3.1, 3.2, 3.10).
    pub(super) fn open_jws<C: DeserializeOwned>(&self, typ: &str, token: &str) -> Option<Signed<C>> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        let kid = header.kid.clone()?;
        let key = self.keys.get(&kid)?;
        let ours = Header { typ: Some(typ.to_owned()), kid: Some(kid.clone()), ..Header::new(key.alg) };
        if header != ours {
            return None;
        }
        Some(Signed { kid, claims: key.open(token)? })
    }
}
