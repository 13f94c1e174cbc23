//! Rate limits in use, from a graceful stop until the next start.

use crate::store::{Error, Tx, params};

/// A bucket that is not full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt {
    /// A keyed hash of what the bucket belongs to, 16 bytes.
    pub name: Vec<u8>,
    /// Nanoseconds until it is full.
    pub nanos: u64,
}

/// Saves buckets.
///
/// # Errors
/// When they cannot be written.
pub fn save(tx: &mut Tx<'_>, debts: &[Debt]) -> Result<(), Error> {
    let sql = "INSERT INTO rate_limits (name, full_in_nanos) VALUES (?1, ?2)
               ON CONFLICT (name) DO UPDATE SET full_in_nanos = excluded.full_in_nanos";
    for debt in debts {
        tx.execute(sql, params![debt.name, i64::try_from(debt.nanos).unwrap_or(i64::MAX)])?;
    }
    Ok(())
}

/// Reads every bucket and removes it.
///
/// # Errors
/// When they cannot be read or removed.
pub fn take(tx: &mut Tx<'_>) -> Result<Vec<Debt>, Error> {
    let debts = tx.all("SELECT name, full_in_nanos FROM rate_limits", &[], |row| {
        Ok(Debt { name: row.get(0)?, nanos: row.get::<i64>(1)?.unsigned_abs() })
    })?;
    if !debts.is_empty() {
        tx.execute("DELETE FROM rate_limits", &[])?;
    }
    Ok(debts)
}
