//! The instance row and the check of the master key.

use std::sync::Arc;

use crate::activity;
use crate::domain::apis;
use crate::domain::identity::access::{Can, SettingsManage};
use crate::domain::identity::{Services, memory, signing_keys};
use crate::domain::policy;
use crate::domain::policy::catalog::Apis;
use crate::error::{Error, Result};
use crate::model::activity::{Entry, Kind};
use crate::store;
use crate::store::Tx;

/// Initialises a new store, refuses one that was sealed under another `master.key`, and loads its APIs and signing
/// keys. Run it before anything else.
///
/// # Errors
/// `CONFLICT` when the master key is another one; errors of the store.
pub async fn prepare(services: &Arc<Services>) -> Result<()> {
    if let Some(witness) = services.db.lookup(store::instance::trusted_at)? {
        services.clock.begin(witness);
    }
    memory::follow_store(services);
    let this = services.clone();
    let loaded = services.write(move |tx| claim(tx, &this)).await?;
    services.catalog.install(loaded, services.db.changes());
    services
        .db
        .lookup(|conn| services.throttle.load(conn, services.clock.monotonic()))
        .map_err(Error::from)?;
    policy::limits::load(services).await?;
    signing_keys::open(services, services.settled()).await
}

fn claim(tx: &mut Tx<'_>, services: &Services) -> Result<Apis> {
    let now = services.now();
    let found = store::instance::master_key_id(tx)?;
    match found {
        Some(id) if id != services.vault.id() => {
            return Err(Error::conflict(
                "this master.key belongs to another database: restore the one that was created with \
                 keywright.db",
            ));
        }
        Some(_) => {}
        None => store::instance::claim(tx, now, services.vault.id())?,
    }
    apis::seed_built_in(tx, now, &*services.rng, &services.settings.public_url)?;
    Ok(Apis::new(store::apis::load_all(tx)?))
}

/// Stores trusted time for the next start. Run it once a minute.
pub async fn note_time(services: &Services) -> Result<()> {
    let witness = services.clock.witness();
    services.write(move |tx| Ok::<_, Error>(store::instance::note_trusted(tx, witness)?)).await
}

/// Accepts the wall clock. Returns the seconds by which it was ahead of trusted time; zero if they agreed within an
/// hour.
pub async fn accept_clock(can: &Can<SettingsManage>) -> Result<i64> {
    let can = can.clone();
    let services = can.services.clone();
    let ahead_seconds = services.clock.disagreement().map_or(0, |found| found.ahead_seconds());
    let accepted = services.clone();
    services
        .write(move |tx| {
            let detail = serde_json::json!({ "ahead_seconds": ahead_seconds });
            let entry = can.entry(Kind::ClockAccepted);
            activity::record(tx, &Entry { detail: Some(Box::new(detail)), ..entry })?;
            tx.on_commit(move || accepted.clock.accept());
            Ok::<_, Error>(())
        })
        .await?;
    note_time(&services).await?;
    Ok(ahead_seconds)
}
