//! Profile of the caller, for keys, tokens and sessions of any API of this instance.

use super::manage::{LoggedUser, record};
use super::name;
use crate::domain::identity::Services;
use crate::domain::identity::admission::Person;
use crate::error::{Error, Result};
use crate::model::activity::Kind;
use crate::model::{Email, Identity, IdentityKind, KeyId, ScopeSet, SessionId, User, UserId};
use crate::platform::changes;
use crate::store::users as store;

/// A described identity.
pub struct Profile {
    /// Kind of the credential.
    pub kind: IdentityKind,
    /// The person that it acts for, if any.
    pub user_id: Option<UserId>,
    /// Visible part of the person.
    pub about: About,
    /// The key, if it is one.
    pub key_id: Option<KeyId>,
    /// The OAuth client of a token.
    pub client_id: Option<crate::model::ClientId>,
    /// The session, if there is one.
    pub session_id: Option<SessionId>,
    /// Slug of the API that the credential is for.
    pub api: Option<String>,
    /// Its scopes there at this moment.
    pub scopes: ScopeSet,
}

/// Visible part of a credential's person: everything for a session, the claims of the scopes `email` and `profile` for
/// a token (OpenID Connect Core, section 5.4), nothing for other credentials.
pub enum About {
    /// Nothing.
    Nothing,
    /// The claims of a token's scopes.
    Claims {
        /// `email`: the address, and whether it was confirmed.
        email: Option<(Email, bool)>,
        /// `profile`: the name.
        name: Option<String>,
    },
    /// Everything.
    Everything(User),
}

/// Describes `identity`.
pub fn describe(services: &Services, identity: &Identity) -> Result<Profile> {
    let about = about(services, identity)?;
    let apis = services.catalog.get();
    Ok(Profile {
        kind: identity.kind,
        user_id: identity.user.map(|(_, id, _)| id),
        about,
        key_id: identity.key.map(|(_, id)| id),
        client_id: identity.client.map(|(_, id)| id),
        session_id: identity.session.map(|(_, id)| id),
        api: identity.api_no.and_then(|no| apis.by_no(no)).map(|api| api.slug.clone()),
        scopes: identity.scopes.clone(),
    })
}

fn about(services: &Services, identity: &Identity) -> Result<About> {
    let (email, profile) = (identity.scopes.contains("email"), identity.scopes.contains("profile"));
    let knows = match identity.kind {
        IdentityKind::Session => true,
        IdentityKind::Token => email || profile,
        _ => false,
    };
    let Some((no, ..)) = identity.user.filter(|_| knows) else { return Ok(About::Nothing) };
    let user = services.db.lookup(|conn| Ok::<_, Error>(store::by_no(conn, no)?))?;
    Ok(match user {
        Some(user) if identity.kind == IdentityKind::Session => About::Everything(user),
        Some(user) => About::Claims {
            email: email.then(|| (user.email, user.email_verified_at.is_some())),
            name: profile.then_some(user.name),
        },
        None => About::Nothing,
    })
}

/// Changes the person's own name.
pub async fn rename(person: &Person, new: Option<String>) -> Result<User> {
    let (user_no, _, _) = person.user;
    let caller = person.clone();
    person
        .services
        .write(move |tx| {
            let before = store::by_no(tx, user_no)?.ok_or_else(|| Error::not_found("user"))?;
            let mut after = before.clone();
            after.name = match &new {
                Some(new) => name(Some(new), &before.email)?,
                None => before.name.clone(),
            };
            if after == before {
                return Ok(before);
            }
            after.updated_at = caller.now;
            store::update(tx, &after)?;
            let detail = changes::between(&LoggedUser::from(&before), &LoggedUser::from(&after));
            record(tx, &caller, Kind::UserUpdated, &after, detail)?;
            Ok(after)
        })
        .await
}
