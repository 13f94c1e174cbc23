//! The userinfo endpoint (OpenID Connect Core, section 5.3).

use std::sync::Arc;

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use super::answer::{Answer, Tried, refuse};
use crate::domain::identity::access::Call;
use crate::domain::identity::admission::{Accepts, Admission};
use crate::domain::oauth::userinfo::{Claims, UserInfo, userinfo};
use crate::domain::oauth::{ErrorCode, OAuthError};
use crate::http::Result;
use crate::http::api::Tag;
use crate::http::auth::{Admitted, bearer};

/// Claims about the user.
pub struct UserInfoApi;

/// Claims about the user that the scopes of the token allow.
#[derive(Serialize, Object)]
pub(super) struct OAuthUserInfo {
    /// The person, as in the ID token.
    sub: String,
    /// With `profile`.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// With `profile`: seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    /// With `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// With `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
}

impl From<UserInfo> for OAuthUserInfo {
    fn from(UserInfo { sub, claims }: UserInfo) -> Self {
        let Claims { name, updated_at, email, email_verified } = claims;
        Self { sub, name, updated_at, email, email_verified }
    }
}

#[OpenApi(tag = "Tag::OAuth")]
impl UserInfoApi {
    /// Get user info
    ///
    /// Needs an access token with `openid`.
    #[oai(path = "/oauth/userinfo", method = "get")]
    async fn get(&self, token: Admitted<OpenIdToken>, request: &Request) -> Result<Answer<OAuthUserInfo>> {
        answer(token.0.call(), request)
    }

    /// Get user info by POST
    #[oai(path = "/oauth/userinfo", method = "post")]
    async fn post(&self, token: Admitted<OpenIdToken>, request: &Request) -> Result<Answer<OAuthUserInfo>> {
        answer(token.0.call(), request)
    }
}

/// A call with an access token, which the endpoint checks by the rules of RFC 6750.
struct OpenIdToken(Arc<Call>);

impl Admission for OpenIdToken {
    const ACCEPTS: Accepts = Accepts::OpenIdToken;

    fn admit(call: &Arc<Call>) -> crate::error::Result<Self> {
        Ok(Self(call.clone()))
    }

    fn call(&self) -> &Arc<Call> {
        &self.0
    }
}

fn answer(call: &Call, request: &Request) -> Result<Answer<OAuthUserInfo>> {
    let invalid = |text: &'static str| OAuthError::new(ErrorCode::InvalidToken, text);
    let bearer = match bearer(request.headers()) {
        Ok(Some(bearer)) => bearer,
        Ok(None) => return Err(refuse(&invalid("An access token is needed"), Tried::Nothing)),
        Err(_) => return Err(refuse(&invalid("Send one header Authorization: Bearer"), Tried::Bearer)),
    };
    let claims = userinfo(&call.services, bearer, call.now);
    Ok(Answer::ok(&OAuthUserInfo::from(claims.map_err(|error| refuse(&error, Tried::Bearer))?)))
}
