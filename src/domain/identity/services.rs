//! Services of `identity`: passwords, signing keys, the login throttle, and caches of tokens and sessions.

use std::ops::Deref;
use std::sync::Arc;

use super::clients::Clients;
use super::login_throttle::Throttle;
use super::passwords::{self, Passwords};
use super::sessions::Sessions;
use super::signing_keys::Keyring;
use super::token_states::TokenStates;
use super::tokens::VerifiedTokens;
use super::users::Emails;
use crate::domain::policy;
use crate::error::Result;
use crate::measure::{Family, Labels, label};
use crate::model::setting::{Settings, SigningAlg};
use crate::model::{Bounds, Timestamp, signing_key::KeyStage};
use crate::platform::workers::Size;

/// Services of `identity` and of the rooms below.
pub struct Services {
    /// Services of the room below.
    pub policy: Arc<policy::Services>,
    /// Values of the configuration.
    pub settings: Settings,
    /// Bounds of what callers can make the server store.
    pub bounds: Bounds,
    /// Hashes passwords on separate threads.
    pub passwords: Passwords,
    /// Signing keys.
    pub signing_keys: Keyring,
    /// Throttles guesses of passwords and codes.
    pub throttle: Throttle,
    /// Access tokens with a verified signature.
    pub tokens: VerifiedTokens,
    /// State of OAuth access tokens.
    pub token_states: TokenStates,
    /// Cache of sessions by access token.
    pub sessions: Sessions,
    /// Cache of OAuth clients.
    pub clients: Clients,
    /// Email addresses of users.
    pub emails: Emails,
}

impl Deref for Services {
    type Target = Arc<policy::Services>;

    fn deref(&self) -> &Self::Target {
        &self.policy
    }
}

/// Options of [`Services`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Algorithm of new signing keys.
    pub signing_alg: SigningAlg,
    /// Threads and queue for password hashes.
    pub passwords: Size,
    /// Bounds of what callers can make the server store.
    pub bounds: Bounds,
}

impl Options {
    /// The defaults.
    pub fn new(signing_alg: SigningAlg) -> Self {
        Self { signing_alg, passwords: passwords::usual_size(), bounds: Bounds::default() }
    }
}

impl Services {
    /// Starts the threads. The store saves the counters of `throttle`.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(
        policy: Arc<policy::Services>,
        settings: Settings,
        throttle: Throttle,
        options: &Options,
    ) -> Result<Self> {
        Ok(Self {
            policy,
            settings,
            bounds: options.bounds,
            passwords: Passwords::start(options.passwords)?,
            signing_keys: Keyring::start(options.signing_alg)?,
            throttle,
            tokens: VerifiedTokens::default(),
            token_states: TokenStates::default(),
            sessions: Sessions::default(),
            clients: Clients::default(),
            emails: Emails::default(),
        })
    }

    /// Metrics of this room and of the rooms below.
    pub fn metrics(&self) -> Vec<Family> {
        let mut families = self.policy.metrics();
        let waiting = self.passwords.waiting() as f64;
        let seconds = |at: Timestamp| at.millis() as f64 / 1_000.0;
        let keys = self.signing_keys.list();
        let activated =
            keys.iter().filter(|key| key.stage == KeyStage::Active).filter_map(|key| key.activated_at);
        let expiries = keys
            .iter()
            .filter_map(|key| Some((label("stage", key.stage.as_str()), seconds(key.expires_at?))));
        families.extend([
            Family::gauge(
                "password_hashes_waiting",
                "Passwords that wait for a thread that hashes.",
                waiting,
            ),
            Family::gauges(
                "signing_key_activated_timestamp_seconds",
                "When the active signing key began to sign, in seconds since 1970.",
                activated.map(|at| (Labels::new(), seconds(at))),
            ),
            Family::gauges(
                "signing_key_expiry_timestamp_seconds",
                "When a retired signing key leaves the JWKS, in seconds since 1970.",
                expiries,
            ),
        ]);
        families
    }
}
