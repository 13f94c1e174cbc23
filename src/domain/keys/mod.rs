//! API keys: creation, change, rotation and revocation. `policy` verifies them.

mod change;
mod create;
mod leaked;
mod list;
mod policy;
mod revoke;
mod rotate;

#[cfg(test)]
mod tests;

pub use change::{KeyChange, change};
pub use create::{NewKey, create};
pub use leaked::revoke_leaked;
pub use list::{KeyFilter, list};
pub use policy::network;
pub use revoke::revoke;
pub use rotate::{DEFAULT_GRACE_SECONDS, MAX_GRACE_SECONDS, rotate};

use crate::domain::identity::access::{Call, Capability, KeysRead};
use crate::domain::identity::self_or_all::SelfOrAll;
use crate::error::{Error, Result};
use crate::model::IdentityKind;
use crate::model::{Api, ApiKey, KeyId, KeySecret, KeyUser, Role};
use crate::store;
use crate::store::Conn;

/// A key with a new secret, shown once.
#[derive(Debug)]
pub struct Issued {
    /// The key after the change.
    pub key: ApiKey,
    /// The secret.
    pub secret: KeySecret,
}

/// The key of this id, if the caller may see it.
///
/// # Errors
/// `NOT_FOUND`, also for a key of another person; `INSUFFICIENT_SCOPE` where the caller may only read it.
pub fn find<C: Capability>(conn: &Conn<'_>, access: &SelfOrAll<C>, id: KeyId) -> Result<ApiKey> {
    let key = store::keys::find(conn, id)?.ok_or_else(not_found)?;
    if access.covers_key(&key) {
        return Ok(key);
    }
    let call = access.call();
    if call.holds(KeysRead::SCOPE) {
        return Err(Error::insufficient_scope(C::SCOPE, &call.identity.scopes));
    }
    Err(not_found())
}

/// `NOT_FOUND` for a key.
pub fn not_found() -> Error {
    Error::not_found("key")
}

/// The API of a key, in this transaction.
fn api_of(conn: &Conn<'_>, key: &ApiKey) -> Result<Api> {
    store::apis::by_no(conn, key.api_no)?.ok_or_else(|| Error::internal("a key without its API"))
}

/// No escalation: a caller that changes a key of the built-in API must hold all of its scopes.
fn ensure_no_escalation(call: &Call, api: &Api, key: &ApiKey) -> Result<()> {
    if api.built_in { call.ensure_no_escalation(&key.scopes) } else { Ok(()) }
}

/// No escalation by the secret of another person's key on the built-in API: the caller must hold all scopes of that
/// person, and be an owner if that person is.
fn may_act_for(call: &Call, api: &Api, user: Option<KeyUser>) -> Result<()> {
    let caller = call.identity.user;
    let Some(user) = user.filter(|user| api.built_in && caller.is_none_or(|(no, ..)| no != user.no)) else {
        return Ok(());
    };
    call.ensure_no_escalation(&api.scopes_of(user.role))?;
    let speaks_for_owners = call.identity.kind == IdentityKind::Operator
        || caller.is_some_and(|(_, _, role)| role == Role::Owner);
    if user.role == Role::Owner && !speaks_for_owners {
        return Err(Error::forbidden("Only an owner can have a key that acts for an owner"));
    }
    Ok(())
}
