//! The caller of a management call and its rights. A capability is a type: a rule that needs `keys:write` takes a
//! [`Can<KeysWrite>`], which only a caller with that scope can have.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::identity::Services;
use crate::error::{Code, Error, Result};
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::identity::RECENT_SECONDS;
use crate::model::{Api, Identity, IdentityKind, RequestInfo, Role, ScopeSet, Timestamp};
use crate::store::users;

/// A call of the built-in API: caller, time and request.
pub struct Call {
    /// Services of `identity` and of the rooms above.
    pub services: Arc<Services>,
    /// The caller.
    pub identity: Identity,
    /// When the request arrived.
    pub now: Timestamp,
    /// The request.
    pub request: RequestInfo,
    /// Set if an act of the call needs a recent sign-in.
    needed_recent_sign_in: AtomicBool,
}

impl Call {
    /// A call of `identity` at `now`.
    pub fn new(
        services: Arc<Services>,
        identity: Identity,
        now: Timestamp,
        request: RequestInfo,
    ) -> Arc<Self> {
        Arc::new(Self { services, identity, now, request, needed_recent_sign_in: AtomicBool::new(false) })
    }

    /// Whether an act of the call so far needed a recent sign-in.
    pub fn needed_recent_sign_in(&self) -> bool {
        self.needed_recent_sign_in.load(Ordering::Relaxed)
    }

    /// A log entry for a change by this call, with caller, address, request and time. The caller of this function adds
    /// the subject of the change.
    pub fn entry(&self, kind: Kind) -> Entry {
        let mut entry = Entry::new(self.now, kind, Outcome::Changed, Reason::Valid);
        entry.identified = self.identity.kind != IdentityKind::Anonymous;
        entry.by_key_no = self.identity.key.map(|(no, _)| no);
        entry.by_user_no = self.identity.user.map(|(no, _, _)| no);
        entry.client_no = self.identity.client.map(|(no, _)| no);
        entry.grant_no = self.identity.grant.map(|(no, _)| no);
        entry.session_no = self.identity.session.map(|(no, _)| no);
        entry.ip = self.request.ip;
        entry.method = Some(self.request.method);
        entry.path = Some(self.request.path.clone());
        entry.agent = self.request.agent.clone();
        entry.request_id = Some(self.request.id);
        entry
    }

    /// Whether the caller holds `scope` on the built-in API.
    pub fn holds(&self, scope: &str) -> bool {
        let apis = self.services.catalog.get();
        let own = apis.built_in();
        self.identity.api_no == Some(own.no) && own.satisfies(&self.identity.scopes, scope)
    }

    /// Whether the caller holds all of `scopes` on the built-in API.
    pub fn covers(&self, scopes: &ScopeSet) -> bool {
        let apis = self.services.catalog.get();
        let own = apis.built_in();
        self.identity.api_no == Some(own.no) && own.covers(&self.identity.scopes, scopes)
    }

    /// Requires a recent sign-in of a person. Keys, the operator and clients that act for themselves do not sign in and
    /// are exempt.
    ///
    /// # Errors
    /// `REAUTHENTICATION_REQUIRED` with `max_age_seconds`, and the `methods` for `POST /v1/auth/session/confirm`.
    pub fn require_recent_sign_in(&self) -> Result<()> {
        self.needed_recent_sign_in.store(true, Ordering::Relaxed);
        if self.identity.signed_in_recently(self.now) {
            return Ok(());
        }
        let second_factor = match self.identity.user {
            Some((no, ..)) => self.services.db.lookup(|conn| users::totp(conn, no))?,
            None => None,
        };
        let enrolled = second_factor.is_some_and(|totp| totp.confirmed_at.is_some());
        let methods: &[&str] = if enrolled { &["password", "totp"] } else { &["password"] };
        let text = "Confirm who you are: this needs a sign-in of the last 15 minutes";
        Err(Error::new(Code::ReauthenticationRequired, text)
            .with("max_age_seconds", RECENT_SECONDS)
            .with("methods", serde_json::json!(methods)))
    }

    /// Requires it for a credential with `scopes` of `api`, if these change what others may do.
    pub fn require_recent_sign_in_for(&self, api: &Api, scopes: &ScopeSet) -> Result<()> {
        let changes_rights = |scope: &&str| scopes.contains(scope);
        if api.grants_all(scopes) || (api.built_in && CHANGES_RIGHTS.iter().any(changes_rights)) {
            return self.require_recent_sign_in();
        }
        Ok(())
    }

