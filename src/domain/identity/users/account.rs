//! Creation of an account: setup link, invitation, or sign-up.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

pub use crate::store::invitations::Invitation;

use super::manage::{LoggedUser, record};
use super::{
    INVITATION_SECONDS, LINK_SECONDS, NewPerson, hash_password, insert, insert_beside, invalid_link, name,
    new_link, page, token,
};
use crate::activity;
use crate::domain::identity::Services;
use crate::domain::identity::access::{Call, Can, TeamManage, TeamRead};
use crate::domain::identity::login_throttle::AttemptKind;
use crate::domain::identity::sessions;
use crate::domain::identity::sessions::{CookieSession, Strength};
use crate::error::{Error, Result};
use crate::model::activity::{Entry, Kind};
use crate::model::setting::Signup;
use crate::model::{AuthMethods, Email, InvitationId, Role, Secret, SecretHash, Timestamp, User};
use crate::platform::changes;
use crate::platform::cursor::{List, Page};
use crate::platform::mail::Mail;
use crate::store::users::Others;
use crate::store::{Tx, invitations, links, users as store};

/// Choices of a person who follows a link.
pub struct Registration {
    /// Display name.
    pub name: Option<String>,
    /// Password.
    pub password: Secret,
}

/// One-time link that creates the first owner; none if there is a user. Each call replaces the previous link.
pub async fn setup_link(services: &Arc<Services>, now: Timestamp) -> Result<Option<Secret>> {
    let shared = services.clone();
    services
        .write(move |tx| {
            if store::any(tx)? {
                return Ok(None);
            }
            let link = links::Link {
                purpose: links::Purpose::Setup,
                user_no: None,
                email: None,
                expires_at: now.plus_seconds(LINK_SECONDS),
            };
            let token = new_link(tx, &shared, &link)?;
            Ok(Some(page(&shared, "setup", &token)))
        })
        .await
}

/// Creates the first owner and signs them in.
///
/// # Errors
/// `NOT_FOUND` when the link is not valid; `INVALID_REQUEST` for a weak password.
pub async fn setup(call: &Arc<Call>, link: Secret, email: Email, who: Registration) -> Result<CookieSession> {
    let hash = SecretHash::of(link.expose());
    let now = call.now;
    let services = &call.services;
    let works = services.db.lookup(|conn| {
        Ok::<_, Error>(links::find(conn, links::Purpose::Setup, &hash, now)?.is_some() && !store::any(conn)?)
    })?;
    if !works {
        return Err(invalid_link());
    }
    let (name, password) = hashed(call, &email, who).await?;
    let caller = call.clone();
    services
        .write(move |tx| {
            links::take(tx, links::Purpose::Setup, &hash, now)?.ok_or_else(invalid_link)?;
            let person = NewPerson { email, name, role: Role::Owner, verified: false };
            let user = insert_beside(tx, &caller.services, person, Some(&password), now, Others::None)?;
            let user = user.ok_or_else(invalid_link)?;
            record(tx, &caller, Kind::UserCreated, &user, Some(created("by", &"setup", &user)))?;
            sessions::begin_cookie(tx, &caller, &user, chosen(now))
        })
        .await
}

/// Strength of a session in which the password was just chosen by a link: the link proves little else.
fn chosen(now: Timestamp) -> Strength {
    Strength { amr: AuthMethods::PASSWORD, at: now }
}

/// Log details of a new account.
fn created(by: &str, value: &impl Serialize, user: &User) -> Box<Value> {
    let mut detail = changes::between(&Value::Null, &LoggedUser::from(user)).unwrap_or_default();
    detail[by] = json!(value);
    detail
}

async fn hashed(call: &Call, email: &Email, who: Registration) -> Result<(String, String)> {
    let name = name(who.name.as_deref(), email)?;
    let password = hash_password(call, "password", (email, &name), who.password).await?;
    Ok((name, password))
}

/// A new invitation.
pub struct Invite {
    /// Email address.
    pub email: Email,
    /// Role.
    pub role: Role,
}

/// An invitation with its link, which is shown once.
pub struct CreatedInvitation {
    /// The invitation.
    pub invitation: Invitation,
    /// Page that accepts it.
    pub link: Secret,
}

