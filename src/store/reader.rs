//! Connections that only read.

use std::ops::Deref;
use std::sync::{Condvar, Mutex, TryLockError};

use rusqlite::Connection;

use super::{Conn, Error, Options, connect};

/// A connection inside a read transaction: everything it answers is one committed state.
pub struct Reader<'c>(Conn<'c>);

impl<'c> Deref for Reader<'c> {
    type Target = Conn<'c>;

    fn deref(&self) -> &Conn<'c> {
        &self.0
    }
}

pub(super) struct Pool {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
    /// For lookups on the runtime's own threads, one each, so that they rarely meet.
    lookups: Vec<Mutex<Connection>>,
}

impl Pool {
    pub(super) fn open(options: &Options) -> Result<Self, Error> {
        let open = || -> Result<Connection, Error> {
            let connection = connect(&options.path, options.page_cache_bytes)?;
            connection.execute_batch("PRAGMA query_only = ON;")?;
            Ok(connection)
        };
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            idle: Mutex::new((0..options.readers).map(|_| open()).collect::<Result<_, _>>()?),
            returned: Condvar::new(),
            lookups: (0..threads).map(|_| open().map(Mutex::new)).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn read<T, E: From<Error>>(
        &self,
        query: impl FnOnce(&Reader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let connection = self.take();
        let lease = Lease { pool: self, connection: Some(connection) };
        let connection = lease.connection.as_ref().expect("a lease holds its connection until it drops");
        let transaction = connection.unchecked_transaction().map_err(Error::from)?;
        query(&Reader(Conn(&transaction)))
    }

    pub(super) fn lookup<T, E>(&self, query: impl FnOnce(&Conn<'_>) -> Result<T, E>) -> Result<T, E> {
        for slot in &self.lookups {
            match slot.try_lock() {
                Ok(connection) => return query(&Conn(&connection)),
                Err(TryLockError::Poisoned(poisoned)) => return query(&Conn(&poisoned.into_inner())),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let connection = self.lookups[0].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        query(&Conn(&connection))
    }

    fn take(&self) -> Connection {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        loop {
            if let Some(connection) = idle.pop() {
                return connection;
            }
            idle = self.returned.wait(idle).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

/// Gives a connection back even if the query panics.
struct Lease<'p> {
    pool: &'p Pool,
    connection: Option<Connection>,
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            let mut idle = self.pool.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            idle.push(connection);
            self.pool.returned.notify_one();
        }
    }
}
