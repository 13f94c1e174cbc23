//! Clean-up: what nobody needs any more goes, a bounded part at a time.

use crate::env::Settled;
use crate::error::Result;
use crate::store;
use crate::store::Tx;

/// Rows of a kind that one call removes at most, so that changes do not wait for long.
const AT_ONCE: u32 = 200;
/// Revoked grants stay for the log's sake: 90 days.
const GRANT_SECONDS: u32 = 90 * 86_400;
/// Removed clients stay for the log's sake: a year.
const CLIENT_SECONDS: u32 = 365 * 86_400;
/// A refresh token that was used so long ago is no longer recognised as a copy: 90 days.
const USED_SECONDS: u32 = 90 * 86_400;

/// Removes what has ended; tells how many rows that were, so that the worker runs it again while there are more.
/// Codes and authorizations go together with their refresh tokens.
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
