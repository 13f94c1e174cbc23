//! Confirmation of a person's identity within a session.

use super::sign_in::{check_code, mfa_required, wrong_code};
use crate::activity;
use crate::domain::identity::admission::Person;
use crate::domain::identity::users::factor::{check_password, settle};
use crate::error::{Error, Result};
use crate::model::activity::{Entry, Kind, Outcome};
use crate::model::{AuthMethods, Secret, Timestamp};
use crate::store::{Tx, sessions as store, users};

/// Strength of a session after its person confirmed their identity.
#[derive(Debug, Clone, Copy)]
pub struct Confirmed {
    /// Methods of the session.
    pub amr: AuthMethods,
    /// Time of the confirmation.
    pub auth_time: Timestamp,
}

/// Renews `auth_time` of a session by password, and by code if the person has a second factor.
///
/// # Errors
/// `INVALID_CREDENTIALS`, `MFA_REQUIRED` when the code is missing, or `LOCKED_OUT`: guesses are counted as at sign-in.
pub async fn confirm(person: &Person, password: Secret, code: Option<Secret>) -> Result<Confirmed> {
    let services = &person.services;
    let (user_no, _, _) = person.user;
    let user = services.db.lookup(|conn| Ok::<_, Error>(users::by_no(conn, user_no)?))?;
    let user = user.ok_or_else(|| Error::not_found("user"))?;
    check_password(person, &user, password).await?;
    let code = code.filter(|code| !code.expose().trim().is_empty());
    let shown = match (user.second_factor, code) {
        (false, _) => None,
        (true, None) => return Err(mfa_required()),
        (true, Some(code)) => Some(check_code(person, &user, &code)?),
    };
    let (factor, attempt) = shown.unzip();
    let caller = person.clone();
    let done = services
        .write(move |tx| {
            let mut methods = AuthMethods::PASSWORD;
            if let Some(factor) = factor {
                if !factor.use_up(tx, user_no)? {
                    return Err(wrong_code());
                }
                methods = methods.and(AuthMethods::ONE_TIME_CODE);
            }
            let amr = caller.identity.amr.and(methods);
            store::strengthen(tx, caller.session.0, amr, Some(caller.now))?;
            let detail = serde_json::json!({"amr": amr.to_string()});
            let entry = Entry {
                user_no: Some(user_no),
                session_no: Some(caller.session.0),
                outcome: Outcome::Allowed,
                detail: Some(Box::new(detail)),
                ..caller.entry(Kind::SignInConfirmed)
            };
            activity::record(tx, &entry)?;
            Ok(Confirmed { amr, auth_time: caller.now })
        })
        .await;
    if let Some(attempt) = attempt {
        settle(attempt, &done.as_ref().map(drop).map_err(Clone::clone));
    }
    done
}

/// Adds a method to the session. `auth_time` is unchanged.
pub(crate) fn show(tx: &mut Tx<'_>, person: &Person, method: AuthMethods) -> Result<()> {
    let amr = person.identity.amr.and(method);
    Ok(store::strengthen(tx, person.session.0, amr, None)?)
}
