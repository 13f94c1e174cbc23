//! Sign-in by password and second factor.

use std::sync::Arc;

use crate::domain::identity::access::Call;
use crate::domain::identity::login_throttle::{Attempt, Guess};
use crate::domain::identity::{passwords, totp};
use crate::error::{Code, Error, Result};
use crate::model::activity::{Entry, Kind, Outcome, Reason};
use crate::model::{AuthMethods, Email, Network, Secret, SecretHash, User};
use crate::platform::mail::Mail;
use crate::store::{Tx, users as store};

/// How long a mail about failed sign-ins is worth sending.
const NOTICE_SECONDS: i64 = 86_400;

/// Longest text that is taken for an address, in bytes.
const MAX_EMAIL_BYTES: usize = 320;

/// Credentials of a sign-in.
pub struct Login {
    /// Their address, as typed.
    pub email: String,
    /// Their password.
    pub password: Secret,
    /// A code of their app, or a recovery code.
    pub totp: Option<Secret>,
}

/// A person whose password was right.
pub(crate) struct Verified {
    pub(crate) user: User,
    /// The stored password that was compared with.
    password: String,
    factor: Option<SecondFactor>,
    code: Option<Attempt>,
}

/// What was shown besides the password; used up in the transaction that lets its owner in.
pub(crate) enum SecondFactor {
    /// The code of this step.
    Step(totp::Step),
    /// A recovery code.
    Recovery(SecretHash),
}

/// Checks the credentials. For an unknown address the answer is the same, and as late.
///
/// # Errors
/// `INVALID_CREDENTIALS`, `MFA_REQUIRED`, `LOCKED_OUT`, or `UNAVAILABLE` when too many sign in at once.
pub(crate) async fn verify(call: &Arc<Call>, login: Login) -> Result<Verified> {
    if login.email.len() > MAX_EMAIL_BYTES {
        return Err(Error::invalid("email", "Give an email address such as ada@example.com."));
    }
    passwords::check_length("password", &login.password)?;
    let services = &call.services;
    let account = login.email.trim().to_lowercase();
    let attempt = admit(call, Guess::Password, &account, false)?;
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
                    // The password was right: what is wrong with the code has counters of its own.
                    attempt.succeeded();
                    log_refusal(call, Some(&user), &error)?;
                    return Err(error);
                }
            };
            attempt.succeeded();
            Ok(Verified { user, password, factor, code })
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
    /// Uses the second factor up and makes sure, in the transaction that lets them in, that nothing has changed since.
    /// Gives what was shown.
    ///
    /// # Errors
    /// `INVALID_CREDENTIALS` when the code was used meanwhile, or the person or their password changed.
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

    /// Settles the count of guesses after [`Verified::admit`] said yes or no.
    pub(crate) fn settle(&mut self, admitted: bool) {
        if let Some(code) = self.code.take() {
            if admitted {
                code.succeeded();
            } else {
                let _ = code.failed();
            }
        }
    }
}

impl SecondFactor {
    /// Uses it up; false when it was used already.
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

/// Compares a code with a person's second factor. A recovery code is known only when it is used up.
///
/// # Errors
/// `INVALID_CREDENTIALS`, or `LOCKED_OUT`: codes are counted on their own.
pub(crate) fn check_code(call: &Call, user: &User, code: &Secret) -> Result<(SecondFactor, Attempt)> {
    let services = &call.services;
    let here = call.request.network();
    let addresses =
        services.db.lookup(|conn| Ok::<_, Error>(crate::store::sessions::known_addresses(conn, user.no)?))?;
    let known = addresses.into_iter().any(|ip| Network::of(ip) == here);
    let attempt = admit(call, Guess::Code, &user.id.to_string(), known)?;
    let code = code.expose().trim();
    if !totp::is_app_code(code) {
        return Ok((
            SecondFactor::Recovery(SecretHash::of(totp::normal_recovery_code(code).expose())),
            attempt,
        ));
    }
    let stored = services.db.lookup(|conn| Ok::<_, Error>(store::totp(conn, user.no)?))?;
    let step = stored.and_then(|stored| {
        let seed = services.vault.unseal(&seed_place(user), &stored.sealed)?;
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

/// Where a seed is sealed.
pub(crate) fn seed_place(user: &User) -> String {
    format!("totp/{}/sealed", user.id)
}

fn admit(call: &Call, guess: Guess, account: &str, known: bool) -> Result<Attempt> {
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

/// A line of the log about a sign-in that did not succeed.
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

/// Warns the owner of an account about failed sign-ins.
fn warn(call: &Call, user: &User) -> Result<()> {
    let services = &call.services;
    let entry = call.entry(Kind::SignInSlowed);
    services.log.push(Entry {
        outcome: Outcome::Limited,
        reason: Reason::LockedOut,
        user_no: Some(user.no),
        // Once an hour for an account: it needs no count, and must not be lost in one.
        identified: true,
        ..entry
    })?;
    let organization = &services.settings.organization;
    let mail = Mail {
        to: user.email.clone(),
        subject: format!("Failed sign-ins to your {organization} account"),
        text: Secret::new(format!(
            "Several sign-ins to your account failed, the last one at {} from {}.\n\n\
             Further attempts from there have to wait longer and longer; you are not locked out elsewhere.\n\
             If this was not you and your password is used anywhere else, change it:\n\n    {}\n",
            call.now,
            call.request.ip.map_or_else(|| "an unknown address".to_owned(), |ip| ip.to_string()),
            services.settings.public_url
        )),
        expires_at: call.now.plus_seconds(NOTICE_SECONDS),
    };
    // Not awaited: the time of the answer must not show that there is an account.
    let (services, now) = (services.clone(), call.now);
    Ok(call.services.db.submit(move |tx| services.mailer.queue(tx, &mail, now))?)
}
