//! APIs: what Keywright protects, and what each of them knows of scopes, presets, tiers and routes.

mod built_in;

pub use built_in::seed_built_in;

use std::sync::Arc;

use crate::db::Tx;
use crate::domain::Core;
use crate::domain::catalog::Apis;
use crate::error::Result;

/// The audience of an API that names none: the instance's URL and the slug, as in `https://auth.example.com/afdb`.
/// An identifier; nothing needs to answer there.
pub fn default_audience(public_url: &str, slug: &str) -> String {
    format!("{}/{slug}", public_url.trim_end_matches('/'))
}

/// Shows the APIs as this transaction leaves them, once it is committed. Every change of an API ends with this.
///
/// # Errors
/// When they cannot be read back.
pub fn publish(tx: &mut Tx<'_>, core: &Arc<Core>) -> Result<()> {
    let apis = Apis::new(crate::db::apis::load_all(tx)?);
    let core = core.clone();
    tx.on_commit(move || core.catalog.replace(apis));
    Ok(())
}
