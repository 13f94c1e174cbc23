//! Team: listing, adding, changing and removing people.

use serde::Serialize;
use serde_json::{Value, json};

use super::{LINK_SECONDS, NewPerson, hash_password, may_raise, may_touch, name, new_link, owner_left, page};
use crate::activity;
use crate::domain::identity::access::{Can, TeamManage, TeamRead};
use crate::domain::identity::{key_state, sessions};
use crate::error::{Error, Result};
use crate::model::activity::{Entry, Kind};
use crate::model::{Email, Role, Secret, User, UserId};
use crate::platform::changes;
use crate::platform::cursor::{List, Page};
use crate::store::{Tx, links, users as store};

/// People, oldest first; `part` filters by name and address.
///
/// # Errors
/// `INVALID_CURSOR`.
pub async fn list(
    can: &Can<TeamRead>,
    role: Option<Role>,
    part: Option<String>,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<Page<User>> {
    let services = &can.services;
    let list = List::new(&services.vault, "users", (role, part.clone()), limit)?;
    let (after, count) = (list.position(cursor)?.unwrap_or(0), list.rows());
    let rows = services
        .read(move |conn| Ok::<_, Error>(store::list(conn, role, part.as_deref(), after, count)?))
        .await?;
    Ok(list.page(rows, |last| last.no))
}

/// One person.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn get(can: &Can<TeamRead>, id: UserId) -> Result<User> {
    can.services.read(move |conn| find(conn, id)).await
}

fn find(conn: &crate::store::Conn<'_>, id: UserId) -> Result<User> {
    store::by_id(conn, id)?.ok_or_else(|| Error::not_found("user"))
}

/// A person added without an invitation.
pub struct NewUser {
    /// Email address.
    pub email: Email,
    /// Display name.
    pub name: Option<String>,
    /// Role.
    pub role: Role,
    /// Password; without one they use a link of [`reset_link`].
    pub password: Option<Secret>,
}

/// A new user with a hashed password.
pub struct PreparedUser {
    person: NewPerson,
    password: Option<String>,
}

/// Validates a new user and hashes the password, before the transaction that adds it.
///
/// # Errors
/// `FORBIDDEN` when the user would hold more than the caller; `INVALID_REQUEST` for a weak password.
pub async fn prepare(can: &Can<TeamManage>, new: NewUser) -> Result<PreparedUser> {
    may_raise(can, new.role)?;
    let name = name(new.name.as_deref(), &new.email)?;
    let password = match new.password {
        Some(password) => Some(hash_password(can, "password", (&new.email, &name), password).await?),
        None => None,
    };
    let person = NewPerson { email: new.email, name, role: new.role, verified: false };
    Ok(PreparedUser { person, password })
}

/// Adds a user.
///
/// # Errors
/// `CONFLICT` when the address is in use.
pub fn create(tx: &mut Tx<'_>, can: &Can<TeamManage>, new: PreparedUser) -> Result<User> {
    let user = super::insert(tx, &can.services, new.person, new.password.as_deref(), can.now)?;
    record(tx, can, Kind::UserCreated, &user, changes::between(&Value::Null, &LoggedUser::from(&user)))?;
    Ok(user)
}

/// Changed members; none leaves a member unchanged.
#[derive(Debug, Default)]
pub struct Changes {
    /// Display name.
    pub name: Option<String>,
    /// Role.
    pub role: Option<Role>,
    /// Whether they are disabled.
    pub disabled: Option<bool>,
}

