//! The whole log, or what fits of it, a part at a time.

use super::search::{self, BUDGET, Filter};
use super::view::{Activity, Names};
use crate::domain::identity::access::{ActivityRead, Can};
use crate::error::{Error, Result};

/// Rows that are in memory together.
const PART_ROWS: usize = 500;

/// Goes through the rows that fit, newest first. What is written after it began is not in it.
pub struct Export {
    can: Can<ActivityRead>,
    filter: Filter,
    /// Rows below this number are still to come; none after the last.
    below: Option<i64>,
}

impl Export {
    /// Begins with the newest row.
    ///
    /// # Errors
    /// When what was logged so far cannot be written.
    pub async fn open(can: Can<ActivityRead>, filter: Filter) -> Result<Self> {
        can.core.activity.flush(&can.core.db).await?;
        Ok(Self { can, filter, below: Some(i64::MAX) })
    }

    /// The next rows; none after the last.
    ///
    /// # Errors
    /// When the store cannot be read, or the server stops.
    pub async fn next(&mut self) -> Result<Option<Vec<Activity>>> {
        while let Some(below) = self.below {
            let core = self.can.core.clone();
            if core.activity.is_closed() {
                return Err(Error::unavailable("the server stops"));
            }
            let (log, filter) = (core.activity.clone(), self.filter.clone());
            let (rows, below) = core
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
