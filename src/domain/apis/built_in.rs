//! The built-in API: Keywright's own management API, which the program describes.

use super::default_audience;
use crate::domain::identity::access::SCOPES;
use crate::env::{Rng, random};
use crate::error::Result;
use crate::model::api::{BUILT_IN_SLUG, RoleScopes, ScopeInfo, Tier};
use crate::model::{Api, ApiId, KeyPrefix, LimitPer, Scope, ScopeSet, Timestamp};
use crate::store;
use crate::store::Tx;

/// The only tier of the built-in API.
const UNLIMITED: &str = "unlimited";

/// Updates the built-in API to this version of the program, and adds it to a new store. Run it before the catalog is
/// loaded: at `init` and on every start, since an upgrade may add scopes and `public_url` may change.
pub fn seed_built_in(tx: &mut Tx<'_>, now: Timestamp, rng: &dyn Rng, public_url: &str) -> Result<()> {
    let wanted = built_in(ApiId::new(now, random(rng)), now, public_url);
    let stored = store::apis::load_all(tx)?.into_iter().find(|api| api.built_in);
    match stored {
        None => {
            store::apis::insert(tx, &wanted)?;
        }
        Some(stored) => {
            let kept = Api {
                no: stored.no,
                id: stored.id,
                created_at: stored.created_at,
                updated_at: stored.updated_at,
                ..wanted
            };
            if kept != stored {
                store::apis::update(tx, &Api { updated_at: now, ..kept })?;
            }
        }
    }
    Ok(())
}

fn built_in(id: ApiId, now: Timestamp, public_url: &str) -> Api {
    Api {
        no: 0,
        id,
        slug: BUILT_IN_SLUG.to_owned(),
        name: "Keywright".to_owned(),
        audience: default_audience(public_url, BUILT_IN_SLUG),
        prefix: prefix(),
        built_in: true,
        default_tier: UNLIMITED.to_owned(),
        token_tier: UNLIMITED.to_owned(),
        member_tier: UNLIMITED.to_owned(),
        member_max_keys: 10,
        x_api_key: false,
        open: false,
        case_insensitive_paths: false,
        allowed_origins: Vec::new(),
        role_scopes: role_scopes(),
        scopes: scopes(),
        presets: Vec::new(),
        tiers: vec![Tier {
            name: UNLIMITED.to_owned(),
            limit: None,
            window_seconds: 60,
            burst: None,
            per: LimitPer::Key,
        }],
        routes: Vec::new(),
        created_at: now,
        updated_at: now,
    }
}

fn prefix() -> KeyPrefix {
    "kw".parse().expect("two lowercase letters are a prefix")
}

fn scope(name: &str) -> Scope {
    Scope::new(name).expect("our own scopes are well-formed")
}

fn scopes() -> Vec<ScopeInfo> {
    let described = |name: &str, description: &str, grants_all| ScopeInfo {
        name: scope(name),
        description: description.to_owned(),
        grants_all,
    };
    let mut all: Vec<ScopeInfo> = SCOPES.iter().map(|&(name, text)| described(name, text, false)).collect();
    all.push(described("admin", "Everything", true));
    all
}

/// Scopes of each role.
fn role_scopes() -> RoleScopes {
    let all: ScopeSet = scopes().into_iter().map(|described| described.name).collect();
    let viewer = all.retain(|name| name.ends_with(":read"));
    let developer =
        viewer.union(&all.retain(|name| name.starts_with("keys:") || name.starts_with("clients:")));
    let member = all.retain(|name| name.as_str() == "profile:read");
    RoleScopes {
        owner: Some(all.clone()),
        admin: Some(all),
        developer: Some(developer),
        viewer: Some(viewer),
        member: Some(member),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::World;
    use crate::model::Role;

    #[tokio::test]
    async fn a_new_store_knows_its_own_api() {
        let world = World::new().await;
        let apis = world.services.catalog.get();
        let own = apis.built_in();
        assert!(own.built_in);
        assert_eq!((own.slug.as_str(), own.prefix.as_str()), ("keywright", "kw"));
        assert_eq!(own.audience, "https://auth.example.com/keywright");
        assert_eq!(own.tier(&own.default_tier).unwrap().limit, None);
        let held = |role| own.scopes_of(role).to_string();
        assert_eq!(held(Role::Member), "profile:read");
        assert_eq!(
            held(Role::Viewer),
            "activity:read apis:read clients:read keys:read profile:read team:read"
        );
        assert_eq!(
            held(Role::Developer),
            "activity:read apis:read clients:read clients:write keys:read keys:verify keys:write profile:read \
             team:read"
        );
        assert!(own.grants_all(&own.scopes_of(Role::Admin)));
    }

    #[tokio::test]
    async fn an_upgrade_brings_the_api_up_to_date_and_keeps_its_identity() {
        let world = World::new().await;
        let before = world.services.catalog.get().built_in().clone();
        let later = before.created_at.plus_seconds(60);
        let reseed = move |url: &'static str| {
            let services = world.services.clone();
            async move {
                services
                    .clone()
                    .write(move |tx| {
                        seed_built_in(tx, later, &*services.rng, url)?;
                        Ok::<_, crate::error::Error>(store::apis::load_all(tx)?.remove(0))
                    })
                    .await
                    .unwrap()
            }
        };
        assert_eq!(reseed("https://auth.example.com").await, *before);
        let moved = reseed("https://login.example.com/").await;
        assert_eq!((moved.no, moved.id, moved.created_at), (before.no, before.id, before.created_at));
        assert_eq!(moved.audience, "https://login.example.com/keywright");
        assert_eq!(moved.updated_at, later);
    }
}
