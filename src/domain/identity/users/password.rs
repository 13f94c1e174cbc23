//! Change and reset of a password, and confirmation of an address.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::account::limit_mail;
use super::manage::record;
use super::{LINK_SECONDS, hash_password, invalid_link, new_link, notices, page};
use crate::activity;
use crate::domain::identity::Services;
use crate::domain::identity::access::Call;
use crate::domain::identity::admission::{Admission as _, Person, Recent};
use crate::domain::identity::login_throttle::AttemptKind;
use crate::domain::identity::passwords;
use crate::domain::identity::sessions;
use crate::domain::identity::sessions::{CookieSession, Strength};
use crate::error::{Code, Error, Result};
use crate::model::activity::{Entry, Kind, Method};
use crate::model::{Email, Identity, RequestInfo, Secret, SecretHash, Timestamp, User};
use crate::platform::mail::Mail;
use crate::platform::queue::{Lane, NewWork, Retry, Work};
use crate::store::links;
use crate::store::links::{Link, Purpose};
use crate::store::users as store;

/// Kind of the queue items for reset mails.
const RESET: &str = "password_reset";
const RESET_VERSION: i64 = 1;
/// Maximum number of waiting requests for a reset link: unauthenticated callers make them.
const MOST_RESETS: i64 = 256;
const RESET_RETRY: Retry = Retry { waits_seconds: &[1, 5, 15, 60], repeats: true };

/// Changes the person's own password. Every session ends; the response opens a new one, which is as strong as the
/// current one was.
///
/// # Errors
/// `INVALID_CREDENTIALS` when `current` is wrong; `INVALID_REQUEST` for a weak new one; `LOCKED_OUT`.
pub async fn change(person: &Recent<Person>, current: Secret, new: Secret) -> Result<CookieSession> {
    let (user_no, id, _) = person.user;
    let (services, call) = (&person.services, person.call());
    passwords::check_length("current_password", &current)?;
    let (network, now) = (call.request.network(), services.clock.monotonic());
    let attempt = services.throttle.admit(AttemptKind::Password, &id.to_string(), network, true, now)?;
    let (user, stored) = services.db.lookup(|conn| {
        let user = store::by_no(conn, user_no)?.ok_or_else(|| Error::not_found("user"))?;
        Ok::<_, Error>((user, store::password(conn, user_no)?))
    })?;
    let hash = stored.as_deref().and_then(|text| text.parse().ok());
    if !services.passwords.verify(network, current, hash).await? {
        let _ = attempt.failed();
        return Err(Error::new(Code::InvalidCredentials, "The current password is wrong"));
    }
    attempt.succeeded();
    let about = (&user.email, user.name.as_str());
    let password = hash_password(call, "new_password", about, new).await?;
    let caller = call.clone();
    let at = caller.identity.auth_time.unwrap_or(caller.now);
    let strength = Strength { amr: caller.identity.amr, at };
    services
        .write(move |tx| {
            if store::password(tx, user_no)? != stored {
                return Err(Error::conflict("The password was changed by another request"));
            }
            set(tx, &caller, &user, &password)?;
            sessions::begin_cookie(tx, &caller, &user, strength)
        })
        .await
}

/// Ends access by the old password: every session, refresh token and reset link.
fn set(tx: &mut crate::store::Tx<'_>, call: &Call, user: &User, password: &str) -> Result<()> {
    store::set_password(tx, user.no, password, call.now)?;
    links::remove_of(tx, Purpose::ResetPassword, user.no)?;
    record(tx, call, Kind::PasswordChanged, user, None)?;
    notices::password_changed(tx, call, user);
    sessions::end_all(tx, call, user.no)
}

/// Requests a mail with a reset link. Known and unknown addresses are queued alike, so that neither the response nor
/// its time reveals an account; [`reset_lane`] looks it up later.
///
/// # Errors
/// `LOCKED_OUT` for too many requests; `UNAVAILABLE` when too many wait.
pub async fn forgot(call: &Arc<Call>, email: Email) -> Result<()> {
    limit_mail(call, &email)?;
    let (services, now) = (call.services.clone(), call.now);
    let asked = json!(ResetRequest::new(call, &email)).to_string();
    call.services
        .write(move |tx| {
            let work = NewWork {
                kind: RESET,
                version: RESET_VERSION,
                payload: asked.as_bytes(),
                most_waiting: MOST_RESETS,
                now,
                expires_at: now.plus_seconds(LINK_SECONDS),
            };
            services.queue.push(tx, &work)
        })
        .await
}

/// A queued request for a reset link.
#[derive(Serialize, Deserialize)]
struct ResetRequest {
    email: String,
    request_id: String,
    ip: Option<IpAddr>,
    path: Box<str>,
    agent: Option<Box<str>>,
}

impl ResetRequest {
    fn new(call: &Call, email: &Email) -> Self {
        let request = &call.request;
        Self {
            email: email.as_str().to_owned(),
            request_id: request.id.to_string(),
            ip: request.ip,
            path: request.path.clone(),
            agent: request.agent.clone(),
        }
    }

    /// The address, and the call as it was made.
    fn call(self, services: &Arc<Services>, now: Timestamp) -> Result<(Email, Arc<Call>)> {
        let email = self.email.parse().map_err(Error::internal)?;
        let id = self.request_id.parse().map_err(Error::internal)?;
        let request =
            RequestInfo { id, ip: self.ip, method: Method::Post, path: self.path, agent: self.agent };
        let (services, identity) = (services.clone(), Identity::anonymous());
        Ok((email, Call::new(services, identity, now, request)))
    }
}

