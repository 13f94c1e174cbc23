//! Mails that inform people of changes of their credentials, so that they notice changes by others.

use crate::domain::identity::access::Call;
use crate::error::Result;
use crate::model::{Api, ApiKey, IdentityKind, Role, Secret, User};
use crate::platform::mail::Mail;
use crate::store::{Tx, users as store};

/// Time after which a notice is useless.
const NOTICE_SECONDS: i64 = 7 * 86_400;
/// Maximum number of owners that are notified of one change.
const MAX_OWNERS: u32 = 100;

/// Notifies a person that their password was changed.
pub(super) fn password_changed(tx: &mut Tx<'_>, call: &Call, user: &User) {
    let what = "The password of your account was changed";
    send(tx, call, user, "Your password was changed", &happened(call, what));
}

/// Notifies a person that their second factor was removed.
pub(super) fn factor_removed(tx: &mut Tx<'_>, call: &Call, user: &User) {
    let what = "The second factor of your account was removed";
    send(tx, call, user, "Your second factor was removed", &happened(call, what));
}

/// Notifies the owners of a new key with all rights on the built-in API. Keys of the operator, who holds the data, are
/// not reported.
pub(crate) fn admin_key(tx: &mut Tx<'_>, call: &Call, api: &Api, key: &ApiKey) -> Result<()> {
    if !api.built_in || !api.grants_all(&key.scopes) || call.identity.kind == IdentityKind::Operator {
        return Ok(());
    }
    let what = format!("A management key with all rights was created: {} ({})", key.name, key.id);
    for owner in store::list(tx, Some(Role::Owner), None, 0, MAX_OWNERS)? {
        if owner.disabled_at.is_none() {
            send(tx, call, &owner, "A new management key with all rights", &happened(call, &what));
        }
    }
    Ok(())
}

fn happened(call: &Call, what: &str) -> String {
    let services = &call.services;
    format!(
        "{what} at {} from {}.\n\nIf this was not you, or not agreed, sign in, change your password and look at the \
         activity log:\n\n    {}\n",
        call.now,
        call.request.ip.map_or_else(|| "an unknown address".to_owned(), |ip| ip.to_string()),
        services.settings.public_url
    )
}

/// Queues a notice. The change does not fail when no more mail may wait.
fn send(tx: &mut Tx<'_>, call: &Call, to: &User, subject: &str, text: &str) {
    let services = &call.services;
    let mail = Mail {
        to: to.email.clone(),
        subject: format!("{subject} ({})", services.settings.organization),
        text: Secret::new(text.to_owned()),
        expires_at: call.now.plus_seconds(NOTICE_SECONDS),
    };
    if let Err(error) = services.mailer.queue(tx, &mail, call.now) {
        tracing::warn!(?error, "a notice could not be queued");
    }
}