/// Invites a person, replacing a previous invitation, and mails the link.
///
/// # Errors
/// `FORBIDDEN` when they would hold more than the caller; `CONFLICT` when the address is in use.
pub fn invite(tx: &mut Tx<'_>, can: &Can<TeamManage>, invite: Invite) -> Result<CreatedInvitation> {
    super::may_raise(can, invite.role)?;
    if store::by_email(tx, &invite.email)?.is_some() {
        return Err(Error::conflict("This address is already in use"));
    }
    let (now, services) = (can.now, can.services.clone());
    let token = token(&services);
    let mut invitation = Invitation {
        no: 0,
        id: InvitationId::new(now, services.random()),
        email: invite.email,
        role: invite.role,
        invited_by: can.identity.user.map(|(_, id, _)| id),
        created_at: now,
        expires_at: now.plus_seconds(INVITATION_SECONDS),
    };
    invitations::revoke_of(tx, &invitation.email, now)?;
    let by = can.identity.user.map(|(no, _, _)| no);
    invitation.no = invitations::insert(tx, &invitation, &SecretHash::of(token.expose()), by)?;
    record_invitation(tx, can, Kind::InvitationCreated, &invitation)?;
    let invited = CreatedInvitation { link: page(&services, "invitation", &token), invitation };
    services.mailer.queue(tx, &mail(&services, &invited), now)?;
    Ok(invited)
}

fn mail(services: &Services, invited: &CreatedInvitation) -> Mail {
    let organization = &services.settings.organization;
    Mail {
        to: invited.invitation.email.clone(),
        subject: format!("You are invited to {organization}"),
        text: Secret::new(format!(
            "You are invited to join {organization} as {}.\n\nChoose your password within seven days:\n\n    {}\n",
            invited.invitation.role,
            invited.link.expose()
        )),
        expires_at: invited.invitation.expires_at,
    }
}

fn record_invitation(tx: &mut Tx<'_>, call: &Call, kind: Kind, invitation: &Invitation) -> Result<()> {
    let detail = json!({"invitation_id": invitation.id, "email": invitation.email, "role": invitation.role});
    let entry = call.entry(kind);
    activity::record(tx, &Entry { detail: Some(Box::new(detail)), ..entry })
}

