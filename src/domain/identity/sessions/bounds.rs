//! Bounds of what the sign-ins of one person can make the server store.

use crate::activity;
use crate::domain::identity::Services;
use crate::domain::identity::access::Call;
use crate::domain::policy::limits::{BucketId, Subject};
use crate::error::Result;
use crate::model::RateLimit;
use crate::model::activity::{Entry, Kind, Outcome};
use crate::store::Tx;
use crate::store::sessions as store;
use crate::store::sessions::NewSession;

/// Takes a sign-in from what the person has.
///
/// # Errors
/// `RATE_LIMITED`, with when the next one would pass.
pub(super) fn take_sign_in(services: &Services, user_no: i64) -> Result<()> {
    take(services, Subject::SignIns(user_no), &services.bounds.sign_ins_per_person)
}

/// Takes a refresh or an authorization code from what the person has.
///
/// # Errors
/// `RATE_LIMITED`, with when the next one would pass.
pub(crate) fn take_token(services: &Services, user_no: i64) -> Result<()> {
    take(services, Subject::Tokens(user_no), &services.bounds.tokens_per_person)
}

fn take(services: &Services, subject: Subject<'_>, limit: &RateLimit) -> Result<()> {
    let id = BucketId { api_no: services.catalog.get().built_in().no, tier: "", subject };
    let level = services.engine.limiter().take(&id, limit, services.clock.monotonic(), 1)?;
    match level.filter(|level| !level.passed) {
        Some(level) => Err(level.refusal(limit, "Too many of these requests for this account; wait a while")),
        None => Ok(()),
    }
}

/// Adds a session, logs the sign-in, and removes the person's sessions beyond the bound: ended ones first, then those
/// that were used least recently. Each that ends with this has a row in the log.
pub(super) fn insert(tx: &mut Tx<'_>, call: &Call, session: &NewSession) -> Result<i64> {
    let session_no = store::insert(tx, session)?;
    let kept = call.services.bounds.sessions_per_person.max(1) - 1;
    for surplus in store::surplus(tx, session.user_no, session_no, kept, call.now)? {
        if surplus.live && store::revoke(tx, surplus.no, call.now)? {
            let detail = serde_json::json!({"by": "sessions_per_person"});
            let entry = Entry {
                user_no: Some(session.user_no),
                session_no: Some(surplus.no),
                detail: Some(Box::new(detail)),
                ..call.entry(Kind::SessionRevoked)
            };
            activity::record(tx, &entry)?;
        }
        store::remove(tx, surplus.no)?;
    }
    let entry = Entry {
        user_no: Some(session.user_no),
        session_no: Some(session_no),
        api_no: Some(session.api_no),
        outcome: Outcome::Allowed,
        detail: Some(Box::new(serde_json::json!({"amr": session.amr.to_string()}))),
        ..call.entry(Kind::SignIn)
    };
    activity::record(tx, &entry)?;
    Ok(session_no)
}
