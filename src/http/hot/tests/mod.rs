//! Tests of both endpoints, without a listener.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::http::{Method as HttpMethod, StatusCode};
use poem::{Request, Response};
use serde_json::{Value, json};

use super::*;
use crate::domain::policy::catalog::Apis;
use crate::domain::testing::World;
use crate::model::{ApiId, Environment, KeyId, KeySecret, RequestId};
use crate::store::params;

mod forward_auth;
mod verify;

/// A world with an API `afdb`, whose keys may come three times a minute, and a management key.
struct Scene {
    world: World,
    management: KeySecret,
    hot: Hot,
}

const SEND: &str = "203.0.113.9";

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let (id, now) = (ApiId::new(world.now(), world.services.random()), world.now().millis());
        let loaded = world
            .write(move |tx| {
                let api = "INSERT INTO apis (no, id, slug, name, audience, audience_key, prefix, default_tier, token_tier,
                    member_tier, member_max_keys, x_api_key, open, created_at, updated_at) VALUES (100, ?1, 'afdb',
                    'AI for Database', 'https://db.example.com', 'https://db.example.com', 'afdb', 'pro', 'pro', 'pro', 10, 1, 1, ?2, ?2)";
                tx.execute(api, params![id.to_string(), now])?;
                for scope in ["admin", "queries:read", "queries:write"] {
                    let sql = "INSERT INTO scopes (api_no, name, description, grants_all, position)
                        VALUES (100, ?1, '', ?2, 0)";
                    tx.execute(sql, params![scope, i64::from(scope == "admin")])?;
                }
                let tier = "INSERT INTO tiers (api_no, name, limit_count, window_seconds, position)
                    VALUES (100, 'pro', 3, 60, 0)";
                tx.execute(tier, &[])?;
                Ok(Apis::new(crate::store::apis::load_all(tx)?))
            })
            .await
            .unwrap();
        world.services.catalog.install(loaded, world.services.db.changes());
        let own = world.services.catalog.get().built_in().no;
        let management = add_key(&world, "kw", own, "keys:verify").await;
        Self { world, management, hot: Hot::default() }
    }

    /// A key of `afdb`.
    async fn key(&self, scopes: &str) -> KeySecret {
        add_key(&self.world, "afdb", 100, scopes).await
    }

    fn context(&self) -> RequestContext {
        RequestContext {
            id: RequestId::new(self.world.now(), self.world.services.random()),
            now: self.world.now(),
            started: Duration::ZERO,
            ip: Some(SEND.parse::<IpAddr>().unwrap()),
            from_proxy: false,
            operator: false,
        }
    }

    /// Asks as the edge would; an error comes as the edge would send it.
    async fn call(&self, path: Path, mut request: Request, context: RequestContext) -> Response {
        match self.hot.answer(path, &self.world.services, &mut request, &context).await {
            Ok(response) => response,
            Err(error) => crate::http::error::from_poem(error)
                .map_or_else(|response| response, |error| crate::http::error::response(&error, context.id)),
        }
    }
}

async fn add_key(world: &World, prefix: &str, api_no: i64, scopes: &str) -> KeySecret {
    let secret = KeySecret::generate(prefix.parse().unwrap(), Environment::Live, &world.services.random());
    let (hash, now, id) = (secret.hash(), world.now(), KeyId::new(world.now(), world.services.random()));
    let scopes = scopes.to_owned();
    world
        .write(move |tx| {
            let key = "INSERT INTO keys (id, api_no, name, environment, scopes, owner, metadata, created_at,
                updated_at) VALUES (?1, ?2, 'Production \"Backend\"', 'live', ?3, 'acmé', '{\"a\":[1]}', ?4, ?4) RETURNING no";
            let no = tx.insert(key, params![id.to_string(), api_no, scopes, now.millis()])?;
            let secret = "INSERT INTO key_secrets (hash, key_no, start, \"end\", created_at)
                VALUES (?1, ?2, 'aaaa', 'bbbb', ?3)";
            tx.execute(secret, params![hash.as_bytes(), no, now.millis()])?;
            Ok(())
        })
        .await
        .unwrap();
    secret
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response.headers().get(name).map(|value| std::str::from_utf8(value.as_bytes()).unwrap())
}

async fn body(response: Response) -> Value {
    serde_json::from_slice(&response.into_body().into_vec().await.unwrap()).unwrap()
}

fn bearer(secret: &KeySecret) -> String {
    format!("Bearer {}", secret.expose())
}

fn core_of(scene: &Scene) -> &Arc<Services> {
    &scene.world.services
}
