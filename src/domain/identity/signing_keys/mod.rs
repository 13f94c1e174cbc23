//! Signing keys. One key signs; the next one is published before its first token, and a retired one until its last
//! token has expired, so that valid tokens never fail during a rotation.

mod forge;
mod key;
mod ring;

use std::sync::{Arc, RwLock};

use serde::de::DeserializeOwned;

pub use self::forge::Forge;
use self::ring::NewSigningKey;
pub(in crate::domain::identity) use self::ring::Ring;
pub use self::ring::Signed;
use crate::activity;
use crate::domain::identity::Services;
use crate::domain::identity::access::{Call, Can, SettingsManage};
use crate::env::Settled;
use crate::error::{Error, Result};
use crate::locks;
use crate::model::Network;
use crate::model::activity::Kind;
use crate::model::setting::SigningAlg;
use crate::model::signing_key::{KeyStage, SigningKeyInfo};
use crate::platform::changes;
use crate::platform::workers::{Priority, Size, Workers};
use crate::store::{Tx, signing_keys as store};

/// Cache time of the JWKS; a key is published at least this long before it signs.
pub const JWKS_MAX_AGE_SECONDS: i64 = 300;
/// Time for which a retired key is published: an hour more than the longest lifetime of a token.
const RETIRED_SECONDS: i64 = 86_400 + 3_600;
/// Time for which a key signs: 90 days.
const ACTIVE_SECONDS: i64 = 90 * 86_400;
/// Waiting signatures; at a millisecond each the last one waits about a second per core.
const WAITING: usize = 1024;

/// Keys in memory, and the signing threads.
pub struct Keyring {
    /// With the number of the change at which it was read.
    current: RwLock<(u64, Arc<Ring>)>,
    workers: Workers<()>,
    alg: SigningAlg,
}

impl Keyring {
    /// A ring without keys; [`open`] loads them. `alg` is the algorithm of new keys.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(alg: SigningAlg) -> Result<Self> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let size = Size { threads, waiting: WAITING };
        let workers = Workers::start("keywright-signer", size, Priority::Normal)?;
        Ok(Self { current: RwLock::default(), workers, alg })
    }

    fn ring(&self) -> Arc<Ring> {
        locks::read(&self.current).1.clone()
    }

    /// Uses `ring`, read at change `no`, unless a later one is in use.
    pub(super) fn install(&self, ring: Ring, no: u64) {
        let mut current = locks::write(&self.current);
        if no >= current.0 {
            *current = (no, Arc::new(ring));
        }
    }

    /// Published keys, oldest first.
    pub fn list(&self) -> Vec<SigningKeyInfo> {
        self.ring().infos.clone()
    }

    /// The JWK Set (RFC 7517, section 5) as JSON.
    pub fn jwks(&self) -> Arc<str> {
        self.ring().jwks.clone()
    }

    /// Current signature algorithm.
    pub fn alg(&self) -> SigningAlg {
        self.ring().active.as_ref().map_or(self.alg, |active| active.signer.alg())
    }

    /// Whether tokens of the key `kid` are still valid.
    pub fn knows(&self, kid: &str) -> bool {
        self.ring().keys.contains_key(kid)
    }

    /// Signs `claims` as a compact JWS (RFC 7515, section 7.1) of type `typ`. RSA, which takes a millisecond, runs on
    /// separate threads; the other algorithms are faster than the hand-over.
    ///
    /// # Errors
    /// `UNAVAILABLE` when too many wait.
    pub async fn sign<C: serde::Serialize + Sync>(&self, typ: &'static str, claims: &C) -> Result<String> {
        let active =
            self.ring().active.clone().ok_or_else(|| Error::unavailable("no signing key is loaded"))?;
        let message = active.message(typ, claims)?;
        if active.signer.alg() != SigningAlg::Rs256 {
            return active.finish(message);
        }
        self.workers.run(Network::UNKNOWN, move |()| active.finish(message)).await?
    }

    /// Parses and verifies a compact JWS. `None` for any text that [`Keyring::sign`] does not produce for `typ`, and
    /// for claims of another form.
    pub fn open_jws<C: DeserializeOwned>(&self, typ: &str, token: &str) -> Option<Signed<C>> {
        self.ring().open_jws(typ, token)
    }
}

/// Loads the keys; generates the first one if there is none, which for RSA takes a large part of a second.
///
/// # Errors
/// When the stored keys were sealed under another `master.key`.
pub async fn open(services: &Arc<Services>, now: Settled) -> Result<()> {
    let keyring = &services.signing_keys;
    let mut stored = services.db.lookup(|conn| Ok::<_, Error>(store::load_all(conn)?))?;
    if !stored.iter().any(|key| key.info.stage == KeyStage::Active) {
        let mut first = made(services, now).await?;
        first.info.stage = KeyStage::Active;
        first.info.activated_at = Some(now.at());
        stored = services
            .write(move |tx| {
                store::insert(tx, &first)?;
                Ok::<_, Error>(store::load_all(tx)?)
            })
            .await?;
    }
    keyring.install(Ring::new(stored, &services.vault)?, services.db.changes());
    Ok(())
}

