//! What the SQL files see of a connection: typed rows and cached statements.

use std::str::FromStr;

use rusqlite::Connection;
use rusqlite::types::FromSql;
pub use rusqlite::types::ToSql;

use super::Error;
use crate::model::Timestamp;

/// A connection that can be asked.
#[derive(Clone, Copy)]
pub struct Conn<'c>(pub(super) &'c Connection);

impl Conn<'_> {
    /// The first row, or none.
    ///
    /// # Errors
    /// When the statement fails or `map` does.
    pub fn first<T>(
        &self,
        sql: &str,
        params: &[&dyn ToSql],
        map: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        rows.next()?.map(|row| map(&Row(row))).transpose()
    }

    /// Every row.
    ///
    /// # Errors
    /// When the statement fails or `map` does.
    pub fn all<T>(
        &self,
        sql: &str,
        params: &[&dyn ToSql],
        mut map: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut found = Vec::new();
        self.each(sql, params, |row| {
            found.push(map(row)?);
            Ok(true)
        })?;
        Ok(found)
    }

    /// One row after the other, until `visit` says false.
    ///
    /// # Errors
    /// When the statement fails or `visit` does.
    pub fn each(
        &self,
        sql: &str,
        params: &[&dyn ToSql],
        mut visit: impl FnMut(&Row<'_>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            if !visit(&Row(row))? {
                break;
            }
        }
        Ok(())
    }

    /// Whether any row comes.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn exists(&self, sql: &str, params: &[&dyn ToSql]) -> Result<bool, Error> {
        Ok(self.first(sql, params, |_| Ok(()))?.is_some())
    }

    /// One number, as from `count(*)`; no row and NULL are 0.
    ///
    /// # Errors
    /// When the statement fails.
    pub fn number(&self, sql: &str, params: &[&dyn ToSql]) -> Result<i64, Error> {
        let found = self.first(sql, params, |row| row.get::<Option<i64>>(0))?;
        Ok(found.flatten().unwrap_or(0))
    }

    pub(super) fn execute(&self, sql: &str, params: &[&dyn ToSql]) -> Result<usize, Error> {
        Ok(self.0.prepare_cached(sql)?.execute(params)?)
    }
}

/// One row of an answer; columns count from 0.
pub struct Row<'r>(pub(super) &'r rusqlite::Row<'r>);

impl Row<'_> {
    /// A column as SQLite has it.
    ///
    /// # Errors
    /// When the column holds another type.
    pub fn get<T: FromSql>(&self, column: usize) -> Result<T, Error> {
        Ok(self.0.get(column)?)
    }

    /// A column that holds 0 or 1.
    ///
    /// # Errors
    /// When it holds anything else than a number.
    pub fn bool(&self, column: usize) -> Result<bool, Error> {
        Ok(self.get::<i64>(column)? != 0)
    }

    /// A column with a time.
    ///
    /// # Errors
    /// When it holds no number.
    pub fn time(&self, column: usize) -> Result<Timestamp, Error> {
        Ok(Timestamp::from_millis(self.get(column)?))
    }

    /// A column with a time or NULL.
    ///
    /// # Errors
    /// When it holds something else.
    pub fn time_opt(&self, column: usize) -> Result<Option<Timestamp>, Error> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_millis))
    }

    /// A text column that parses as `T`: an id, a scope set, an environment.
    ///
    /// # Errors
    /// When it does not parse: the file was changed by something else than Keywright.
    pub fn parse<T: FromStr>(&self, column: usize) -> Result<T, Error> {
        self.parse_opt(column)?.ok_or_else(|| unreadable(column))
    }

    /// A text column that parses as `T`, or NULL.
    ///
    /// # Errors
    /// When it does not parse.
    pub fn parse_opt<T: FromStr>(&self, column: usize) -> Result<Option<T>, Error> {
        let value = self.0.get_ref(column)?;
        match value.as_str_or_null().map_err(|_| unreadable(column))? {
            Some(text) => text.parse().map(Some).map_err(|_| unreadable(column)),
            None => Ok(None),
        }
    }

    /// A text column that holds JSON.
    ///
    /// # Errors
    /// When it is not the JSON of a `T`.
    pub fn json<T: serde::de::DeserializeOwned>(&self, column: usize) -> Result<T, Error> {
        let value = self.0.get_ref(column)?;
        let text = value.as_str().map_err(|_| unreadable(column))?;
        serde_json::from_str(text).map_err(|_| unreadable(column))
    }
}

fn unreadable(column: usize) -> Error {
    Error::Corrupt(format!("column {column} of a row does not hold what it should"))
}
