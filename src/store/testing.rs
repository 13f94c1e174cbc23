//! An open store for unit tests.

use super::{Db, Drain, Error, Options, Tx, migrate};

struct NoDrain;

impl Drain for NoDrain {
    fn pending(&self) -> bool {
        false
    }

    fn append(&mut self, _: &mut Tx<'_>, _: bool) -> Result<(), Error> {
        Ok(())
    }
}

/// A new store. It is stopped when this value is dropped.
pub(crate) struct Store {
    pub(crate) db: Db,
    _directory: tempfile::TempDir,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keywright.db");
        migrate::prepare(&path).unwrap();
        let mut options = Options::new(path);
        change(&mut options);
        Self { db: Db::open(&options, Box::new(NoDrain)).unwrap(), _directory: directory }
    }

    /// Runs a job in a transaction of its own.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        job: impl Fn(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.db.write(job).await
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.db.stop();
    }
}
