//! All [`Services`] on a store of their own, for unit tests of the rules.

use std::net::IpAddr;
use std::sync::Arc;

use crate::activity;
use crate::domain::identity::Services;
use crate::domain::identity::access::Call;
use crate::domain::identity::admission::{Admission as _, Person};
use crate::domain::identity::login_throttle;
use crate::domain::identity::login_throttle::{Throttle, ThrottleDrain};
use crate::domain::identity::{memory, signing_keys};
use crate::domain::policy::catalog::{Apis, Catalog};
use crate::domain::{apis, identity, policy};
use crate::env::{ManualClock, Rng, SeededRng, TrustedClock, random};
use crate::error::{Error, Result};
use crate::model::activity::Method;
use crate::model::setting::{Settings, SigningAlg, Signup};
use crate::model::{AuthMethods, KeyId, RequestId, Role, ScopeSet, SessionId, Timestamp, UserId};
use crate::model::{Identity, IdentityKind, RequestInfo};
use crate::platform;
use crate::platform::mail;
use crate::platform::queue::Queue;
use crate::platform::vault;
use crate::store;
use crate::store::{Db, Drain, params};

/// Initial time of the clock: a Monday noon.
pub(crate) const START: &str = "2026-06-01T12:00:00Z";

/// A store with only the built-in API, and a clock that only the test advances.
pub(crate) struct World {
    pub(crate) services: Arc<Services>,
    pub(crate) clock: Arc<ManualClock>,
    _directory: tempfile::TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        self.services.db.stop();
    }
}

/// Write-behind buffers.
struct WriteBehind(ThrottleDrain, activity::Appender);

impl Drain for WriteBehind {
    fn pending(&self) -> bool {
        self.0.pending() || self.1.pending()
    }

    fn append(&mut self, tx: &mut store::Tx<'_>, last: bool) -> std::result::Result<(), store::Error> {
        self.0.append(tx, last)?;
        self.1.append(tx, last)
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_activity(activity::Options::default()).await
    }

    /// One whose log has other bounds.
    pub(crate) async fn with_activity(options: activity::Options) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keywright.db");
        store::migrate::prepare(&path).unwrap();
        let clock = Arc::new(ManualClock::new(START.parse().unwrap()));
        let trusted = Arc::new(TrustedClock::new(clock.clone()));
        let rng: Arc<dyn Rng> = Arc::new(SeededRng::new(1));
        let settings = settings();
        let vault = Arc::new(vault::Vault::open(&vault::generate(&*rng)).unwrap());
        let (log, appender) = activity::open(&vault, trusted.clone(), options);
        let throttle = Throttle::new(&vault, login_throttle::Options::default());
        let behind = WriteBehind(throttle.drain(), appender);
        let db = Db::open(&store::Options::new(path), Box::new(behind)).unwrap();
        let catalog = seed(&db, trusted.now(), rng.clone(), settings.public_url.clone()).await;
        let mail = mail::Transport::Files(directory.path().join("mail"));
        let engine = policy::Engine::new(policy::CACHE_BYTES, &vault);
        let queue = Arc::new(Queue::new(db.clone(), trusted.clone(), rng.clone(), vault.clone()));
        let mailer = mail::Mailer::new(queue.clone(), &mail, &settings.organization).unwrap();
        let platform = platform::Services { db, clock: trusted, rng, vault, queue, mailer };
        let activity = activity::Services { platform: Arc::new(platform), log };
        let catalog = Catalog::new(catalog);
        let policy = policy::Services { activity: Arc::new(activity), catalog, engine };
        // Ed25519 keys are generated quickly.
        let options = identity::Options::new(SigningAlg::EdDsa);
        let services = identity::Services::start(Arc::new(policy), settings, throttle, &options).unwrap();
        let services = Arc::new(services);
        memory::follow_store(&services);
        signing_keys::open(&services, services.settled()).await.unwrap();
        Self { services, clock, _directory: directory }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.services.now()
    }

    /// A call by a management key with `scopes` on the built-in API.
    pub(crate) fn key_call(&self, scopes: &str) -> Arc<Call> {
        self.call(Identity {
            kind: IdentityKind::Key,
            key: Some((1_000_000, KeyId::new(self.now(), random(&*self.services.rng)))),
            api_no: Some(self.services.catalog.get().built_in().no),
            scopes: scopes.parse().unwrap(),
            ..Identity::anonymous()
        })
    }

    /// A call by a management key with all rights.
    pub(crate) fn admin(&self) -> Arc<Call> {
        self.key_call("admin")
    }

    /// A call by a signed-in person.
    pub(crate) fn session_call(&self, user: (i64, UserId, Role)) -> Arc<Call> {
        let apis = self.services.catalog.get();
        let own = apis.built_in();
        self.call(Identity {
            kind: IdentityKind::Session,
            user: Some(user),
            session: Some((1_000_000, SessionId::new(self.now(), random(&*self.services.rng)))),
            api_no: Some(own.no),
            scopes: own.scopes_of(user.2),
            amr: AuthMethods::PASSWORD,
            auth_time: Some(self.now()),
            ..Identity::anonymous()
        })
    }

    /// A person in a session of their own.
    pub(crate) fn person(&self, user: (i64, UserId, Role)) -> Person {
        Person::admit(&self.session_call(user)).unwrap()
    }

    /// A call by `identity`, now.
    pub(crate) fn call(&self, identity: Identity) -> Arc<Call> {
        let now = self.now();
        let request = RequestInfo {
            id: RequestId::new(now, random(&*self.services.rng)),
            ip: Some(IpAddr::from([203, 0, 113, 9])),
            method: Method::Post,
            path: "/v1/test".into(),
            agent: None,
        };
        Call::new(self.services.clone(), identity, now, request)
    }

    /// Changes the store.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut store::Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.services.write(job).await
    }

    /// Adds a person.
    pub(crate) async fn user(&self, email: &str, role: Role) -> (i64, UserId, Role) {
        let (now, email) = (self.now(), email.to_owned());
        let id = UserId::new(now, random(&*self.services.rng));
        let no = self
            .write(move |tx| {
                let sql = "INSERT INTO users (id, email, email_key, name, role, created_at, updated_at)
                    VALUES (?1, ?2, ?2, ?2, ?3, ?4, ?4) RETURNING no";
                Ok(tx.insert(sql, params![id.to_string(), email, role.as_str(), now.millis()])?)
            })
            .await
            .unwrap();
        (no, id, role)
    }
}

fn settings() -> Settings {
    Settings {
        public_url: "https://auth.example.com".to_owned(),
        local_url: "http://127.0.0.1:8080".to_owned(),
        organization: "Example".to_owned(),
        signup: Signup::Invite,
        default_api: "keywright".to_owned(),
        access_token_seconds: 3_600,
        refresh_grace_seconds: 30,
        refresh_max_seconds: 30 * 86_400,
        session_idle_seconds: 86_400,
        hsts_subdomains: false,
        registration_api: None,
    }
}

async fn seed(db: &Db, now: Timestamp, rng: Arc<dyn Rng>, public_url: String) -> Apis {
    let apis = db
        .write(move |tx| {
            apis::seed_built_in(tx, now, &*rng, &public_url)?;
            Ok::<_, Error>(store::apis::load_all(tx)?)
        })
        .await
        .unwrap();
    Apis::new(apis)
}

/// Scopes as in OAuth: separated by spaces.
pub(crate) fn scopes(text: &str) -> ScopeSet {
    text.parse().unwrap()
}
