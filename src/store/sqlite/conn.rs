//! Statements on an SQLite connection: typed rows and cached statements.

use std::str::FromStr;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection};

use crate::model::Timestamp;
use crate::store::{Error, FromColumn, ToSql, Value};

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Integer(value.into()),
            Self::Integer(number) => ValueRef::Integer(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// A connection that can be read. Changing statements need a [`crate::store::Tx`].
#[derive(Clone, Copy)]
pub struct Conn<'c>(&'c Connection);

impl<'c> Conn<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self(connection)
    }

    /// The first row, or none.
    pub fn first<T>(
        &self,
        sql: &str,
        params: &[&dyn ToSql],
        map: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.query(sql)?.first(params, map)
    }

    /// Every row.
    pub fn all<T>(
        &self,
        sql: &str,
        params: &[&dyn ToSql],
        map: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.query(sql)?.all(params, map)
    }

    /// One row after the other, until `visit` returns false.
    pub fn each(
        &self,
        sql: &str,
        params: &[&dyn ToSql],
        visit: impl FnMut(&Row<'_>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        self.query(sql)?.each(params, visit)
    }

    /// Whether there is a row.
    pub fn exists(&self, sql: &str, params: &[&dyn ToSql]) -> Result<bool, Error> {
        Ok(self.first(sql, params, |_| Ok(()))?.is_some())
    }

    /// One number, as from `count(*)`; no row and NULL are 0.
    pub fn number(&self, sql: &str, params: &[&dyn ToSql]) -> Result<i64, Error> {
        let found = self.first(sql, params, |row| row.get::<Option<i64>>(0))?;
        Ok(found.flatten().unwrap_or(0))
    }

    /// Prepares a statement to run it several times.
    pub(in crate::store) fn prepare(&self, sql: &str) -> Result<Statement<'c>, Error> {
        Ok(Statement(self.0.prepare_cached(sql)?))
    }

    /// Only statements that read. A statement that writes through here would change tables unseen by the writer.
    fn query(&self, sql: &str) -> Result<Statement<'c>, Error> {
        let statement = self.prepare(sql)?;
        if statement.0.readonly() { Ok(statement) } else { Err(Error::Other(format!("not a query: {sql}"))) }
    }

    pub(in crate::store) fn execute(&self, sql: &str, params: &[&dyn ToSql]) -> Result<usize, Error> {
        self.prepare(sql)?.execute(params)
    }

    pub(in crate::store) fn returning<T>(
        &self,
        sql: &str,
        params: &[&dyn ToSql],
        map: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.prepare(sql)?.all(params, map)
    }
}

/// A prepared statement.
pub struct Statement<'c>(CachedStatement<'c>);

impl Statement<'_> {
    /// Binds one parameter; the first is 1.
    pub fn bind(&mut self, index: usize, value: impl ToSql) -> Result<(), Error> {
        Ok(self.0.raw_bind_parameter(index, value.to_sql())?)
    }

    fn bind_all(&mut self, params: &[&dyn ToSql]) -> Result<(), Error> {
        if params.len() != self.0.parameter_count() {
            return Err(Error::Other(format!(
                "{} parameters for a statement with {}",
                params.len(),
                self.0.parameter_count()
            )));
        }
        params.iter().enumerate().try_for_each(|(index, value)| self.bind(index + 1, value))
    }

    /// Runs a changing statement with the values bound before and returns how many rows it changed.
    pub fn run(&mut self) -> Result<usize, Error> {
        Ok(self.0.raw_execute()?)
    }

    /// Runs a changing statement and returns how many rows it changed.
    pub fn execute(&mut self, params: &[&dyn ToSql]) -> Result<usize, Error> {
        self.bind_all(params)?;
        self.run()
    }

    /// The first row, or none.
    pub fn first<T>(
        &mut self,
        params: &[&dyn ToSql],
        map: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.bind_all(params)?;
        self.0.raw_query().next()?.map(|row| map(&Row(row))).transpose()
    }

    /// Every row.
    pub fn all<T>(
        &mut self,
        params: &[&dyn ToSql],
        mut map: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        self.each(params, |row| {
            found.push(map(row)?);
            Ok(true)
        })?;
        Ok(found)
    }

    fn each(
        &mut self,
        params: &[&dyn ToSql],
        mut visit: impl FnMut(&Row<'_>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        self.bind_all(params)?;
        let mut rows = self.0.raw_query();
        while let Some(row) = rows.next()? {
            if !visit(&Row(row))? {
                break;
            }
        }
        Ok(())
    }
}

/// One row of an answer; columns count from 0.
pub struct Row<'r>(&'r rusqlite::Row<'r>);

impl Row<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>, Error> {
        Ok(match self.0.get_ref(column)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Text(text) => Value::Text(std::str::from_utf8(text).map_err(|_| unreadable(column))?),
            ValueRef::Blob(bytes) => Value::Blob(bytes),
            ValueRef::Real(_) => return Err(unreadable(column)),
        })
    }

    /// A column.
    pub fn get<T: FromColumn>(&self, column: usize) -> Result<T, Error> {
        T::from_column(self.value(column)?).ok_or_else(|| unreadable(column))
    }

    /// A column that holds a boolean.
    pub fn bool(&self, column: usize) -> Result<bool, Error> {
        self.get(column)
    }

    /// A column with a time.
    pub fn time(&self, column: usize) -> Result<Timestamp, Error> {
        Ok(Timestamp::from_millis(self.get(column)?))
    }

    /// A column with a time or NULL.
    pub fn time_opt(&self, column: usize) -> Result<Option<Timestamp>, Error> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_millis))
    }

    /// A text column that parses as `T`: an id, a scope set, an environment.
    pub fn parse<T: FromStr>(&self, column: usize) -> Result<T, Error> {
        self.parse_opt(column)?.ok_or_else(|| unreadable(column))
    }

    /// A text column that parses as `T`, or NULL.
    pub fn parse_opt<T: FromStr>(&self, column: usize) -> Result<Option<T>, Error> {
        match self.value(column)? {
            Value::Text(text) => text.parse().map(Some).map_err(|_| unreadable(column)),
            Value::Null => Ok(None),
            _ => Err(unreadable(column)),
        }
    }

    /// A text column that holds JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T, Error> {
        match self.value(column)? {
            Value::Text(text) => serde_json::from_str(text).map_err(|_| unreadable(column)),
            _ => Err(unreadable(column)),
        }
    }
}

/// The file was changed by another program, or a query reads the wrong type.
fn unreadable(column: usize) -> Error {
    Error::Corrupt(format!("column {column} of a row does not hold what it should"))
}
