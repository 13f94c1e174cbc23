//! Sign-in by password and second factor.

use std::sync::Arc;

use super::bounds;
use crate::domain::identity::access::Call;
use crate::domain::identity::login_throttle::{Attempt, AttemptKind};
use crate::domain::identity::{passwords, totp};
use crate::error::{Code, Error, Result};
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::{AuthMethods, Email, Network, Secret, SecretHash, User};
use crate::platform::mail::Mail;
use crate::store::{Tx, users as store};

/// Time after which a mail about failed sign-ins is useless.
const NOTICE_SECONDS: i64 = 86_400;

/// Maximum length of an address at sign-in, in bytes.
const MAX_EMAIL_BYTES: usize = 320;

/// Credentials of a sign-in.
pub struct Login {
    /// Email address, as typed.
    pub email: String,
    /// Password.
    pub password: Secret,
    /// Code of an authenticator app, or a recovery code.
    pub totp: Option<Secret>,
}

/// A person with the right password.
pub(crate) struct Verified {
    pub(crate) user: User,
    /// The stored hash that the password was compared with.
    password: String,
    factor: Option<SecondFactor>,
}

/// The second factor that was presented; used up in the transaction that signs the person in.
pub(crate) enum SecondFactor {
    /// Code of this step.
    Step(totp::Step),
    /// A recovery code.
    Recovery(SecretHash),
}

/// Verifies the credentials. An unknown address gets the same response after the same time. The attempt is that at the
/// second factor; [`settle`] counts it once [`Verified::admit`] has decided.
///
/// # Errors
/// `INVALID_CREDENTIALS`, `MFA_REQUIRED`, `LOCKED_OUT`, `RATE_LIMITED` when the person signs in too often, or
/// `UNAVAILABLE` when too many sign-ins wait.
pub(crate) async fn verify(call: &Arc<Call>, login: Login) -> Result<(Arc<Verified>, Option<Attempt>)> {
    if login.email.len() > MAX_EMAIL_BYTES {
        return Err(Error::invalid("email", "Give an email address such as ada@example.com."));
    }
    passwords::check_length("password", &login.password)?;
    let services = &call.services;
    let account = login.email.trim().to_lowercase();
    let attempt = admit(call, AttemptKind::Password, &account, false)?;
    let found = match login.email.parse::<Email>() {
        Ok(email) => services.db.lookup(|conn| Ok::<_, Error>(store::by_email(conn, &email)?))?,
        Err(_) => None,
    };
    let (user, password) = found.map_or((None, None), |(user, password)| (Some(user), password));
    let hash = match &password {
        Some(text) => Some(text.parse().map_err(|_| Error::internal("a stored password cannot be read"))?),
        None => None,
    };
    let right = services.passwords.verify(call.request.network(), login.password, hash).await?;
    match (user, password) {
        (Some(user), Some(password)) if right && user.disabled_at.is_none() => {
            let (factor, code) = match second_factor(call, &user, login.totp) {
                Ok(shown) => shown,
                Err(error) => {
                    // The password is right; codes have counters of their own.
                    attempt.succeeded();
                    log_refusal(call, Some(&user), &error)?;
                    return Err(error);
                }
            };
            attempt.succeeded();
            bounds::take_sign_in(services, user.no).inspect_err(|error| {
                let _ = log_refusal(call, Some(&user), error);
            })?;
            Ok((Arc::new(Verified { user, password, factor }), code))
        }
        (user, _) => {
            let error = Error::new(Code::InvalidCredentials, "Email or password is wrong");
            let tell = attempt.failed();
            log_refusal(call, user.as_ref(), &error)?;
            if let (true, Some(user)) = (tell, &user) {
                warn(call, user)?;
            }
            Err(error)
        }
    }
}

impl Verified {
    /// Uses the second factor up and checks, in the transaction that signs the person in, that nothing has changed
    /// since. Returns the methods used.
    ///
    /// # Errors
    /// `INVALID_CREDENTIALS` when the code was used since, or the person or their password changed.
    pub(crate) fn admit(&self, tx: &mut Tx<'_>) -> Result<AuthMethods> {
        let refused = || Error::new(Code::InvalidCredentials, "Email or password is wrong");
        let now = store::by_no(tx, self.user.no)?.ok_or_else(refused)?;
        if now.disabled_at.is_some() || store::password(tx, now.no)?.as_deref() != Some(&self.password) {
            return Err(refused());
        }
        match &self.factor {
            None if now.second_factor => Err(mfa_required()),
            None => Ok(AuthMethods::PASSWORD),
            Some(factor) if factor.use_up(tx, now.no)? => {
                Ok(AuthMethods::PASSWORD.and(AuthMethods::ONE_TIME_CODE))
            }
            Some(_) => Err(wrong_code()),
        }
    }
}

/// Counts a guess at a second factor that was `admitted`, or not.
pub(crate) fn settle(code: Option<Attempt>, admitted: bool) {
    match code {
        Some(code) if admitted => code.succeeded(),
        Some(code) => drop(code.failed()),
        None => {}
    }
}

