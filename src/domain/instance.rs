//! What the file is, and under which key it was sealed.

use std::sync::Arc;

use crate::domain::identity::signing_keys;
use crate::domain::policy::catalog::Apis;
use crate::domain::{Core, apis};
use crate::error::{Error, Result};
use crate::store;
use crate::store::{Tx, params};

/// Makes a new store this instance's own, refuses one that was sealed under another `master.key`, and shows its
/// APIs and signing keys. Run it before anything else.
///
/// # Errors
/// `CONFLICT` when the key is another one, or the store's own.
pub async fn prepare(core: &Arc<Core>) -> Result<()> {
    let this = core.clone();
    let loaded = core.write(move |tx| claim(tx, &this)).await?;
    core.catalog.replace(loaded);
    signing_keys::open(core, core.now()).await
}

fn claim(tx: &mut Tx<'_>, core: &Core) -> Result<Apis> {
    let now = core.now();
    let found: Option<Vec<u8>> =
        tx.first("SELECT master_key_id FROM instance WHERE no = 1", &[], |row| row.get(0))?;
    match found {
        Some(id) if id != core.vault.id() => {
            return Err(Error::conflict(
                "this master.key belongs to another database: put the one back that was beside keywright.db when it \
                 was made",
            ));
        }
        Some(_) => {}
        None => {
            let sql = "INSERT INTO instance (no, created_at, master_key_id) VALUES (1, ?1, ?2)";
            tx.execute(sql, params![now.millis(), core.vault.id().as_slice()])?;
        }
    }
    apis::seed_built_in(tx, now, &*core.rng, &core.settings.public_url)?;
    Ok(Apis::new(store::apis::load_all(tx)?))
}

/// Whether nobody can sign in yet, so that setting up is open.
///
/// # Errors
/// When the store cannot be read.
pub async fn is_empty(core: &Core) -> Result<bool> {
    core.read(|conn| Ok(!conn.exists("SELECT 1 FROM users LIMIT 1", &[])?)).await
}
