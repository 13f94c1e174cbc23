//! Sessions: a person signed in, in a browser (a cookie) or in an app (access and refresh tokens).
//!
//! A session's row and its person's role and state are read in one lookup, and again after every change: a right that a
//! person loses is gone with their next request.

pub(crate) mod bounds;
mod confirm;
mod cookie;
mod end;
pub mod refresh;
mod sign_in;
mod tokens;

pub(crate) use self::confirm::show;
pub use self::confirm::{Confirmed, confirm};
pub use self::cookie::{
    Change, CookieSession, CurrentSession, csrf_token_of, current, from_cookie, second_factor_missing,
    sign_in as sign_in_cookie,
};
pub(crate) use self::cookie::{Strength, begin as begin_cookie};
pub(crate) use self::end::end_others;
pub use self::end::{Session, end_all, list, revoke, revoke_all, sign_out, sweep};
pub use self::sign_in::Login;
pub(crate) use self::sign_in::{check_code, seed_context, wrong_code};
pub use self::tokens::{Tokens, login, refresh_tokens};
use std::sync::Arc;

use crate::domain::identity::Services;
use crate::domain::identity::tokens::AccessClaims;
use crate::error::{Error, Result};
use crate::model::{Api, AuthMethods, Role, ScopeSet, SessionId, Timestamp};
use crate::model::{Identity, IdentityKind};
use crate::platform::epoch_cache::{DependsOn, EpochCache};
use crate::store::sessions as store;
use crate::store::sessions::Live;
use crate::store::{Conn, Touched};

/// Maximum lifetime of a session and its refresh tokens.
pub const SESSION_SECONDS: i64 = 30 * 86_400;
/// Maximum lifetime of a browser session.
pub const COOKIE_SECONDS: i64 = 7 * 86_400;
/// Name of the runtime setting that demands a second factor of owners and admins.
pub const SECOND_FACTOR_REQUIRED: &str = "second_factor_required";

/// Cache of sessions by access token.
#[derive(Default)]
pub struct Sessions(EpochCache<SessionId, Arc<Live>>);

impl DependsOn<SessionId> for Arc<Live> {
    fn depends_on(&self, _: &SessionId) -> Vec<Touched> {
        let (no, _, _) = self.user;
        vec![Touched::Session(self.no), Touched::User(no), Touched::Api(self.api_no), Touched::Settings]
    }
}

/// Identity of the access token of a session.
///
/// # Errors
/// `INVALID_TOKEN` when the session has ended, or its person may not sign in any more.
pub(super) fn of_token(
    services: &Services,
    api: &Api,
    claims: &AccessClaims,
    now: Timestamp,
) -> Result<Identity> {
    let id = claims.sid.ok_or_else(Error::invalid_token)?;
    let read = |conn: &Conn<'_>, id: &SessionId| Ok::<_, Error>(store::live_by_id(conn, *id)?.map(Arc::new));
    let live = services.sessions.0.get(services, id, read)?.ok_or_else(Error::invalid_token)?;
    if !is_good(&live, now) || live.api_no != api.no || *claims.sub != *live.user.1.encode() {
        return Err(Error::invalid_token());
    }
    Ok(identity(services, api, &live, &claims.scope))
}

/// Whether a session is live.
fn is_good(live: &Live, now: Timestamp) -> bool {
    live.revoked_at.is_none() && live.expires_at > now && live.id.at().has_started(now) && !live.disabled
}

/// Current scopes of a session: those that it was created with, limited to those of its person now. Until a demanded
/// second factor is used in it, it may only read the profile, where one can be set up.
fn identity(services: &Services, api: &Api, live: &Live, asked: &ScopeSet) -> Identity {
    let scopes = if lacks_second_factor(live.demands_second_factor, live.amr, live.user.2) {
        let apis = services.catalog.get();
        let own = apis.built_in();
        if own.no == api.no { own.scopes_of(Role::Member) } else { ScopeSet::empty() }
    } else {
        api.cut(asked, &api.scopes_of(live.user.2))
    };
    Identity {
        kind: IdentityKind::Session,
        user: Some(live.user),
        session: Some((live.no, live.id)),
        api_no: Some(api.no),
        scopes,
        amr: live.amr,
        auth_time: Some(live.authenticated_at),
        ..Identity::anonymous()
    }
}

/// Whether a second factor is demanded of this role and was not used. Having one does not count.
pub(crate) fn lacks_second_factor(demanded: bool, amr: AuthMethods, role: Role) -> bool {
    demanded && !amr.is_multi_factor() && role <= Role::Admin
}

#[cfg(test)]
mod tests;
