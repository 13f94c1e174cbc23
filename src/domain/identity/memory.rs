//! Updates memory after each commit: keys, the catalog of APIs and the signing keys. Values of
//! [`crate::platform::epoch_cache`] are not listed here; they compare numbers of changes.

use std::sync::{Arc, Weak};

use super::Services;
use super::signing_keys::Ring;
use crate::domain::policy::catalog::Apis;
use crate::store::{Conn, Error, Follower, Install, Touched, apis, users};

/// Memory that follows the store.
struct Memory(Weak<Services>);

/// Updates memory after every commit from now on. Call it before anything is read into memory.
pub fn follow_store(services: &Arc<Services>) {
    services.db.follow(Memory(Arc::downgrade(services)));
}

impl Follower for Memory {
    fn follow(&self, conn: &Conn<'_>, touched: &[Touched]) -> Result<Install, Error> {
        let Some(services) = self.0.upgrade() else { return Ok(Box::new(|_| ())) };
        let everything = touched.contains(&Touched::Everything);
        let mut keys = Vec::new();
        for touched in touched {
            match touched {
                Touched::Key(hash) => keys.push(*hash),
                // A key of a person holds at most what the person holds.
                Touched::User(no) => keys.extend(users::key_hashes(conn, *no)?),
                _ => {}
            }
        }
        let any = |is: fn(&Touched) -> bool| everything || touched.iter().any(is);
        let apis = match any(|touched| matches!(touched, Touched::Api(_))) {
            true => Some(Apis::new(apis::load_all(conn)?)),
            false => None,
        };
        let ring = match any(|touched| *touched == Touched::SigningKeys) {
            true => Some(Ring::load(conn, &services.vault)?),
            false => None,
        };
        Ok(Box::new(move |no| {
            if everything {
                services.engine.forget_all();
            }
            services.engine.forget(&keys);
            if let Some(apis) = apis {
                services.catalog.install(apis, no);
            }
            if let Some(ring) = ring {
                services.signing_keys.install(ring, no);
            }
        }))
    }
}
