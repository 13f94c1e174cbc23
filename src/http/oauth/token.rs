//! The endpoints that clients call: tokens, introspection, revocation, and what this server can do.

use poem::http::{HeaderValue, StatusCode, header};
use poem_openapi::types::Any;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Answer, json as answer_json, refuse};
use super::form::Form;
use super::metadata;
use super::scheme::ClientCall;
use crate::domain::oauth::introspect::Introspection;
use crate::domain::oauth::{IssuedTokens, introspect, revoke, token};
use crate::http::Result;
use crate::http::api::Tag;
use crate::http::auth::Anyone;
use crate::model::Secret;

/// Tokens.
pub struct TokenApi;

/// A token request (RFC 6749, sections 4.1.3, 4.4.2 and 6; RFC 7636, section 4.5; RFC 8707).
#[derive(Object)]
pub(super) struct OAuthTokenRequest {
    /// `authorization_code`, `refresh_token` or `client_credentials`
    grant_type: String,
    /// The client, unless the header `Authorization` names it.
    client_id: Option<String>,
    /// What proves it, unless the header does.
    client_secret: Option<String>,
    /// The code.
    code: Option<String>,
    /// As in the authorization request.
    redirect_uri: Option<String>,
    /// What the challenge was made of.
    code_verifier: Option<String>,
    /// The refresh token.
    refresh_token: Option<String>,
    /// The requested scopes.
    scope: Option<String>,
    /// Audience of the API that is meant.
    resource: Option<String>,
}

/// Tokens (RFC 6749, section 5.1).
#[derive(Serialize, Object)]
pub(super) struct OAuthTokenAnswer {
    /// A JWT for the API (RFC 9068).
    access_token: String,
    /// `Bearer`
    token_type: String,
    /// Lifetime of the access token, in seconds.
    expires_in: u32,
    /// What was granted.
    scope: String,
    /// Valid once, for the next response of this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// The user, as an ID token.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

impl From<IssuedTokens> for OAuthTokenAnswer {
    fn from(issued: IssuedTokens) -> Self {
        let text = |secret: Secret| secret.expose().to_owned();
        Self {
            access_token: text(issued.access_token),
            token_type: "Bearer".to_owned(),
            expires_in: issued.expires_in,
            scope: issued.scope,
            refresh_token: issued.refresh_token.map(text),
            id_token: issued.id_token.map(text),
        }
    }
}

/// An introspection or revocation request (RFC 7662, section 2.1; RFC 7009, section 2.1).
#[derive(Object)]
pub(super) struct OAuthTokenQuestion {
    /// An access token, a refresh token, or an API key.
    token: String,
    /// Not needed: every kind is recognised.
    token_type_hint: Option<String>,
    /// The client, unless the header `Authorization` names it.
    client_id: Option<String>,
    /// What proves it, unless the header does.
    client_secret: Option<String>,
}

/// Introspection response (RFC 7662, section 2.2).
#[derive(Serialize, Object)]
pub(super) struct OAuthIntrospection {
    /// Whether the token is valid now; if not, there are no other members.
    active: bool,
    /// The scopes that it holds now.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// The client that it was issued to.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    /// The email address of its person.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// `Bearer`, `refresh_token` or `api_key`
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<String>,
    /// When it ends: seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    /// When it was issued: seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    /// The person, the client that acts for itself, or the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    /// The API that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    /// This instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// Its own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    /// For a key: the customer that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// For a key: `live` or `test`.
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<String>,
}

impl From<Introspection> for OAuthIntrospection {
    fn from(introspection: Introspection) -> Self {
        Self {
            active: introspection.active,
            scope: introspection.scope,
            client_id: introspection.client_id,
            username: introspection.username.map(|email| email.as_ref().to_owned()),
            token_type: introspection.token_type.map(str::to_owned),
            exp: introspection.exp,
            iat: introspection.iat,
            sub: introspection.sub,
            aud: introspection.aud,
            iss: introspection.iss,
            jti: introspection.jti,
            owner: introspection.owner,
            environment: introspection.environment.map(str::to_owned),
        }
    }
}

/// Nothing.
#[derive(Object)]
pub(super) struct OAuthNothing {
    /// Never there.
    nothing: Option<bool>,
}

#[OpenApi(tag = "Tag::OAuth")]
impl TokenApi {
    /// Get tokens
    #[oai(path = "/oauth/token", method = "post")]
    async fn token(
        &self,
        client: ClientCall,
        form: Form<OAuthTokenRequest>,
    ) -> Result<Answer<OAuthTokenAnswer>> {
        let tried = client.tried();
        let issued = token::token(&client.call, client.header, &form.params).await;
        Ok(Answer::ok(&OAuthTokenAnswer::from(issued.map_err(|error| refuse(&error, tried))?)))
    }

    /// Ask about a token
    ///
    /// A confidential client can introspect tokens of its own APIs, its own refresh tokens, and keys if it holds
    /// `keys:verify`; about anything else only `{"active": false}`.
    #[oai(path = "/oauth/introspect", method = "post")]
    async fn introspect(
        &self,
        client: ClientCall,
        form: Form<OAuthTokenQuestion>,
    ) -> Result<Answer<OAuthIntrospection>> {
        let tried = client.tried();
        let result = introspect::introspect(&client.call, client.header, &form.params).await;
        Ok(Answer::ok(&OAuthIntrospection::from(result.map_err(|error| refuse(&error, tried))?)))
    }

    /// End a token
    ///
    /// A refresh token ends with everything of its authorization, an access token alone, an API key as a leaked one.
    /// An unknown token is no error.
    #[oai(path = "/oauth/revoke", method = "post")]
    async fn revoke(
        &self,
        client: ClientCall,
        form: Form<OAuthTokenQuestion>,
    ) -> Result<Answer<OAuthNothing>> {
        let tried = client.tried();
        let answer = revoke::revoke(&client.call, client.header, &form.params).await;
        answer.map_err(|error| refuse(&error, tried))?;
        Ok(Answer::ok(&json!({})))
    }

    /// What this authorization server can do
    ///
    /// RFC 8414.
    #[oai(path = "/.well-known/oauth-authorization-server", method = "get")]
    async fn oauth_metadata(&self, anyone: Anyone) -> Result<Answer<Any<Value>>> {
        Ok(document(&metadata::metadata(&anyone.0.services)))
    }

    /// What this OpenID provider can do
    ///
    /// OpenID Connect Discovery 1.0.
    #[oai(path = "/.well-known/openid-configuration", method = "get")]
    async fn openid_metadata(&self, anyone: Anyone) -> Result<Answer<Any<Value>>> {
        Ok(document(&metadata::metadata(&anyone.0.services)))
    }
}

fn document(value: &Value) -> Answer<Any<Value>> {
    let mut response = answer_json(StatusCode::OK, value);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    headers.remove(header::PRAGMA);
    Answer::new(response)
}
