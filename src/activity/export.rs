//! Export of the log or of a filtered part of it, in steps.

use std::sync::Arc;

use super::Services;
use super::search::{self, BUDGET, Filter};
use super::view::Names;
use crate::error::{Error, Result};
use crate::model::activity::Activity;
use crate::store::Extent;

/// Rows in memory at a time.
const PART_ROWS: usize = 500;

/// Iterates over the matching rows, newest first. Rows that were written after its start are not included.
pub struct Export {
    services: Arc<Services>,
    filter: Filter,
    /// Rows below this number remain; none after the last row.
    below: Option<i64>,
}

impl Export {
    /// Starts at the newest row.
    ///
    /// # Errors
    /// When the buffered rows cannot be written.
    pub async fn open(services: Arc<Services>, filter: Filter) -> Result<Self> {
        services.log.settled(&services.db).await?;
        Ok(Self { services, filter, below: Some(i64::MAX) })
    }

    /// The next rows; none after the last row.
    ///
    /// # Errors
    /// When the server stops.
    pub async fn next(&mut self) -> Result<Option<Vec<Activity>>> {
        while let Some(below) = self.below {
            let services = self.services.clone();
            if services.log.is_closed() {
                return Err(Error::unavailable("the server stops"));
            }
            let (log, filter) = (services.log.clone(), self.filter.clone());
            let (rows, below) = services
                .read_as(Extent::Scan, move |reader| {
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
