//! Dynamic registration (RFC 7591): a program registers itself, where the operator allows that.

use std::sync::Arc;

use super::error::{ErrorCode, OAuthError, Result};
use super::{limits, scopes};
use crate::domain::clients::{self, AskedAccess, Issued, NewClient};
use crate::domain::identity::access::Call;
use crate::error::{Code, Error};
use crate::model::{Api, ClientType, GrantType, RateLimit, ScopeSet};
use crate::store;

/// How long a self-registered client stays that no person has allowed anything, in seconds.
pub(super) const UNUSED_SECONDS: u32 = 86_400;
/// Registrations of one network in an hour.
const PER_NETWORK: RateLimit = RateLimit { limit: Some(60), window_seconds: 3_600, burst: None };

/// What a program says about itself (section 2). What is not understood is left aside, as the section demands.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// Where people may be sent back to.
    pub redirect_uris: Vec<String>,
    /// How it proves itself at the token endpoint; `client_secret_basic` where nothing is said.
    pub token_endpoint_auth_method: Option<String>,
    /// By what it asks for tokens; `authorization_code` where nothing is said.
    pub grant_types: Option<Vec<String>>,
    /// What it asks for at the authorization endpoint; only `code` is answered.
    pub response_types: Option<Vec<String>>,
    /// The name for people.
    pub client_name: Option<String>,
    /// Its home page.
    pub client_uri: Option<String>,
    /// What it will ask for.
    pub scope: Option<String>,
    /// Where people may be sent to after signing out.
    pub post_logout_redirect_uris: Vec<String>,
}

/// A program that registered itself.
pub struct Registered {
    /// The client with its secret, in the clear this one time.
    pub issued: Issued,
    /// How it proves itself at the token endpoint.
    pub auth_method: String,
}

/// Registers a program with access to the configured API. Nobody vouches for it: the consent page says so.
///
/// # Errors
/// `access_denied` where registration is off; `temporarily_unavailable` for too many, of the network (429) or of all (503); `invalid_redirect_uri` and
/// `invalid_client_metadata` (section 3.2.2).
pub async fn register(call: &Arc<Call>, metadata: Metadata) -> Result<Registered> {
    let services = &call.services;
    let slug = services.settings.registration_api.clone().ok_or_else(off)?;
    let apis = services.catalog.get();
    // Never Keywright's own API: an operator's mistake must not become a stranger's key.
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
        access: vec![AskedAccess { api: slug, scopes: ceiling }],
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
                let text =
                    "Too many clients of your network registered themselves and were not used; wait a day";
                return Err(Error::new(Code::RateLimited, text).retry_after(u64::from(UNUSED_SECONDS)));
            }
            let issued = clients::insert(tx, &this, client, Some(bounds.unused_clients))?
                .ok_or_else(|| Error::unavailable("too many self-registered clients that were never used"))?;
            store::clients::set_registered_from(tx, issued.view.client.no, &network)?;
            Ok(issued)
        })
        .await?;
    Ok(Registered { issued, auth_method: method })
}

/// The scopes that the client may ever ask for: those that it names, else every one that does not grant all.
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

/// People's consent only: whoever registers here got no right of their own.
fn grants(named: Option<&[String]>) -> Result<Vec<GrantType>> {
    let Some(named) = named else { return Ok(vec![GrantType::AuthorizationCode]) };
    let known = named.iter().filter_map(|name| name.parse().ok());
    let grants: Vec<GrantType> = known.filter(|grant| *grant != GrantType::ClientCredentials).collect();
    if !grants.contains(&GrantType::AuthorizationCode) {
        return Err(wrong("grant_types must hold authorization_code"));
    }
    Ok(grants)
}

/// Our words about a draft in those of section 3.2.2.
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
