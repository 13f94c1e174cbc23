//! A signing key: generation, storage, signatures.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::model::setting::SigningAlg;

/// 3,072 bits: as strong as 128-bit symmetric keys.
const RSA_BITS: KeySize = KeySize::Rsa3072;

/// A private key for signing.
///
/// `jsonwebtoken` verifies our tokens but does not sign them: its `EncodingKey` holds the key as bytes, which each
/// signature parses and checks again. For RSA with 3,072 bits that takes 3.2 ms instead of 1.3, most of the time of a
/// refresh. A custom `CryptoProvider` is global to the process and gets only those bytes.
pub(super) enum Signer {
    Rs256(rsa::KeyPair),
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl Signer {
    /// A new key. RSA takes a large part of a second: never on a thread of the runtime.
    pub(super) fn generate(alg: SigningAlg) -> Result<Self> {
        let made = match alg {
            SigningAlg::Rs256 => rsa::KeyPair::generate(RSA_BITS).map(Self::Rs256),
            SigningAlg::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self::Es256),
            SigningAlg::EdDsa => Ed25519KeyPair::generate().map(Self::EdDsa),
        };
        made.map_err(|_| Error::internal("no signing key could be generated"))
    }

    /// Reads a key of [`Signer::to_pkcs8`].
    pub(super) fn from_pkcs8(alg: SigningAlg, der: &[u8]) -> Result<Self> {
        let read = match alg {
            SigningAlg::Rs256 => rsa::KeyPair::from_pkcs8(der).map(Self::Rs256),
            SigningAlg::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Self::Es256)
            }
            SigningAlg::EdDsa => Ed25519KeyPair::from_pkcs8(der).map(Self::EdDsa),
        };
        read.map_err(|_| Error::internal("a stored signing key cannot be read"))
    }

    /// The private key, for sealing.
    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        let der = match self {
            Self::Rs256(pair) => AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map(|der| der.as_ref().to_vec()),
            Self::Es256(pair) => pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
            Self::EdDsa(pair) => pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
        };
        der.map(Zeroizing::new).map_err(|_| Error::internal("a signing key cannot be written"))
    }

    pub(super) const fn alg(&self) -> SigningAlg {
        match self {
            Self::Rs256(_) => SigningAlg::Rs256,
            Self::Es256(_) => SigningAlg::Es256,
            Self::EdDsa(_) => SigningAlg::EdDsa,
        }
    }

    /// Signature of `message` in the form of JWS (RFC 7518, section 3; RFC 8037).
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let failed = |_| Error::internal("signing failed");
        match self {
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
            Self::Es256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::EdDsa(pair) => Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec()),
        }
    }

    /// The public key (RFC 7517; RFC 7518, section 6; RFC 8037, section 2), with its thumbprint as `kid`.
    pub(super) fn public(&self) -> Value {
        let text = |bytes: &[u8]| BASE64URL.encode(bytes);
        // Members in the order of RFC 7638, section 3.2, so that the thumbprint is over this text.
        let required = match self {
            Self::Rs256(pair) => {
                let key = pair.public_key();
                let n = text(key.modulus().big_endian_without_leading_zero());
                let e = text(key.exponent().big_endian_without_leading_zero());
                format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
            }
            Self::Es256(pair) => {
                // An uncompressed point: 4, then both coordinates.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, text(x), text(y))
            }
            Self::EdDsa(pair) => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(pair.public_key().as_ref()))
            }
        };
        let thumbprint = digest::digest(&digest::SHA256, required.as_bytes());
        let mut jwk: Value = serde_json::from_str(&required).expect("this is JSON");
        jwk["kid"] = json!(text(thumbprint.as_ref()));
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.alg().as_str());
        jwk
    }
}

/// A public key with its only algorithm.
pub(super) struct Verifier {
    pub(super) alg: Algorithm,
    key: DecodingKey,
    rules: Validation,
}

impl Verifier {
    /// Reads a JWK of [`Signer::public`].
    pub(super) fn new(alg: SigningAlg, jwk: &Value) -> Result<Self> {
        let unreadable = |_| Error::internal("a stored public key cannot be read");
        let jwk = Jwk::deserialize(jwk).map_err(|error| unreadable(error.into()))?;
        let key = DecodingKey::from_jwk(&jwk).map_err(unreadable)?;
        let alg = algorithm(alg);
        let mut rules = Validation::new(alg);
        // Issuer, audience and time are checked in `tokens`, by the clock of the rules instead of the machine's.
        rules.required_spec_claims.clear();
        (rules.validate_exp, rules.validate_nbf, rules.validate_aud) = (false, false, false);
        Ok(Self { alg, key, rules })
    }

    /// The claims, if the signature is valid.
    pub(super) fn open<C: DeserializeOwned>(&self, token: &str) -> Option<C> {
        jsonwebtoken::decode(token, &self.key, &self.rules).ok().map(|token| token.claims)
    }
}

const fn algorithm(alg: SigningAlg) -> Algorithm {
    match alg {
        SigningAlg::Rs256 => Algorithm::RS256,
        SigningAlg::Es256 => Algorithm::ES256,
        SigningAlg::EdDsa => Algorithm::EdDSA,
    }
}
