//! Access tokens and token responses (RFC 6749, section 5.1; RFC 9068).

use super::error::Result;
use super::id_token::{self, IdTokenContext};
use crate::domain::identity::Services;
use crate::domain::identity::tokens;
use crate::domain::identity::tokens::NewToken;
use crate::model::openid::openid_part;
use crate::model::{Api, Client, GrantId, ScopeSet, Secret, Timestamp};
use crate::store::oauth_tokens::Authorization;

/// Tokens of one response: bearer tokens (RFC 6750).
pub struct IssuedTokens {
    /// A JWT for the API.
    pub access_token: Secret,
    /// Lifetime of the access token, in seconds.
    pub expires_in: u32,
    /// Granted scopes.
    pub scope: String,
    /// Refresh token, to be used once.
    pub refresh_token: Option<Secret>,
    /// ID token (OpenID Connect Core, section 3.1.3.3).
    pub id_token: Option<Secret>,
}

/// Content of an access token.
pub(super) struct AccessTokenRequest<'a> {
    pub(super) api: &'a Api,
    pub(super) client: &'a Client,
    pub(super) subject: String,
    pub(super) scopes: ScopeSet,
    pub(super) grant: Option<GrantId>,
    pub(super) at: Timestamp,
    pub(super) jti: String,
}

/// Signs an access token.
pub(super) async fn access_token(
    services: &Services,
    wanted: AccessTokenRequest<'_>,
) -> Result<IssuedTokens> {
    let expires_in = wanted.client.access_token_seconds.unwrap_or(services.settings.access_token_seconds);
    let scope = wanted.scopes.to_string();
    let token = NewToken {
        audience: wanted.api.audience.clone(),
        subject: wanted.subject,
        client_id: wanted.client.id.to_string(),
        scopes: wanted.scopes,
        issued_at: wanted.at,
        lifetime_seconds: expires_in,
        jti: wanted.jti,
        session: None,
        grant: wanted.grant,
    };
    let access_token = tokens::mint(services, token).await?;
    Ok(IssuedTokens { access_token, expires_in, scope, refresh_token: None, id_token: None })
}

/// Signs the tokens of an authorization: an access token, and an ID token if `openid` was granted.
pub(super) async fn for_person(
    services: &Services,
    client: &Client,
    api: &Api,
    of: &Authorization,
    granted: ScopeSet,
    (at, jti): (Timestamp, String),
    refresh_token: Option<Secret>,
) -> Result<IssuedTokens> {
    let openid = granted.contains("openid");
    let about = IdTokenContext { scopes: openid_part(&granted), at, first: of.redeemed_at.is_none() };
    let wanted = AccessTokenRequest {
        api,
        client,
        subject: of.user.1.to_string(),
        scopes: granted,
        grant: Some(of.grant.1),
        at,
        // The first part identifies the authorization without reading the claims.
        jti: format!("{}{jti}", of.id),
    };
    let mut answer = access_token(services, wanted).await?;
    if openid {
        let token = id_token::sign(services, client, of, &about, answer.access_token.expose()).await?;
        answer.id_token = Some(Secret::new(token));
    }
    answer.refresh_token = refresh_token;
    Ok(answer)
}
