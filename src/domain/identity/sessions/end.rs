//! The caller's own sessions: listing and ending them.

use std::sync::Arc;

use crate::activity;
use crate::domain::identity::Services;
use crate::domain::identity::access::Call;
use crate::domain::identity::admission::Person;
use crate::env::Settled;
use crate::error::{Error, Result};
use crate::model::activity::{Entry, Kind};
use crate::model::{Secret, SessionId};
use crate::platform::cursor::{List, Page};
use crate::store::sessions as store;
use crate::store::sessions::SessionRow;
use crate::store::{Tx, links};

/// Maximum number of rows per clean-up, so that changes are not delayed.
const SWEEP: u32 = 500;
/// Retention of ended sessions, for inspection: a week.
const KEPT_SECONDS: u32 = 7 * 86_400;

/// A session, and whether it is the current one.
pub struct Session {
    /// The session.
    pub listed: SessionRow,
    /// Slug of its API.
    pub api: Option<String>,
    /// Whether it is the current one.
    pub current: bool,
}

/// The person's own sessions, newest first.
///
/// # Errors
/// `INVALID_CURSOR`.
pub async fn list(person: &Person, cursor: Option<&str>, limit: Option<u32>) -> Result<Page<Session>> {
    let (user_no, _, _) = person.user;
    let services = &person.services;
    let list = List::new(&services.vault, "sessions", user_no, limit)?;
    let (now, before, count) = (person.now, list.position(cursor)?.unwrap_or(i64::MAX), list.rows());
    let rows =
        services.read(move |conn| Ok::<_, Error>(store::list(conn, user_no, now, before, count)?)).await?;
    let page = list.page(rows, |last| last.no);
    let apis = services.catalog.get();
    Ok(page.map(|listed| Session {
        api: apis.by_no(listed.api_no).map(|api| api.slug.clone()),
        current: person.session.0 == listed.no,
        listed,
    }))
}

/// Ends one of the person's sessions.
///
/// # Errors
/// `NOT_FOUND` for a session of another person.
pub async fn revoke(person: &Person, id: SessionId) -> Result<()> {
    let (user_no, _, _) = person.user;
    let caller = person.clone();
    person
        .services
        .write(move |tx| {
            let live = store::live_by_id(tx, id)?.filter(|live| live.user.0 == user_no);
            let live = live.ok_or_else(|| Error::not_found("session"))?;
            if store::revoke(tx, live.no, caller.now)? {
                let entry = caller.entry(Kind::SessionRevoked);
                let about = Entry { user_no: Some(user_no), session_no: Some(live.no), ..entry };
                activity::record(tx, &about)?;
            }
            Ok(())
        })
        .await
}

/// Ends every session of the person, including the current one.
pub async fn revoke_all(person: &Person) -> Result<()> {
    let caller = person.clone();
    person.services.write(move |tx| end_all(tx, &caller, caller.user.0)).await
}

/// Ends the sessions of a person other than the current one, and logs it.
pub(crate) fn end_others(tx: &mut Tx<'_>, person: &Person) -> Result<()> {
    let (user_no, kept) = (person.user.0, person.session.0);
    let ended = store::revoke_others(tx, user_no, kept, person.now)?;
    log_ended(tx, person, user_no, ended)
}

/// Ends every session and refresh token of a person, and logs it.
pub fn end_all(tx: &mut Tx<'_>, call: &Call, user_no: i64) -> Result<()> {
    let ended = store::revoke_all(tx, user_no, call.now)?;
    log_ended(tx, call, user_no, ended)
}

fn log_ended(tx: &mut Tx<'_>, call: &Call, user_no: i64, ended: usize) -> Result<()> {
    if ended > 0 {
        let detail = Some(Box::new(serde_json::json!({"sessions": ended})));
        let entry = call.entry(Kind::SessionRevoked);
        activity::record(tx, &Entry { user_no: Some(user_no), detail, ..entry })?;
    }
    Ok(())
}

/// Signs out: ends the current session, and the one of `refresh_token`. Idempotent.
pub async fn sign_out(call: &Arc<Call>, refresh_token: Option<Secret>) -> Result<()> {
    let caller = call.clone();
    call.services
        .write(move |tx| {
            let mut ended: Vec<i64> = caller.identity.session.iter().map(|(no, _)| *no).collect();
            if let Some(token) = &refresh_token {
                ended.extend(super::refresh::find(tx, token)?.and_then(|found| found.session_no));
            }
            for no in ended {
                let Some(live) = store::live_by_no(tx, no)? else { continue };
                if store::revoke(tx, no, caller.now)? {
                    let entry = caller.entry(Kind::SignOut);
                    let about = Entry { user_no: Some(live.user.0), session_no: Some(no), ..entry };
                    activity::record(tx, &about)?;
                }
            }
            Ok(())
        })
        .await
}

/// Removes sessions that ended long ago, a bounded number. True if there are more.
pub async fn sweep(services: &Arc<Services>, now: Settled) -> Result<bool> {
    let before = now.minus_seconds(KEPT_SECONDS);
    let removed = services
        .write(move |tx| {
            let links = links::sweep(tx, now, SWEEP)?;
            Ok::<_, Error>(store::sweep(tx, before, SWEEP)? + links)
        })
        .await?;
    Ok(removed >= SWEEP as usize)
}
