//! The chain over the activity log, and the places where its clock was set back.

use crate::model::Timestamp;
use crate::store::{Conn, Error, Row, Tx, params};

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The last row that it covers.
    pub no: i64,
    /// No row of it is later, nor any before it since the clock was last set back.
    pub max_at: Timestamp,
    /// What its rows take on disk, roughly.
    pub bytes: i64,
    /// Rows of callers who did not prove who they are, and what those rows take on disk.
    pub unidentified_rows: i64,
    /// See `unidentified_rows`.
    pub unidentified_bytes: i64,
    /// The signature over this link and the one before.
    pub mac: Vec<u8>,
    /// The hash of the unidentified rows and the signature of retention, when it has removed those alone.
    pub removed: Option<Vec<u8>>,
    /// The signature of retention, when it has removed the rows.
    pub anchor: Option<Vec<u8>>,
}

const COLUMNS: &str = "no, max_at, bytes, mac, anchor, unidentified_rows, unidentified_bytes, removed";

fn link(row: &Row<'_>) -> Result<Link, Error> {
    Ok(Link {
        no: row.get(0)?,
        max_at: row.time(1)?,
        bytes: row.get(2)?,
        mac: row.get(3)?,
        anchor: row.get(4)?,
        unidentified_rows: row.get(5)?,
        unidentified_bytes: row.get(6)?,
        removed: row.get(7)?,
    })
}

/// The newest link.
pub fn last(conn: &Conn<'_>) -> Result<Option<Link>, Error> {
    conn.first(&format!("SELECT {COLUMNS} FROM activity_links ORDER BY no DESC LIMIT 1"), &[], link)
}

/// The newest link whose rows retention has removed.
pub fn anchor(conn: &Conn<'_>) -> Result<Option<Link>, Error> {
    let sql =
        format!("SELECT {COLUMNS} FROM activity_links WHERE anchor IS NOT NULL ORDER BY no DESC LIMIT 1");
    conn.first(&sql, &[], link)
}

/// Links after row `no`, oldest first, until `visit` says false.
pub fn each(
    conn: &Conn<'_>,
    no: i64,
    mut visit: impl FnMut(Link) -> Result<bool, Error>,
) -> Result<(), Error> {
    let sql = format!("SELECT {COLUMNS} FROM activity_links WHERE no > ?1 ORDER BY no");
    conn.each(&sql, params![no], |row| visit(link(row)?))
}

/// Appends a link.
pub fn insert(tx: &mut Tx<'_>, link: &Link) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO activity_links (no, max_at, bytes, mac, unidentified_rows, unidentified_bytes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            link.no,
            link.max_at.millis(),
            link.bytes,
            link.mac,
            link.unidentified_rows,
            link.unidentified_bytes,
        ],
    )?;
    Ok(())
}

/// Says that retention has removed the rows of the link up to row `no`, or is about to.
pub fn set_anchor(tx: &mut Tx<'_>, no: i64, anchor: &[u8]) -> Result<(), Error> {
    tx.execute("UPDATE activity_links SET anchor = ?2 WHERE no = ?1", params![no, anchor])?;
    Ok(())
}

/// What the rows under the links after row `no` take on disk, roughly: all of them, and the unidentified ones.
pub fn bytes_after(conn: &Conn<'_>, no: i64) -> Result<(i64, i64), Error> {
    let unidentified = "CASE WHEN removed IS NULL THEN unidentified_bytes ELSE 0 END";
    let sql = format!(
        "SELECT coalesce(sum(bytes - unidentified_bytes), 0), coalesce(sum({unidentified}), 0) \
         FROM activity_links WHERE no > ?1"
    );
    let sums = conn.first(&sql, params![no], |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)))?;
    Ok(sums.map_or((0, 0), |(identified, unidentified)| (identified + unidentified, unidentified)))
}

/// The oldest link after row `no` whose unidentified rows are still there, and the last row before it.
pub fn first_unidentified(conn: &Conn<'_>, no: i64) -> Result<Option<(i64, Link)>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}, (SELECT max(before.no) FROM activity_links before WHERE before.no < activity_links.no) \
         FROM activity_links WHERE no > ?1 AND unidentified_rows > 0 AND removed IS NULL ORDER BY no LIMIT 1"
    );
    conn.first(&sql, params![no], |row| Ok((row.get::<Option<i64>>(8)?.unwrap_or(0), link(row)?)))
}

/// Says that retention has removed the unidentified rows of the link up to row `no`.
pub fn set_removed(tx: &mut Tx<'_>, no: i64, removed: &[u8]) -> Result<(), Error> {
    tx.execute("UPDATE activity_links SET removed = ?2 WHERE no = ?1", params![no, removed])?;
    Ok(())
}

/// The first rows of every stretch in which the clock was not set back, the newest first; the log's first row is not
/// among them.
pub fn runs(conn: &Conn<'_>) -> Result<Vec<i64>, Error> {
    conn.all("SELECT no FROM activity_runs ORDER BY no DESC", &[], |row| row.get(0))
}

/// Notes that the clock was set back before row `no`.
pub fn insert_run(tx: &mut Tx<'_>, no: i64) -> Result<(), Error> {
    tx.execute("INSERT INTO activity_runs (no) VALUES (?1) ON CONFLICT DO NOTHING", params![no])?;
    Ok(())
}
