//! A credential in the form that the rules use: one view of keys, access tokens and sessions.

use std::sync::Arc;

use ipnet::IpNet;

use super::entry::{Entry, Grants};
use super::limits::Subject;
use crate::model::{Api, Environment, Identity, KeyId, LimitPer, RateLimit, Timestamp, VerifyCode};

/// Holder of an existing credential, whether or not it may be used.
#[derive(Clone)]
pub enum Bearer {
    /// An API key.
    Key(Arc<Entry>),
    /// An access token of an OAuth client or of a session. `identity` has checked that it is live.
    Token(Box<Identity>),
}

impl Bearer {
    /// The key, if it is one.
    pub const fn key(&self) -> Option<&Arc<Entry>> {
        match self {
            Self::Key(entry) => Some(entry),
            Self::Token(_) => None,
        }
    }

    /// Its API.
    pub fn api_no(&self) -> Option<i64> {
        match self {
            Self::Key(entry) => Some(entry.api_no),
            Self::Token(identity) => identity.api_no,
        }
    }

    /// Its environment; tokens are live.
    pub fn environment(&self) -> Environment {
        match self {
            Self::Key(entry) => entry.environment,
            Self::Token(_) => Environment::Live,
        }
    }

    /// Its current scopes on `api`.
    pub fn holds(&self, api: &Api) -> Arc<Grants> {
        match self {
            Self::Key(entry) => entry.holds(api),
            Self::Token(identity) => Arc::new(Grants::new(identity.scopes.clone())),
        }
    }

    /// Reason why it is not live at `now`. A secret past its grace period is unknown. For a token, `identity` decided
    /// that before.
    pub fn ended(&self, now: Timestamp) -> Option<VerifyCode> {
        match self {
            Self::Key(entry) if entry.secret_expires_at.is_some_and(|end| end <= now) => {
                Some(VerifyCode::NotFound)
            }
            Self::Key(entry) => entry.liveness().ended(now),
            Self::Token(_) => None,
        }
    }

    /// Networks that it may be used from; empty allows every address.
    pub(super) fn networks(&self) -> &[IpNet] {
        match self {
            Self::Key(entry) => &entry.networks,
            Self::Token(_) => &[],
        }
    }

    /// Rate limit of its own instead of a tier.
    pub(super) fn own_limit(&self) -> Option<RateLimit> {
        self.key().and_then(|entry| entry.ratelimit)
    }

    /// Name of its tier on `api`; none for the API's default.
    pub(super) fn tier<'a>(&'a self, api: &'a Api) -> Option<&'a str> {
        match self {
            Self::Key(entry) => entry.tier.as_deref(),
            Self::Token(_) => Some(&api.token_tier),
        }
    }

    /// Subject of a tier. A key without owner or user counts for itself. A token counts for what it was issued under,
    /// so that a refresh does not refill the bucket.
    pub(super) fn subject(&self, per: LimitPer) -> Subject<'_> {
        match self {
            Self::Key(entry) => match (per, &entry.owner, entry.user) {
                (LimitPer::Owner, Some(owner), _) => Subject::Owner(owner),
                (LimitPer::User, _, Some(user)) => Subject::User(user.no),
                _ => Subject::Key(entry.no),
            },
            Self::Token(identity) => {
                let user = identity.user.map(|(no, ..)| Subject::User(no));
                let grant = identity.grant.map(|(no, _)| Subject::Grant(no));
                let session = identity.session.map(|(no, _)| Subject::Session(no));
                let client = identity.client.map_or(Subject::Client(0), |(no, _)| Subject::Client(no));
                match per {
                    LimitPer::Key => grant.or(session).unwrap_or(client),
                    LimitPer::User | LimitPer::Owner => user.unwrap_or(client),
                }
            }
        }
    }

    /// Subject of its own rate limit.
    pub(super) fn itself(&self) -> Subject<'_> {
        match self {
            Self::Key(entry) => Subject::Own(entry.no),
            Self::Token(_) => self.subject(LimitPer::Key),
        }
    }

    /// Id of the key, for errors.
    pub(super) fn key_id(&self) -> Option<KeyId> {
        self.key().map(|entry| entry.id)
    }
}
