//! OAuth 2.1 and OpenID Connect over HTTP. Errors are those of RFC 6749, never the envelope.

mod answer;
mod authorize;
mod basic;
mod browser;
mod form;
mod logout;
mod metadata;
mod page;
mod register;
mod scheme;
mod token;
pub(super) mod urlencoded;
mod userinfo;

pub use authorize::AuthorizeApi;
pub(super) use browser::from_request as browser;
pub use logout::LogoutApi;
pub use register::RegisterApi;
pub(super) use scheme::{CLIENT, OAUTH2, register_oauth2};
pub use token::TokenApi;
pub(super) use urlencoded::location;
pub use userinfo::UserInfoApi;

/// Endpoints that pages of other origins may call: all but the pages for people.
pub(super) const CORS: [&str; 8] = [
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
    "/.well-known/jwks.json",
    "/oauth/token",
    "/oauth/revoke",
    "/oauth/introspect",
    "/oauth/userinfo",
    "/oauth/register",
];
