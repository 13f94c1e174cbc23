//! The userinfo endpoint (OpenID Connect Core, section 5.3).

use poem::Request;
use poem_openapi::{Object, OpenApi};

use super::answer::{Answer, Tried, refuse};
use crate::domain::identity::access::Call;
use crate::domain::oauth::{ErrorCode, OAuthError, userinfo};
use crate::http::Result;
use crate::http::api::Tag;
use crate::http::auth::{Anyone, bearer};

/// Who signed in.
pub struct UserInfoApi;

/// Who signed in, as far as the scopes of the token go.
#[derive(Object)]
pub(super) struct OAuthUserInfo {
    /// The person, as in the ID token.
    sub: String,
    /// With `profile`.
    name: Option<String>,
    /// With `profile`: seconds since 1970.
    updated_at: Option<i64>,
    /// With `email`.
    email: Option<String>,
    /// With `email`.
    email_verified: Option<bool>,
}

#[OpenApi(tag = "Tag::OAuth")]
impl UserInfoApi {
    /// Who signed in?
    ///
    /// Needs an access token with `openid`.
    #[oai(path = "/oauth/userinfo", method = "get")]
    async fn get(&self, anyone: Anyone, request: &Request) -> Result<Answer<OAuthUserInfo>> {
        answer(&anyone.0, request)
    }

    /// Who signed in? By POST
    #[oai(path = "/oauth/userinfo", method = "post")]
    async fn post(&self, anyone: Anyone, request: &Request) -> Result<Answer<OAuthUserInfo>> {
        answer(&anyone.0, request)
    }
}

fn answer(call: &Call, request: &Request) -> Result<Answer<OAuthUserInfo>> {
    let invalid = |text: &'static str| OAuthError::new(ErrorCode::InvalidToken, text);
    let bearer = match bearer(request.headers()) {
        Ok(Some(bearer)) => bearer,
        Ok(None) => return Err(refuse(&invalid("An access token is needed"), Tried::Nothing)),
        Err(_) => return Err(refuse(&invalid("Send one header Authorization: Bearer"), Tried::Bearer)),
    };
    let told = userinfo::userinfo(&call.services, bearer, call.now);
    Ok(Answer::ok(&told.map_err(|error| refuse(&error, Tried::Bearer))?))
}
