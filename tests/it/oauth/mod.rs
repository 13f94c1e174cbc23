//! OAuth 2.1 and OpenID Connect: one file per grant, and one per endpoint beside them.

mod authorization_code;
mod authorize;
mod clean_up;
mod client_credentials;
mod clients;
pub(crate) mod flow;
mod forward_auth;
mod grants;
mod introspection;
mod libraries;
mod log;
mod logout;
mod metadata;
mod refresh_token;
mod registration;
mod revocation;
mod seeds;
mod tokens;
mod trust;
mod userinfo;
