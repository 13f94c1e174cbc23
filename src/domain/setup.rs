//! Initialisation of an instance: its owner and the first management key.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::activity;
use crate::domain::identity::Services;
use crate::domain::identity::access::{Call, KeysWrite};
use crate::domain::identity::authenticate;
use crate::domain::identity::passwords::{PasswordHash, check_length};
use crate::domain::identity::self_or_all::SelfOrAll;
use crate::domain::identity::users;
use crate::domain::keys::{self, Issued, NewKey};
use crate::error::{Error, Result};
use crate::model::RequestInfo;
use crate::model::activity::{Kind, Method};
use crate::model::api::BUILT_IN_SLUG;
use crate::model::{Email, KeySecret, RequestId, Role, Scope, Secret, UserId};
use crate::store;
use crate::store::Tx;
use crate::store::users::Others;

/// Results of an initialisation.
#[derive(Debug)]
pub struct Initialised {
    /// The owner.
    pub owner_id: UserId,
    /// A key with all rights on the built-in API, shown once.
    pub management_key: KeySecret,
}

/// True until the first user exists.
pub async fn is_new(services: &Services) -> Result<bool> {
    services.read(|conn| Ok(!store::users::any(conn)?)).await
}

/// Refuses an invalid address or password before anything is created.
///
/// # Errors
/// `INVALID_REQUEST` for `email` or `password`.
pub fn check(email: &str, password: &Secret) -> Result<Email> {
    let email = email.parse().map_err(|error| Error::invalid("email", format!("{error}")))?;
    check_length("password", password)?;
    Ok(email)
}

/// Creates the owner and a management key with `admin`, together or not at all. The operator holds the data directory,
/// so the strength of the password is their choice.
///
/// # Errors
/// Those of [`check`]; `CONFLICT` when a user exists.
pub async fn initialise(services: &Arc<Services>, email: &str, password: Secret) -> Result<Initialised> {
    let email = check(email, &password)?;
    let hash = hash(services, password).await?;
    let call = operator(services);
    let made = services.write(move |tx| {
        let owner = add(tx, &call, email, None, Role::Owner, &hash, Others::None)?;
        let owner = owner.ok_or_else(|| Error::conflict("This instance already has an owner"))?;
        let Issued { secret, .. } = keys::create(tx, &SelfOrAll::<KeysWrite>::of(&call)?, management_key())?;
        Ok(Initialised { owner_id: owner, management_key: secret })
    });
    made.await
}

/// Adds a person who can sign in at once, without an invitation: for the demo and for the operator.
///
/// # Errors
/// Those of [`check`]; `CONFLICT` when the address is in use.
pub async fn add_person(
    services: &Arc<Services>,
    email: &str,
    name: &'static str,
    role: Role,
    password: Secret,
) -> Result<UserId> {
    let email = check(email, &password)?;
    let hash = hash(services, password).await?;
    let call = operator(services);
    services
        .write(move |tx| {
            let added = add(tx, &call, email, Some(name), role, &hash, Others::Any)?;
            added.ok_or_else(|| Error::conflict("Another person has this email address already"))
        })
        .await
}

fn management_key() -> NewKey {
    let admin = Scope::new("admin").expect("our own scopes are well-formed");
    NewKey {
        api: BUILT_IN_SLUG.to_owned(),
        name: "First management key".to_owned(),
        scopes: Some(std::iter::once(admin).collect()),
        ..NewKey::default()
    }
}

fn add(
    tx: &mut Tx<'_>,
    call: &Call,
    email: Email,
    name: Option<&str>,
    role: Role,
    hash: &PasswordHash,
    others: Others,
) -> Result<Option<UserId>> {
    let person = users::NewPerson { name: users::name(name, &email)?, email, role, verified: true };
    let password = hash.to_string();
    let added = users::insert_beside(tx, &call.services, person, Some(&password), call.now, others)?;
    let Some(user) = added else { return Ok(None) };
    let mut entry = call.entry(Kind::UserCreated);
    entry.user_no = Some(user.no);
    activity::record(tx, &entry)?;
    Ok(Some(user.id))
}

/// Not queued: the server has no other users yet.
async fn hash(services: &Services, password: Secret) -> Result<PasswordHash> {
    let salt = services.random();
    tokio::task::spawn_blocking(move || PasswordHash::new(&password, salt, &mut Vec::new()))
        .await
        .map_err(Error::internal)
}

/// Call context for the local operator.
fn operator(services: &Arc<Services>) -> Arc<Call> {
    let (now, identity) = (services.now(), authenticate::operator(services));
    let request = RequestInfo {
        id: RequestId::new(now, services.random()),
        ip: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        method: Method::Other,
        path: "/setup".into(),
        agent: None,
    };
    Call::new(services.clone(), identity, now, request)
}
