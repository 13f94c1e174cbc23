//! State of an access token: that of its client, user, grant and of the token itself.

use std::sync::Arc;

use crate::domain::identity::Services;
use crate::domain::identity::sessions::lacks_second_factor;
use crate::domain::identity::tokens::AccessClaims;
use crate::error::{Error, Result};
use crate::model::openid::{api_part, openid_part};
use crate::model::{Api, AuthMethods, ClientId, Role, ScopeSet};
use crate::model::{Identity, IdentityKind};
use crate::platform::epoch_cache::{DependsOn, EpochCache};
use crate::store::Touched;
use crate::store::oauth_tokens as store;
use crate::store::oauth_tokens::TokenState;

/// Characters of the part of a `jti` that names the authorization.
const NAME: usize = 22;

/// Identity of the access token of an OAuth client, with its current scopes.
///
/// # Errors
/// `INVALID_TOKEN` when a dependency of it is gone.
pub fn of_token(services: &Services, api: &Api, claims: &AccessClaims) -> Result<Identity> {
    let state = find(services, api, claims)?.filter(|state| state.stands && state.api_no == api.no);
    let state = state.ok_or_else(Error::invalid_token)?;
    let role = state.user.map(|(_, _, role)| role);
    let mut held = current_scopes(api, &claims.scope, &state.access, role);
    // A consent is as strong as the sign-in in which it was given.
    if let (Some((amr, _)), Some(role)) = (state.sign_in, role)
        && lacks_second_factor(state.demands_second_factor, amr, role)
    {
        held = openid_part(&held);
    }
    Ok(Identity {
        kind: IdentityKind::Token,
        user: state.user,
        client: Some(state.client),
        grant: state.grant,
        api_no: Some(api.no),
        scopes: held,
        amr: state.sign_in.map_or(AuthMethods::NONE, |(amr, _)| amr),
        auth_time: state.sign_in.map(|(_, at)| at),
        ..Identity::anonymous()
    })
}

/// Cache of token states by `jti`.
#[derive(Default)]
pub struct TokenStates(EpochCache<Box<str>, Arc<TokenState>>);

impl DependsOn<Box<str>> for Arc<TokenState> {
    fn depends_on(&self, jti: &Box<str>) -> Vec<Touched> {
        let mut found = vec![
            Touched::Token(jti.clone()),
            Touched::Client(self.client.0),
            Touched::Api(self.api_no),
            Touched::Settings,
        ];
        found.extend(self.grant.map(|(no, _)| Touched::Grant(no)));
        found.extend(self.user.map(|(no, _, _)| Touched::User(no)));
        found.extend(self.family_no.map(Touched::Family));
        found
    }
}

fn find(services: &Services, api: &Api, claims: &AccessClaims) -> Result<Option<Arc<TokenState>>> {
    let client: ClientId = claims.client_id.parse().map_err(|_| Error::invalid_token())?;
    let jti = claims.jti.as_str().into();
    let token_states = &services.token_states.0;
    let Some(grant) = claims.grant_id else {
        if claims.sub != claims.client_id {
            return Ok(None);
        }
        return token_states.get(services, jti, |conn, jti| {
            Ok(store::standing_of_client(conn, client, api.no, jti)?.map(Arc::new))
        });
    };
    let Some(name) = claims.jti.get(..NAME) else { return Ok(None) };
    let found = token_states
        .get(services, jti, |conn, jti| Ok::<_, Error>(store::standing(conn, name, jti)?.map(Arc::new)))?;
    Ok(found.filter(|state| {
        let user = state.user.is_some_and(|(_, id, _)| *id.encode() == *claims.sub);
        user && state.client.1 == client && state.grant.is_some_and(|(_, id)| id == grant)
    }))
}

/// Current scopes of a token with `scopes`: at most those that its client may request and its user holds.
pub fn current_scopes(api: &Api, scopes: &ScopeSet, access: &ScopeSet, role: Option<Role>) -> ScopeSet {
    let known = api.all_scopes();
    let mut valid = api.cut(&api_part(scopes).intersection(&known), access);
    if let Some(role) = role {
        valid = api.cut(&valid, &api.scopes_of(role));
    }
    valid.union(&openid_part(scopes))
}
