//! The caller of a request, the same value for every kind of credential, and the request itself.

use std::net::IpAddr;

use crate::model::activity::Method;
use crate::model::{ClientId, GrantId, KeyId, RequestId, Role, ScopeSet, SessionId, UserId};

/// Kind of credential that a caller presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// None.
    Anonymous,
    /// An API key.
    Key,
    /// An OAuth access token.
    Token,
    /// A session: a cookie, or the access token of a sign-in.
    Session,
    /// Access to the data directory: the command line through `control.sock`.
    Operator,
}

/// The caller of a request. Row numbers stand beside public ids so that the log needs no further lookup.
#[derive(Debug, Clone)]
pub struct Principal {
    /// Kind of credential.
    pub kind: PrincipalKind,
    /// The API key, if the credential is one.
    pub key: Option<(i64, KeyId)>,
    /// The user that the credential acts for, if any.
    pub user: Option<(i64, UserId, Role)>,
    /// The OAuth client that the token was issued to.
    pub client: Option<(i64, ClientId)>,
    /// The grant that the token was issued under.
    pub grant: Option<(i64, GrantId)>,
    /// The session.
    pub session: Option<(i64, SessionId)>,
    /// Row number of the API that the credential is for.
    pub api_no: Option<i64>,
    /// Scopes that the credential holds on that API at this moment.
    pub scopes: ScopeSet,
}

impl Principal {
    /// A caller without credential.
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

    /// A stable name of the caller, which separates callers in idempotency keys and limits.
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

/// Properties of a request that the log records.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    /// Id of the request, which the response carries too.
    pub id: RequestId,
    /// Address of the client, looking through trusted proxies.
    pub ip: IpAddr,
    /// Method.
    pub method: Method,
    /// Path, without query.
    pub path: Box<str>,
    /// User-Agent.
    pub agent: Option<Box<str>>,
}
