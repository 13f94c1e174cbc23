//! One file per tag of the OpenAPI document: request and response types, and handlers that call the rules.

pub mod activity;
pub mod apis;
pub mod auth;
pub mod clients;
pub mod grants;
pub mod instance;
pub mod keys;
pub mod oauth_requests;
pub mod sessions;
pub mod settings;
pub mod signing_keys;
pub mod users;

use poem_openapi::{OpenApi, Tags};

use super::hot::HotApi;
use super::oauth;

/// How the operations are grouped on the documentation page.
#[derive(Tags)]
pub enum Tag {
    /// API keys: create, rotate, revoke, verify.
    Keys,
    /// The APIs that this instance protects, with their scopes, presets, tiers and routes.
    #[oai(rename = "APIs")]
    Apis,
    /// Signing in, out and up; one's own sessions and second factor.
    #[oai(rename = "Sign-in")]
    SignIn,
    /// People: the team, invitations, and the current caller.
    Team,
    /// What tokens are signed and checked with.
    Tokens,
    /// The log of every decision and every change.
    Activity,
    /// OAuth clients: register, change, give new secrets, remove.
    Clients,
    /// OAuth 2.1 and OpenID Connect, for apps that act for people and machines that act for themselves.
    #[oai(rename = "OAuth")]
    OAuth,
    /// What people allowed apps, and what apps ask them.
    Grants,
    /// Health and the like.
    Instance,
}

/// Every operation that is routed.
pub fn all() -> impl OpenApi {
    (
        keys::KeysApi,
        apis::ApisApi,
        activity::ActivityApi,
        auth::AuthApi,
        clients::ClientsApi,
        grants::GrantsApi,
        instance::InstanceApi,
        oauth_requests::RequestsApi,
        (oauth::AuthorizeApi, oauth::TokenApi, oauth::UserInfoApi, oauth::LogoutApi, oauth::RegisterApi),
        sessions::SessionsApi,
        settings::SettingsApi,
        signing_keys::SigningKeysApi,
        users::UsersApi,
    )
}

/// Every documented operation: the routed ones, and those that the hot path answers before the routes.
pub fn documented() -> impl OpenApi {
    (all(), HotApi)
}
