//! What signing in stands on, beside the store.

use std::sync::Arc;

use super::passwords::{self, Passwords};
use super::sessions::Sessions;
use super::signing_keys::Keyring;
use super::{brute::Throttle, tokens::Seen};
use crate::domain::oauth::{Clients, Standings};
use crate::error::Result;
use crate::model::setting::SigningAlg;
use crate::platform::mail::{Mailer, Way};
use crate::platform::memo::Memo;
use crate::platform::workers::Size;

/// How many of each kind are kept; a few hundred bytes each.
const REMEMBERED: usize = 4_096;

/// One value for the whole server, part of [`crate::domain::Core`].
pub struct People {
    /// Hashes passwords where they slow nothing down.
    pub passwords: Passwords,
    /// What tokens are signed with.
    pub signing_keys: Keyring,
    /// Slows guessing down.
    pub throttle: Throttle,
    /// Sends mail.
    pub mailer: Mailer,
    /// Access tokens whose signature was checked before.
    pub tokens: Seen,
    /// What they stand on, as it was read last.
    pub standings: Standings,
    /// The sessions of those that come from signing in here.
    pub sessions: Sessions,
    /// OAuth clients that called lately.
    pub clients: Clients,
    /// Email addresses, by the number of their people.
    pub emails: Memo<i64, Arc<str>>,
}

/// What the operator decides about it.
#[derive(Debug, Clone)]
pub struct Options {
    /// What new signing keys are of.
    pub signing_alg: SigningAlg,
    /// Where mail goes.
    pub mail: Way,
    /// Shown name of the sender.
    pub organization: String,
    /// Threads and queue for password hashes.
    pub passwords: Size,
}

impl Options {
    /// The usual ones.
    pub fn new(signing_alg: SigningAlg, mail: Way, organization: &str) -> Self {
        Self { signing_alg, mail, organization: organization.to_owned(), passwords: passwords::usual_size() }
    }
}

impl People {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives no thread, or the mail server is no address.
    pub fn start(options: &Options) -> Result<Self> {
        Ok(Self {
            passwords: Passwords::start(options.passwords)?,
            signing_keys: Keyring::start(options.signing_alg)?,
            throttle: Throttle::default(),
            mailer: Mailer::new(&options.mail, &options.organization)?,
            tokens: Seen::default(),
            standings: Memo::new(REMEMBERED),
            sessions: Memo::new(REMEMBERED),
            clients: Memo::new(REMEMBERED),
            emails: Memo::new(REMEMBERED),
        })
    }
}
