//! Who is calling, and what they may do. A capability is a type: a rule that needs `keys:write` takes a
//! [`Can<KeysWrite>`], and only a caller who holds the scope can make one.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use crate::domain::identity::Services;
use crate::error::{Error, Result};
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::{Principal, RequestInfo, ScopeSet, Timestamp};

/// One call of Keywright's own API: who, when, and by which request.
pub struct Call {
    /// The services that identity and everything above it use.
    pub services: Arc<Services>,
    /// Who is calling.
    pub principal: Principal,
    /// When the request arrived.
    pub now: Timestamp,
    /// The request.
    pub request: RequestInfo,
}

impl Call {
    /// A log entry for a change that this call makes: the caller, its address, the request and the time. Add what the
    /// change is about.
    pub fn entry(&self, kind: Kind) -> Entry {
        let mut entry = Entry::new(self.now, kind, Outcome::Changed, Reason::Valid);
        entry.by_key_no = self.principal.key.map(|(no, _)| no);
        entry.by_user_no = self.principal.user.map(|(no, _, _)| no);
        entry.client_no = self.principal.client.map(|(no, _)| no);
        entry.grant_no = self.principal.grant.map(|(no, _)| no);
        entry.session_no = self.principal.session.map(|(no, _)| no);
        entry.ip = Some(self.request.ip);
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
        self.principal.api_no == Some(own.no) && own.satisfies(&self.principal.scopes, scope)
    }

    /// Whether the caller holds all of `scopes` on Keywright's own API.
    pub fn covers(&self, scopes: &ScopeSet) -> bool {
        let apis = self.services.catalog.get();
        let own = apis.built_in();
        self.principal.api_no == Some(own.no) && own.covers(&self.principal.scopes, scopes)
    }

    /// **Nobody gains**: refuses unless the caller holds everything that the target of the change holds on
    /// Keywright's own API.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub fn nobody_gains(&self, target_holds: &ScopeSet) -> Result<()> {
        if self.covers(target_holds) {
            return Ok(());
        }
        Err(Error::forbidden("This would act with more than you hold; ask somebody who holds it all")
            .with("required", serde_json::json!(target_holds))
            .with("granted", serde_json::json!(self.principal.scopes)))
    }
}

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
        Err(Error::insufficient_scope(C::SCOPE, &call.principal.scopes))
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
