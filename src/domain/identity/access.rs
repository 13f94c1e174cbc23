//! Who is calling, and what they may do. A capability is a type: a rule that needs `keys:write` takes a
//! [`Can<KeysWrite>`], and only a caller who holds the scope can make one.

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

/// One call of Keywright's own API: who, when, and by which request.
pub struct Call {
    /// The services that identity and everything above it use.
    pub services: Arc<Services>,
    /// Who is calling.
    pub identity: Identity,
    /// When the request arrived.
    pub now: Timestamp,
    /// The request.
    pub request: RequestInfo,
    /// Set once something that the call does needs a recent sign-in.
    needed_recent_sign_in: AtomicBool,
}

impl Call {
    /// A call by `identity` at `now`.
    pub fn new(
        services: Arc<Services>,
        identity: Identity,
        now: Timestamp,
        request: RequestInfo,
    ) -> Arc<Self> {
        Arc::new(Self { services, identity, now, request, needed_recent_sign_in: AtomicBool::new(false) })
    }

    /// Whether something that the call did so far needed a recent sign-in.
    pub fn needed_recent_sign_in(&self) -> bool {
        self.needed_recent_sign_in.load(Ordering::Relaxed)
    }

    /// A log entry for a change that this call makes: the caller, its address, the request and the time. Add what the
    /// change is about.
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

    /// Whether the caller holds `scope` on Keywright's own API.
    pub fn holds(&self, scope: &str) -> bool {
        let apis = self.services.catalog.get();
        let own = apis.built_in();
        self.identity.api_no == Some(own.no) && own.satisfies(&self.identity.scopes, scope)
    }

    /// Whether the caller holds all of `scopes` on Keywright's own API.
    pub fn covers(&self, scopes: &ScopeSet) -> bool {
        let apis = self.services.catalog.get();
        let own = apis.built_in();
        self.identity.api_no == Some(own.no) && own.covers(&self.identity.scopes, scopes)
    }

    /// Refuses a person who did not prove recently who they are. Keys, the operator and clients that act for
    /// themselves do not sign in, and pass.
    ///
    /// # Errors
    /// `REAUTHENTICATION_REQUIRED` with `max_age_seconds`, and the `methods` to send to
    /// `POST /v1/auth/session/confirm`.
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

    /// The same for what acts with `scopes` of `api`, where these change what others may do.
    pub fn require_recent_sign_in_for(&self, api: &Api, scopes: &ScopeSet) -> Result<()> {
        let changes_rights = |scope: &&str| scopes.contains(scope);
        if api.grants_all(scopes) || (api.built_in && CHANGES_RIGHTS.iter().any(changes_rights)) {
            return self.require_recent_sign_in();
        }
        Ok(())
    }

    /// Refuses unless the caller holds everything on Keywright's own API, and a person signed in recently. Lifting a
    /// protection takes from everyone whom it protects, so it needs what the most of them hold.
    ///
    /// # Errors
    /// `FORBIDDEN`, `REAUTHENTICATION_REQUIRED`.
    pub fn may_lift_protection(&self) -> Result<()> {
        self.ensure_no_escalation(&self.services.catalog.get().built_in().all_scopes())?;
        self.require_recent_sign_in()
    }

    /// The role that the caller speaks with: that of the person, `owner` for the operator, and `admin` at most for
    /// what acts for itself.
    pub fn role(&self) -> Role {
        match (self.identity.kind, self.identity.user) {
            (IdentityKind::Operator, _) => Role::Owner,
            (_, Some((.., role))) => role,
            (_, None) => Role::Admin,
        }
    }

    /// **Nobody gains**: refuses unless the caller holds everything that the target of the change holds on
    /// Keywright's own API.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub fn ensure_no_escalation(&self, target_holds: &ScopeSet) -> Result<()> {
        if self.covers(target_holds) {
            return Ok(());
        }
        Err(Error::forbidden("This would act with more than you hold; ask a person who holds all of it")
            .with("required", serde_json::json!(target_holds))
            .with("granted", serde_json::json!(self.identity.scopes)))
    }
}

/// Scopes of Keywright's own API that change what others may do. What acts with one is made after a recent sign-in.
const CHANGES_RIGHTS: [&str; 6] =
    ["apis:write", "keys:write", "clients:write", "team:manage", "webhooks:manage", "settings:manage"];

/// A right, tied to the scope of Keywright's own API that gives it.
pub trait Capability: Send + Sync + 'static {
    /// The scope's name.
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
    /// The only way to have one.
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

        /// The scopes of Keywright's own API with their meanings; `admin`, which grants all, comes on top.
        pub const SCOPES: &[(&str, &str)] = &[$(($scope, $text)),+];
    };
}

capabilities! {
    ApisRead = "apis:read" "See APIs, their scopes, presets, tiers and routes",
    ApisWrite = "apis:write" "Add, change and remove APIs",
    KeysRead = "keys:read" "See API keys, never their secrets",
    KeysWrite = "keys:write" "Create, change, rotate and revoke API keys",
    KeysVerify = "keys:verify" "Ask whether a key is good",
    ClientsRead = "clients:read" "See OAuth apps",
    ClientsWrite = "clients:write" "Register, change and remove OAuth apps",
    ActivityRead = "activity:read" "Read the activity log",
    TeamRead = "team:read" "See who is on the team",
    TeamManage = "team:manage" "Invite people, change their roles and remove them",
    WebhooksManage = "webhooks:manage" "Add, change and remove webhooks",
    SettingsManage = "settings:manage" "Change the instance's settings and signing keys",
    ProfileRead = "profile:read" "See one's own profile",
}
