//! Whether an access token stands at this moment: its client, its person, its grant, and itself.

use std::sync::Arc;

use crate::domain::Core;
use crate::domain::identity::access::{Principal, PrincipalKind};
use crate::domain::identity::tokens::{AccessClaims, invalid};
use crate::error::{Error, Result};
use crate::model::{Api, ClientId};
use crate::platform::memo::Memo;
use crate::store::oauth_tokens as store;
use crate::store::oauth_tokens::Standing;

use super::scopes;

/// Characters of the part of a `jti` that names the authorization.
const NAME: usize = 22;

/// Whom the access token of an OAuth client stands for, and what it may do at this moment.
///
/// # Errors
/// `INVALID_TOKEN` when something that it stands on is gone.
pub fn of_token(core: &Core, api: &Api, claims: &AccessClaims) -> Result<Principal> {
    let standing = find(core, api, claims)?.filter(|standing| standing.stands && standing.api_no == api.no);
    let standing = standing.ok_or_else(invalid)?;
    let role = standing.user.map(|(_, _, role)| role);
    Ok(Principal {
        kind: PrincipalKind::Token,
        user: standing.user,
        client: Some(standing.client),
        grant: standing.grant,
        api_no: Some(api.no),
        scopes: scopes::at_this_moment(api, &claims.scope, &standing.access, role),
        ..Principal::anonymous()
    })
}

/// What access tokens stand on, by their `jti`.
pub type Standings = Memo<Box<str>, Arc<Standing>>;

fn find(core: &Core, api: &Api, claims: &AccessClaims) -> Result<Option<Arc<Standing>>> {
    let client: ClientId = claims.client_id.parse().map_err(|_| invalid())?;
    let jti = claims.jti.as_str().into();
    let standings = &core.people.standings;
    let Some(grant) = claims.grant_id else {
        if claims.sub != claims.client_id {
            return Ok(None);
        }
        return standings.get(core, jti, |conn, jti| {
            Ok(store::standing_of_client(conn, client, api.no, jti)?.map(Arc::new))
        });
    };
    let Some(name) = claims.jti.get(..NAME) else { return Ok(None) };
    let found = standings
        .get(core, jti, |conn, jti| Ok::<_, Error>(store::standing(conn, name, jti)?.map(Arc::new)))?;
    Ok(found.filter(|standing| {
        let user = standing.user.is_some_and(|(_, id, _)| *id.encode() == *claims.sub);
        user && standing.client.1 == client && standing.grant.is_some_and(|(_, id)| id == grant)
    }))
}
