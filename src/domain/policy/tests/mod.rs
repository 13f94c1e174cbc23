//! Tests of the hot path, with rows and APIs made by hand.

mod catalog;
mod entry;
mod explain;
mod fresh;
mod limits;
mod quota;
mod rules;
mod saved;
mod store;
mod tokens;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::model::api::{RoleScopes, ScopeInfo, Tier};
use crate::model::{ApiId, Environment, KeyId, LimitPer, RateLimit, Role, Scope};
use crate::platform::vault;
use crate::store::key_lookup::KeyUser;

const NOW: Timestamp = Timestamp::from_seconds(1_780_000_000);

fn engine(cache_bytes: u64) -> Engine {
    let vault = Vault::open(&vault::generate(&crate::env::SeededRng::new(1))).unwrap();
    Engine::new(cache_bytes, &vault)
}

/// An API with two scopes and `admin`, unlimited unless a test adds tiers.
fn api(no: i64) -> Api {
    let scope = |name: &str| ScopeInfo {
        name: Scope::new(name).unwrap(),
        description: String::new(),
        grants_all: name == "admin",
    };
    Api {
        no,
        id: ApiId::from_u128(u128::try_from(no).unwrap()),
        slug: format!("api{no}"),
        name: "An API".to_owned(),
        audience: format!("https://api{no}.example.com"),
        prefix: format!("api{no}").parse().unwrap(),
        built_in: false,
        default_tier: "default".to_owned(),
        token_tier: "default".to_owned(),
        member_tier: "default".to_owned(),
        member_max_keys: 10,
        x_api_key: false,
        open: false,
        case_insensitive_paths: false,
        allowed_origins: vec![],
        role_scopes: RoleScopes { viewer: Some("a:read".parse().unwrap()), ..RoleScopes::default() },
        scopes: vec![scope("a:read"), scope("a:write"), scope("admin")],
        presets: vec![],
        tiers: vec![tier("default", None, LimitPer::Key)],
        routes: vec![],
        created_at: NOW,
        updated_at: NOW,
    }
}

fn tier(name: &str, limit: Option<u32>, per: LimitPer) -> Tier {
    Tier { name: name.to_owned(), limit, window_seconds: 60, burst: None, per }
}

/// A valid key of [`api`] 7.
fn row() -> KeyRow {
    KeyRow {
        no: 1,
        id: KeyId::from_u128(1),
        api_no: 7,
        name: "Production Backend".into(),
        environment: Environment::Live,
        scopes: "a:read".into(),
        tier: None,
        ratelimit: None,
        quota: None,
        owner: None,
        user: None,
        allowed_ips: None,
        metadata: "{}".into(),
        expires_at: None,
        disabled_at: None,
        revoked_at: None,
        secret_expires_at: None,
        last_used_at: None,
        quota_period_at: Timestamp::MIN,
        quota_used: 0,
    }
}

fn person(role: Role) -> KeyUser {
    KeyUser { no: 5, id: crate::model::UserId::from_u128(5), role, disabled: false }
}

/// An engine with one key, questioned at any time.
struct Bench {
    engine: Engine,
    api: Arc<Api>,
    row: KeyRow,
}

/// Wall time and monotonic time.
struct At(Timestamp, Duration);

impl Times for At {
    fn monotonic(&self) -> Duration {
        self.1
    }

    fn settled(&self) -> Settled {
        Settled::of(self.0)
    }
}

impl Bench {
    fn new(api: Api, row: KeyRow) -> Self {
        Self { engine: engine(CACHE_BYTES), api: Arc::new(api), row }
    }

    fn question(&self) -> Question<'_> {
        Question { api: &self.api, scopes: None, environment: RequestedEnvironment::Live, cost: 1, ip: None }
    }

    fn ask(&self, question: &Question<'_>, now: Timestamp, monotonic: Duration) -> Verdict {
        let hash = SecretHash::of(&self.row.no.to_string());
        let entry = self.engine.find(&hash, |_| Ok(Some(self.row.clone()))).unwrap().unwrap();
        self.engine.judge(Bearer::Key(entry), question, now, &At(now, monotonic)).unwrap()
    }

    fn ask_now(&self) -> Verdict {
        self.ask(&self.question(), NOW, Duration::ZERO)
    }
}
