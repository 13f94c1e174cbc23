//! Requirements of an endpoint for its caller, as types. A handler that takes an [`Admission`] cannot run for another
//! caller, and the OpenAPI document states the requirement of the type: a test compares the two.

use std::ops::Deref;
use std::sync::Arc;

use super::access::{Call, Can, Capability};
use super::self_or_all::SelfOrAll;
use crate::error::{Error, Result};
use crate::model::{IdentityKind, Role, SessionId, UserId};

/// Identities that an endpoint accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepts {
    /// Every caller; credentials are ignored.
    Public,
    /// A session of a person for the built-in API, by cookie or by access token.
    Person,
    /// A key, token or session for the built-in API that holds this scope.
    Scope(&'static str),
    /// A credential of `Scope`, or a session of a person for that person's own data.
    ScopeOrPerson(&'static str),
    /// A credential of any kind, for any API of this instance.
    AnyCredential,
    /// An OAuth client, authenticated; a public client by its id only.
    Client,
    /// An OAuth access token with the scope `openid`, for any API of this instance.
    OpenIdToken,
    /// The credential of the described request, for the API that the proxy names.
    DescribedRequest,
}

/// Proof that the identity of a call is accepted.
pub trait Admission: Sized + Send + Sync + 'static {
    /// Accepted identities.
    const ACCEPTS: Accepts;
    /// Whether a person must have signed in recently.
    const RECENT: bool = false;

    /// Admits the call.
    ///
    /// # Errors
    /// `INSUFFICIENT_SCOPE`, `FORBIDDEN` or `REAUTHENTICATION_REQUIRED`.
    fn admit(call: &Arc<Call>) -> Result<Self>;

    /// The call.
    fn call(&self) -> &Arc<Call>;
}

/// A call without requirements.
impl Admission for Arc<Call> {
    const ACCEPTS: Accepts = Accepts::Public;

    fn admit(call: &Arc<Call>) -> Result<Self> {
        Ok(call.clone())
    }

    fn call(&self) -> &Arc<Call> {
        self
    }
}

/// A call with any valid credential of this instance.
pub struct AnyCredential(Arc<Call>);

impl Admission for AnyCredential {
    const ACCEPTS: Accepts = Accepts::AnyCredential;

    fn admit(call: &Arc<Call>) -> Result<Self> {
        match call.identity.kind {
            IdentityKind::Anonymous => Err(Error::forbidden("This needs a credential")),
            _ => Ok(Self(call.clone())),
        }
    }

    fn call(&self) -> &Arc<Call> {
        &self.0
    }
}

impl Deref for AnyCredential {
    type Target = Arc<Call>;

    fn deref(&self) -> &Arc<Call> {
        &self.0
    }
}

/// A person who manages their own account, in a session for the built-in API. Keys and OAuth tokens of that person are
/// for programs, which do not manage accounts.
#[derive(Clone)]
pub struct Person {
    call: Arc<Call>,
    /// Number, id and role of the person.
    pub user: (i64, UserId, Role),
    /// Number and id of the session.
    pub session: (i64, SessionId),
}

impl Admission for Person {
    const ACCEPTS: Accepts = Accepts::Person;

    fn admit(call: &Arc<Call>) -> Result<Self> {
        let identity = &call.identity;
        let own = call.services.catalog.get().built_in().no;
        match (identity.kind, identity.user, identity.session) {
            (IdentityKind::Session, Some(user), Some(session)) if identity.api_no == Some(own) => {
                Ok(Self { call: call.clone(), user, session })
            }
            _ => Err(Error::forbidden("An account is managed in a session of its person; sign in first")),
        }
    }

    fn call(&self) -> &Arc<Call> {
        &self.call
    }
}

impl Deref for Person {
    type Target = Arc<Call>;

    fn deref(&self) -> &Arc<Call> {
        &self.call
    }
}

impl<C: Capability> Admission for Can<C> {
    const ACCEPTS: Accepts = Accepts::Scope(C::SCOPE);

    fn admit(call: &Arc<Call>) -> Result<Self> {
        Self::check(call)
    }

    fn call(&self) -> &Arc<Call> {
        self
    }
}

impl<C: Capability> Admission for SelfOrAll<C> {
    const ACCEPTS: Accepts = Accepts::ScopeOrPerson(C::SCOPE);

    fn admit(call: &Arc<Call>) -> Result<Self> {
        Self::of(call)
    }

    fn call(&self) -> &Arc<Call> {
        self.call()
    }
}

/// `A`, by a person with a recent sign-in, or by an identity that does not sign in.
#[derive(Clone)]
pub struct Recent<A>(A);

impl<A: Admission> Admission for Recent<A> {
    const ACCEPTS: Accepts = A::ACCEPTS;
    const RECENT: bool = true;

    fn admit(call: &Arc<Call>) -> Result<Self> {
        let admitted = A::admit(call)?;
        call.require_recent_sign_in()?;
        Ok(Self(admitted))
    }

    fn call(&self) -> &Arc<Call> {
        self.0.call()
    }
}

impl<A> Deref for Recent<A> {
    type Target = A;

    fn deref(&self) -> &A {
        &self.0
    }
}