impl SecondFactor {
    /// Uses it up; false if it was already used.
    pub(crate) fn use_up(&self, tx: &mut Tx<'_>, user_no: i64) -> Result<bool> {
        Ok(match self {
            Self::Step(step) => store::use_totp_step(tx, user_no, step.used, step.newest)?,
            Self::Recovery(hash) => store::use_recovery_code(tx, user_no, hash)?,
        })
    }
}

fn second_factor(
    call: &Arc<Call>,
    user: &User,
    code: Option<Secret>,
) -> Result<(Option<SecondFactor>, Option<Attempt>)> {
    if !user.second_factor {
        return Ok((None, None));
    }
    let code = code.filter(|code| !code.expose().trim().is_empty()).ok_or_else(mfa_required)?;
    let (factor, attempt) = check_code(call, user, &code)?;
    Ok((Some(factor), Some(attempt)))
}

/// Verifies the code of a person's second factor. A recovery code is verified when it is used up.
///
/// # Errors
/// `INVALID_CREDENTIALS`, or `LOCKED_OUT`: codes have counters of their own.
pub(crate) fn check_code(call: &Call, user: &User, code: &Secret) -> Result<(SecondFactor, Attempt)> {
    let services = &call.services;
    let here = call.request.network();
    let addresses =
        services.db.lookup(|conn| Ok::<_, Error>(crate::store::sessions::known_addresses(conn, user.no)?))?;
    let known = addresses.into_iter().any(|ip| Network::of(ip) == here);
    let attempt = admit(call, AttemptKind::Code, &user.id.to_string(), known)?;
    let code = code.expose().trim();
    if !totp::is_app_code(code) {
        return Ok((
            SecondFactor::Recovery(SecretHash::of(totp::normal_recovery_code(code).expose())),
            attempt,
        ));
    }
    let stored = services.db.lookup(|conn| Ok::<_, Error>(store::totp(conn, user.no)?))?;
    let step = stored.and_then(|stored| {
        let seed = services.vault.unseal(&seed_context(user), &stored.sealed)?;
        totp::Seed::from_bytes(&seed)?.accepts(code, [call.now, services.settled().at()], stored.last_step)
    });
    match step {
        Some(step) => Ok((SecondFactor::Step(step), attempt)),
        None => {
            if attempt.failed() {
                warn(call, user)?;
            }
            Err(wrong_code())
        }
    }
}

/// Encryption context of a seed.
pub(crate) fn seed_context(user: &User) -> String {
    format!("totp/{}/sealed", user.id)
}

fn admit(call: &Call, guess: AttemptKind, account: &str, known: bool) -> Result<Attempt> {
    let services = &call.services;
    services
        .throttle
        .admit(guess, account, call.request.network(), known, services.clock.monotonic())
        .inspect_err(|error| {
            let _ = log_refusal(call, None, error);
        })
}

pub(super) fn mfa_required() -> Error {
    Error::new(Code::MfaRequired, "Send the code of your authenticator app as totp")
}

pub(crate) fn wrong_code() -> Error {
    Error::new(Code::InvalidCredentials, "The code is wrong or was used already")
}

/// Log entry of a failed sign-in.
pub(crate) fn log_refusal(call: &Call, user: Option<&User>, error: &Error) -> Result<()> {
    let (outcome, reason) = match error.code {
        Code::MfaRequired => (Outcome::Refused, Reason::MfaRequired),
        Code::LockedOut => (Outcome::Limited, Reason::LockedOut),
        Code::RateLimited => (Outcome::Limited, Reason::RateLimited),
        _ => (Outcome::Refused, Reason::InvalidCredentials),
    };
    let entry = call.entry(Kind::SignIn);
    let user_no = user.map(|user| user.no);
    call.services.log.push(Entry { outcome, reason, user_no, ..entry })
}

/// Notifies the owner of an account of failed sign-ins.
fn warn(call: &Call, user: &User) -> Result<()> {
    let services = &call.services;
    let entry = call.entry(Kind::SignInSlowed);
    services.log.push(Entry {
        outcome: Outcome::Limited,
        reason: Reason::LockedOut,
        user_no: Some(user.no),
        // Once an hour per account: it needs no count, and must not be hidden in one.
        identified: true,
        ..entry
    })?;
    let organization = &services.settings.organization;
    let mail = Mail {
        to: user.email.clone(),
        subject: format!("Failed sign-ins to your {organization} account"),
        text: Secret::new(format!(
            "Several sign-ins to your account failed, the last one at {} from {}.\n\n\
             Further attempts from that network must wait increasingly long; other networks are not affected.\n\
             If this was not you and your password is used anywhere else, change it:\n\n    {}\n",
            call.now,
            call.request.ip.map_or_else(|| "an unknown address".to_owned(), |ip| ip.to_string()),
            services.settings.public_url
        )),
        expires_at: call.now.plus_seconds(NOTICE_SECONDS),
    };
    // Not awaited: the response time must not reveal whether there is an account.
    let (services, now) = (services.clone(), call.now);
    Ok(call.services.db.submit(move |tx| services.mailer.queue(tx, &mail, now))?)
}
