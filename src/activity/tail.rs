//! The log as it grows: whoever follows it reads new rows out of the store when they are told that there are some. So
//! a follower costs no memory while it is slow, and one that falls too far behind is told how much it missed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::search::{self, Filter};
use super::view::Names;
use super::{Services, table};
use crate::error::{Error, Result};
use crate::model::ActivityId;
use crate::model::activity::Activity;

/// Rows that are looked at together.
const WINDOW_ROWS: i64 = 1_000;
/// Rows that a follower may be behind before it misses some.
const MAX_BEHIND: i64 = 20_000;
/// How long nothing may happen before the follower hears of that.
const IDLE: Duration = Duration::from_secs(15);
/// How long a follower that is up to date waits at least, so that a busy log comes in pieces worth sending.
const GATHER: Duration = Duration::from_millis(200);

/// What a follower gets next.
#[derive(Debug)]
pub enum Followed {
    /// New rows that fit, oldest first; never none.
    Rows(Vec<Activity>),
    /// So many rows came faster than they were taken; they are in the log, but not here.
    Missed(u64),
    /// Nothing new; the moment to see whether anybody still listens, and still may.
    Nothing,
}

/// Follows the log.
pub struct Tail {
    services: Arc<Services>,
    filter: Filter,
    /// The last row that was looked at.
    last_no: i64,
    newest: watch::Receiver<i64>,
    closed: watch::Receiver<bool>,
    /// Whether the last call saw the end of the log.
    up_to_date: bool,
}

impl Tail {
    /// Begins after the row `after`, or with the next row to come.
    pub async fn open(services: Arc<Services>, filter: Filter, after: Option<ActivityId>) -> Result<Self> {
        services.log.flush(&services.db).await?;
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

    /// What comes next; none when the log is closed because the server stops.
    pub async fn next(&mut self) -> Result<Option<Followed>> {
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
                () = tokio::time::sleep(IDLE) => return Ok(Some(Followed::Nothing)),
            };
            if let Some(followed) = self.advance(newest).await? {
                return Ok(Some(followed));
            }
        }
    }

    /// Looks at the next window of rows up to `newest`.
    async fn advance(&mut self, newest: i64) -> Result<Option<Followed>> {
        let behind = newest - self.last_no;
        if behind > MAX_BEHIND {
            self.last_no = newest - WINDOW_ROWS;
            return Ok(Some(Followed::Missed((behind - WINDOW_ROWS).unsigned_abs())));
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
        Ok((!rows.is_empty()).then_some(Followed::Rows(rows)))
    }
}
