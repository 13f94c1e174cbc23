//! Requests and responses about clients.

use poem_openapi::{Enum, Object};
use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::clients::{ClientChange, ClientView, Issued, NewClient, RequestedAccess};
use crate::domain::identity::Services;
use crate::domain::policy::catalog::Apis;
use crate::error::{Error, Result};
use crate::model::{self, ScopeSet, Timestamp};

/// Whether a client can keep a secret.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize, Enum)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ClientType {
    /// A program on a server.
    #[default]
    Confidential,
    /// A program on a device or in a browser.
    Public,
}

/// The grant types of a client.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, Enum)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A person's consent, given in the browser.
    AuthorizationCode,
    /// A refresh token from an earlier response.
    RefreshToken,
    /// The client's own secret: it acts for itself.
    ClientCredentials,
}

/// The scopes of a client on one API.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct ClientAccess {
    /// Slug of the API; in requests its id will do too.
    pub api: String,
    /// The scopes.
    pub scopes: Vec<String>,
}

/// An OAuth client.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct Client {
    /// `app_…`
    pub id: String,
    /// Its id in OAuth requests: the same as `id`.
    pub client_id: String,
    /// Its secret. Shown once, when it is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// The name for people.
    pub name: String,
    /// Whether it can keep a secret.
    pub r#type: ClientType,
    /// Its scopes by API. The first API is used for requests without a `resource`.
    pub access: Vec<ClientAccess>,
    /// Where people may be sent back to. Compared character by character; on loopback the port may differ.
    pub redirect_uris: Vec<String>,
    /// Where people may be sent to after signing out.
    pub post_logout_redirect_uris: Vec<String>,
    /// Its grant types.
    pub grant_types: Vec<GrantType>,
    /// Whether a code flow without PKCE is refused.
    pub require_pkce: bool,
    /// Whether it is a first-party app, which needs no consent.
    pub first_party: bool,
    /// Whether it registered itself.
    pub dynamic: bool,
    /// Its home page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home_page: Option<String>,
    /// Where its logo is, if one was uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<String>,
    /// Lifetime of its access tokens; absent takes the instance's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_seconds: Option<u32>,
    /// Lifetime of an unused refresh token, in seconds; absent is 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token_seconds: Option<u32>,
    /// The hints of its secrets, newest first.
    pub secrets: Vec<ClientSecret>,
    /// Whether it is switched off.
    pub disabled: bool,
    /// When it was added.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
}

/// The hint of a secret.
#[derive(Debug, Serialize, Deserialize, Object)]
pub struct ClientSecret {
    /// Its first characters.
    pub start: String,
    /// When it was made.
    pub created_at: String,
    /// When it ends, after a rotation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A part of the list.
#[derive(Debug, Serialize, Object)]
pub struct ClientPage {
    /// The clients, newest first.
    pub data: Vec<Client>,
    /// The `cursor` of the next page; null on the last one.
    #[oai(nullable)]
    pub next_cursor: Option<String>,
}

/// A new client.
#[derive(Debug, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct ClientCreate {
    /// The name for people.
    pub name: String,
    /// Whether it can keep a secret; `confidential` where nothing is said.
    #[serde(default)]
    #[oai(default)]
    pub r#type: ClientType,
    /// Its scopes by API.
    #[serde(default)]
    #[oai(default)]
    pub access: Vec<ClientAccess>,
    /// Where people may be sent back to: https, loopback http, or an app's own scheme such as `com.example.app:/cb`.
    #[serde(default)]
    #[oai(default)]
    pub redirect_uris: Vec<String>,
    /// Where people may be sent to after signing out.
    #[serde(default)]
    #[oai(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Its grant types. By default `authorization_code` and `refresh_token` if it has
    /// redirect URIs, and `client_credentials` if it can keep a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_types: Option<Vec<GrantType>>,
    /// False lets a confidential client run the code flow without PKCE. Default true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_pkce: Option<bool>,
    /// Whether it is a first-party app, which needs no consent.
    #[serde(default)]
    #[oai(default)]
    pub first_party: bool,
    /// Its home page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_page: Option<String>,
    /// Lifetime of its access tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_seconds: Option<u32>,
    /// Lifetime of an unused refresh token, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token_seconds: Option<u32>,
}

/// A change of a client. Members that are left out stay.
#[derive(Debug, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct ClientUpdate {
    /// Another name.
    pub name: Option<String>,
    /// Other access, in place of all before.
    pub access: Option<Vec<ClientAccess>>,
    /// Other redirect URIs, in place of all before.
    pub redirect_uris: Option<Vec<String>>,
    /// Other URIs after signing out, in place of all before.
    pub post_logout_redirect_uris: Option<Vec<String>>,
    /// Other grant types, in place of all before.
    pub grant_types: Option<Vec<GrantType>>,
    /// Whether a code flow without PKCE is refused.
    pub require_pkce: Option<bool>,
    /// Whether it is your own.
    pub first_party: Option<bool>,
    /// Another home page; null removes it.
    #[serde(default, deserialize_with = "given")]
    #[oai(nullable)]
    pub home_page: Option<Option<String>>,
    /// Another lifetime of access tokens; null takes the instance's.
    #[serde(default, deserialize_with = "given")]
    #[oai(nullable)]
    pub access_token_seconds: Option<Option<u32>>,
    /// Another lifetime of unused refresh tokens; null takes 30 days.
    #[serde(default, deserialize_with = "given")]
    #[oai(nullable)]
    pub refresh_token_seconds: Option<Option<u32>>,
    /// Switches it off or on. Its tokens fail from the next request on while it is off.
    pub disabled: Option<bool>,
}

