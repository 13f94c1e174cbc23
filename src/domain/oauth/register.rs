//! Dynamic client registration (RFC 7591), if it is enabled.

use std::sync::Arc;

use super::error::{ErrorCode, OAuthError, Result};
use super::{limits, scopes};
use crate::domain::clients::{self, Issued, NewClient, RequestedAccess};
use crate::domain::identity::access::Call;
use crate::error::{Code, Error};
use crate::model::{Api, ClientType, GrantType, RateLimit, ScopeSet};
use crate::store;

/// Lifetime of a self-registered client without any grant, in seconds.
pub(super) const UNUSED_SECONDS: u32 = 86_400;
/// Registrations per network and hour.
const PER_NETWORK: RateLimit = RateLimit { limit: Some(60), window_seconds: 3_600, burst: None };

/// Client metadata (section 2). Unknown members are ignored, as the section requires.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// Redirect URIs.
    pub redirect_uris: Vec<String>,
    /// Authentication method at the token endpoint; default `client_secret_basic`.
    pub token_endpoint_auth_method: Option<String>,
    /// Grant types; default `authorization_code`.
    pub grant_types: Option<Vec<String>>,
    /// Response types; only `code` is supported.
    pub response_types: Option<Vec<String>>,
    /// Display name.
    pub client_name: Option<String>,
    /// Home page.
    pub client_uri: Option<String>,
    /// Scopes that it will request.
    pub scope: Option<String>,
    /// Redirect URIs after sign-out.
    pub post_logout_redirect_uris: Vec<String>,
}

/// A self-registered client.
pub struct Registered {
    /// The client with its secret, shown once.
    pub issued: Issued,
    /// Authentication method at the token endpoint.
    pub auth_method: String,
}

/// Registers a client with access to the configured API. It is not verified: the consent page says so.
///
/// # Errors
/// `access_denied` where registration is disabled; `temporarily_unavailable` for too many, of the network (429) or of all
/// (503); `invalid_redirect_uri` and
/// `invalid_client_metadata` (section 3.2.2).
pub async fn register(call: &Arc<Call>, metadata: Metadata) -> Result<Registered> {
    let services = &call.services;
    let slug = services.settings.registration_api.clone().ok_or_else(off)?;
    let apis = services.catalog.get();
    // Never the built-in API: a wrong setting must not open it to unidentified clients.
    let api = apis.by_slug(&slug).filter(|api| !api.built_in).ok_or_else(off)?;
    limits::take(call, "oauth.register", &PER_NETWORK, 1)?;
    let method =
        metadata.token_endpoint_auth_method.clone().unwrap_or_else(|| "client_secret_basic".to_owned());
    let kind = match method.as_str() {
        "none" => ClientType::Public,
        "client_secret_post" | "client_secret_basic" => ClientType::Confidential,
        _ => {
            return Err(wrong(
                "token_endpoint_auth_method must be none, client_secret_post or client_secret_basic",
            ));
        }
    };
    if metadata.response_types.as_ref().is_some_and(|types| !types.iter().any(|name| name == "code")) {
        return Err(wrong("response_types must hold code"));
    }
    let ceiling = ceiling(api, metadata.scope.as_deref())?;
    let new = NewClient {
        name: metadata.client_name.clone().unwrap_or_else(|| "Unnamed app".to_owned()),
        kind,
        access: vec![RequestedAccess { api: slug, scopes: ceiling }],
        redirect_uris: metadata.redirect_uris,
        post_logout_redirect_uris: metadata.post_logout_redirect_uris,
        grant_types: Some(grants(metadata.grant_types.as_deref())?),
        home_page: metadata.client_uri,
        ..NewClient::default()
    };
    let client = clients::register(call, new).map_err(|error| explain(&error))?;
    let (this, network, bounds) = (call.clone(), limits::block(call), services.bounds);
    let issued = services
        .write(move |tx| {
            if store::clients::count_unused_from(tx, &network)? >= bounds.unused_clients_per_network {
                let text = "Too many self-registered clients of your network are unused; wait a day";
                return Err(Error::new(Code::RateLimited, text).retry_after(u64::from(UNUSED_SECONDS)));
            }
            let issued = clients::insert(tx, &this, client.clone(), Some(bounds.unused_clients))?
                .ok_or_else(|| Error::unavailable("too many self-registered clients that were never used"))?;
            store::clients::set_registered_from(tx, issued.view.client.no, &network)?;
            Ok(issued)
        })
        .await?;
    Ok(Registered { issued, auth_method: method })
}

/// Scopes that the client may request: those in its metadata, otherwise every scope that does not grant all.
fn ceiling(api: &Api, named: Option<&str>) -> Result<ScopeSet> {
    let usual = api.scopes.iter().filter(|scope| !scope.grants_all).map(|scope| scope.name.clone());
    let usual: ScopeSet = usual.collect();
    let Some(named) = named else { return Ok(usual) };
    let known = scopes::parse(named).intersection(&usual);
    if known.is_empty() {
        return Err(wrong("scope names no scope that a client of this API may have; leave it out for all"));
    }
    Ok(known)
}

fn off() -> OAuthError {
    OAuthError::new(ErrorCode::AccessDenied, "Clients cannot register themselves here")
}

fn wrong(text: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClientMetadata, text)
}

/// Only with consent: client_credentials is never granted to self-registered clients.
fn grants(named: Option<&[String]>) -> Result<Vec<GrantType>> {
    let Some(named) = named else { return Ok(vec![GrantType::AuthorizationCode]) };
    let known = named.iter().filter_map(|name| name.parse().ok());
    let grants: Vec<GrantType> = known.filter(|grant| *grant != GrantType::ClientCredentials).collect();
    if !grants.contains(&GrantType::AuthorizationCode) {
        return Err(wrong("grant_types must hold authorization_code"));
    }
    Ok(grants)
}

/// Maps problems of a draft to the errors of section 3.2.2.
fn explain(error: &Error) -> OAuthError {
    if error.code != Code::InvalidRequest {
        return error.clone().into();
    }
    let (field, reason) = match error.details.iter().next() {
        Some((field, reason)) => (field.as_str(), reason.as_str().unwrap_or_default()),
        None => ("metadata", ""),
    };
    let code = match field.contains("redirect_uris") {
        true => ErrorCode::InvalidRedirectUri,
        false => ErrorCode::InvalidClientMetadata,
    };
    let field = field.replace("home_page", "client_uri");
    OAuthError::new(code, format!("{field}: {reason}"))
}
