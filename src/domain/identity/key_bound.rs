//! Bounds of a key that is created with a revocable credential: it must not outlive that credential.
//!
//! A person who revokes an app's grant or their own key expects that its access ends. A sign-in has no such bound:
//! people create lasting credentials with it.

use super::access::Call;
use crate::error::{Error, Result};
use crate::model::{IdentityKind, Timestamp, UserId};
use crate::store;
use crate::store::Conn;

/// Bounds of a key that is created with a person's own key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyBound {
    /// Owner that the new key must have.
    pub user: UserId,
    /// Latest expiry of the new key; none if there is no bound.
    pub ends: Option<Timestamp>,
}

impl KeyBound {
    /// Refuses a key of another owner or without one, and one that expires later.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub fn allows(&self, user: Option<UserId>, expires_at: Option<Timestamp>) -> Result<()> {
        if user != Some(self.user) {
            let message =
                "A person's own key creates keys of that person only: name it in user_id, or sign in";
            return Err(Error::forbidden(message).with("user_id", serde_json::json!(self.user)));
        }
        match self.ends {
            Some(ends) if expires_at.is_none_or(|asked| asked > ends) => {
                Err(Error::forbidden("A key created with your own key expires no later than that key")
                    .with("expires_at", ends.to_string()))
            }
            _ => Ok(()),
        }
    }
}

/// Bounds of what the caller creates; none for a sign-in, a service key, a client that acts for itself and the
/// operator.
///
/// # Errors
/// `FORBIDDEN` for an app that acts for a person: it creates no credentials.
pub fn bound(conn: &Conn<'_>, call: &Call) -> Result<Option<KeyBound>> {
    let caller = &call.identity;
    match (caller.kind, caller.user, caller.key) {
        (IdentityKind::Token, Some(_), _) => {
            Err(Error::forbidden("An app cannot create credentials for a person: sign in to create one"))
        }
        (IdentityKind::Key, Some((_, user, _)), Some((_, key))) => {
            let key = store::keys::find(conn, key)?.ok_or_else(|| Error::not_found("key"))?;
            Ok(Some(KeyBound { user, ends: key.expires_at }))
        }
        _ => Ok(None),
    }
}

/// Refuses callers whose credential may be revoked before what they create.
///
/// # Errors
/// `FORBIDDEN`.
pub fn refuse_bound(conn: &Conn<'_>, call: &Call) -> Result<()> {
    match bound(conn, call)? {
        None => Ok(()),
        Some(_) => {
            Err(Error::forbidden("A person's own key creates keys of that person only: sign in for this"))
        }
    }
}