/// Distinguishes `null` from a member that was left out.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// How a new secret takes over.
#[derive(Debug, Default, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
pub struct ClientRotate {
    /// How long the secret before works on; 86,400 where nothing is said, 0 ends it at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_seconds: Option<u32>,
}

impl From<ClientType> for model::ClientType {
    fn from(kind: ClientType) -> Self {
        match kind {
            ClientType::Confidential => Self::Confidential,
            ClientType::Public => Self::Public,
        }
    }
}

impl From<GrantType> for model::GrantType {
    fn from(grant: GrantType) -> Self {
        match grant {
            GrantType::AuthorizationCode => Self::AuthorizationCode,
            GrantType::RefreshToken => Self::RefreshToken,
            GrantType::ClientCredentials => Self::ClientCredentials,
        }
    }
}

impl From<model::GrantType> for GrantType {
    fn from(grant: model::GrantType) -> Self {
        match grant {
            model::GrantType::AuthorizationCode => Self::AuthorizationCode,
            model::GrantType::RefreshToken => Self::RefreshToken,
            model::GrantType::ClientCredentials => Self::ClientCredentials,
        }
    }
}

fn access(asked: &[ClientAccess]) -> Result<Vec<RequestedAccess>> {
    let scopes = |names: &[String]| {
        names.iter().map(|name| model::Scope::new(name)).collect::<std::result::Result<_, _>>()
    };
    let one = |(index, asked): (usize, &ClientAccess)| {
        let scopes: ScopeSet = scopes(&asked.scopes).map_err(|error: model::ScopeError| {
            Error::invalid(&format!("access[{index}].scopes"), error.to_string())
        })?;
        Ok(RequestedAccess { api: asked.api.clone(), scopes })
    };
    asked.iter().enumerate().map(one).collect()
}

fn grants(named: &[GrantType]) -> Vec<model::GrantType> {
    named.iter().map(|&grant| grant.into()).collect()
}

impl ClientCreate {
    /// Converts to the type of the rules.
    pub(super) fn wanted(&self) -> Result<NewClient> {
        Ok(NewClient {
            name: self.name.clone(),
            kind: self.r#type.into(),
            access: access(&self.access)?,
            redirect_uris: self.redirect_uris.clone(),
            post_logout_redirect_uris: self.post_logout_redirect_uris.clone(),
            grant_types: self.grant_types.as_deref().map(grants),
            require_pkce: self.require_pkce,
            first_party: self.first_party,
            home_page: self.home_page.clone(),
            access_token_seconds: self.access_token_seconds,
            refresh_token_seconds: self.refresh_token_seconds,
        })
    }
}

impl ClientUpdate {
    /// Converts to the type of the rules.
    pub(super) fn wanted(self) -> Result<ClientChange> {
        Ok(ClientChange {
            name: self.name,
            access: self.access.as_deref().map(access).transpose()?,
            redirect_uris: self.redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            grant_types: self.grant_types.as_deref().map(grants),
            require_pkce: self.require_pkce,
            first_party: self.first_party,
            home_page: self.home_page,
            access_token_seconds: self.access_token_seconds,
            refresh_token_seconds: self.refresh_token_seconds,
            disabled: self.disabled,
        })
    }
}

impl Client {
    /// The client for a response.
    pub(super) fn of(apis: &Apis, view: ClientView) -> Self {
        let client = view.client;
        let slug = |no| apis.by_no(no).map_or_else(String::new, |api| api.slug.clone());
        let access = client.access.iter().map(|access| ClientAccess {
            api: slug(access.api_no),
            scopes: access.scopes.iter().map(ToString::to_string).collect(),
        });
        let texts = |uris: &[model::RedirectUri]| uris.iter().map(|uri| uri.as_str().to_owned()).collect();
        Self {
            id: client.id.to_string(),
            client_id: client.id.to_string(),
            client_secret: None,
            access: access.collect(),
            redirect_uris: texts(&client.redirect_uris),
            post_logout_redirect_uris: texts(&client.post_logout_redirect_uris),
            r#type: match client.kind {
                model::ClientType::Confidential => ClientType::Confidential,
                model::ClientType::Public => ClientType::Public,
            },
            grant_types: client.grant_types.iter().map(|&grant| grant.into()).collect(),
            require_pkce: client.require_pkce,
            first_party: client.is_first_party(),
            dynamic: client.dynamic,
            home_page: client.home_page,
            logo: client.logo_at.map(|at| format!("/v1/clients/{}/logo?at={}", client.id, at.millis())),
            access_token_seconds: client.access_token_seconds,
            refresh_token_seconds: client.refresh_token_seconds,
            secrets: view.secrets.into_iter().map(secret).collect(),
            disabled: client.disabled_at.is_some(),
            created_at: client.created_at.to_string(),
            updated_at: client.updated_at.to_string(),
            name: client.name,
        }
    }

    /// A client with its new secret.
    pub(super) fn issued(services: &Services, issued: Issued) -> Self {
        let secret = issued.secret.map(|secret| secret.expose().to_owned());
        Self { client_secret: secret, ..Self::of(&services.catalog.get(), issued.view) }
    }
}

fn secret(info: model::client::ClientSecretInfo) -> ClientSecret {
    ClientSecret {
        start: info.start,
        created_at: info.created_at.to_string(),
        expires_at: info.expires_at.as_ref().map(Timestamp::to_string),
    }
}
