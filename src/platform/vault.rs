//! Encryption and MACs derived from `master.key`.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{digest, hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

use crate::env::Rng;

/// Bytes of a master key.
const KEY_BYTES: usize = 32;
/// First byte of each sealed value: algorithm and key version.
const VERSION: u8 = 1;

/// The secrets derived from `master.key`. Its `Debug` shows nothing.
pub struct Vault {
    seal: LessSafeKey,
    mac: hmac::Key,
    id: [u8; 8],
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// Text for a new `master.key` file.
pub fn generate(rng: &dyn Rng) -> Zeroizing<String> {
    let key = Zeroizing::new(crate::env::random::<KEY_BYTES>(rng));
    let mut text = Zeroizing::new(BASE64.encode(*key));
    text.push('\n');
    text
}

impl Vault {
    /// Reads the text of a `master.key` file.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub fn open(text: &str) -> Result<Self, String> {
        let key = Zeroizing::new(
            BASE64
                .decode(text.trim())
                .map_err(|_| "it is not base64: restore it from your copy".to_owned())?,
        );
        if key.len() != KEY_BYTES {
            return Err(format!(
                "it holds {} bytes instead of {KEY_BYTES}: restore it from your copy",
                key.len()
            ));
        }
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"keywright").extract(&key);
        let seal =
            UnboundKey::new(&AES_256_GCM, &*derive(&root, b"seal")).expect("the key has the right length");
        let id = digest::digest(&digest::SHA256, &*derive(&root, b"id"));
        Ok(Self {
            seal: LessSafeKey::new(seal),
            mac: hmac::Key::new(hmac::HMAC_SHA256, &*derive(&root, b"mac")),
            id: id.as_ref()[..8].try_into().expect("a digest is longer"),
        })
    }

    /// Identifier of the key that reveals nothing about it.
    pub const fn id(&self) -> &[u8; 8] {
        &self.id
    }

    /// Encrypts `plain` for `context` (table, row and column): a sealed value that is copied into another row does not
    /// open there.
    pub fn seal(&self, rng: &dyn Rng, context: &str, plain: &[u8]) -> Vec<u8> {
        let nonce = crate::env::random::<NONCE_LEN>(rng);
        let mut sealed = plain.to_vec();
        self.seal
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut sealed,
            )
            .expect("what we seal is far shorter than the cipher's limit");
        [&[VERSION], &nonce[..], &sealed].concat()
    }

    /// Decrypts a value of [`Vault::seal`] for the same `context`; none if it was changed, moved or sealed under
    /// another key.
    pub fn unseal(&self, context: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (&version, rest) = sealed.split_first()?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN)?;
        if version != VERSION {
            return None;
        }
        let nonce = Nonce::assume_unique_for_key(nonce.try_into().ok()?);
        let mut plain = Zeroizing::new(text.to_vec());
        let length = self.seal.open_in_place(nonce, Aad::from(context.as_bytes()), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }

    /// MAC of `parts`, each with its length, for `purpose`.
    pub fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.mac, std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()))
    }

    /// A key for `purpose`, for signing on another thread.
    pub fn signer(&self, purpose: &str) -> Signer {
        Signer(hmac::Key::new(hmac::HMAC_SHA256, &self.mac("signer", &[purpose.as_bytes()])))
    }
}

/// Signs for one purpose, without the vault. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct Signer(hmac::Key);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(…)")
    }
}

impl Signer {
    /// MAC of `parts`, each with its length.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.0, parts.iter().copied())
    }
}

fn mac<'p>(key: &hmac::Key, parts: impl Iterator<Item = &'p [u8]>) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    context.sign().as_ref().try_into().expect("SHA-256 gives 32 bytes")
}

fn derive(root: &hkdf::Prk, purpose: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    root.expand(&[purpose], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *key))
        .expect("32 bytes are within HKDF's limit");
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::SeededRng;

    fn vault(seed: u64) -> Vault {
        Vault::open(&generate(&SeededRng::new(seed))).unwrap()
    }

    #[test]
    fn a_sealed_value_opens_only_in_its_place_and_unchanged() {
        let (vault, rng) = (vault(1), SeededRng::new(2));
        let sealed = vault.seal(&rng, "users/1/totp", b"seed");
        assert_eq!(vault.unseal("users/1/totp", &sealed).unwrap().as_slice(), b"seed");
        assert!(vault.unseal("users/2/totp", &sealed).is_none());
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(vault.unseal("users/1/totp", &bent).is_none(), "byte {at}");
            assert!(vault.unseal("users/1/totp", &sealed[..at]).is_none(), "cut at {at}");
        }
    }

    #[test]
    fn another_master_key_opens_nothing_and_has_another_name() {
        let (one, other, rng) = (vault(1), vault(2), SeededRng::new(3));
        assert!(other.unseal("place", &one.seal(&rng, "place", b"x")).is_none());
        assert_ne!(one.id(), other.id());
        assert_ne!(one.mac("p", &[b"x"]), other.mac("p", &[b"x"]));
    }

    #[test]
    fn a_mac_distinguishes_its_parts() {
        let vault = vault(1);
        assert_ne!(vault.mac("p", &[b"ab", b"c"]), vault.mac("p", &[b"a", b"bc"]));
    }

    #[test]
    fn a_broken_file_is_refused_with_a_remedy() {
        assert!(Vault::open("not base64 !").unwrap_err().contains("restore"));
        assert!(Vault::open("AAAA").unwrap_err().contains("3 bytes"));
    }
}
