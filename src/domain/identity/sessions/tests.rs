use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::domain::identity::access::Call;
use crate::domain::identity::admission::{Admission as _, Person};
use crate::domain::identity::authenticate;
use crate::domain::identity::totp;
use crate::domain::identity::users;
use crate::domain::identity::users::factor;
use crate::domain::testing::World;
use crate::error::Code;
use crate::model::IdentityKind;
use crate::model::{Secret, User};

const PASSWORD: &str = "correct horse battery staple";

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn operator(world: &World) -> Arc<Call> {
    let apis = world.services.catalog.get();
    let own = apis.built_in();
    world.call(Identity {
        kind: IdentityKind::Operator,
        api_no: Some(own.no),
        scopes: own.all_scopes(),
        ..Identity::anonymous()
    })
}

async fn person(world: &World, email: &str, role: Role) -> User {
    let can = crate::domain::identity::access::Can::check(&operator(world)).unwrap();
    let new =
        users::NewUser { email: email.parse().unwrap(), name: None, role, password: Some(secret(PASSWORD)) };
    let new = users::prepare(&can, new).await.unwrap();
    world.write(move |tx| users::create(tx, &can, new).map(drop)).await.unwrap();
    let no = world
        .services
        .db
        .lookup(|conn| Ok::<_, Error>(crate::store::users::by_email(conn, &email.parse().unwrap())?));
    no.unwrap().unwrap().0
}

fn anyone(world: &World) -> Arc<Call> {
    world.call(Identity::anonymous())
}

fn from(world: &World, ip: &str) -> Arc<Call> {
    let mut call = Arc::into_inner(anyone(world)).unwrap();
    call.request.ip = Some(ip.parse::<IpAddr>().unwrap());
    Arc::new(call)
}

fn login(email: &str, password: &str, code: Option<&str>) -> Login {
    Login { email: email.to_owned(), password: secret(password), totp: code.map(secret) }
}

async fn sign_in(world: &World, email: &str) -> Tokens {
    super::login(&anyone(world), login(email, PASSWORD, None), None).await.unwrap()
}

fn authenticated(world: &World, token: &Secret) -> Result<Identity> {
    authenticate::token(&world.services, token.expose(), world.now())
}

#[tokio::test]
async fn a_login_gives_a_token_with_the_scopes_of_its_person() {
    let world = World::new().await;
    let ada = person(&world, "ada@example.com", Role::Viewer).await;
    let tokens =
        super::login(&anyone(&world), login(" ADA@example.com", PASSWORD, None), None).await.unwrap();
    assert_eq!(tokens.expires_in, 3_600);
    let identity = authenticated(&world, &tokens.access_token).unwrap();
    assert_eq!((identity.kind, identity.user), (IdentityKind::Session, Some(ada.identity())));
    let own = world.services.catalog.get().built_in().clone();
    assert_eq!(identity.scopes, own.scopes_of(Role::Viewer));
    let unknown = super::login(&anyone(&world), login("x", PASSWORD, None), Some("nope")).await;
    assert_eq!(unknown.unwrap_err().code, Code::InvalidRequest);
}

#[tokio::test]
async fn a_demoted_person_holds_less_and_a_disabled_one_nothing_at_the_next_request() {
    let world = World::new().await;
    let ada = person(&world, "ada@example.com", Role::Admin).await;
    let tokens = sign_in(&world, "ada@example.com").await;
    let cookie =
        sign_in_cookie(&anyone(&world), login("ada@example.com", PASSWORD, None), ORIGIN, None).await;
    let cookie = cookie.unwrap().cookie;
    let can = crate::domain::identity::access::Can::check(&operator(&world)).unwrap();
    let change = |changes| users::update(&can, ada.id, changes);
    change(users::Changes { role: Some(Role::Member), ..Default::default() }).await.unwrap();
    for identity in [
        authenticated(&world, &tokens.access_token).unwrap(),
        from_cookie(&world.services, cookie.expose(), None, world.now()).unwrap(),
    ] {
        assert_eq!(identity.scopes.to_string(), "profile:read");
    }
    change(users::Changes { disabled: Some(true), ..Default::default() }).await.unwrap();
    assert_eq!(authenticated(&world, &tokens.access_token).unwrap_err().code, Code::InvalidToken);
    assert!(from_cookie(&world.services, cookie.expose(), None, world.now()).is_err());
    assert!(refresh_tokens(&anyone(&world), tokens.refresh_token).await.is_err());
    let refused = super::login(&anyone(&world), login("ada@example.com", PASSWORD, None), None).await;
    assert_eq!(refused.unwrap_err().code, Code::InvalidCredentials);
}

const ORIGIN: Option<&str> = Some("https://auth.example.com");

