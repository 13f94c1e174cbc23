//! Statements that decide something: of two callers, one succeeds.

use super::users::Others;
use super::{clients, idempotency, invitations, keys, links, sessions, signing_keys, users};
use crate::env::Settled;
use crate::model::signing_key::{KeyStage, SigningKeyInfo};
use crate::model::{
    ApiKey, Client, ClientId, ClientType, Email, Environment, InvitationId, KeyId, KeyUsage, KeyUser, Role,
    SecretHash, Timestamp, User, UserId,
};
use crate::store::testing::Store;
use crate::store::{Error, params};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn user(address: &str, role: Role) -> User {
    let email: Email = address.parse().unwrap();
    User {
        no: 0,
        id: UserId::new(NOW, SecretHash::of(address).as_bytes()[..10].try_into().unwrap()),
        name: address.to_owned(),
        email,
        role,
        email_verified_at: None,
        disabled_at: None,
        second_factor: false,
        last_active_at: None,
        created_at: NOW,
        updated_at: NOW,
    }
}

async fn add(store: &Store, address: &'static str, role: Role) -> User {
    let new = user(address, role);
    let added = new.clone();
    let no = store.write(move |tx| users::insert(tx, &added, None, Others::Any)).await.unwrap();
    User { no: no.unwrap(), ..new }
}

#[tokio::test]
async fn a_link_works_once_and_until_its_end() {
    let store = Store::new();
    let hash = SecretHash::of("link");
    let link = || links::Link {
        purpose: links::Purpose::Setup,
        user_no: None,
        email: None,
        expires_at: NOW.plus_seconds(60),
    };
    store.write(move |tx| links::replace(tx, &hash, &link())).await.unwrap();
    let take = |purpose, seconds| {
        store.write(move |tx| Ok(links::take(tx, purpose, &hash, NOW.plus_seconds(seconds))?.is_some()))
    };
    assert_eq!(take(links::Purpose::Signup, 0).await, Ok(false), "of another purpose");
    assert_eq!(take(links::Purpose::Setup, 60).await, Ok(false), "too late");
    assert_eq!(take(links::Purpose::Setup, 59).await, Ok(true));
    assert_eq!(take(links::Purpose::Setup, 59).await, Ok(false), "a second time");
}

#[tokio::test]
async fn an_invitation_is_accepted_or_revoked_once() {
    let store = Store::new();
    let new = |at: u8| invitations::Invitation {
        no: 0,
        id: InvitationId::new(NOW, [at; 10]),
        email: "ada@example.com".parse().unwrap(),
        role: Role::Member,
        invited_by: None,
        created_at: NOW,
        expires_at: NOW.plus_seconds(60),
    };
    let mut numbers = Vec::new();
    for at in 0..3 {
        let invitation = new(at);
        let hash = SecretHash::of(&at.to_string());
        numbers.push(store.write(move |tx| invitations::insert(tx, &invitation, &hash, None)).await.unwrap());
    }
    let (first, second, third) = (numbers[0], numbers[1], numbers[2]);
    let accept = |no, seconds| store.write(move |tx| invitations::accept(tx, no, NOW.plus_seconds(seconds)));
    let revoke = |no| store.write(move |tx| invitations::revoke(tx, no, NOW));
    assert_eq!(
        (accept(first, 0).await, accept(first, 0).await, revoke(first).await),
        (Ok(true), Ok(false), Ok(false))
    );
    assert_eq!(
        (revoke(second).await, revoke(second).await, accept(second, 0).await),
        (Ok(true), Ok(false), Ok(false))
    );
    assert_eq!(accept(third, 60).await, Ok(false), "too late");
}

#[tokio::test]
async fn an_address_is_taken_once_and_the_first_person_is_the_first() {
    let store = Store::new();
    let insert = |address: &'static str, others| {
        store.write(move |tx| Ok(users::insert(tx, &user(address, Role::Owner), None, others)?.is_some()))
    };
    assert_eq!(insert("ada@example.com", Others::None).await, Ok(true));
    assert_eq!(insert("bob@example.com", Others::None).await, Ok(false), "there is a first person");
    assert_eq!(insert("bob@example.com", Others::Any).await, Ok(true));
    assert_eq!(insert("ada@example.com", Others::Any).await, Ok(false), "the address is taken");
    assert_eq!(
        insert("ADA@example.com", Others::Any).await,
        Ok(false),
        "addresses are compared in lower case"
    );
}

