//! Follows the log: a follower is notified of new rows and reads them from the store. A slow follower costs no memory;
//! one that is too far behind gets the number of rows that it missed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::search::{self, Filter};
use super::view::Names;
use super::{Services, table};
use crate::error::{Error, Result};
use crate::model::ActivityId;
use crate::model::activity::Activity;

/// Rows examined together.
const WINDOW_ROWS: i64 = 1_000;
/// Maximum number of rows that a follower may be behind.
const MAX_BEHIND: i64 = 20_000;
/// Time without rows after which the follower gets [`TailEvent::Nothing`].
const IDLE: Duration = Duration::from_secs(15);
/// Minimum wait of a follower that is up to date, so that rows are sent in batches.
const GATHER: Duration = Duration::from_millis(200);

/// Next event of a follower.
#[derive(Debug)]
pub enum TailEvent {
    /// New matching rows, oldest first; never empty.
    Rows(Vec<Activity>),
    /// Number of rows that were skipped; they are in the log.
    Missed(u64),
    /// No new rows: the caller checks that the client is connected and still authorized.
    Nothing,
}

/// Follows the log.
pub struct Tail {
    services: Arc<Services>,
    filter: Filter,
    /// The last row that was examined.
    last_no: i64,
    newest: watch::Receiver<i64>,
    closed: watch::Receiver<bool>,
    /// Whether the last call reached the end of the log.
    up_to_date: bool,
}

impl Tail {
    /// Starts after the row `after`, or with the next new row.
    pub async fn open(services: Arc<Services>, filter: Filter, after: Option<ActivityId>) -> Result<Self> {
        services.log.settled(&services.db).await?;
        let newest = services.read(|reader| Ok::<_, Error>(table::last(reader)?)).await?;
        Ok(Self {
            filter,
            last_no: after.map_or(newest, ActivityId::no).clamp(0, newest),
            newest: services.log.newest.subscribe(),
            closed: services.log.closed.subscribe(),
            up_to_date: false,
            services,
        })
    }

    /// The next event; none when the log is closed because the server stops.
    pub async fn next(&mut self) -> Result<Option<TailEvent>> {
        loop {
            if self.up_to_date {
                tokio::select! {
                    biased;
                    _ = self.closed.wait_for(|closed| *closed) => return Ok(None),
                    () = tokio::time::sleep(GATHER) => {}
                }
            }
            let last_no = self.last_no;
            let newest = tokio::select! {
                biased;
                _ = self.closed.wait_for(|closed| *closed) => return Ok(None),
                newest = self.newest.wait_for(|newest| *newest > last_no) => {
                    let Ok(newest) = newest else { return Ok(None) };
                    *newest
                }
                () = tokio::time::sleep(IDLE) => return Ok(Some(TailEvent::Nothing)),
            };
            if let Some(followed) = self.advance(newest).await? {
                return Ok(Some(followed));
            }
        }
    }

    /// Examines the next window of rows, up to `newest`.
    async fn advance(&mut self, newest: i64) -> Result<Option<TailEvent>> {
        let behind = newest - self.last_no;
        if behind > MAX_BEHIND {
            self.last_no = newest - WINDOW_ROWS;
            return Ok(Some(TailEvent::Missed((behind - WINDOW_ROWS).unsigned_abs())));
        }
        let window = (self.last_no + 1, newest.min(self.last_no + WINDOW_ROWS));
        let filter = self.filter.clone();
        let rows = self.services.read(move |reader| {
            let mut names = Names::default();
            let rows = search::window(reader, &filter, window)?.into_iter().rev();
            Ok::<_, Error>(
                rows.map(|row| names.show(reader, row)).collect::<std::result::Result<Vec<_>, _>>()?,
            )
        });
        let rows = rows.await?;
        self.last_no = window.1;
        self.up_to_date = window.1 == newest;
        Ok((!rows.is_empty()).then_some(TailEvent::Rows(rows)))
    }
}
