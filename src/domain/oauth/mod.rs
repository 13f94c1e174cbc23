//! OAuth 2.1 and OpenID Connect.
//!
//! ```text
//! authorize ──▶ requests (sign-in, consent) ──▶ code ─┐
//!                                                     ├─▶ token: authorization_code, refresh_token,
//! client ── client_auth ──────────────────────────────┘          client_credentials ──▶ issue
//! access token ──▶ token_states ──▶ introspect, revoke, userinfo, forward-auth
//! ```
//!
//! Each grant type is one file. Although an access token is a JWT, each use looks up in `identity::token_states` whether
//! client, person, grant and token are live.

pub mod authorization_code;
pub mod authorize;
pub mod client_auth;
mod client_credentials;
mod code;
pub mod error;
pub mod grants;
mod id_token;
pub mod introspect;
mod issue;
mod limits;
mod log;
pub mod logout;
pub mod params;
pub mod pkce;
mod refresh_token;
pub mod register;
pub mod requests;
pub mod revoke;
pub mod scopes;
mod sweep;
pub mod token;
pub mod userinfo;

pub use error::{ErrorCode, OAuthError, Result};
pub use issue::IssuedTokens;
pub use params::Params;
pub use sweep::sweep;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;

use crate::domain::identity::Services;
use crate::model::Secret;

/// Lifetime of a code.
pub const CODE_SECONDS: i64 = 60;
/// Time that a person has to sign in and decide.
pub const REQUEST_SECONDS: i64 = 600;
/// Default lifetime of an unused refresh token: 30 days.
pub const REFRESH_SECONDS: u32 = 30 * 86_400;

/// A new secret of 256 random bits, with a `prefix` for secret scanners.
fn new_secret(services: &Services, prefix: &str) -> Secret {
    let mut text = String::with_capacity(prefix.len() + 43);
    text.push_str(prefix);
    BASE64URL.encode_string(services.random::<32>(), &mut text);
    Secret::new(text)
}

/// A new id of 128 random bits.
fn new_name(services: &Services) -> String {
    BASE64URL.encode(services.random::<16>())
}
