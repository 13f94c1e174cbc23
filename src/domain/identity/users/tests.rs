use std::sync::Arc;

use super::account::{Invite, Registration};
use super::*;
use crate::domain::identity::access::Can;
use crate::domain::identity::sessions;
use crate::domain::identity::sessions::Login;
use crate::domain::testing::World;
use crate::model::Identity;
use crate::model::ScopeSet;

const PASSWORD: &str = "correct horse battery staple";

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn registration() -> Registration {
    Registration { name: None, password: secret(PASSWORD) }
}

fn anyone(world: &World) -> Arc<Call> {
    world.call(Identity::anonymous())
}

fn token_of(link: &Secret) -> Secret {
    secret(link.expose().split("#token=").nth(1).unwrap())
}

/// The first owner, created by the setup link.
async fn owner(world: &World) -> User {
    let link = account::setup_link(&world.services, world.now()).await.unwrap().unwrap();
    let email = "olga@example.com".parse().unwrap();
    account::setup(&anyone(world), token_of(&link), email, registration()).await.unwrap().user
}

async fn add(call: &Arc<Call>, email: &str, role: Role) -> Result<UserId> {
    let new = NewUser { email: email.parse().unwrap(), name: None, role, password: None };
    let can = Can::check(call)?;
    let new = prepare(&can, new).await?;
    call.services.write(move |tx| Ok(create(tx, &can, new)?.id)).await
}

/// The scopes of each role on the built-in API, one line each.
#[tokio::test]
async fn the_roles_are_these() {
    let world = World::new().await;
    let apis = world.services.catalog.get();
    let own = apis.built_in();
    let table: Vec<String> =
        Role::ALL.iter().map(|role| format!("{:<10} {}", role.as_str(), own.scopes_of(*role))).collect();
    let table = table.join("\n");
    #[expect(clippy::print_stderr, reason = "whoever runs it with --nocapture reads the table")]
    {
        eprintln!("{table}");
    }
    let everything = own.all_scopes();
    let reads: ScopeSet = everything.retain(|name| name.ends_with(":read"));
    let developer =
        reads.union(&everything.retain(|name| name.starts_with("keys:") || name.starts_with("clients:")));
    let expected = format!(
        "owner      {everything}\nadmin      {everything}\ndeveloper  {developer}\nviewer     {reads}\nmember     \
         profile:read"
    );
    assert_eq!(table, expected);
}

#[tokio::test]
async fn the_setup_link_makes_one_owner_and_dies() {
    let world = World::new().await;
    let first = account::setup_link(&world.services, world.now()).await.unwrap().unwrap();
    let second = account::setup_link(&world.services, world.now()).await.unwrap().unwrap();
    let go = async |link: &Secret| {
        account::setup(&anyone(&world), token_of(link), "olga@example.com".parse().unwrap(), registration())
            .await
    };
    assert_eq!(go(&first).await.err().unwrap().code, Code::NotFound, "the second replaced it");
    let session = go(&second).await.unwrap();
    assert_eq!(session.user.role, Role::Owner);
    assert!(sessions::from_cookie(&world.services, session.cookie.expose(), None, world.now()).is_ok());
    assert_eq!(go(&second).await.err().unwrap().code, Code::NotFound);
    assert!(account::setup_link(&world.services, world.now()).await.unwrap().is_none());
}

#[tokio::test]
async fn the_setup_link_lives_an_hour() {
    let world = World::new().await;
    let link = account::setup_link(&world.services, world.now()).await.unwrap().unwrap();
    world.clock.advance(std::time::Duration::from_secs(3_600));
    let caller = anyone(&world);
    let late = account::setup(&caller, token_of(&link), "o@example.com".parse().unwrap(), registration());
    assert_eq!(late.await.err().unwrap().code, Code::NotFound);
}

#[tokio::test]
async fn the_last_owner_stays_and_only_owners_touch_owners() {
    let world = World::new().await;
    let olga = owner(&world).await;
    let as_olga = world.session_call(olga.identity());
    let can = Can::check(&as_olga).unwrap();
    let demote = || Changes { role: Some(Role::Admin), ..Changes::default() };
    let disable = || Changes { disabled: Some(true), ..Changes::default() };
    for refused in [
        update(&can, olga.id, demote()).await.err(),
        update(&can, olga.id, disable()).await.err(),
        delete(&can, olga.id).await.err(),
    ] {
        assert_eq!(refused.unwrap().code, Code::Conflict);
    }
    let as_key = Can::check(&world.admin()).unwrap();
    assert_eq!(delete(&as_key, olga.id).await.unwrap_err().code, Code::Forbidden);
    let otto = add(&as_olga, "otto@example.com", Role::Owner).await.unwrap();
    let adam = add(&as_olga, "adam@example.com", Role::Admin).await.unwrap();
    let adam = get(&Can::check(&as_olga).unwrap(), adam).await.unwrap();
    let as_adam = world.session_call(adam.identity());
    for caller in [&as_adam, &world.admin()] {
        let can = Can::check(caller).unwrap();
        assert_eq!(add(caller, "x@example.com", Role::Owner).await.unwrap_err().code, Code::Forbidden);
        assert_eq!(delete(&can, otto).await.unwrap_err().code, Code::Forbidden);
        assert_eq!(update(&can, otto, disable()).await.unwrap_err().code, Code::Forbidden);
        assert_eq!(reset_link(&can, otto).await.unwrap_err().code, Code::Forbidden);
        let promote = Changes { role: Some(Role::Owner), ..Changes::default() };
        assert_eq!(update(&can, adam.id, promote).await.unwrap_err().code, Code::Forbidden);
    }
    delete(&can, otto).await.unwrap();
}

