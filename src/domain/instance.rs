//! The instance row and the check of the master key.

use std::sync::Arc;

use crate::domain::apis;
use crate::domain::identity::Services;
use crate::domain::identity::signing_keys;
use crate::domain::policy;
use crate::domain::policy::catalog::Apis;
use crate::error::{Error, Result};
use crate::store;
use crate::store::Tx;

/// Makes a new store this instance's own, refuses one that was sealed under another `master.key`, and shows its
/// APIs and signing keys. Run it before anything else.
///
/// # Errors
/// `CONFLICT` when the key is another one, or the store's own.
pub async fn prepare(services: &Arc<Services>) -> Result<()> {
    let this = services.clone();
    let loaded = services.write(move |tx| claim(tx, &this)).await?;
    services.catalog.replace(loaded);
    services
        .db
        .lookup(|conn| services.throttle.load(conn, services.clock.monotonic()))
        .map_err(Error::from)?;
    policy::limits::load(services).await?;
    signing_keys::open(services, services.now()).await
}

fn claim(tx: &mut Tx<'_>, services: &Services) -> Result<Apis> {
    let now = services.now();
    let found = store::instance::master_key_id(tx)?;
    match found {
        Some(id) if id != services.vault.id() => {
            return Err(Error::conflict(
                "this master.key belongs to another database: put the one back that was beside keywright.db when it \
                 was made",
            ));
        }
        Some(_) => {}
        None => store::instance::claim(tx, now, services.vault.id())?,
    }
    apis::seed_built_in(tx, now, &*services.rng, &services.settings.public_url)?;
    Ok(Apis::new(store::apis::load_all(tx)?))
}