#[tokio::test]
async fn a_refresh_token_works_once_and_its_replay_ends_the_family() {
    let world = World::new().await;
    person(&world, "ada@example.com", Role::Member).await;
    let first = sign_in(&world, "ada@example.com").await;
    let second = refresh_tokens(&anyone(&world), first.refresh_token.clone()).await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(9));
    let again = refresh_tokens(&anyone(&world), first.refresh_token.clone()).await.unwrap();
    assert_eq!(again.refresh_token, second.refresh_token, "a lost answer is given again");
    assert_eq!(again.access_token, second.access_token);
    let third = refresh_tokens(&anyone(&world), second.refresh_token.clone()).await.unwrap();
    assert!(refresh_tokens(&anyone(&world), first.refresh_token.clone()).await.is_err());
    assert!(authenticated(&world, &third.access_token).is_err(), "the whole session has ended");
    assert!(refresh_tokens(&anyone(&world), third.refresh_token).await.is_err());

    let other = sign_in(&world, "ada@example.com").await;
    let next = refresh_tokens(&anyone(&world), other.refresh_token.clone()).await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(11));
    assert!(refresh_tokens(&anyone(&world), other.refresh_token).await.is_err(), "ten seconds are over");
    assert!(refresh_tokens(&anyone(&world), next.refresh_token).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_parallel_refreshes_give_one_successor() {
    let world = World::new().await;
    person(&world, "ada@example.com", Role::Member).await;
    let first = sign_in(&world, "ada@example.com").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (call, token) = (anyone(&world), first.refresh_token.clone());
        tasks.spawn(async move { refresh_tokens(&call, token).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    let one = &answers[0];
    assert!(answers.iter().all(|other| other.refresh_token == one.refresh_token));
    assert!(answers.iter().all(|other| other.access_token == one.access_token));
}

#[tokio::test]
async fn signing_out_ends_the_session_and_an_expired_one_is_refused() {
    let world = World::new().await;
    person(&world, "ada@example.com", Role::Member).await;
    let tokens = sign_in(&world, "ada@example.com").await;
    let identity = authenticated(&world, &tokens.access_token).unwrap();
    sign_out(&world.call(identity), None).await.unwrap();
    assert!(authenticated(&world, &tokens.access_token).is_err());
    assert!(refresh_tokens(&anyone(&world), tokens.refresh_token).await.is_err());

    let tokens = sign_in(&world, "ada@example.com").await;
    sign_out(&anyone(&world), Some(tokens.refresh_token)).await.unwrap();
    assert!(authenticated(&world, &tokens.access_token).is_err());

    let tokens = sign_in(&world, "ada@example.com").await;
    let early = world.now();
    world.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(authenticated(&world, &tokens.access_token).unwrap_err().code, Code::ExpiredToken);
    world.clock.set_wall(early);
    let revived = authenticated(&world, &tokens.access_token);
    assert_eq!(revived.unwrap_err().code, Code::ExpiredToken, "a clock that goes back revives nothing");
}

#[tokio::test]
async fn a_cookie_changes_things_only_with_its_csrf_token_and_origin() {
    let world = World::new().await;
    person(&world, "ada@example.com", Role::Owner).await;
    let caller = anyone(&world);
    let evil = Some("https://evil.example");
    let foreign = sign_in_cookie(&caller, login("ada@example.com", PASSWORD, None), evil, None);
    assert_eq!(foreign.await.err().unwrap().code, Code::Csrf);
    let first = sign_in_cookie(&anyone(&world), login("ada@example.com", PASSWORD, None), ORIGIN, None)
        .await
        .unwrap();
    let other = sign_in_cookie(&anyone(&world), login("ada@example.com", PASSWORD, None), ORIGIN, None)
        .await
        .unwrap();
    let ask = |csrf_token, origin| {
        let change = Some(Change { csrf_token, origin });
        from_cookie(&world.services, first.cookie.expose(), change, world.now()).err().map(|error| error.code)
    };
    let good = Some(first.csrf_token.as_str());
    assert_eq!(ask(good, ORIGIN), None);
    for (token, origin) in [
        (None, ORIGIN),
        (Some(""), ORIGIN),
        (Some(other.csrf_token.as_str()), ORIGIN),
        (good, None),
        (good, Some("null")),
        (good, Some("https://auth.example.com.evil.example")),
        (good, Some("http://auth.example.com")),
    ] {
        assert_eq!(ask(token, origin), Some(Code::Csrf), "{token:?} {origin:?}");
    }
    let again = sign_in_cookie(
        &caller,
        login("ada@example.com", PASSWORD, None),
        ORIGIN,
        Some(first.cookie.expose()),
    );
    assert_ne!(again.await.unwrap().cookie, first.cookie);
    assert!(
        from_cookie(&world.services, first.cookie.expose(), None, world.now()).is_err(),
        "the former ended"
    );
}

#[tokio::test]
async fn guessing_is_throttled_in_its_network_only() {
    let world = World::new().await;
    person(&world, "ada@example.com", Role::Member).await;
    let wrong =
        async |email: &str| super::login(&anyone(&world), login(email, "wrong password", None), None).await;
    for email in
        ["ada@example.com", "ADA@example.com", " ada@example.com ", "Ada@Example.Com", "ada@example.com"]
    {
        assert_eq!(wrong(email).await.unwrap_err().code, Code::InvalidCredentials);
    }
    let slowed = wrong("ada@EXAMPLE.com").await.unwrap_err();
    assert_eq!((slowed.code, slowed.retry_after_seconds), (Code::LockedOut, Some(1)));
    let right = || login("ada@example.com", PASSWORD, None);
    assert!(super::login(&anyone(&world), right(), None).await.is_err(), "here even the right one waits");
    super::login(&from(&world, "198.51.100.7"), right(), None).await.unwrap();
    world.clock.advance(std::time::Duration::from_secs(1));
    super::login(&anyone(&world), right(), None).await.unwrap();
    for _ in 0..5 {
        assert_eq!(wrong("nobody@example.com").await.unwrap_err().code, Code::InvalidCredentials);
    }
    assert_eq!(wrong("nobody@example.com").await.unwrap_err().code, Code::LockedOut);
}

/// Enrols a second factor; returns the seed and the recovery codes.
async fn enrol(world: &World, user: &User) -> (totp::Seed, Vec<Secret>) {
    enrol_in(world, user, &world.person(user.identity())).await
}

/// The same in a given session.
async fn enrol_in(world: &World, user: &User, person: &Person) -> (totp::Seed, Vec<Secret>) {
    factor::enrol(person, secret(PASSWORD)).await.unwrap();
    let sealed =
        world.services.db.lookup(|conn| crate::store::users::totp(conn, user.no)).unwrap().unwrap().sealed;
    let seed = world.services.vault.unseal(&seed_context(user), &sealed).unwrap();
    let seed = totp::Seed::from_bytes(&seed).unwrap();
    let codes = factor::confirm(person, secret(&code(world, &seed))).await.unwrap();
    (seed, codes)
}

fn code(world: &World, seed: &totp::Seed) -> String {
    seed.code(world.now().seconds() / 30)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once_even_in_fifty_concurrent_sign_ins() {
    let world = World::new().await;
    let ada = person(&world, "ada@example.com", Role::Admin).await;
    let (seed, recovery) = enrol(&world, &ada).await;
    let missing = super::login(&anyone(&world), login("ada@example.com", PASSWORD, None), None).await;
    assert_eq!(missing.unwrap_err().code, Code::MfaRequired);
    let caller = anyone(&world);
    let used = super::login(&caller, login("ada@example.com", PASSWORD, Some(&code(&world, &seed))), None);
    assert_eq!(used.await.unwrap_err().code, Code::InvalidCredentials, "it was used to enrol");
    world.clock.advance(std::time::Duration::from_secs(30));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (call, code) = (anyone(&world), code(&world, &seed));
        tasks.spawn(async move {
            super::login(&call, login("ada@example.com", PASSWORD, Some(&code)), None).await.is_ok()
        });
    }
    let let_in = tasks.join_all().await.into_iter().filter(|let_in| *let_in).count();
    assert_eq!(let_in, 1);
    world.clock.advance(std::time::Duration::from_secs(3_600));
    let typed = recovery[3].expose().to_uppercase().replace('-', " ");
    for expected in [None, Some(Code::InvalidCredentials)] {
        let answer =
            super::login(&anyone(&world), login("ada@example.com", PASSWORD, Some(&typed)), None).await;
        assert_eq!(answer.err().map(|error| error.code), expected);
    }
    assert_eq!(factor::status(&world.person(ada.identity())).unwrap().recovery_codes_left, 9);
}

#[tokio::test]
async fn where_a_second_factor_is_demanded_an_admin_without_one_may_only_set_it_up() {
    let world = World::new().await;
    let ada = person(&world, "ada@example.com", Role::Admin).await;
    person(&world, "bob@example.com", Role::Developer).await;
    let (ada_in, bob_in) =
        (sign_in(&world, "ada@example.com").await, sign_in(&world, "bob@example.com").await);
    world
        .write(|tx| {
            let sql =
                "INSERT INTO settings (name, value, updated_at) VALUES ('second_factor_required', 'true', 0)";
            Ok(tx.execute(sql, &[])?)
        })
        .await
        .unwrap();
    let scopes = |tokens: &Tokens| authenticated(&world, &tokens.access_token).unwrap().scopes.to_string();
    assert_eq!(scopes(&ada_in), "profile:read");
    assert!(scopes(&bob_in).contains("keys:write"));
    let ada_again = sign_in(&world, "ada@example.com").await;
    let in_session = world.call(authenticated(&world, &ada_in.access_token).unwrap());
    enrol_in(&world, &ada, &Person::admit(&in_session).unwrap()).await;
    assert!(scopes(&ada_in).contains("admin"), "the factor was shown in this session");
    let other = authenticated(&world, &ada_again.access_token).unwrap_err();
    assert_eq!(other.code, Code::InvalidToken, "and in no other one");
}