/// Open invitations, oldest first.
///
/// # Errors
/// `INVALID_CURSOR`.
pub async fn invitations_list(
    can: &Can<TeamRead>,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<Page<Invitation>> {
    let services = &can.services;
    let list = List::new(&services.vault, "invitations", (), limit)?;
    let (after, count) = (list.position(cursor)?.unwrap_or(0), list.rows());
    let rows = services.read(move |conn| Ok::<_, Error>(invitations::list(conn, after, count)?)).await?;
    Ok(list.page(rows, |last| last.no))
}

/// Withdraws an invitation.
///
/// # Errors
/// `NOT_FOUND` when it is not open; `FORBIDDEN` when its role holds more than the caller.
pub async fn withdraw(can: &Can<TeamManage>, id: InvitationId) -> Result<()> {
    let can = can.clone();
    let services = can.services.clone();
    services
        .write(move |tx| {
            let invitation = invitations::by_id(tx, id)?.ok_or_else(|| Error::not_found("invitation"))?;
            super::may_touch(&can, invitation.role)?;
            if !invitations::revoke(tx, invitation.no, can.now)? {
                return Err(Error::not_found("invitation"));
            }
            record_invitation(tx, &can, Kind::InvitationRevoked, &invitation)
        })
        .await
}

/// Accepts an invitation and signs the new user in.
///
/// # Errors
/// `NOT_FOUND` when the link is not valid; `INVALID_REQUEST` for a weak password.
pub async fn accept(call: &Arc<Call>, link: Secret, who: Registration) -> Result<CookieSession> {
    let (services, now) = (&call.services, call.now);
    let hash = SecretHash::of(link.expose());
    let invitation = services.db.lookup(|conn| Ok::<_, Error>(invitations::by_hash(conn, &hash, now)?))?;
    let invitation = invitation.ok_or_else(invalid_link)?;
    let (name, password) = hashed(call, &invitation.email, who).await?;
    let caller = call.clone();
    services
        .write(move |tx| {
            let invitation = invitations::by_hash(tx, &hash, now)?.ok_or_else(invalid_link)?;
            if !invitations::accept(tx, invitation.no, now)? {
                return Err(invalid_link());
            }
            let person =
                NewPerson { email: invitation.email.clone(), name, role: invitation.role, verified: false };
            let user = insert(tx, &caller.services, person, Some(&password), now)?;
            let detail = created("invitation_id", &invitation.id, &user);
            record(tx, &caller, Kind::InvitationAccepted, &user, Some(detail))?;
            sessions::begin_cookie(tx, &caller, &user, chosen(now))
        })
        .await
}

/// Requests an account. The response is the same whether or not the address has one: a mail informs its owner. Name and
/// password are chosen after the link was followed, so that the requester's input is not used.
///
/// # Errors
/// `FORBIDDEN` unless sign-up is open; `LOCKED_OUT`.
pub async fn sign_up(call: &Arc<Call>, email: Email) -> Result<()> {
    let services = &call.services;
    match services.settings.signup {
        Signup::Open => {}
        Signup::Invite => return Err(Error::forbidden("Sign-up needs an invitation")),
        Signup::Off => return Err(Error::forbidden("Sign-up is disabled")),
    }
    limit_mail(call, &email)?;
    let (shared, now) = (services.clone(), call.now);
    services
        .write(move |tx| {
            let expires_at = now.plus_seconds(LINK_SECONDS);
            let link = if store::by_email(tx, &email)?.is_some() {
                None
            } else {
                let link = links::Link {
                    purpose: links::Purpose::Signup,
                    user_no: None,
                    email: Some(email.clone()),
                    expires_at,
                };
                Some(page(&shared, "confirm", &new_link(tx, &shared, &link)?))
            };
            // One commit in both cases: neither the response nor its time shows whether the address has an account.
            let mail = sign_up_mail(&shared, email, link.as_ref(), expires_at);
            shared.mailer.queue(tx, &mail, now)
        })
        .await
}

fn sign_up_mail(services: &Services, to: Email, link: Option<&Secret>, expires_at: Timestamp) -> Mail {
    let organization = &services.settings.organization;
    let text = match link {
        Some(link) => format!(
            "An account at {organization} was requested for this address.\n\nFollow this link within an hour and \
             choose your password:\n\n    {}\n\nIf you did not request it, do nothing.\n",
            link.expose()
        ),
        None => format!(
            "An account at {organization} was requested for this address, which has one already.\n\n\
             Sign in, or set a new password there:\n\n    {}\n",
            services.settings.public_url
        ),
    };
    Mail { to, subject: format!("Your {organization} account"), text: Secret::new(text), expires_at }
}

/// Counts requests that send mail: five an hour to one address from one network, then with growing waits.
///
/// # Errors
/// `LOCKED_OUT`.
pub(super) fn limit_mail(call: &Call, email: &Email) -> Result<()> {
    let services = &call.services;
    let (network, now) = (call.request.network(), services.clock.monotonic());
    let attempt = services.throttle.admit(AttemptKind::Mail, email.key(), network, false, now)?;
    let _ = attempt.failed();
    Ok(())
}

/// Creates the requested account with the name and password that its owner chooses after the mail, and signs them in.
///
/// # Errors
/// `NOT_FOUND` when the link is not valid; `INVALID_REQUEST` for a weak password.
pub async fn confirm(call: &Arc<Call>, link: Secret, who: Registration) -> Result<CookieSession> {
    let (services, now) = (&call.services, call.now);
    let hash = SecretHash::of(link.expose());
    let found =
        services.db.lookup(|conn| Ok::<_, Error>(links::find(conn, links::Purpose::Signup, &hash, now)?))?;
    let email = found.and_then(|link| link.email).ok_or_else(invalid_link)?;
    let (name, password) = hashed(call, &email, who).await?;
    let caller = call.clone();
    services
        .write(move |tx| {
            let link = links::take(tx, links::Purpose::Signup, &hash, now)?.ok_or_else(invalid_link)?;
            let email = link.email.ok_or_else(invalid_link)?;
            let person = NewPerson { email, name, role: Role::Member, verified: true };
            let user: User = insert(tx, &caller.services, person, Some(&password), now)?;
            let detail = created("by", &"signup", &user);
            record(tx, &caller, Kind::UserCreated, &user, Some(detail))?;
            sessions::begin_cookie(tx, &caller, &user, chosen(now))
        })
        .await
}
