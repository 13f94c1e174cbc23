//! OAuth clients, "OAuth apps" on screen: programs that ask for tokens.

mod redirect_uri;

pub use redirect_uri::{RedirectUri, RedirectUriError};

use serde::{Deserialize, Serialize};

use super::words::word_enum;
use super::{ClientId, Role, ScopeSet, Timestamp};

word_enum! {
    /// Whether a client can keep a secret (RFC 6749, section 2.1).
    #[derive(Default)]
    ClientType {
        /// It can: a program on a server.
        #[default]
        Confidential = "confidential",
        /// It cannot: a program on somebody's device or in their browser.
        Public = "public",
    }
}

word_enum! {
    /// By what a client may ask for tokens.
    GrantType {
        /// A person's consent, given in the browser (RFC 6749, section 4.1).
        AuthorizationCode = "authorization_code",
        /// What came with an earlier token (RFC 6749, section 6).
        RefreshToken = "refresh_token",
        /// The client's own secret: it acts for itself (RFC 6749, section 4.4).
        ClientCredentials = "client_credentials",
    }
}

/// A program that asks for tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The row's number.
    pub no: i64,
    /// The public id, which is also its `client_id`.
    pub id: ClientId,
    /// The name for people.
    pub name: String,
    /// Whether it can keep a secret.
    pub kind: ClientType,
    /// Which scopes it may ask for, API by API. The first is meant where a request names no `resource`.
    pub access: Vec<Access>,
    /// Where people may be sent back to.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where people may be sent to after signing out (OpenID Connect RP-Initiated Logout, section 3.1).
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// By what it may ask for tokens.
    pub grant_types: Vec<GrantType>,
    /// Whether a code flow without PKCE is refused; always so for public clients.
    pub require_pkce: bool,
    /// For a client of the operator's own: the least role of those who declared and changed it. People up to that role
    /// are not asked for consent.
    pub trusted_by: Option<Role>,
    /// Whether it registered itself (RFC 7591): nobody here has vouched for its name.
    pub dynamic: bool,
    /// Its home page.
    pub home_page: Option<String>,
    /// Whether a logo was uploaded, and when.
    pub logo_at: Option<Timestamp>,
    /// Lifetime of its access tokens; none takes the instance's.
    pub access_token_seconds: Option<u32>,
    /// Lifetime of an unused refresh token, in seconds; none is 30 days.
    pub refresh_token_seconds: Option<u32>,
    /// Since when it is switched off.
    pub disabled_at: Option<Timestamp>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a client may ask for at one API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The API.
    pub api_no: i64,
    /// The scopes.
    pub scopes: ScopeSet,
}

impl Client {
    /// Whether it is the operator's own.
    pub const fn is_first_party(&self) -> bool {
        self.trusted_by.is_some()
    }

    /// Whether a person of `role` need not be asked for consent: nobody of a lesser role spoke for the client.
    pub fn is_trusted_for(&self, role: Role) -> bool {
        self.trusted_by.is_some_and(|trusted_by| role >= trusted_by)
    }

    /// Whether it may ask for tokens by `grant`.
    pub fn may(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// What it may ask for at an API.
    pub fn access_to(&self, api_no: i64) -> Option<&ScopeSet> {
        self.access.iter().find(|access| access.api_no == api_no).map(|access| &access.scopes)
    }

    /// The registered URI that `presented` is (RFC 9700, section 2.1; RFC 8252, section 7.3).
    pub fn redirect_uri(&self, presented: &str) -> Option<&RedirectUri> {
        self.redirect_uris.iter().find(|registered| registered.matches(presented))
    }
}

/// How a client's secret looks to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecretInfo {
    /// Its first characters.
    pub start: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; none is not foreseen.
    pub expires_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests;
