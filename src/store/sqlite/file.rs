//! The size of the database file.

use std::path::Path;

use crate::store::{Conn, Error, Tx};

/// Pages that one step returns: about a millisecond of the writer's time.
const PAGES_PER_STEP: i64 = 256;
/// The share of the file that stays free, because the log takes it again soon.
const KEPT_SHARE: i64 = 16;
/// Free pages that always stay, in pages of 4 KiB.
const KEPT_PAGES: i64 = 256;

/// Returns some free pages to the file system and tells how many; 0 when few enough are left. The file itself becomes
/// shorter at the next checkpoint.
pub fn shrink(tx: &mut Tx<'_>) -> Result<usize, Error> {
    let surplus = free_pages(tx)? - KEPT_PAGES.max(tx.number("PRAGMA page_count", &[])? / KEPT_SHARE);
    if surplus <= 0 {
        return Ok(0);
    }
    // One row for each page.
    let sql = format!("PRAGMA incremental_vacuum({})", surplus.min(PAGES_PER_STEP));
    Ok(tx.prepare(&sql)?.all(&[], |_| Ok(()))?.len())
}

/// Pages of the file that hold nothing.
pub fn free_pages(conn: &Conn<'_>) -> Result<i64, Error> {
    conn.number("PRAGMA freelist_count", &[])
}

/// Bytes of the store and of the file system that it lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// The database file.
    pub file: u64,
    /// The write-ahead log.
    pub wal: u64,
    /// Pages of the file that hold nothing.
    pub free: u64,
    /// What the file system has left for this process; none where it does not tell.
    pub disk_free: Option<u64>,
}

/// The sizes of the store at `path`.
pub fn sizes(conn: &Conn<'_>, path: &Path) -> Result<Sizes, Error> {
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    let free = free_pages(conn)?.saturating_mul(conn.number("PRAGMA page_size", &[])?);
    let disk = rustix::fs::statvfs(path).ok();
    Ok(Sizes {
        file: bytes(path),
        wal: bytes(Path::new(&wal)),
        free: u64::try_from(free).unwrap_or(0),
        disk_free: disk.map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
    })
}
