//! The size of the database file.

use super::{Conn, Error, Tx};

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
    let mut returned = 0;
    // One row for each page.
    tx.each(&format!("PRAGMA incremental_vacuum({})", surplus.min(PAGES_PER_STEP)), &[], |_| {
        returned += 1;
        Ok(true)
    })?;
    Ok(returned)
}

/// Pages of the file that hold nothing.
pub fn free_pages(conn: &Conn<'_>) -> Result<i64, Error> {
    conn.number("PRAGMA freelist_count", &[])
}
