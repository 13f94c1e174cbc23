//! The caller's own second factor.

use super::manage::record;
use super::notices;
use crate::domain::identity::access::Call;
use crate::domain::identity::admission::{Person, Recent};
use crate::domain::identity::login_throttle::AttemptKind;
use crate::domain::identity::sessions;
use crate::domain::identity::sessions::{check_code, seed_context, wrong_code};
use crate::domain::identity::{passwords, totp};
use crate::error::{Code, Error, Result};
use crate::model::activity::Kind;
use crate::model::{AuthMethods, Secret, SecretHash, User};
use crate::store::users as store;

/// State of a second factor.
pub struct Status {
    /// Whether sign-in requires a code.
    pub enabled: bool,
    /// Number of unused recovery codes.
    pub recovery_codes_left: u32,
}

/// State of the person's second factor.
pub fn status(person: &Person) -> Result<Status> {
    let (user_no, _, _) = person.user;
    person.services.db.lookup(|conn| {
        let enabled = store::totp(conn, user_no)?.is_some_and(|totp| totp.confirmed_at.is_some());
        let left = store::count_recovery_codes(conn, user_no)?;
        Ok(Status { enabled, recovery_codes_left: u32::try_from(left).unwrap_or(0) })
    })
}

/// A new seed for an authenticator app, shown once.
pub struct TotpEnrolment {
    /// Base32, for manual entry.
    pub secret: Secret,
    /// `otpauth://…`, for apps.
    pub uri: Secret,
}

/// Creates a seed. It is not used until [`confirm`].
///
/// # Errors
/// `INVALID_CREDENTIALS` when the password is wrong; `CONFLICT` when there is a second factor already.
pub async fn enrol(person: &Person, password: Secret) -> Result<TotpEnrolment> {
    let user = who(person)?;
    check_password(person, &user, password).await?;
    let services = person.services.clone();
    let seed = totp::Seed::generate(&*services.rng);
    let sealed = services.vault.seal(&*services.rng, &seed_context(&user), seed.expose());
    let (now, user_no) = (person.now, user.no);
    services
        .write(move |tx| {
            if store::offer_totp(tx, user_no, &sealed, now)? {
                return Ok(());
            }
            Err(Error::conflict("There is a second factor already; disable it first"))
        })
        .await?;
    let uri = seed.uri(&services.settings.organization, user.email.as_str());
    Ok(TotpEnrolment { secret: seed.base32(), uri })
}

/// Enables the second factor after a code proved that the app has the seed. The current session has used it; the
/// person's other sessions end. The recovery codes are shown once.
///
/// # Errors
/// `INVALID_CREDENTIALS` for a wrong code; `CONFLICT` when no seed was created.
pub async fn confirm(person: &Person, code: Secret) -> Result<Vec<Secret>> {
    let user = who(person)?;
    let services = person.services.clone();
    let pending = services.db.lookup(|conn| Ok::<_, Error>(store::totp(conn, user.no)?))?;
    if pending.is_none_or(|totp| totp.confirmed_at.is_some()) {
        return Err(Error::conflict("Ask for a new seed first"));
    }
    let (factor, attempt) = check_code(person, &user, &code)?;
    let codes = totp::recovery_codes(&*services.rng);
    let hashes: Vec<SecretHash> = codes.iter().map(|code| SecretHash::of(code.expose())).collect();
    let caller = person.clone();
    let done = services
        .write(move |tx| {
            if !factor.use_up(tx, user.no)? {
                return Err(wrong_code());
            }
            store::confirm_totp(tx, user.no, caller.now)?;
            store::set_recovery_codes(tx, user.no, &hashes)?;
            sessions::show(tx, &caller, AuthMethods::ONE_TIME_CODE)?;
            sessions::end_others(tx, &caller)?;
            record(tx, &caller, Kind::TotpEnabled, &user, None)
        })
        .await;
    settle(attempt, &done);
    done.map(|()| codes)
}

/// Disables the second factor.
///
/// # Errors
/// `INVALID_CREDENTIALS` when password or code is wrong; `CONFLICT` when there is none.
pub async fn disable(person: &Recent<Person>, password: Secret, code: Secret) -> Result<()> {
    with_factor(person, password, code, |tx, call, user| {
        store::remove_totp(tx, user.no)?;
        notices::factor_removed(tx, call, user);
        record(tx, call, Kind::TotpDisabled, user, None)
    })
    .await
}

/// Regenerates the recovery codes, shown once.
///
/// # Errors
/// Those of [`disable`].
pub async fn new_recovery_codes(
    person: &Recent<Person>,
    password: Secret,
    code: Secret,
) -> Result<Vec<Secret>> {
    let codes = totp::recovery_codes(&*person.services.rng);
    let hashes: Vec<SecretHash> = codes.iter().map(|code| SecretHash::of(code.expose())).collect();
    with_factor(person, password, code, move |tx, call, user| {
        store::set_recovery_codes(tx, user.no, &hashes)?;
        let detail = serde_json::json!({"recovery_codes": "replaced"});
        record(tx, call, Kind::TotpEnabled, user, Some(Box::new(detail)))
    })
    .await?;
    Ok(codes)
}

async fn with_factor<F>(person: &Person, password: Secret, code: Secret, job: F) -> Result<()>
where
    F: FnOnce(&mut crate::store::Tx<'_>, &Call, &User) -> Result<()> + Send + 'static,
{
    let user = who(person)?;
    if !user.second_factor {
        return Err(Error::conflict("There is no second factor"));
    }
    check_password(person, &user, password).await?;
    let (factor, attempt) = check_code(person, &user, &code)?;
    let caller = person.clone();
    let done = person
        .services
        .write(move |tx| {
            if !factor.use_up(tx, user.no)? {
                return Err(wrong_code());
            }
            job(tx, &caller, &user)
        })
        .await;
    settle(attempt, &done);
    done
}

pub(crate) fn settle(attempt: crate::domain::identity::login_throttle::Attempt, done: &Result<()>) {
    match done {
        Ok(()) => attempt.succeeded(),
        Err(error) if error.code == Code::InvalidCredentials => {
            let _ = attempt.failed();
        }
        Err(_) => drop(attempt),
    }
}

fn who(person: &Person) -> Result<User> {
    let (user_no, _, _) = person.user;
    let user = person.services.db.lookup(|conn| Ok::<_, Error>(store::by_no(conn, user_no)?))?;
    user.ok_or_else(|| Error::not_found("user"))
}

/// Verifies the person's own password. Guesses are counted by network, so that guesses in an open browser do not lock
/// out the owner elsewhere.
pub(crate) async fn check_password(call: &Call, user: &User, password: Secret) -> Result<()> {
    passwords::check_length("password", &password)?;
    let services = &call.services;
    let (network, now) = (call.request.network(), services.clock.monotonic());
    let attempt = services.throttle.admit(AttemptKind::Password, &user.id.to_string(), network, true, now)?;
    let stored = services.db.lookup(|conn| Ok::<_, Error>(store::password(conn, user.no)?))?;
    let hash = stored.as_deref().and_then(|text| text.parse().ok());
    if services.passwords.verify(network, password, hash).await? {
        attempt.succeeded();
        return Ok(());
    }
    let _ = attempt.failed();
    Err(Error::new(Code::InvalidCredentials, "The password is wrong"))
}
