//! OAuth clients, "OAuth apps" on screen.

mod redirect_uri;

pub use redirect_uri::{RedirectUri, RedirectUriError};

use serde::{Deserialize, Serialize};

use super::string_enum::string_enum;
use super::{ClientId, Role, ScopeSet, Timestamp};

string_enum! {
    /// Whether a client can keep a secret (RFC 6749, section 2.1).
    #[derive(Default)]
    ClientType {
        /// A confidential client: a program on a server.
        #[default]
        Confidential = "confidential",
        /// A public client: a program on a device or in a browser.
        Public = "public",
    }
}

string_enum! {
    /// Grant types of a client.
    GrantType {
        /// Authorization code: consent of a person in the browser (RFC 6749, section 4.1).
        AuthorizationCode = "authorization_code",
        /// Refresh token (RFC 6749, section 6).
        RefreshToken = "refresh_token",
        /// Client credentials: the client acts for itself (RFC 6749, section 4.4).
        ClientCredentials = "client_credentials",
    }
}

/// An OAuth client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Row number.
    pub no: i64,
    /// Public id, which is also its `client_id`.
    pub id: ClientId,
    /// Display name.
    pub name: String,
    /// Confidential or public.
    pub kind: ClientType,
    /// Scopes that it may request, by API. The first API is the default of requests without `resource`.
    pub access: Vec<Access>,
    /// Redirect URIs.
    pub redirect_uris: Vec<RedirectUri>,
    /// Redirect URIs after sign-out (OpenID Connect RP-Initiated Logout, section 3.1).
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// Grant types that it may use.
    pub grant_types: Vec<GrantType>,
    /// Whether the code flow requires PKCE; always true for public clients.
    pub require_pkce: bool,
    /// For a first-party client: the least role of the people who declared and changed it. People up to that role are
    /// not asked for consent.
    pub trusted_by: Option<Role>,
    /// Whether it registered itself (RFC 7591): its name is not verified.
    pub dynamic: bool,
    /// Home page.
    pub home_page: Option<String>,
    /// Time at which a logo was uploaded; none without a logo.
    pub logo_at: Option<Timestamp>,
    /// Lifetime of its access tokens, in seconds; none is the instance's setting.
    pub access_token_seconds: Option<u32>,
    /// Lifetime of an unused refresh token, in seconds; none is 30 days.
    pub refresh_token_seconds: Option<u32>,
    /// Time at which it was disabled.
    pub disabled_at: Option<Timestamp>,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

/// Scopes that a client may request at one API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The API.
    pub api_no: i64,
    /// The scopes.
    pub scopes: ScopeSet,
}

impl Client {
    /// Whether it is a first-party client.
    pub const fn is_first_party(&self) -> bool {
        self.trusted_by.is_some()
    }

    /// Whether a person of `role` is not asked for consent: no lesser role declared or changed the client.
    pub fn is_trusted_for(&self, role: Role) -> bool {
        self.trusted_by.is_some_and(|trusted_by| role >= trusted_by)
    }

    /// Whether it may use `grant`.
    pub fn may(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Scopes that it may request at an API.
    pub fn access_to(&self, api_no: i64) -> Option<&ScopeSet> {
        self.access.iter().find(|access| access.api_no == api_no).map(|access| &access.scopes)
    }

    /// The registered URI that equals `presented` (RFC 9700, section 2.1; RFC 8252, section 7.3).
    pub fn redirect_uri(&self, presented: &str) -> Option<&RedirectUri> {
        self.redirect_uris.iter().find(|registered| registered.matches(presented))
    }
}

/// A client secret without the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecretInfo {
    /// Its first characters.
    pub start: String,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Expiry; none if there is none.
    pub expires_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests;
