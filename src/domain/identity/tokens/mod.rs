//! Access tokens: JWTs after RFC 9068, signed and verified here. Their current scopes are looked up for each request.

mod claims;

use std::sync::Arc;

use aws_lc_rs::digest;
use quick_cache::sync::Cache;

pub use self::claims::{AccessClaims, NewToken};
use crate::domain::identity::Services;
use crate::domain::identity::signing_keys::Signed;
use crate::error::{Code, Error, Result};
use crate::model::{Secret, Timestamp};

/// `typ` of an access token (RFC 9068, section 2.1); required.
pub const ACCESS_TYPE: &str = "at+jwt";
/// `typ` of an ID token.
pub const ID_TYPE: &str = "JWT";
/// `client_id` of tokens of sign-ins without an OAuth client.
pub const SIGN_IN_CLIENT: &str = "keywright";
/// Capacity of the cache of verified tokens; about 1 KiB each.
const SEEN: usize = 8_192;

/// Cache of tokens with a verified signature, by SHA-256. State that can change (time, keys, people) is not cached.
pub struct VerifiedTokens(Cache<[u8; 32], Arc<VerifiedToken>>);

struct VerifiedToken {
    kid: String,
    claims: Arc<AccessClaims>,
}

impl Default for VerifiedTokens {
    fn default() -> Self {
        Self(Cache::new(SEEN))
    }
}

/// Signs an access token.
///
/// # Errors
/// `UNAVAILABLE` when too many signatures wait.
pub async fn mint(services: &Services, token: NewToken) -> Result<Secret> {
    let claims = token.claims(&services.settings.public_url);
    services.signing_keys.sign(ACCESS_TYPE, &claims).await.map(Secret::new)
}

/// Claims of a token of ours that is valid at `now`: signature, type, issuer and time. Its session or grant may have
/// ended; [`super::authenticate`] checks that.
///
/// # Errors
/// `EXPIRED_TOKEN`, or `INVALID_TOKEN` for all other errors.
pub fn verify(services: &Services, token: &str, now: Timestamp) -> Result<Arc<AccessClaims>> {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    let hash: [u8; 32] = digest.as_ref().try_into().expect("SHA-256 gives 32 bytes");
    if let Some(seen) = services.tokens.0.get(&hash)
        && services.signing_keys.knows(&seen.kid)
    {
        return seen.at(now);
    }
    let signed = services.signing_keys.open_jws(ACCESS_TYPE, token);
    let Signed::<AccessClaims> { kid, claims } = signed.ok_or_else(Error::invalid_token)?;
    if claims.iss != services.settings.public_url {
        return Err(Error::invalid_token());
    }
    let checked = VerifiedToken { kid, claims: Arc::new(claims) };
    let checked = Arc::new(checked);
    services.tokens.0.insert(hash, checked.clone());
    checked.at(now)
}

impl VerifiedToken {
    fn at(&self, now: Timestamp) -> Result<Arc<AccessClaims>> {
        let claims = &self.claims;
        let seconds = u64::try_from(now.seconds()).unwrap_or(0);
        if claims.exp <= seconds {
            let at = Timestamp::from_seconds(i64::try_from(claims.exp).unwrap_or(i64::MAX));
            let expired = Error::new(Code::ExpiredToken, "The access token has expired");
            return Err(expired.with("expired_at", at.to_string()));
        }
        let issued_at = Timestamp::from_seconds(i64::try_from(claims.iat).unwrap_or(i64::MAX));
        if claims.nbf.is_some_and(|from| from > seconds) || !issued_at.has_started(now) {
            return Err(Error::invalid_token());
        }
        Ok(claims.clone())
    }
}

#[cfg(test)]
mod tests;
