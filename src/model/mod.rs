//! Plain types that all layers share: no I/O, no clock, no randomness of their own.
//!
//! `now` and random bytes are arguments, so that the same call always has the same result.

pub mod activity;
pub mod api;
pub mod api_key;
mod ascii;
pub mod auth_methods;
mod bounds;
pub mod client;
pub mod encoding;
pub mod id;
pub mod identity;
pub mod key;
pub mod key_policy;
mod liveness;
pub mod members;
pub mod network;
pub mod openid;
pub mod origin;
mod proxy;
mod redact;
mod request_path;
pub mod role;
pub mod scope;
pub mod scope_expr;
pub mod secret;
pub mod secret_hash;
pub mod setting;
pub mod signing_key;
pub mod string_enum;
pub mod text;
pub mod time;
pub mod user;

pub use api::Api;
pub use api_key::{ApiKey, KeySecretInfo, KeyUsage, KeyUser};
pub use ascii::Ascii;
pub use auth_methods::AuthMethods;
pub use bounds::Bounds;
pub use client::{Client, ClientType, GrantType, RedirectUri};
pub use id::{
    ActivityId, ApiId, ClientId, DeliveryId, GrantId, IdError, InvitationId, KeyId, RequestId, SecretId,
    SessionId, UserId, WebhookId,
};
pub use identity::{Identity, IdentityKind, RequestInfo};
pub use key::{Environment, KeyPrefix, KeyPrefixError, KeySecret, RequestedEnvironment, Shape, inspect};
pub use key_policy::{KeyStatus, LimitPer, PolicyError, Quota, QuotaPeriod, RateLimit, VerifyCode};
pub use liveness::Liveness;
pub use network::{Address, Network};
pub use origin::Origin;
pub use proxy::Proxy;
pub use redact::{holds_key, redact};
pub use request_path::{RequestPath, RequestPathError};
pub use role::Role;
pub use scope::{Scope, ScopeError, ScopeSet};
pub use scope_expr::{ScopeExpr, ScopeExprError, ScopeExprProblem};
pub use secret::Secret;
pub use secret_hash::{SecretHash, SecretHashError};
pub use string_enum::UnknownValue;
pub use time::{Timestamp, TimestampError};
pub use user::{Email, EmailError, User};
