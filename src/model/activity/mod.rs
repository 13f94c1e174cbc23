//! Vocabulary of the activity log. The numbers are stored: never reuse one.

mod row;

use std::net::IpAddr;

pub use row::{Activity, Actor, ClientName, Detail, KeyName, UserName};
pub(crate) use row::{
    activity_members, actor_members, client_name_members, key_name_members, user_name_members,
};

use super::string_enum::string_enum;
use super::{RequestId, Timestamp};

macro_rules! numbered {
    ($(#[$outer:meta])* $type:ident { $($(#[doc = $doc:literal])+ $name:ident = $number:literal $text:literal),+ $(,)? }) => {
        string_enum! {
            $(#[$outer])*
            $type { $($(#[doc = $doc])+ $name = $text,)+ }
        }

        impl $type {
            /// The stored number.
            pub const fn number(self) -> u8 {
                match self { $(Self::$name => $number),+ }
            }

            /// The value behind a stored number.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)+ _ => None }
            }

            /// Description, in one sentence.
            pub fn about(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii()),+ }
            }
        }
    };
}

numbered! {
    /// Outcome of an event.
    Outcome {
        /// The request is allowed.
        Allowed = 0 "allowed",
        /// The request is refused.
        Refused = 1 "refused",
        /// The rate limit or the quota is exhausted.
        Limited = 2 "limited",
        /// Not a decision: a change.
        Changed = 3 "changed",
    }
}

numbered! {
    /// Kind of an event.
    Kind {
        /// A key was verified (`POST /v1/keys/verify`).
        KeyVerify = 1 "key.verify",
        /// A proxy described a request (`/v1/forward-auth`).
        ForwardAuth = 2 "request.authorize",
        /// A call of the built-in API.
        ApiCall = 3 "api.call",
        /// A key was created.
        KeyCreated = 10 "key.created",
        /// A key's policy was changed.
        KeyUpdated = 11 "key.updated",
        /// A key was rotated.
        KeyRotated = 12 "key.rotated",
        /// A key was revoked.
        KeyRevoked = 13 "key.revoked",
        /// A key was revoked by a finder of its secret.
        KeyLeaked = 14 "key.leaked",
        /// Keys were imported.
        KeyImported = 15 "key.imported",
        /// An API was added.
        ApiCreated = 20 "api.created",
        /// An API, its scopes, presets, tiers or routes were changed.
        ApiUpdated = 21 "api.updated",
        /// An API was removed.
        ApiDeleted = 22 "api.deleted",
        /// A person was added.
        UserCreated = 30 "user.created",
        /// A person's profile or role was changed.
        UserUpdated = 31 "user.updated",
        /// A person was disabled.
        UserDisabled = 32 "user.disabled",
        /// A person was enabled.
        UserEnabled = 33 "user.enabled",
        /// A person was removed.
        UserDeleted = 34 "user.deleted",
        /// A person was invited.
        InvitationCreated = 35 "invitation.created",
        /// An invitation was accepted.
        InvitationAccepted = 36 "invitation.accepted",
        /// An invitation was withdrawn.
        InvitationRevoked = 37 "invitation.revoked",
        /// A sign-in was attempted.
        SignIn = 40 "session.sign_in",
        /// A person signed out.
        SignOut = 41 "session.sign_out",
        /// A session was renewed with its refresh token.
        SessionRefreshed = 42 "session.refreshed",
        /// A session was revoked, by its owner or because its refresh token was used twice.
        SessionRevoked = 43 "session.revoked",
        /// A password was changed or reset.
        PasswordChanged = 44 "password.changed",
        /// A reset link was requested.
        PasswordForgotten = 45 "password.forgotten",
        /// A second factor was enabled.
        TotpEnabled = 46 "totp.enabled",
        /// A second factor was disabled.
        TotpDisabled = 47 "totp.disabled",
        /// Failed sign-ins locked an account or a network.
        SignInSlowed = 48 "session.slowed",
        /// A person confirmed their identity in a session.
        SignInConfirmed = 66 "session.confirmed",
        /// An email address was confirmed.
        EmailVerified = 49 "email.verified",
        /// An OAuth client was registered.
        ClientCreated = 50 "client.created",
        /// An OAuth client was changed.
        ClientUpdated = 51 "client.updated",
        /// The secret of an OAuth client was rotated.
        ClientRotated = 52 "client.rotated",
        /// An OAuth client was removed.
        ClientDeleted = 53 "client.deleted",
        /// A person granted access to a client.
        GrantCreated = 54 "grant.created",
        /// A grant was revoked.
        GrantRevoked = 55 "grant.revoked",
        /// A token was issued.
        TokenIssued = 56 "token.issued",
        /// A token was revoked.
        TokenRevoked = 57 "token.revoked",
        /// A client introspected a token or a key.
        TokenIntrospected = 58 "token.introspected",
        /// A person was asked for consent, or denied it.
        Authorization = 59 "authorization",
        /// A signing key was created, activated or retired.
        SigningKeyRotated = 60 "signing_key.rotated",
        /// A setting was changed.
        SettingChanged = 61 "setting.changed",
        /// The server started.
        ServerStarted = 62 "server.started",
        /// The wall clock was accepted despite its difference from boot time.
        ClockAccepted = 63 "clock.accepted",
    }
}

numbered! {
    /// Reason of an outcome.
    Reason {
        /// Valid.
        Valid = 0 "VALID",
        /// Unknown key.
        NotFound = 1 "NOT_FOUND",
        /// The key was revoked.
        Revoked = 2 "REVOKED",
        /// The key is disabled.
        Disabled = 3 "DISABLED",
        /// The credential has expired.
        Expired = 4 "EXPIRED",
        /// The credential is for another API.
        WrongApi = 5 "WRONG_API",
        /// The credential is for the other environment.
        WrongEnvironment = 6 "WRONG_ENVIRONMENT",
        /// The address is not in `allowed_ips`.
        IpNotAllowed = 7 "IP_NOT_ALLOWED",
        /// A scope is missing.
        InsufficientScope = 8 "INSUFFICIENT_SCOPE",
        /// The rate limit is exhausted.
        RateLimited = 9 "RATE_LIMITED",
        /// The quota is exhausted.
        QuotaExceeded = 10 "QUOTA_EXCEEDED",
        /// No credential was sent.
        Missing = 11 "MISSING_CREDENTIAL",
        /// The token is not valid.
        InvalidToken = 12 "INVALID_TOKEN",
        /// Email, password or code is wrong.
        InvalidCredentials = 13 "INVALID_CREDENTIALS",
        /// A second factor is needed.
        MfaRequired = 14 "MFA_REQUIRED",
        /// The caller lacks the right.
        Forbidden = 15 "FORBIDDEN",
        /// The CSRF check failed.
        Csrf = 16 "CSRF",
        /// Too many failed attempts.
        LockedOut = 17 "LOCKED_OUT",
        /// No route of the API matches the request.
        NoRoute = 18 "NO_ROUTE",
        /// The route needs no credential.
        Public = 19 "PUBLIC",
        /// A one-time secret was used a second time.
        Replayed = 20 "REPLAYED",
        /// The request is malformed.
        InvalidRequest = 21 "INVALID_REQUEST",
        /// The person denied it.
        Denied = 22 "DENIED",
        /// A more recent sign-in is required.
        ReauthenticationRequired = 23 "REAUTHENTICATION_REQUIRED",
    }
}

/// A sequence of log rows. A row is identified by its stream and its number in it. A file has one stream; a cluster has
/// one for each node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Stream(i64);

impl Stream {
    /// The stream of a file.
    pub const ONLY: Self = Self(1);

    /// Its number.
    pub const fn no(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Stream {
    type Error = &'static str;

    fn try_from(no: i64) -> Result<Self, Self::Error> {
        if no == Self::ONLY.0 { Ok(Self::ONLY) } else { Err("there is no such stream") }
    }
}

impl From<Stream> for i64 {
    fn from(stream: Stream) -> Self {
        stream.0
    }
}

/// One line of the log before it is stored. Numbers refer to rows of the same file.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Time of the event.
    pub at: Timestamp,
    /// Kind of the event.
    pub kind: Kind,
    /// Outcome.
    pub outcome: Outcome,
    /// Reason.
    pub reason: Reason,
    /// Whether the caller is identified. Decisions about other callers are counted, and retention removes them first.
    pub identified: bool,
    /// The API.
    pub api_no: Option<i64>,
    /// The key that the row is about.
    pub key_no: Option<i64>,
    /// The user that the row is about.
    pub user_no: Option<i64>,
    /// The OAuth client.
    pub client_no: Option<i64>,
    /// The grant.
    pub grant_no: Option<i64>,
    /// The session.
    pub session_no: Option<i64>,
    /// The key that made the request, if it is another one.
    pub by_key_no: Option<i64>,
    /// The user who made the request, if it is another one.
    pub by_user_no: Option<i64>,
    /// Address of the client.
    pub ip: Option<IpAddr>,
    /// Request method, upper case.
    pub method: Option<Method>,
    /// Request path, without query.
    pub path: Option<Box<str>>,
    /// `User-Agent` of the request.
    pub agent: Option<Box<str>>,
    /// Duration of the request, in microseconds.
    pub took_us: Option<u32>,
    /// `X-Request-Id` of the response.
    pub request_id: Option<RequestId>,
    /// Number of refusals that the row counts; none is one.
    pub count: Option<u32>,
    /// Changed values, or the values that the failed rule compared; never a secret.
    pub detail: Option<Box<serde_json::Value>>,
}

impl Entry {
    /// An entry with kind, outcome and reason; the caller sets the other fields.
    pub const fn new(at: Timestamp, kind: Kind, outcome: Outcome, reason: Reason) -> Self {
        Self {
            at,
            kind,
            outcome,
            reason,
            identified: false,
            api_no: None,
            key_no: None,
            user_no: None,
            client_no: None,
            grant_no: None,
            session_no: None,
            by_key_no: None,
            by_user_no: None,
            ip: None,
            method: None,
            path: None,
            agent: None,
            took_us: None,
            request_id: None,
            count: None,
            detail: None,
        }
    }
}

numbered! {
    /// Request method; unusual ones are `Other`.
    Method {
        /// RFC 9110, section 9.3.1.
        Get = 1 "GET",
        /// RFC 9110, section 9.3.2.
        Head = 2 "HEAD",
        /// RFC 9110, section 9.3.3.
        Post = 3 "POST",
        /// RFC 9110, section 9.3.4.
        Put = 4 "PUT",
        /// RFC 9110, section 9.3.5.
        Delete = 5 "DELETE",
        /// RFC 9110, section 9.3.6.
        Connect = 6 "CONNECT",
        /// RFC 9110, section 9.3.7.
        Options = 7 "OPTIONS",
        /// RFC 9110, section 9.3.8.
        Trace = 8 "TRACE",
        /// RFC 5789.
        Patch = 9 "PATCH",
        /// Any other.
        Other = 10 "OTHER",
    }
}
