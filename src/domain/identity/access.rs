//! Who is calling, and what they may do. A capability is a type: a rule that needs `keys:write` takes a
//! [`Can<KeysWrite>`], and only a caller who holds the scope can make one.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use crate::domain::Core;
use crate::error::{Error, Result};
use crate::model::activity::Method;
use crate::model::{ClientId, GrantId, KeyId, RequestId, Role, ScopeSet, SessionId, Timestamp, UserId};

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// Not at all.
    Anonymous,
    /// By an API key.
    Key,
    /// By an OAuth access token.
    Token,
    /// By signing in.
    Session,
    /// By having the data directory: the command line through `control.sock`.
    Operator,
}

/// Who is calling: the same value for every kind of credential.
#[derive(Debug, Clone)]
pub struct Principal {
    /// How they proved it.
    pub kind: PrincipalKind,
    /// The key, when it is one.
    pub key: Option<(i64, KeyId)>,
    /// The person, when the credential acts for one.
    pub user: Option<(i64, UserId, Role)>,
    /// The OAuth client, when a token came from one.
    pub client: Option<(i64, ClientId)>,
    /// The grant that the token stands on.
    pub grant: Option<(i64, GrantId)>,
    /// The session.
    pub session: Option<(i64, SessionId)>,
    /// The API that the credential is for.
    pub api_no: Option<i64>,
    /// What it holds there at this moment.
    pub scopes: ScopeSet,
}

impl Principal {
    /// Somebody who proved nothing.
    pub fn anonymous() -> Self {
        Self {
            kind: PrincipalKind::Anonymous,
            key: None,
            user: None,
            client: None,
            grant: None,
            session: None,
            api_no: None,
            scopes: ScopeSet::empty(),
        }
    }

    /// A stable name for whom this is, to tell callers apart in idempotency and limits.
    pub fn subject(&self) -> String {
        match (&self.key, &self.user, &self.client) {
            (Some((_, key)), _, _) => key.to_string(),
            (None, Some((_, user, _)), _) => user.to_string(),
            (None, None, Some((_, client))) => client.to_string(),
            (None, None, None) if self.kind == PrincipalKind::Operator => "operator".to_owned(),
            (None, None, None) => "anonymous".to_owned(),
        }
    }
}

/// What is known about the request itself.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    /// The id that the answer carries.
    pub id: RequestId,
    /// Who sent it, looking through trusted proxies.
    pub ip: IpAddr,
    /// Its method.
    pub method: Method,
    /// Its path, without query.
    pub path: Box<str>,
    /// Its User-Agent.
    pub agent: Option<Box<str>>,
}

/// One call of Keywright's own API: who, when, and by which request.
pub struct Call {
    /// What the rules stand on.
    pub core: Arc<Core>,
    /// Who is calling.
    pub principal: Principal,
    /// When the request arrived.
    pub now: Timestamp,
    /// The request.
    pub request: RequestInfo,
}

impl Call {
    /// Whether the caller holds `scope` on Keywright's own API.
    pub fn holds(&self, scope: &str) -> bool {
        let apis = self.core.catalog.get();
        let own = apis.built_in();
        self.principal.api_no == Some(own.no) && own.satisfies(&self.principal.scopes, scope)
    }

    /// Whether the caller holds all of `scopes` on Keywright's own API.
    pub fn covers(&self, scopes: &ScopeSet) -> bool {
        let apis = self.core.catalog.get();
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
