//! Which rows of the activity log are about which key.

use super::activity::SEGMENT_ROWS;
use crate::model::Timestamp;
use crate::model::activity::Outcome;
use crate::store::{Conn, Error, Tx, params};

/// Whether the index of `segment` is complete.
pub fn is_indexed(conn: &Conn<'_>, segment: i64) -> Result<bool, Error> {
    conn.exists("SELECT 1 FROM activity_segments WHERE segment = ?1", params![segment])
}

/// Rows about a key in an indexed segment, newest first, below `before`.
pub fn rows_of_key(
    conn: &Conn<'_>,
    segment: i64,
    key_no: i64,
    before: i64,
    limit: usize,
) -> Result<Vec<i64>, Error> {
    conn.all(
        "SELECT activity_no FROM activity_index WHERE segment = ?1 AND key_no = ?2 AND activity_no < ?3 \
         ORDER BY activity_no DESC LIMIT ?4",
        params![segment, key_no, before, limit as i64],
        |row| row.get(0),
    )
}

/// Every row from `first` to the end of its segment or `last`: its number, the key that it is about, and the key
/// that made the change, where it is one.
pub fn keys_of_rows(
    conn: &Conn<'_>,
    first: i64,
    last: i64,
    mut visit: impl FnMut(i64, Option<i64>, Option<i64>),
) -> Result<(), Error> {
    let end = (first / SEGMENT_ROWS + 1) * SEGMENT_ROWS - 1;
    let changed = i64::from(Outcome::Changed.number());
    conn.each(
        "SELECT no, key_no, by_key_no, outcome FROM activity WHERE no BETWEEN ?1 AND ?2 ORDER BY no",
        params![first, last.min(end)],
        |row| {
            let (key, by) = (row.get::<Option<i64>>(1)?, row.get::<Option<i64>>(2)?);
            let by = by.filter(|_| row.get::<i64>(3) == Ok(changed) && by != key);
            visit(row.get(0)?, key, by);
            Ok(true)
        },
    )
}

/// The last pair that was written for `segment`.
pub fn last_pair(conn: &Conn<'_>, segment: i64) -> Result<Option<(i64, i64)>, Error> {
    conn.first(
        "SELECT key_no, activity_no FROM activity_index WHERE segment = ?1 \
         ORDER BY key_no DESC, activity_no DESC LIMIT 1",
        params![segment],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )
}

/// Appends pairs of a key and a row's place after row `base`, which must come sorted and after [`last_pair`].
pub fn append(tx: &mut Tx<'_>, segment: i64, base: i64, pairs: &[(i64, u32)]) -> Result<(), Error> {
    let mut statement =
        tx.prepare("INSERT INTO activity_index (segment, key_no, activity_no) VALUES (?1, ?2, ?3)")?;
    for &(key_no, place) in pairs {
        statement.execute(params![segment, key_no, base + i64::from(place)])?;
    }
    Ok(())
}

/// Says that the index of `segment` is complete.
pub fn complete(tx: &mut Tx<'_>, segment: i64, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO activity_segments (segment, indexed_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![segment, now.millis()],
    )?;
    Ok(())
}