/// Changes a person; their next request is judged by the new state. Disabling ends their sessions.
///
/// # Errors
/// `CONFLICT` for the last owner; `FORBIDDEN` when they hold, or would hold, more than the caller.
pub async fn update(can: &Can<TeamManage>, id: UserId, changes: Changes) -> Result<User> {
    let can = can.clone();
    let services = can.services.clone();
    services
        .write(move |tx| {
            let before = find(tx, id)?;
            let mut after = before.clone();
            if let Some(given) = &changes.name {
                after.name = name(Some(given), &before.email)?;
            }
            after.role = changes.role.unwrap_or(before.role);
            match changes.disabled {
                Some(true) if before.disabled_at.is_none() => after.disabled_at = Some(can.now),
                Some(false) => after.disabled_at = None,
                _ => {}
            }
            if after == before {
                return Ok(before);
            }
            may_touch(&can, before.role)?;
            may_touch(&can, after.role)?;
            if before.role != after.role || (before.disabled_at.is_some() && after.disabled_at.is_none()) {
                may_raise(&can, after.role)?;
            }
            after.updated_at = can.now;
            owner_left(store::update(tx, &after)?)?;
            let detail = changes::between(&LoggedUser::from(&before), &LoggedUser::from(&after));
            record(tx, &can, change_kind(&before, &after), &after, detail)?;
            if before.disabled_at.is_none() && after.disabled_at.is_some() {
                sessions::end_all(tx, &can, after.no)?;
            }
            Ok(after)
        })
        .await
}

fn change_kind(before: &User, after: &User) -> Kind {
    match (before.disabled_at, after.disabled_at) {
        (None, Some(_)) => Kind::UserDisabled,
        (Some(_), None) => Kind::UserEnabled,
        _ => Kind::UserUpdated,
    }
}

/// Members of a person in the log of changes.
#[derive(Serialize)]
pub(super) struct LoggedUser<'u> {
    name: &'u str,
    role: Role,
    disabled: bool,
}

impl<'u> From<&'u User> for LoggedUser<'u> {
    fn from(user: &'u User) -> Self {
        Self { name: &user.name, role: user.role, disabled: user.disabled_at.is_some() }
    }
}

/// Removes a person: their keys are revoked, their sessions end, their log rows are kept.
///
/// # Errors
/// `CONFLICT` for the last owner; `FORBIDDEN` when they hold more than the caller.
pub async fn delete(can: &Can<TeamManage>, id: UserId) -> Result<()> {
    let can = can.clone();
    let services = can.services.clone();
    services
        .write(move |tx| {
            let user = find(tx, id)?;
            may_touch(&can, user.role)?;
            remove(tx, &can, &user)
        })
        .await
}

pub(super) fn remove(
    tx: &mut Tx<'_>,
    call: &crate::domain::identity::access::Call,
    user: &User,
) -> Result<()> {
    sessions::end_all(tx, call, user.no)?;
    let keys = key_state::revoke_all_of(tx, call, user.no)?;
    owner_left(store::erase(tx, user, call.now)?)?;
    record(tx, call, Kind::UserDeleted, user, Some(Box::new(json!({"keys_revoked": keys}))))
}

/// Creates a link that sets a new password of a person, for the caller to hand over.
///
/// # Errors
/// `FORBIDDEN` when they hold more than the caller.
pub async fn reset_link(can: &Can<TeamManage>, id: UserId) -> Result<Secret> {
    let can = can.clone();
    let services = can.services.clone();
    services
        .write(move |tx| {
            let user = find(tx, id)?;
            may_raise(&can, user.role)?;
            let link = links::Link {
                purpose: links::Purpose::ResetPassword,
                user_no: Some(user.no),
                // Not sent by mail: following it proves nothing about the address.
                email: None,
                expires_at: can.now.plus_seconds(LINK_SECONDS),
            };
            let token = new_link(tx, &can.services, &link)?;
            record(tx, &can, Kind::PasswordForgotten, &user, None)?;
            Ok(page(&can.services, "reset-password", &token))
        })
        .await
}

pub(super) fn record(
    tx: &mut Tx<'_>,
    call: &crate::domain::identity::access::Call,
    kind: Kind,
    user: &User,
    detail: Option<Box<Value>>,
) -> Result<()> {
    let entry = call.entry(kind);
    activity::record(tx, &Entry { user_no: Some(user.no), detail, ..entry })
}
