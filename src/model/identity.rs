//! The caller of a request, in one type for every kind of credential, and the request itself.

use std::net::IpAddr;

use crate::model::activity::Method;
use crate::model::{
    AuthMethods, ClientId, GrantId, KeyId, Network, RequestId, Role, ScopeSet, SessionId, Timestamp, UserId,
};

/// Maximum age of a recent sign-in, in seconds.
pub const RECENT_SECONDS: i64 = 15 * 60;

/// Kind of credential that a caller presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityKind {
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
pub struct Identity {
    /// Kind of credential.
    pub kind: IdentityKind,
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
    /// How the user proved who they are, in the session that the credential belongs to.
    pub amr: AuthMethods,
    /// When the user last did; none where no user signed in.
    pub auth_time: Option<Timestamp>,
}

impl Identity {
    /// A caller without credential.
    pub fn anonymous() -> Self {
        Self {
            kind: IdentityKind::Anonymous,
            key: None,
            user: None,
            client: None,
            grant: None,
            session: None,
            api_no: None,
            scopes: ScopeSet::empty(),
            amr: AuthMethods::NONE,
            auth_time: None,
        }
    }

    /// Whether the user proved their identity recently, or the identity does not sign in: then an act that raises
    /// rights or lifts a protection needs no new proof.
    pub fn signed_in_recently(&self, now: Timestamp) -> bool {
        match (self.kind, self.user) {
            (IdentityKind::Key | IdentityKind::Operator, _) | (IdentityKind::Token, None) => true,
            (IdentityKind::Session | IdentityKind::Token, _) => {
                self.auth_time.is_some_and(|at| now.millis_since(at) < RECENT_SECONDS * 1_000)
            }
            (IdentityKind::Anonymous, _) => false,
        }
    }

    /// Stable name of the credential: its kind, key, client, grant and session. Two credentials of one user have
    /// different names; a token and its successor by refresh have the same.
    pub fn credential(&self) -> String {
        let id = |id: Option<String>| id.unwrap_or_default();
        format!(
            "{:?}/{}/{}/{}/{}/{}",
            self.kind,
            id(self.user.map(|(_, id, _)| id.to_string())),
            id(self.key.map(|(_, id)| id.to_string())),
            id(self.client.map(|(_, id)| id.to_string())),
            id(self.grant.map(|(_, id)| id.to_string())),
            id(self.session.map(|(_, id)| id.to_string())),
        )
    }
}

/// Properties of a request that the log records.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    /// Id of the request, which the response carries too.
    pub id: RequestId,
    /// Address of the client, behind trusted proxies; none if the address that a proxy gives cannot be read.
    pub ip: Option<IpAddr>,
    /// Method.
    pub method: Method,
    /// Path, without query.
    pub path: Box<str>,
    /// User-Agent.
    pub agent: Option<Box<str>>,
}

impl RequestInfo {
    /// Network of the client, for limits and counts.
    pub fn network(&self) -> Network {
        self.ip.map_or(Network::UNKNOWN, Network::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(kind: IdentityKind, user: bool, auth_time: Option<Timestamp>) -> Identity {
        let user = user.then(|| (5, UserId::from_u128(5), Role::Member));
        Identity { kind, user, auth_time, ..Identity::anonymous() }
    }

    #[test]
    fn a_sign_in_is_recent_for_fifteen_minutes() {
        let at = Timestamp::from_seconds(1_000);
        for kind in [IdentityKind::Session, IdentityKind::Token] {
            let signed_in = identity(kind, true, Some(at));
            assert!(signed_in.signed_in_recently(at));
            assert!(signed_in.signed_in_recently(at.plus_millis(899_999)));
            assert!(!signed_in.signed_in_recently(at.plus_millis(900_000)));
            assert!(!signed_in.signed_in_recently(at.plus_millis(900_001)));
            assert!(!identity(kind, true, None).signed_in_recently(at));
        }
    }

    #[test]
    fn what_does_not_sign_in_is_exempt() {
        let now = Timestamp::MAX;
        for (kind, user, exempt) in [
            (IdentityKind::Key, true, true),
            (IdentityKind::Key, false, true),
            (IdentityKind::Operator, false, true),
            (IdentityKind::Token, false, true),
            (IdentityKind::Token, true, false),
            (IdentityKind::Session, true, false),
            (IdentityKind::Anonymous, false, false),
        ] {
            let signed_in = identity(kind, user, Some(Timestamp::MIN)).signed_in_recently(now);
            assert_eq!(signed_in, exempt, "{kind:?}, of a user: {user}");
        }
    }

    #[test]
    fn every_part_of_a_credential_is_in_its_name() {
        let one = identity(IdentityKind::Token, true, None);
        for other in [
            identity(IdentityKind::Session, true, None),
            identity(IdentityKind::Token, false, None),
            Identity { key: Some((1, KeyId::from_u128(1))), ..one.clone() },
            Identity { client: Some((1, ClientId::from_u128(1))), ..one.clone() },
            Identity { grant: Some((1, GrantId::from_u128(1))), ..one.clone() },
            Identity { session: Some((1, SessionId::from_u128(1))), ..one.clone() },
        ] {
            assert_ne!(one.credential(), other.credential());
        }
        let renewed =
            Identity { scopes: "read".parse().unwrap(), auth_time: Some(Timestamp::MAX), ..one.clone() };
        assert_eq!(one.credential(), renewed.credential());
    }
}