/// A new key of the configured algorithm, sealed.
async fn made(services: &Services, now: Settled) -> Result<store::Stored> {
    let keyring = &services.signing_keys;
    let alg = keyring.alg;
    Ok(keyring.workers.run(Network::UNKNOWN, move |()| NewSigningKey::generate(alg)).await??.seal(
        &services.vault,
        &*services.rng,
        now.at(),
    ))
}

/// Retirement of the previous signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retire {
    /// Its tokens stay valid.
    Gently,
    /// Its tokens fail at once: for a key that may have leaked.
    AtOnce,
}

/// Signs with the next key from now on, and publishes a new next one.
///
/// # Errors
/// `CONFLICT` when the next key was published so recently that verifiers may not know it.
pub async fn rotate(can: &Can<SettingsManage>, retire: Retire) -> Result<Vec<SigningKeyInfo>> {
    let entry = can.entry(Kind::SigningKeyRotated);
    replace(&can.services, can.services.settled(), retire, Some(entry)).await?;
    Ok(can.services.signing_keys.list())
}

/// Maintains the ring: publishes a next key of the configured algorithm, rotates by age, removes expired keys. Run it
/// after the start and then every hour.
pub async fn maintain(services: &Arc<Services>, now: Settled) -> Result<()> {
    let keyring = &services.signing_keys;
    let ring = keyring.ring();
    let next = ring.infos.iter().find(|info| info.stage == KeyStage::Next);
    let published = next.is_some_and(|next| next.alg == keyring.alg);
    if !published {
        return publish_next(services, now).await;
    }
    let known = next.is_some_and(|next| next.created_at.plus_seconds(JWKS_MAX_AGE_SECONDS) <= now.at());
    let active = &ring.infos.iter().find(|info| info.stage == KeyStage::Active);
    let due = active.is_some_and(|active| {
        active.alg != keyring.alg
            || active.activated_at.is_some_and(|since| since.plus_seconds(ACTIVE_SECONDS) <= now.at())
    });
    if known && due {
        return replace(services, now, Retire::Gently, None).await;
    }
    if ring.infos.iter().any(|info| info.expires_at.is_some_and(|end| end <= now.at())) {
        return change(services, now, |_, _| Ok(())).await;
    }
    Ok(())
}

/// Replaces a next key of another algorithm by one of the configured algorithm.
async fn publish_next(services: &Arc<Services>, now: Settled) -> Result<()> {
    let next = made(services, now).await?;
    change(services, now, move |tx, stored| {
        for other in stored.iter().filter(|key| key.info.stage == KeyStage::Next) {
            store::delete(tx, &other.info.kid)?;
        }
        Ok(store::insert(tx, &next)?)
    })
    .await
}

async fn replace(
    services: &Arc<Services>,
    now: Settled,
    retire: Retire,
    entry: Option<crate::model::activity::Entry>,
) -> Result<()> {
    let next = made(services, now).await?;
    // Tokens have this time as `iat`; the key is kept until the last of them has expired.
    let stamped_at = services.now();
    change(services, now, move |tx, stored| {
        let (active, successor) = pair(stored)?;
        let known_at = successor.info.created_at.plus_seconds(JWKS_MAX_AGE_SECONDS);
        if retire == Retire::Gently && known_at > now.at() {
            return Err(Error::conflict(
                "The next key was published less than five minutes ago; verifiers may not know it yet",
            )
            .with("possible_at", known_at.to_string()));
        }
        let expires_at = match retire {
            Retire::Gently => stamped_at.plus_seconds(RETIRED_SECONDS),
            Retire::AtOnce => now.at(),
        };
        let retired = store::retire(tx, &active.info.kid, now, expires_at)?;
        if !retired || !store::activate(tx, &successor.info.kid, now)? {
            return Err(Error::conflict(
                "The keys were rotated at the same moment; look at them before you try again",
            ));
        }
        store::insert(tx, &next)?;
        if let Some(mut entry) = entry.clone() {
            entry.detail = Some(Box::new(serde_json::json!({
                "kid": changes::member(&active.info.kid, &successor.info.kid),
                "at_once": retire == Retire::AtOnce,
            })));
            activity::record(tx, &entry)?;
        }
        Ok(())
    })
    .await
}

/// The active key and the next one.
fn pair(stored: &[store::Stored]) -> Result<(&store::Stored, &store::Stored)> {
    let find = |stage| stored.iter().find(|key| key.info.stage == stage);
    let active = find(KeyStage::Active).ok_or_else(|| Error::internal("no signing key is active"))?;
    let next = find(KeyStage::Next)
        .ok_or_else(|| Error::conflict("The next key is still being generated; try again in a moment"))?;
    Ok((active, next))
}

/// Changes the stored keys. The ring in memory follows.
async fn change<F>(services: &Arc<Services>, now: Settled, job: F) -> Result<()>
where
    F: Fn(&mut Tx<'_>, &[store::Stored]) -> Result<()> + Send + 'static,
{
    services
        .write(move |tx| {
            let stored = store::load_all(tx)?;
            job(tx, &stored)?;
            store::sweep(tx, now)?;
            Ok(())
        })
        .await
}

/// Published keys, for callers who may read the settings.
pub fn list(call: &Arc<Call>) -> Result<Vec<SigningKeyInfo>> {
    let can = Can::<SettingsManage>::check(call)?;
    Ok(can.services.signing_keys.list())
}

#[cfg(test)]
mod tests;
