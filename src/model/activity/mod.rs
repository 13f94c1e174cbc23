//! What a line of the activity log says. The numbers are stored: never reuse one.

mod row;

use std::net::IpAddr;

pub use row::{Activity, Actor, ClientName, Detail, KeyName, UserName};
pub(crate) use row::{
    activity_members, actor_members, client_name_members, key_name_members, user_name_members,
};

use super::words::word_enum;
use super::{RequestId, Timestamp};

macro_rules! numbered {
    ($(#[$outer:meta])* $type:ident { $($(#[doc = $doc:literal])+ $name:ident = $number:literal $text:literal),+ $(,)? }) => {
        word_enum! {
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

            /// What it means, in a sentence.
            pub fn about(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii()),+ }
            }
        }
    };
}

numbered! {
    /// How it ended.
    Outcome {
        /// The request may pass.
        Allowed = 0 "allowed",
        /// The request may not pass.
        Refused = 1 "refused",
        /// The request came too often, or the quota is used up.
        Limited = 2 "limited",
        /// Not a decision: something was changed.
        Changed = 3 "changed",
    }
}

numbered! {
    /// What happened.
    Kind {
        /// Somebody asked whether a key is good (`POST /v1/keys/verify`).
        KeyVerify = 1 "key.verify",
        /// A proxy asked about a request (`/v1/forward-auth`).
        ForwardAuth = 2 "request.authorize",
        /// A call of Keywright's own API.
        ApiCall = 3 "api.call",
        /// A key was made.
        KeyCreated = 10 "key.created",
        /// A key's policy was changed.
        KeyUpdated = 11 "key.updated",
        /// A key got a new secret.
        KeyRotated = 12 "key.rotated",
        /// A key was revoked.
        KeyRevoked = 13 "key.revoked",
        /// A key was revoked by somebody who found it.
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
        /// A person was switched off.
        UserDisabled = 32 "user.disabled",
        /// A person was switched on again.
        UserEnabled = 33 "user.enabled",
        /// A person was removed.
        UserDeleted = 34 "user.deleted",
        /// A person was invited.
        InvitationCreated = 35 "invitation.created",
        /// An invitation was taken up.
        InvitationAccepted = 36 "invitation.accepted",
        /// An invitation was withdrawn.
        InvitationRevoked = 37 "invitation.revoked",
        /// Somebody tried to sign in.
        SignIn = 40 "session.sign_in",
        /// A session ended.
        SignOut = 41 "session.sign_out",
        /// A session was renewed with its refresh token.
        SessionRefreshed = 42 "session.refreshed",
        /// A session was revoked, by its owner or because its refresh token was used twice.
        SessionRevoked = 43 "session.revoked",
        /// A password was changed or reset.
        PasswordChanged = 44 "password.changed",
        /// A reset link was asked for.
        PasswordForgotten = 45 "password.forgotten",
        /// A second factor was switched on.
        TotpEnabled = 46 "totp.enabled",
        /// A second factor was switched off.
        TotpDisabled = 47 "totp.disabled",
        /// Many failed sign-ins slowed an account or a network down.
        SignInSlowed = 48 "session.slowed",
        /// A person proved again, in a session, who they are.
        SignInConfirmed = 66 "session.confirmed",
        /// An email address was confirmed.
        EmailVerified = 49 "email.verified",
        /// An OAuth client was registered.
        ClientCreated = 50 "client.created",
        /// An OAuth client was changed.
        ClientUpdated = 51 "client.updated",
        /// An OAuth client got a new secret.
        ClientRotated = 52 "client.rotated",
        /// An OAuth client was removed.
        ClientDeleted = 53 "client.deleted",
        /// A person allowed a client.
        GrantCreated = 54 "grant.created",
        /// A grant was revoked.
        GrantRevoked = 55 "grant.revoked",
        /// A token was issued.
        TokenIssued = 56 "token.issued",
        /// A token was revoked.
        TokenRevoked = 57 "token.revoked",
        /// A client asked about a token or a key.
        TokenIntrospected = 58 "token.introspected",
        /// A person was asked to allow a client, or refused to.
        Authorization = 59 "authorization",
        /// A signing key was made, activated or retired.
        SigningKeyRotated = 60 "signing_key.rotated",
        /// A setting was changed.
        SettingChanged = 61 "setting.changed",
        /// The server started.
        ServerStarted = 62 "server.started",
        /// The wall clock was accepted although boot time contradicted it.
        ClockAccepted = 63 "clock.accepted",
    }
}

