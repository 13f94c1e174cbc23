//! The services of this room: the APIs and the engine that judges credentials.

use std::ops::Deref;
use std::sync::Arc;

use super::Engine;
use super::catalog::Catalog;
use crate::activity;

/// Services of `policy` and of the rooms below.
pub struct Services {
    /// Services of the room below.
    pub activity: Arc<activity::Services>,
    /// Every API, in memory.
    pub catalog: Catalog,
    /// Judges credentials.
    pub engine: Engine,
}

impl Deref for Services {
    type Target = Arc<activity::Services>;

    fn deref(&self) -> &Self::Target {
        &self.activity
    }
}