    /// Requires every scope of the built-in API and a recent sign-in. Lifting a protection affects every person under
    /// it, so the caller must hold what the most privileged of them holds.
    ///
    /// # Errors
    /// `FORBIDDEN`, `REAUTHENTICATION_REQUIRED`.
    pub fn may_lift_protection(&self) -> Result<()> {
        self.ensure_no_escalation(&self.services.catalog.get().built_in().all_scopes())?;
        self.require_recent_sign_in()
    }

    /// Role of the caller: that of the person, `owner` for the operator, and at most `admin` for a credential that acts
    /// for itself.
    pub fn role(&self) -> Role {
        match (self.identity.kind, self.identity.user) {
            (IdentityKind::Operator, _) => Role::Owner,
            (_, Some((.., role))) => role,
            (_, None) => Role::Admin,
        }
    }

    /// **No escalation**: requires that the caller holds everything that the target of the change holds on the built-in
    /// API.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub fn ensure_no_escalation(&self, target_holds: &ScopeSet) -> Result<()> {
        if self.covers(target_holds) {
            return Ok(());
        }
        Err(Error::forbidden("This exceeds your own rights; ask a person who has them")
            .with("required", serde_json::json!(target_holds))
            .with("granted", serde_json::json!(self.identity.scopes)))
    }
}

/// Scopes of the built-in API that change what others may do. A credential with one is created after a recent sign-in.
const CHANGES_RIGHTS: [&str; 6] =
    ["apis:write", "keys:write", "clients:write", "team:manage", "webhooks:manage", "settings:manage"];

/// A right, tied to a scope of the built-in API.
pub trait Capability: Send + Sync + 'static {
    /// Name of the scope.
    const SCOPE: &'static str;
}

/// Proof that the caller holds `C`.
pub struct Can<C> {
    call: Arc<Call>,
    capability: PhantomData<C>,
}

impl<C> Clone for Can<C> {
    fn clone(&self) -> Self {
        Self { call: self.call.clone(), capability: PhantomData }
    }
}

impl<C> Deref for Can<C> {
    type Target = Arc<Call>;

    fn deref(&self) -> &Arc<Call> {
        &self.call
    }
}

impl<C: Capability> Can<C> {
    /// The only constructor.
    ///
    /// # Errors
    /// `INSUFFICIENT_SCOPE`.
    pub fn check(call: &Arc<Call>) -> Result<Self> {
        if call.holds(C::SCOPE) {
            return Ok(Self { call: call.clone(), capability: PhantomData });
        }
        Err(Error::insufficient_scope(C::SCOPE, &call.identity.scopes))
    }
}

macro_rules! capabilities {
    ($($name:ident = $scope:literal $text:literal),+ $(,)?) => {
        $(
            #[doc = concat!("`", $scope, "`: ", $text, ".")]
            #[derive(Debug)]
            pub enum $name {}

            impl Capability for $name {
                const SCOPE: &'static str = $scope;
            }
        )+

        /// The scopes of the built-in API with their descriptions; `admin`, which grants all, is added.
        pub const SCOPES: &[(&str, &str)] = &[$(($scope, $text)),+];
    };
}

capabilities! {
    ApisRead = "apis:read" "See APIs, their scopes, presets, tiers and routes",
    ApisWrite = "apis:write" "Add, change and remove APIs",
    KeysRead = "keys:read" "See API keys, never their secrets",
    KeysWrite = "keys:write" "Create, change, rotate and revoke API keys",
    KeysVerify = "keys:verify" "Verify API keys",
    ClientsRead = "clients:read" "See OAuth apps",
    ClientsWrite = "clients:write" "Register, change and remove OAuth apps",
    ActivityRead = "activity:read" "Read the activity log",
    TeamRead = "team:read" "See who is on the team",
    TeamManage = "team:manage" "Invite people, change their roles and remove them",
    WebhooksManage = "webhooks:manage" "Add, change and remove webhooks",
    SettingsManage = "settings:manage" "Change the instance's settings and signing keys",
    ProfileRead = "profile:read" "See your own profile",
}