numbered! {
    /// Why it ended so.
    Reason {
        /// Nothing was wrong.
        Valid = 0 "VALID",
        /// The key is not known.
        NotFound = 1 "NOT_FOUND",
        /// The key was revoked.
        Revoked = 2 "REVOKED",
        /// The key is switched off.
        Disabled = 3 "DISABLED",
        /// The credential's time has passed.
        Expired = 4 "EXPIRED",
        /// The credential is for another API.
        WrongApi = 5 "WRONG_API",
        /// The credential is for the other environment.
        WrongEnvironment = 6 "WRONG_ENVIRONMENT",
        /// The address is not among the allowed ones.
        IpNotAllowed = 7 "IP_NOT_ALLOWED",
        /// A scope is missing.
        InsufficientScope = 8 "INSUFFICIENT_SCOPE",
        /// The rate limit is used up.
        RateLimited = 9 "RATE_LIMITED",
        /// The quota is used up.
        QuotaExceeded = 10 "QUOTA_EXCEEDED",
        /// No credential was sent.
        Missing = 11 "MISSING_CREDENTIAL",
        /// The token is not good.
        InvalidToken = 12 "INVALID_TOKEN",
        /// Email, password or code is wrong.
        InvalidCredentials = 13 "INVALID_CREDENTIALS",
        /// A second factor is needed.
        MfaRequired = 14 "MFA_REQUIRED",
        /// The caller may not do this.
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
        /// The request did not say what it must.
        InvalidRequest = 21 "INVALID_REQUEST",
        /// The person refused.
        Denied = 22 "DENIED",
        /// A more recent sign-in is needed.
        ReauthenticationRequired = 23 "REAUTHENTICATION_REQUIRED",
    }
}

/// One line of the log before it is stored. Numbers refer to rows of the same file.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: Kind,
    /// How it ended.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// Whether the caller proved who they are. Decisions about other callers are counted, and retention removes them
    /// first.
    pub identified: bool,
    /// The API that it concerns.
    pub api_no: Option<i64>,
    /// The key that it is about.
    pub key_no: Option<i64>,
    /// The person that it is about.
    pub user_no: Option<i64>,
    /// The OAuth client that it is about.
    pub client_no: Option<i64>,
    /// The grant that it is about.
    pub grant_no: Option<i64>,
    /// The session that it is about.
    pub session_no: Option<i64>,
    /// The key that asked, when it is another one.
    pub by_key_no: Option<i64>,
    /// The person who asked, when it is another one.
    pub by_user_no: Option<i64>,
    /// The address that the request came from.
    pub ip: Option<IpAddr>,
    /// The request's method, upper case.
    pub method: Option<Method>,
    /// The request's path, without query.
    pub path: Option<Box<str>>,
    /// The request's User-Agent.
    pub agent: Option<Box<str>>,
    /// How long the answer took, in microseconds.
    pub took_us: Option<u32>,
    /// The id that the answer carried.
    pub request_id: Option<RequestId>,
    /// How many refusals this stands for; none is one.
    pub count: Option<u32>,
    /// What a change changed or a refusal saw; never a secret.
    pub detail: Option<Box<serde_json::Value>>,
}

impl Entry {
    /// An entry that says what, how and why; the caller fills in the rest.
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
    /// A request method; anything unusual is `Other`.
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
