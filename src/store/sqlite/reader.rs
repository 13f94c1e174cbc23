//! Connections that only read.
//!
//! Queries wait for a connection of their lane without blocking a thread. A lane has a bound on how many wait and a
//! limit on how long one query runs; beyond either the caller gets [`Error::Busy`].

use std::ops::Deref;
use std::sync::{Arc, Mutex, TryLockError};
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::{Conn, connect};
use crate::locks;
use crate::store::{Error, Extent, Lane as Size, Options};

/// A connection inside a read transaction: all of its answers are of one committed state.
pub struct Reader<'c>(Conn<'c>);

impl<'c> Deref for Reader<'c> {
    type Target = Conn<'c>;

    fn deref(&self) -> &Conn<'c> {
        &self.0
    }
}

pub(in crate::store) struct Pool {
    reads: Arc<Lane>,
    scans: Arc<Lane>,
    background: Arc<Lane>,
    /// For lookups on the runtime's own threads, one for each, so that they rarely meet.
    lookups: Vec<Mutex<Connection>>,
}

impl Pool {
    pub(in crate::store) fn open(options: &Options) -> Result<Self, Error> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            reads: Lane::open(options, options.reads)?,
            scans: Lane::open(options, options.scans)?,
            background: Lane::open(options, options.background)?,
            lookups: (0..threads).map(|_| open(options).map(Mutex::new)).collect::<Result<_, _>>()?,
        })
    }

    pub(in crate::store) fn lane(&self, extent: Extent) -> &Arc<Lane> {
        match extent {
            Extent::Page => &self.reads,
            Extent::Scan => &self.scans,
            Extent::Log => &self.background,
        }
    }

    pub(in crate::store) fn lookup<T, E>(
        &self,
        query: impl FnOnce(&Conn<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        for slot in &self.lookups {
            match slot.try_lock() {
                Ok(connection) => return query(&Conn::new(&connection)),
                Err(TryLockError::Poisoned(poisoned)) => return query(&Conn::new(&poisoned.into_inner())),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let connection = locks::lock(&self.lookups[0]);
        query(&Conn::new(&connection))
    }
}

fn open(options: &Options) -> Result<Connection, Error> {
    let connection = connect(&options.path, options.page_cache_bytes)?;
    connection.execute_batch("PRAGMA query_only = ON;")?;
    Ok(connection)
}

/// Connections for one sort of query.
pub(in crate::store) struct Lane {
    idle: Mutex<Vec<(Connection, Arc<InterruptHandle>)>>,
    /// One permit for each connection.
    turns: Arc<Semaphore>,
    /// One permit for each query that runs or waits.
    places: Arc<Semaphore>,
    limit: Duration,
}

impl Lane {
    fn open(options: &Options, size: Size) -> Result<Arc<Self>, Error> {
        let connection = || -> Result<_, Error> {
            let connection = open(options)?;
            let handle = Arc::new(connection.get_interrupt_handle());
            Ok((connection, handle))
        };
        Ok(Arc::new(Self {
            idle: Mutex::new((0..size.connections).map(|_| connection()).collect::<Result<_, _>>()?),
            turns: Arc::new(Semaphore::new(size.connections)),
            places: Arc::new(Semaphore::new(size.connections + size.waiting)),
            limit: size.limit,
        }))
    }

    /// Runs `query` on a connection of this lane.
    pub(in crate::store) async fn run<T, E, F>(self: &Arc<Self>, query: F) -> Result<T, E>
    where
        F: FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let busy = |text: &str| Error::Busy(text.to_owned());
        let place = self.places.clone().try_acquire_owned().map_err(|_| busy("too many queries wait"))?;
        let turn = tokio::time::timeout(self.limit, self.turns.clone().acquire_owned());
        let turn = turn.await.ok().and_then(Result::ok).ok_or_else(|| busy("no connection became free"))?;
        let lease = Lease::new(self.clone(), [turn, place]);
        let handle = lease.handle();
        let task = tokio::task::spawn_blocking(move || lease.query(query));
        // A task of its own: a caller that goes away must not leave a query without its limit.
        let limit = self.limit;
        let done = tokio::spawn(async move { interrupted_after(limit, task, &handle).await }).await;
        done.ok().flatten().unwrap_or_else(|| Err(Error::Other("a read panicked".to_owned()).into()))
    }
}

/// The result of `task`; none when it panicked. After `limit` its statements are interrupted, and so are those that it
/// starts later.
async fn interrupted_after<T>(
    limit: Duration,
    mut task: JoinHandle<T>,
    handle: &InterruptHandle,
) -> Option<T> {
    const AGAIN: Duration = Duration::from_millis(5);
    let mut wait = limit;
    loop {
        match tokio::time::timeout(wait, &mut task).await {
            Ok(done) => return done.ok(),
            Err(_) => handle.interrupt(),
        }
        wait = AGAIN;
    }
}

/// A connection in use. It goes back to its lane even if the query panics.
struct Lease {
    lane: Arc<Lane>,
    connection: Option<(Connection, Arc<InterruptHandle>)>,
    /// The turn and the place in the lane. They are free only after the connection is: the next query finds it idle.
    _permits: [OwnedSemaphorePermit; 2],
}

impl Lease {
    /// The caller holds a turn, so a connection is idle.
    fn new(lane: Arc<Lane>, permits: [OwnedSemaphorePermit; 2]) -> Self {
        let connection = locks::lock(&lane.idle).pop();
        Self { lane, connection, _permits: permits }
    }

    fn connection(&self) -> &(Connection, Arc<InterruptHandle>) {
        self.connection.as_ref().expect("there are as many connections as turns")
    }

    fn handle(&self) -> Arc<InterruptHandle> {
        self.connection().1.clone()
    }

    fn query<T, E: From<Error>>(&self, query: impl FnOnce(&Reader<'_>) -> Result<T, E>) -> Result<T, E> {
        let transaction = self.connection().0.unchecked_transaction().map_err(Error::from)?;
        query(&Reader(Conn::new(&transaction)))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            locks::lock(&self.lane.idle).push(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Db;
    use crate::store::testing::Store;

    /// Never ends by itself.
    const ENDLESS: &str =
        "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";

    fn endless(db: &Db) -> impl Future<Output = Result<i64, Error>> + Send + 'static {
        let db = db.clone();
        async move { db.read(Extent::Scan, |reader| reader.number(ENDLESS, &[])).await }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_query_ends_at_its_limit_and_gives_its_connection_back() {
        let limit = Duration::from_millis(50);
        let store = Store::with(|options| options.scans = Size { connections: 1, waiting: 0, limit });
        let db = &store.db;
        for _ in 0..2 {
            let ended = endless(db).await.unwrap_err();
            assert!(matches!(ended, Error::Busy(_)), "{ended:?}");
        }
        assert_eq!(db.read(Extent::Scan, |reader| reader.number("SELECT 7", &[])).await, Ok(7));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn long_queries_delay_no_page_and_only_so_many_wait() {
        let limit = Duration::from_secs(2);
        let store = Store::with(|options| options.scans = Size { connections: 2, waiting: 3, limit });
        let db = &store.db;
        let running: Vec<_> = (0..5).map(|_| tokio::spawn(endless(db))).collect();
        while db.readers.lane(Extent::Scan).places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = endless(db).await.unwrap_err();
        assert!(matches!(refused, Error::Busy(_)), "{refused:?}");
        assert_eq!(db.read(Extent::Page, |reader| reader.number("SELECT 7", &[])).await, Ok(7));
        assert!(running.iter().all(|query| !query.is_finished()), "the page came before the end of any scan");
        for query in running {
            assert!(matches!(query.await.unwrap(), Err(Error::Busy(_))));
        }
    }

    #[tokio::test]
    async fn a_query_cannot_write() {
        let store = Store::new();
        let db = &store.db;
        let written = db.lookup(|conn| conn.number("DELETE FROM users RETURNING no", &[]));
        assert!(matches!(written, Err(Error::Other(text)) if text.contains("not a query")));
    }
}
