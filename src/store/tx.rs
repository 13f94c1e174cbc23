//! A transaction, as jobs see it.

use std::ops::Deref;

use super::touched::Writes;
use super::{Conn, Error, Row, ToSql, Touched};

pub(super) type Hook = Box<dyn FnOnce() + Send>;

/// A transaction. When the job's answer arrives, all of its changes are on disk, or none.
pub struct Tx<'c> {
    conn: Conn<'c>,
    pub(super) hooks: Vec<Hook>,
    pub(super) writes: Writes,
}

impl<'c> Deref for Tx<'c> {
    type Target = Conn<'c>;

    fn deref(&self) -> &Conn<'c> {
        &self.conn
    }
}

impl<'c> Tx<'c> {
    pub(super) fn new(conn: Conn<'c>) -> Self {
        Self { conn, hooks: Vec::new(), writes: Writes::default() }
    }

    /// Runs a changing statement and returns how many rows it changed. What memory holds of them must be named with
    /// [`Tx::touch`].
    pub fn execute(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<usize, Error> {
        let changed = self.conn.execute(sql, params)?;
        if changed > 0 {
            self.writes.wrote(sql);
        }
        Ok(changed)
    }

    /// Runs a changing statement whose columns memory does not hold, such as the time of the last use.
    pub fn execute_unheld(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<usize, Error> {
        self.conn.execute(sql, params)
    }

    /// Runs an INSERT that ends with `RETURNING no` and returns the new row's number.
    pub fn insert(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<i64, Error> {
        self.insert_if(sql, params)?.ok_or_else(|| Error::Other("an INSERT returned no row".to_owned()))
    }

    /// [`Tx::insert`] for a conditional INSERT; none when its condition does not hold.
    pub fn insert_if(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<Option<i64>, Error> {
        Ok(self.returning(sql, params, |row| row.get(0))?.pop())
    }

    /// Runs a changing statement with a RETURNING clause and returns what it gives for each changed row.
    pub fn returning<T>(
        &mut self,
        sql: &str,
        params: &[&dyn ToSql],
        map: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let changed = self.conn.returning(sql, params, map)?;
        if !changed.is_empty() {
            self.writes.wrote(sql);
        }
        Ok(changed)
    }

    /// Names what this transaction changes of what memory may hold. It is dropped from memory after COMMIT and before
    /// the job is answered.
    pub fn touch(&mut self, touched: Touched) {
        if !self.writes.touched.contains(&touched) {
            self.writes.touched.push(touched);
        }
    }

    /// Runs `hook` after COMMIT and before the job is answered; never when the job is undone.
    pub fn on_commit(&mut self, hook: impl FnOnce() + Send + 'static) {
        self.hooks.push(Box::new(hook));
    }
}
