//! The whole log, or what fits of it, a part at a time.

use std::sync::Arc;

use super::Services;
use super::search::{self, BUDGET, Filter};
use super::view::Names;
use crate::error::{Error, Result};
use crate::model::activity::Activity;

/// Rows that are in memory together.
const PART_ROWS: usize = 500;

/// Goes through the rows that fit, newest first. What is written after it began is not in it.
pub struct Export {
    services: Arc<Services>,
    filter: Filter,
    /// Rows below this number are still to come; none after the last.
    below: Option<i64>,
}

impl Export {
    /// Begins with the newest row.
    ///
    /// # Errors
    /// When what was logged so far cannot be written.
    pub async fn open(services: Arc<Services>, filter: Filter) -> Result<Self> {
        services.log.flush(&services.db).await?;
        Ok(Self { services, filter, below: Some(i64::MAX) })
    }

    /// The next rows; none after the last.
    ///
    /// # Errors
    /// When the store cannot be read, or the server stops.
    pub async fn next(&mut self) -> Result<Option<Vec<Activity>>> {
        while let Some(below) = self.below {
            let services = self.services.clone();
            if services.log.is_closed() {
                return Err(Error::unavailable("the server stops"));
            }
            let (log, filter) = (services.log.clone(), self.filter.clone());
            let (rows, below) = services
                .read(move |reader| {
                    let found = search::search(reader, &log, &filter, below, PART_ROWS, BUDGET)?;
                    let mut names = Names::default();
                    let rows = found.rows.into_iter().map(|row| names.show(reader, row));
                    Ok::<_, Error>((rows.collect::<std::result::Result<Vec<_>, _>>()?, found.rest_below))
                })
                .await?;
            self.below = below;
            if !rows.is_empty() {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }
}
