//! People: users, their roles, and the rights to change them.

pub mod account;
pub mod factor;
mod manage;
pub(crate) mod notices;
pub mod password;
pub mod profile;

pub use self::manage::{
    Changes, NewUser, PreparedUser, create, delete, get, list, prepare, reset_link, update,
};
use std::sync::Arc;

use crate::domain::identity::Services;
use crate::domain::identity::access::Call;
use crate::domain::identity::passwords;
use crate::error::{Code, Error, Result};
use crate::model::{Email, IdentityKind, Role, Secret, SecretHash, Timestamp, User, UserId, text};
use crate::platform::epoch_cache::{DependsOn, EpochCache};
use crate::store::users::Others;
use crate::store::{Touched, Tx, links, users as store};

/// Cache of email addresses by row number of the user.
#[derive(Default)]
pub struct Emails(EpochCache<i64, Arc<str>>);

impl DependsOn<i64> for Arc<str> {
    fn depends_on(&self, user_no: &i64) -> Vec<Touched> {
        vec![Touched::User(*user_no)]
    }
}

impl Emails {
    /// Address of a user; none if the user is gone.
    pub fn of(&self, services: &Services, user_no: i64) -> Result<Option<Arc<str>>> {
        self.0.get(services, user_no, |conn, no| {
            Ok(store::by_no(conn, *no)?.map(|user| user.email.as_str().into()))
        })
    }
}

/// Lifetime of an invitation.
pub const INVITATION_SECONDS: i64 = 7 * 86_400;
/// Lifetime of every other link.
pub use crate::store::links::LINK_SECONDS;

/// Requires that the caller may change a person of `role`: they must hold all scopes of the role, and only an owner or
/// the operator may change owners.
///
/// # Errors
/// `FORBIDDEN`.
pub(crate) fn may_touch(call: &Call, role: Role) -> Result<()> {
    let apis = call.services.catalog.get();
    call.ensure_no_escalation(&apis.built_in().scopes_of(role))?;
    let is_owner = call.identity.kind == IdentityKind::Operator
        || call.identity.user.is_some_and(|(_, _, role)| role == Role::Owner);
    if role == Role::Owner && !is_owner {
        return Err(Error::forbidden("Only an owner may create, change or remove owners"));
    }
    Ok(())
}

/// Requires that the caller may give `role` to a person: as [`may_touch`], and with a recent sign-in for every role
/// above member.
///
/// # Errors
/// `FORBIDDEN`, `REAUTHENTICATION_REQUIRED`.
pub(crate) fn may_raise(call: &Call, role: Role) -> Result<()> {
    may_touch(call, role)?;
    if role == Role::Member { Ok(()) } else { call.require_recent_sign_in() }
}

/// Refuses a change that leaves no owner who can sign in; the store changed nothing.
fn owner_left(changed: bool) -> Result<()> {
    if changed {
        return Ok(());
    }
    Err(Error::conflict("This is the last owner; make another person an owner first"))
}

/// Adds a person.
///
/// # Errors
/// `CONFLICT` when the address is in use.
pub(crate) fn insert(
    tx: &mut Tx<'_>,
    services: &Services,
    new: NewPerson,
    password: Option<&str>,
    now: Timestamp,
) -> Result<User> {
    let added = insert_beside(tx, services, new, password, now, Others::Any)?;
    added.ok_or_else(|| Error::conflict("Another person has this address already"))
}

/// Adds a person; none when the address is in use, or when there are others although `others` forbids them.
pub(crate) fn insert_beside(
    tx: &mut Tx<'_>,
    services: &Services,
    new: NewPerson,
    password: Option<&str>,
    now: Timestamp,
    others: Others,
) -> Result<Option<User>> {
    let mut user = User {
        no: 0,
        id: UserId::new(now, services.random()),
        email: new.email,
        name: new.name,
        role: new.role,
        email_verified_at: new.verified.then_some(now),
        disabled_at: None,
        second_factor: false,
        last_active_at: None,
        created_at: now,
        updated_at: now,
    };
    let Some(no) = store::insert(tx, &user, password, others)? else { return Ok(None) };
    user.no = no;
    // The setup link is void once a user exists.
    links::remove_all(tx, links::Purpose::Setup)?;
    Ok(Some(user))
}

/// A person to add.
pub(crate) struct NewPerson {
    pub(crate) email: Email,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) verified: bool,
}

/// Stored name of a person: the given one, or the local part of their address.
///
/// # Errors
/// `INVALID_REQUEST` when it breaks the rule of [`text::name`].
pub(crate) fn name(given: Option<&str>, email: &Email) -> Result<String> {
    let given = given.map(str::trim).filter(|name| !name.is_empty());
    let name = given.unwrap_or_else(|| email.as_str().split('@').next().unwrap_or_default());
    text::name(name).map_err(|reason| Error::invalid("name", reason))
}

/// Validates and hashes a new password. Words of this instance and of the person are not accepted.
///
/// # Errors
/// `INVALID_REQUEST` for `field` when it is weak; `UNAVAILABLE` when too many wait.
pub(crate) async fn hash_password(
    call: &Call,
    field: &'static str,
    (email, name): (&Email, &str),
    password: Secret,
) -> Result<String> {
    let services = &call.services;
    let apis = services.catalog.get();
    let host = services.settings.public_url.split_once("://").map_or("", |(_, host)| host);
    let instance = ["keywright", &services.settings.organization, host, email.as_str(), name];
    let named = apis.iter().flat_map(|api| [api.slug.as_str(), api.prefix.as_str(), api.name.as_str()]);
    let context = passwords::Context::of(instance.into_iter().chain(named));
    let hash = services
        .passwords
        .hash_new(call.request.network(), field, password, context, services.random())
        .await?;
    Ok(hash.to_string())
}

/// A new link of `purpose`, which replaces the person's previous ones.
pub(crate) fn new_link(tx: &mut Tx<'_>, services: &Services, link: &links::Link) -> Result<Secret> {
    let token = token(services);
    links::replace(tx, &SecretHash::of(token.expose()), link)?;
    Ok(token)
}

/// 256 random bits for a link.
pub(crate) fn token(services: &Services) -> Secret {
    use base64::Engine as _;
    Secret::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(services.random::<32>()))
}

/// URL of a page with the token of a link. The token is after `#`, so that it reaches no server's log and no `Referer`.
pub(crate) fn page(services: &Services, page: &str, token: &Secret) -> Secret {
    let url = services.settings.public_url.trim_end_matches('/');
    Secret::new(format!("{url}/{page}#token={}", token.expose()))
}

/// Error for a link that is unknown, used or expired.
pub(crate) fn invalid_link() -> Error {
    Error::new(Code::NotFound, "This link was used or has expired; ask for a new one")
}

#[cfg(test)]
mod tests;
