//! Access to all items, or to the caller's own.

use std::sync::Arc;

use crate::domain::identity::access::{Call, Can, Capability};
use crate::error::{Error, Result};
use crate::model::IdentityKind;
use crate::model::{Api, ApiKey, KeyUser, ScopeSet};

/// All items, for a caller with `C`; their own, for a signed-in person.
pub enum SelfOrAll<C> {
    /// All items.
    All(Can<C>),
    /// Items of the signed-in person.
    Own {
        /// The call.
        call: Arc<Call>,
        /// The person.
        user: KeyUser,
    },
}

impl<C: Capability> SelfOrAll<C> {
    /// Access of the caller. Self-service needs a sign-in: a key or a token that acts for a person cannot create
    /// others.
    ///
    /// # Errors
    /// `INSUFFICIENT_SCOPE`.
    pub fn of(call: &Arc<Call>) -> Result<Self> {
        let refusal = match Can::check(call) {
            Ok(can) => return Ok(Self::All(can)),
            Err(refusal) => refusal,
        };
        let identity = &call.identity;
        let apis = call.services.catalog.get();
        let own = apis.built_in();
        // A session that holds less than its person is restricted, as until a second factor is set up: it creates
        // nothing for the person.
        let speaks = |role| call.covers(&own.scopes_of(role));
        match identity.user {
            Some((no, id, role)) if identity.kind == IdentityKind::Session && speaks(role) => {
                Ok(Self::Own { call: call.clone(), user: KeyUser { no, id, role } })
            }
            _ => Err(refusal),
        }
    }

    /// The call.
    pub fn call(&self) -> &Arc<Call> {
        match self {
            Self::All(can) => can,
            Self::Own { call, .. } => call,
        }
    }

    /// The only person whose items are accessible; none when all are.
    pub fn only(&self) -> Option<KeyUser> {
        match self {
            Self::All(_) => None,
            Self::Own { user, .. } => Some(*user),
        }
    }

    /// Whether `key` is accessible.
    pub fn covers_key(&self, key: &ApiKey) -> bool {
        self.only().is_none_or(|only| key.user.is_some_and(|user| user.no == only.no))
    }

    /// Whether a key with `scopes` on `api` may be created: in self-service, only with scopes that the person holds
    /// there.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub fn allows(&self, api: &Api, scopes: &ScopeSet) -> Result<()> {
        let Some(user) = self.only() else { return Ok(()) };
        let held = api.scopes_of(user.role);
        if !held.is_empty() && api.covers(&held, scopes) {
            return Ok(());
        }
        Err(Error::forbidden(format!("Your own keys can have the scopes that you hold on {}", api.slug))
            .with("required", serde_json::json!(scopes))
            .with("granted", serde_json::json!(held)))
    }
}
