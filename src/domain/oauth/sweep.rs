//! Removal of expired rows, a bounded number at a time.

use crate::env::Settled;
use crate::error::Result;
use crate::store;
use crate::store::Tx;

/// Maximum number of rows of a kind per call, so that changes are not delayed.
const AT_ONCE: u32 = 200;
/// Retention of revoked grants, for the log: 90 days.
const GRANT_SECONDS: u32 = 90 * 86_400;
/// Retention of removed clients, for the log: a year.
const CLIENT_SECONDS: u32 = 365 * 86_400;
/// Retention of used refresh tokens, by which copies are recognised: 90 days.
const USED_SECONDS: u32 = 90 * 86_400;

/// Removes expired rows; returns their number: the worker repeats it while there are more.
/// Codes and authorizations are removed together with their refresh tokens.
pub fn sweep(tx: &mut Tx<'_>, now: Settled) -> Result<usize> {
    let mut removed = store::oauth_requests::sweep(tx, now, AT_ONCE)?;
    removed += store::oauth_tokens::sweep(tx, now, AT_ONCE)?;
    removed += store::oauth_tokens::forget_used(tx, now.minus_seconds(USED_SECONDS), AT_ONCE)?;
    removed += store::grants::sweep(tx, now.minus_seconds(GRANT_SECONDS), AT_ONCE)?;
    removed += store::clients::sweep(tx, now.minus_seconds(CLIENT_SECONDS), AT_ONCE)?;
    let unused = now.minus_seconds(super::register::UNUSED_SECONDS);
    removed += store::clients::sweep_unused(tx, unused, AT_ONCE)?;
    Ok(removed)
}
