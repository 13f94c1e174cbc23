//! Whether an access token stands at this moment: its client, its person, its grant, and itself.

use crate::db::oauth_tokens::{self as store, Standing};
use crate::domain::Core;
use crate::domain::access::{Principal, PrincipalKind};
use crate::domain::tokens::{AccessClaims, invalid};
use crate::error::{Error, Result};
use crate::model::{Api, ClientId};

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

fn find(core: &Core, api: &Api, claims: &AccessClaims) -> Result<Option<Standing>> {
    let client: ClientId = claims.client_id.parse().map_err(|_| invalid())?;
    let Some(grant) = claims.grant_id else {
        if claims.sub != claims.client_id {
            return Ok(None);
        }
        let find = |conn: &crate::db::Conn<'_>| store::standing_of_client(conn, client, api.no, &claims.jti);
        return core.db.lookup(find).map_err(Error::from);
    };
    let Some(name) = claims.jti.get(..NAME) else { return Ok(None) };
    let found = core.db.lookup(|conn| store::standing(conn, name, &claims.jti))?;
    Ok(found.filter(|standing| {
        let user = standing.user.is_some_and(|(_, id, _)| id.to_string() == claims.sub);
        user && standing.client.1 == client && standing.grant.is_some_and(|(_, id)| id == grant)
    }))
}