#[tokio::test]
async fn the_last_owner_who_can_sign_in_stays_one() {
    let store = Store::new();
    let (ada, bob) = (
        add(&store, "ada@example.com", Role::Owner).await,
        add(&store, "bob@example.com", Role::Owner).await,
    );
    let update = |user: User| store.write(move |tx| users::update(tx, &user));
    let erase = |user: User| store.write(move |tx| users::erase(tx, &user, NOW));
    let disabled = User { disabled_at: Some(NOW), ..bob.clone() };
    assert_eq!(update(disabled).await, Ok(true), "another owner is left");
    let demoted = User { role: Role::Admin, ..ada.clone() };
    assert_eq!(update(demoted.clone()).await, Ok(false), "a disabled owner does not count");
    assert_eq!(update(User { disabled_at: Some(NOW), ..ada.clone() }).await, Ok(false));
    assert_eq!(erase(ada.clone()).await, Ok(false));
    let kept = store.db.lookup(|conn| users::by_no(conn, ada.no)).unwrap().unwrap();
    assert_eq!((kept.role, kept.disabled_at), (Role::Owner, None));
    assert_eq!(
        update(User { name: "Ada".to_owned(), ..ada.clone() }).await,
        Ok(true),
        "another change of an owner"
    );
    assert_eq!(update(bob).await, Ok(true));
    assert_eq!(
        (update(demoted).await, erase(ada.clone()).await, erase(ada).await),
        (Ok(true), Ok(true), Ok(false))
    );
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_once() {
    let store = Store::new();
    let (token, successor) = (SecretHash::of("token"), SecretHash::of("successor"));
    let make = move |tx: &mut crate::store::Tx<'_>| {
        let family =
            sessions::insert_family(tx, None, None, NOW, (NOW.plus_seconds(60), NOW.plus_seconds(60)))?;
        sessions::insert_refresh(tx, family, &token, NOW)
    };
    store.write(make).await.unwrap();
    let exchange = || store.write(move |tx| sessions::use_refresh(tx, &token, &successor, NOW));
    assert_eq!((exchange().await, exchange().await), (Ok(true), Ok(false)));
}

#[tokio::test]
async fn one_signing_key_is_active() {
    let store = Store::new();
    let key = |kid: &str, stage| signing_keys::Stored {
        info: SigningKeyInfo {
            kid: kid.to_owned(),
            alg: crate::model::setting::SigningAlg::EdDsa,
            stage,
            created_at: NOW,
            activated_at: None,
            retired_at: None,
            expires_at: None,
        },
        public: serde_json::json!({}),
        sealed: None,
    };
    let (active, next) = (key("a", KeyStage::Active), key("b", KeyStage::Next));
    let make = move |tx: &mut crate::store::Tx<'_>| {
        signing_keys::insert(tx, &active)?;
        signing_keys::insert(tx, &next)
    };
    store.write(make).await.unwrap();
    let activate =
        |kid: &'static str| store.write(move |tx| signing_keys::activate(tx, kid, Settled::of(NOW)));
    let retire =
        |kid: &'static str| store.write(move |tx| signing_keys::retire(tx, kid, Settled::of(NOW), NOW));
    assert!(matches!(activate("b").await, Err(Error::Duplicate(_))), "a second active key");
    assert_eq!((retire("b").await, retire("a").await, retire("a").await), (Ok(false), Ok(true), Ok(false)));
    assert_eq!(
        (activate("a").await, activate("b").await, activate("b").await),
        (Ok(false), Ok(true), Ok(false))
    );
}

#[tokio::test]
async fn an_idempotency_key_is_claimed_once_until_its_answer_expires() {
    let store = Store::new();
    let claim = |seconds| {
        store.write(move |tx| {
            let now = NOW.plus_seconds(seconds);
            let claimed = idempotency::claim(tx, &[1; 32], &[2; 32], now)?;
            let stored = idempotency::Stored {
                request_hash: vec![2; 32],
                resource_id: "key_1".to_owned(),
                sealed: Some(vec![3]),
                answer_until_at: now.plus_seconds(10),
                expires_at: now.plus_seconds(60),
            };
            if claimed {
                idempotency::keep(tx, &[1; 32], &stored)?;
            }
            Ok(claimed)
        })
    };
    assert_eq!(
        (claim(0).await, claim(0).await, claim(59).await, claim(60).await),
        (Ok(true), Ok(false), Ok(false), Ok(true))
    );
    // A job that fails takes its claim with it.
    let failed: Result<(), Error> = store
        .write(|tx| {
            idempotency::claim(tx, &[9; 32], &[2; 32], NOW)?;
            Err(Error::Other("the job failed".to_owned()))
        })
        .await;
    assert!(failed.is_err());
    assert_eq!(
        store.db.lookup(|conn| Ok::<_, Error>(idempotency::find(conn, &[9; 32])?.is_none())),
        Ok(true)
    );
}

