//! From a bearer token to its principal.

use std::sync::Arc;

use super::tokens::{AccessClaims, SIGN_IN_CLIENT, verify};
use super::{Services, sessions, standing};
use crate::error::{Error, Result};
use crate::model::{Principal, Timestamp};

/// The principal of an access token, with what it may do at this moment.
///
/// # Errors
/// `EXPIRED_TOKEN`, or `INVALID_TOKEN` when it is not ours, or its session, user or API is gone.
pub fn token(services: &Services, bearer: &str, now: Timestamp) -> Result<Principal> {
    examine(services, bearer, now).map(|(_, principal)| principal)
}

/// The same, with the token's claims.
///
/// # Errors
/// As [`token`].
pub fn examine(services: &Services, bearer: &str, now: Timestamp) -> Result<(Arc<AccessClaims>, Principal)> {
    let claims = verify(services, bearer, now)?;
    let apis = services.catalog.get();
    let api = apis.iter().find(|api| api.audience == claims.aud).ok_or_else(Error::invalid_token)?;
    let principal = if claims.client_id == SIGN_IN_CLIENT {
        sessions::of_token(services, api, &claims, now)?
    } else {
        standing::of_token(services, api, &claims)?
    };
    Ok((claims, principal))
}
