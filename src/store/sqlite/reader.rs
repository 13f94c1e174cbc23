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
use crate::store::{Error, Lane as Size, Options};

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
    /// For lookups on the runtime's own threads, one for each, so that they rarely meet.
    lookups: Vec<Mutex<Connection>>,
}

impl Pool {
    pub(in crate::store) fn open(options: &Options) -> Result<Self, Error> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            reads: Lane::open(options, options.reads)?,
            scans: Lane::open(options, options.scans)?,
            lookups: (0..threads).map(|_| open(options).map(Mutex::new)).collect::<Result<_, _>>()?,
        })
    }

    pub(in crate::store) fn reads(&self) -> &Arc<Lane> {
        &self.reads
    }

    pub(in crate::store) fn scans(&self) -> &Arc<Lane> {
        &self.scans
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
        interrupted_after(self.limit, task, &handle)
            .await
            .unwrap_or_else(|| Err(Error::Other("a read panicked".to_owned()).into()))
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