#[tokio::test]
async fn inviting_or_resetting_is_no_escalation() {
    let world = World::new().await;
    let olga = owner(&world).await;
    let adam = add(&world.session_call(olga.identity()), "adam@example.com", Role::Admin).await.unwrap();
    let weak = world.key_call("team:manage team:read");
    let can = Can::check(&weak).unwrap();
    let invite = |role| {
        let (can, invite) = (can.clone(), Invite { email: "i@example.com".parse().unwrap(), role });
        world.write(move |tx| account::invite(tx, &can, invite).map(drop))
    };
    assert_eq!(invite(Role::Admin).await.unwrap_err().code, Code::Forbidden);
    assert_eq!(invite(Role::Viewer).await.unwrap_err().code, Code::Forbidden);
    assert_eq!(reset_link(&can, adam).await.unwrap_err().code, Code::Forbidden);
    assert_eq!(delete(&can, adam).await.unwrap_err().code, Code::Forbidden);
}

#[tokio::test]
async fn an_invitation_is_taken_up_once_and_a_newer_one_replaces_it() {
    let world = World::new().await;
    let olga = owner(&world).await;
    let can = Can::check(&world.session_call(olga.identity())).unwrap();
    let invite = || {
        let invite = Invite { email: "dev@example.com".parse().unwrap(), role: Role::Developer };
        let can = can.clone();
        world.write(move |tx| Ok(account::invite(tx, &can, invite)?.link.expose().to_owned()))
    };
    let (first, second) = (secret(&invite().await.unwrap()), secret(&invite().await.unwrap()));
    let accept = async |link: &Secret| account::accept(&anyone(&world), token_of(link), registration()).await;
    assert_eq!(accept(&first).await.err().unwrap().code, Code::NotFound);
    assert_eq!(accept(&second).await.unwrap().user.role, Role::Developer);
    assert_eq!(accept(&second).await.err().unwrap().code, Code::NotFound);
    assert_eq!(invite().await.unwrap_err().code, Code::Conflict);
    let queued = world.services.db.lookup(|conn| crate::store::queue::waiting(conn, "mail")).unwrap();
    assert_eq!(queued, 2, "each invitation is sent by mail");
}

#[tokio::test]
async fn a_reset_ends_every_session_and_its_link_works_once() {
    let world = World::new().await;
    let olga = owner(&world).await;
    let login = |password: &str| {
        let login = Login { email: "olga@example.com".to_owned(), password: secret(password), totp: None };
        let call = anyone(&world);
        async move { sessions::login(&call, login, None).await }
    };
    let before = login(PASSWORD).await.unwrap();
    let can = Can::check(&world.session_call(olga.identity())).unwrap();
    let link = token_of(&reset_link(&can, olga.id).await.unwrap());
    let new = "another excellent passphrase";
    password::reset(&anyone(&world), link.clone(), secret(new)).await.unwrap();
    assert!(password::reset(&anyone(&world), link, secret(new)).await.is_err());
    assert!(sessions::refresh_tokens(&anyone(&world), before.refresh_token).await.is_err());
    assert!(login(PASSWORD).await.is_err());
    login(new).await.unwrap();
}

#[tokio::test]
async fn a_removed_person_leaves_nothing_personal_and_frees_the_address() {
    let world = World::new().await;
    let olga = owner(&world).await;
    let as_olga = world.session_call(olga.identity());
    let can = Can::check(&as_olga).unwrap();
    let gone = add(&as_olga, "gone@example.com", Role::Member).await.unwrap();
    delete(&can, gone).await.unwrap();
    assert_eq!(delete(&can, gone).await.unwrap_err().code, Code::NotFound);
    let left = world
        .services
        .db
        .lookup(|conn| conn.number("SELECT count(*) FROM users WHERE email LIKE 'gone%'", &[]));
    assert_eq!(left.unwrap(), 0);
    add(&as_olga, "gone@example.com", Role::Member).await.unwrap();
}
