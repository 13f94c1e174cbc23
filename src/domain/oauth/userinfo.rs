//! The userinfo endpoint (OpenID Connect Core, section 5.3).

use serde::Serialize;

use super::error::{ErrorCode, OAuthError, Result};
use crate::domain::identity::Services;
use crate::domain::identity::authenticate;
use crate::model::{ScopeSet, Timestamp};
use crate::store;

/// Claims about a person, by scope (section 5.4).
#[derive(Debug, Default, Serialize)]
pub struct Claims {
    /// `profile`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `profile`: seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
    /// `email`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// `email`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
}

/// Userinfo response.
#[derive(Debug)]
pub struct UserInfo {
    /// The user's id, as in the ID token.
    pub sub: String,
    /// The other claims.
    pub claims: Claims,
}

/// Userinfo of an access token. A token for any API is accepted if `openid` was granted with it.
///
/// # Errors
/// `invalid_token`; `insufficient_scope` without `openid`.
pub fn userinfo(services: &Services, bearer: &str, now: Timestamp) -> Result<UserInfo> {
    let identity = authenticate::token(services, bearer, now)?;
    let lacks = || OAuthError::new(ErrorCode::InsufficientScope, "This needs the scope openid");
    let (no, id, _) = identity.user.ok_or_else(lacks)?;
    if identity.client.is_none() || !identity.scopes.contains("openid") {
        return Err(lacks());
    }
    Ok(UserInfo { sub: id.to_string(), claims: claims(services, no, &identity.scopes)? })
}

/// Claims of a person for `scopes`.
pub(super) fn claims(services: &Services, user_no: i64, scopes: &ScopeSet) -> Result<Claims> {
    let (profile, email) = (scopes.contains("profile"), scopes.contains("email"));
    if !profile && !email {
        return Ok(Claims::default());
    }
    let gone = || OAuthError::new(ErrorCode::InvalidToken, "The person is gone");
    let user = services.db.lookup(|conn| store::users::by_no(conn, user_no))?.ok_or_else(gone)?;
    Ok(Claims {
        name: profile.then(|| user.name.clone()).filter(|name| !name.is_empty()),
        updated_at: profile.then(|| user.updated_at.seconds()),
        email: email.then(|| user.email.as_str().to_owned()),
        email_verified: email.then_some(user.email_verified_at.is_some()),
    })
}