#[tokio::test]
async fn only_so_many_clients_register_themselves() {
    let store = Store::new();
    let insert = |at: u8, dynamic, most: Option<i64>| {
        let client = Client {
            no: 0,
            id: ClientId::new(NOW, [at; 10]),
            name: "App".to_owned(),
            kind: ClientType::Public,
            access: Vec::new(),
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            grant_types: Vec::new(),
            require_pkce: true,
            trusted_by: None,
            dynamic,
            home_page: None,
            logo_at: None,
            access_token_seconds: None,
            refresh_token_seconds: None,
            disabled_at: None,
            created_at: NOW,
            updated_at: NOW,
        };
        store.write(move |tx| Ok(clients::insert(tx, &client, most)?.is_some()))
    };
    assert_eq!(insert(1, false, None).await, Ok(true));
    assert_eq!((insert(2, true, Some(2)).await, insert(3, true, Some(2)).await), (Ok(true), Ok(true)));
    assert_eq!(insert(4, true, Some(2)).await, Ok(false));
    assert_eq!(insert(5, false, None).await, Ok(true), "an administrator is not bound");
}

#[tokio::test]
async fn a_person_has_only_so_many_keys_of_an_api() {
    let store = Store::new();
    let (ada, bob) = (
        add(&store, "ada@example.com", Role::Member).await,
        add(&store, "bob@example.com", Role::Member).await,
    );
    let apis = |tx: &mut crate::store::Tx<'_>| {
        for no in [1_i64, 2] {
            tx.execute(
                "INSERT INTO apis (no, id, slug, name, audience, prefix, default_tier, token_tier, member_tier,
                    member_max_keys, created_at, updated_at, audience_key)
                 VALUES (?1, ?2, ?2, '', ?2, ?2, '', '', '', 2, 0, 0, ?2)",
                params![no, no.to_string()],
            )?;
        }
        Ok(())
    };
    store.write(apis).await.unwrap();
    let insert = |at: u8, owner: &User, api_no, most: Option<u32>| {
        let key = ApiKey {
            no: 0,
            id: KeyId::new(NOW, [at; 10]),
            api_no,
            api: String::new(),
            name: "key".to_owned(),
            environment: Environment::Live,
            scopes: Default::default(),
            tier: None,
            ratelimit: None,
            quota: None,
            owner: None,
            user: Some(KeyUser { no: owner.no, id: owner.id, role: owner.role }),
            allowed_ips: Vec::new(),
            metadata: serde_json::Map::new(),
            expires_at: None,
            disabled_at: None,
            revoked_at: None,
            created_at: NOW,
            updated_at: NOW,
            usage: KeyUsage { last_used_at: None, quota_period_at: Timestamp::MIN, quota_used: 0 },
            secrets: Vec::new(),
        };
        store.write(move |tx| keys::insert(tx, &key, most))
    };
    let first = insert(1, &ada, 1, Some(2)).await.unwrap().unwrap();
    assert!(insert(2, &ada, 1, Some(2)).await.unwrap().is_some());
    assert_eq!(insert(3, &ada, 1, Some(2)).await, Ok(None));
    assert!(insert(4, &ada, 2, Some(2)).await.unwrap().is_some(), "of another API");
    assert!(insert(5, &bob, 1, Some(2)).await.unwrap().is_some(), "another person's");
    assert!(insert(6, &ada, 1, None).await.unwrap().is_some(), "an administrator is not bound");
    let revoke = move |tx: &mut crate::store::Tx<'_>| {
        tx.execute("UPDATE keys SET revoked_at = 1 WHERE api_no = 1 AND no >= ?1", params![first])
    };
    store.write(revoke).await.unwrap();
    assert!(insert(7, &ada, 1, Some(2)).await.unwrap().is_some(), "revoked keys do not count");
}