/// The lane that creates and mails the links of [`forgot`].
pub fn reset_lane(services: &Arc<Services>) -> Lane {
    let services = services.clone();
    Lane::items(RESET, 1, RESET_RETRY, Duration::ZERO, move |work| {
        let services = services.clone();
        Box::pin(async move { Ok(send_reset(&services, work).await?) })
    })
}

async fn send_reset(services: &Arc<Services>, work: Work) -> Result<()> {
    let asked: ResetRequest = serde_json::from_slice(&work.payload).map_err(Error::internal)?;
    let (email, call) = asked.call(services, work.created_at)?;
    let found = services.db.lookup(|conn| Ok::<_, Error>(store::by_email(conn, &email)?))?;
    let Some((user, _)) = found.filter(|(user, _)| user.disabled_at.is_none()) else { return Ok(()) };
    services
        .write(move |tx| {
            work.finish(tx)?;
            let link = link_for(&call, &user, Purpose::ResetPassword);
            let token = new_link(tx, &call.services, &link)?;
            let entry = call.entry(Kind::PasswordForgotten);
            activity::record_request(tx, &Entry { user_no: Some(user.no), ..entry })?;
            let mail = reset_mail(
                &call.services,
                user.email,
                &page(&call.services, "reset-password", &token),
                link.expires_at,
            );
            call.services.mailer.queue(tx, &mail, call.now)
        })
        .await
}

fn reset_mail(services: &Services, to: Email, link: &Secret, expires_at: Timestamp) -> Mail {
    let organization = &services.settings.organization;
    Mail {
        to,
        subject: format!("Set a new password for {organization}"),
        text: Secret::new(format!(
            "A new password was requested for your account at {organization}.\n\nFollow this link within \
             an hour; it works once:\n\n    {}\n\nIf it was not you, do nothing: your password stays as it is.\n",
            link.expose()
        )),
        expires_at,
    }
}

fn link_for(call: &Call, user: &User, purpose: Purpose) -> Link {
    Link {
        purpose,
        user_no: Some(user.no),
        email: Some(user.email.clone()),
        expires_at: call.now.plus_seconds(LINK_SECONDS),
    }
}

/// Sets a new password by a link. It does not sign in: a second factor is still required.
///
/// # Errors
/// `NOT_FOUND` when the link is not valid; `INVALID_REQUEST` for a weak password.
pub async fn reset(call: &Arc<Call>, link: Secret, new: Secret) -> Result<()> {
    let (services, now) = (&call.services, call.now);
    let hash = SecretHash::of(link.expose());
    let user = services
        .db
        .lookup(|conn| {
            let link = links::find(conn, Purpose::ResetPassword, &hash, now)?;
            Ok::<_, Error>(link.and_then(|link| link.user_no).map(|no| store::by_no(conn, no)).transpose()?)
        })?
        .flatten()
        .ok_or_else(invalid_link)?;
    let about = (&user.email, user.name.as_str());
    let password = hash_password(call, "password", about, new).await?;
    let caller = call.clone();
    services
        .write(move |tx| {
            let link = links::take(tx, Purpose::ResetPassword, &hash, now)?.ok_or_else(invalid_link)?;
            let mut user = store::by_no(tx, user.no)?.ok_or_else(invalid_link)?;
            if user.email_verified_at.is_none() && link.email.as_ref() == Some(&user.email) {
                user.email_verified_at = Some(now);
                store::update(tx, &user)?;
            }
            set(tx, &caller, &user, &password)
        })
        .await
}

/// Mails the person a link that confirms their address.
///
/// # Errors
/// `CONFLICT` when it is already confirmed; `LOCKED_OUT`.
pub async fn ask_verification(person: &Person) -> Result<()> {
    let (user_no, _, _) = person.user;
    let call = person.call();
    let services = &call.services;
    let user = services.db.lookup(|conn| Ok::<_, Error>(store::by_no(conn, user_no)?))?;
    let user = user.ok_or_else(|| Error::not_found("user"))?;
    if user.email_verified_at.is_some() {
        return Err(Error::conflict("This address is confirmed already"));
    }
    limit_mail(call, &user.email)?;
    let (caller, about) = (call.clone(), user);
    services
        .write(move |tx| {
            let link = link_for(&caller, &about, Purpose::VerifyEmail);
            let services = &caller.services;
            let token = new_link(tx, services, &link)?;
            let organization = &services.settings.organization;
            let page = page(services, "verify-email", &token);
            let mail = Mail {
                to: about.email,
                subject: format!("Confirm your address for {organization}"),
                text: Secret::new(format!("Follow this link within an hour:\n\n    {}\n", page.expose())),
                expires_at: link.expires_at,
            };
            services.mailer.queue(tx, &mail, caller.now)
        })
        .await
}

/// Confirms an address by a link.
///
/// # Errors
/// `NOT_FOUND` when the link is not valid.
pub async fn verify_email(call: &Arc<Call>, link: Secret) -> Result<()> {
    let (caller, now) = (call.clone(), call.now);
    let hash = SecretHash::of(link.expose());
    call.services
        .write(move |tx| {
            let link = links::take(tx, Purpose::VerifyEmail, &hash, now)?.ok_or_else(invalid_link)?;
            let user = link.user_no.map(|no| store::by_no(tx, no)).transpose()?.flatten();
            let mut user =
                user.filter(|user| link.email.as_ref() == Some(&user.email)).ok_or_else(invalid_link)?;
            user.email_verified_at = Some(now);
            user.updated_at = now;
            store::update(tx, &user)?;
            record(tx, &caller, Kind::EmailVerified, &user, None)
        })
        .await
}
