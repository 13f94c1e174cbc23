//! What keys have used: written behind the requests, together with their activity.

use crate::model::Timestamp;
use crate::store::{Error, Tx, params};

/// What one key has used since it was last written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// When it was last used, to the hour.
    Last {
        /// The key's row number.
        key_no: i64,
        /// The hour.
        at: Timestamp,
    },
    /// How far its quota is used.
    Quota {
        /// The key's row number.
        key_no: i64,
        /// Start of the period.
        period_at: Timestamp,
        /// What was counted in it.
        used: u64,
    },
}

impl Usage {
    /// The key that it is about.
    pub const fn key_no(&self) -> i64 {
        match *self {
            Self::Last { key_no, .. } | Self::Quota { key_no, .. } => key_no,
        }
    }
}

// Inserts select from `keys` so that a key that has gone in the meantime writes nothing instead of failing the batch.
// The update comes first, for it needs to look at no key: almost all have been used before.
const LAST: &str = "\
    UPDATE key_usage SET last_used_at = ?2
    WHERE key_no = ?1 AND (last_used_at IS NULL OR last_used_at <> ?2)";
const FIRST: &str = "\
    INSERT INTO key_usage (key_no, last_used_at) SELECT no, ?2 FROM keys WHERE no = ?1
    ON CONFLICT (key_no) DO NOTHING";
const QUOTA: &str = "\
    INSERT INTO key_usage (key_no, quota_period_at, quota_used) SELECT no, ?2, ?3 FROM keys WHERE no = ?1
    ON CONFLICT (key_no) DO UPDATE
    SET quota_period_at = excluded.quota_period_at, quota_used = excluded.quota_used";

/// Writes what keys have used; of two about one key the later wins.
pub fn save(tx: &mut Tx<'_>, usage: &[Usage]) -> Result<(), Error> {
    for one in usage {
        match *one {
            Usage::Last { key_no, at } => match tx.execute(LAST, params![key_no, at.millis()])? {
                0 => tx.execute(FIRST, params![key_no, at.millis()])?,
                known => known,
            },
            Usage::Quota { key_no, period_at, used } => {
                let used = i64::try_from(used).unwrap_or(i64::MAX);
                tx.execute(QUOTA, params![key_no, period_at.millis(), used])?
            }
        };
    }
    Ok(())
}
