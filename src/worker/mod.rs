//! Work that the clock drives.

use std::sync::Arc;

use tokio::sync::watch;

use crate::domain::Core;

/// Runs due jobs until `stop` says true.
pub async fn run(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    let _ = core;
    let _ = stop.wait_for(|stop| *stop).await;
}
