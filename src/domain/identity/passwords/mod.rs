//! Password policy, and Argon2id on threads that do not slow down verification.

mod phc;
mod policy;

use argon2::Block;

pub use self::phc::{MEMORY_KIB, PASSES, PasswordHash};
pub use self::policy::{Context, MAX_CHARACTERS, MIN_CHARACTERS, check_length};
use crate::error::Result;
use crate::model::{Network, Secret};
use crate::platform::workers::{Priority, Size, Workers};

/// Waiting sign-ins; at 40 hashes a second on one core the last one waits about three seconds.
const WAITING: usize = 128;

/// Half as many threads as cores, so that memory bandwidth is left for other work.
pub fn usual_size() -> Size {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Size { threads: cores.div_ceil(2), waiting: WAITING }
}

/// Memory of one thread for Argon2: 19 MiB, allocated at the first use and kept.
#[derive(Default)]
struct Memory(Vec<Block>);

/// Hashes and verifies passwords.
pub struct Passwords {
    workers: Workers<Memory>,
}

impl Passwords {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(size: Size) -> Result<Self> {
        Ok(Self { workers: Workers::start("keywright-password", size, Priority::Idle)? })
    }

    /// Passwords waiting for a thread.
    pub fn waiting(&self) -> usize {
        self.workers.waiting()
    }

    /// Whether `password` matches `stored`. Without `stored` (an unknown person) it takes the same time and returns
    /// false. Networks are served in turn.
    ///
    /// # Errors
    /// `UNAVAILABLE` when too many sign-ins wait and this network has the longest queue.
    pub async fn verify(
        &self,
        network: Network,
        password: Secret,
        stored: Option<PasswordHash>,
    ) -> Result<bool> {
        self.workers
            .run(network, move |memory| {
                let known = stored.is_some();
                let fits = stored.unwrap_or_else(PasswordHash::dummy).fits(&password, &mut memory.0);
                fits && known
            })
            .await
    }

    /// Refuses a weak password, hashes others. `salt` is fresh.
    ///
    /// # Errors
    /// `INVALID_REQUEST` for `field`, or `UNAVAILABLE` when too many wait.
    pub async fn hash_new(
        &self,
        network: Network,
        field: &'static str,
        password: Secret,
        context: Context,
        salt: [u8; 16],
    ) -> Result<PasswordHash> {
        check_length(field, &password)?;
        self.workers
            .run(network, move |memory| {
                policy::check_strength(field, &password, &context)?;
                Ok(PasswordHash::new(&password, salt, &mut memory.0))
            })
            .await?
    }
}

#[cfg(test)]
mod tests;
