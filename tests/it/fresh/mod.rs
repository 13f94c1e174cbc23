//! Zero staleness over real HTTP: concurrent calls on a key are linearizable, and no call sees a state before a change
//! that was already answered.

mod model;

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};
use serde_json::{Value, json};

use crate::support::{Client, Reply, TestApp, afdb};
use model::{Act, Done, Event, Key};

/// Concurrent callers.
const CALLERS: usize = 5;
/// Number of histories. Each has some dozens of requests.
const HISTORIES: u32 = 80;

/// One key and its known state.
struct Scene {
    /// One by the network with a key, the others by the control socket: all are HTTP.
    changers: [Client; 2],
    anyone: Client,
    verifier: Client,
    path: String,
    now: i64,
    secrets: Mutex<Vec<(usize, String)>>,
    ticks: AtomicU64,
    numbers: AtomicU64,
}

impl Scene {
    async fn new(app: &TestApp, manager: &Client) -> Self {
        let scopes = json!({"scopes": ["queries:read", "queries:write"]});
        let key = app.afdb_key(scopes).await;
        let text = |name: &str| key[name].as_str().unwrap().to_owned();
        Self {
            changers: [manager.clone(), app.operator()],
            anyone: app.anonymous(),
            verifier: manager.clone(),
            path: format!("/v1/keys/{}", text("id")),
            now: app.now().seconds(),
            secrets: Mutex::new(vec![(0, text("key"))]),
            ticks: AtomicU64::new(0),
            numbers: AtomicU64::new(1),
        }
    }

    fn tick(&self) -> u64 {
        self.ticks.fetch_add(1, Ordering::SeqCst)
    }

    /// Executes its operations, one after the other.
    async fn call(&self, caller: usize, acts: &[Act]) -> Vec<Event> {
        let mut events = Vec::new();
        for act in acts {
            let began = self.tick();
            let done = match *act {
                Act::Ask { pick, forward, writing } => self.ask(pick, forward, writing).await,
                change => self.change(&self.changers[caller % 2], change).await,
            };
            events.push(Event { began, ended: self.tick(), done });
        }
        events
    }

    async fn ask(&self, pick: usize, forward: bool, writing: bool) -> Done {
        let (secret, text) = {
            let secrets = self.secrets.lock().unwrap();
            secrets[pick % secrets.len()].clone()
        };
        let scope = if writing { "queries:write" } else { "queries:read" };
        let code = if forward {
            let bearer = self.anyone.with("authorization", &format!("Bearer {text}"));
            forward_code(&bearer.get(&format!("/v1/forward-auth?api=afdb&scope={scope}")).await)
        } else {
            let question = json!({"api": "afdb", "key": text, "scopes": scope});
            let answer = self.verifier.post("/v1/keys/verify", &question).await.expect(200);
            answer["code"].as_str().unwrap().to_owned()
        };
        Done::Asked { secret, writing, code }
    }

    async fn change(&self, client: &Client, act: Act) -> Done {
        let patch = async |body: Value| client.patch(&self.path, &body).await;
        let reply = match act {
            Act::Disable(off) => patch(json!({"disabled": off})).await,
            Act::Widen(true) => patch(json!({"scopes": ["queries:read", "queries:write"]})).await,
            Act::Widen(false) => patch(json!({"scopes": ["queries:read"]})).await,
            Act::Expire(true) => patch(json!({"expires_at": end(self.now + 10)})).await,
            Act::Expire(false) => patch(json!({"expires_at": null})).await,
            Act::Revoke => client.delete(&self.path).await,
            Act::Rotate { grace_seconds } => {
                let body = json!({"grace_seconds": grace_seconds});
                client.post(&format!("{}/rotate", self.path), &body).await
            }
            Act::Ask { .. } => unreachable!("a question is no change"),
        };
        let mut secret = 0;
        if let (Act::Rotate { .. }, 200) = (act, reply.status) {
            secret = usize::try_from(self.numbers.fetch_add(1, Ordering::SeqCst)).unwrap();
            let text = reply.json()["key"].as_str().unwrap().to_owned();
            self.secrets.lock().unwrap().push((secret, text));
        }
        Done::Changed { act, status: reply.status, secret }
    }
}

fn end(seconds: i64) -> String {
    keywright::model::Timestamp::from_seconds(seconds).to_string()
}

/// The response of forward-auth as a code of verification.
fn forward_code(reply: &Reply) -> String {
    if reply.status == 200 {
        return "VALID".to_owned();
    }
    let code = reply.json()["error"]["code"].as_str().unwrap().to_owned();
    match code.strip_suffix("_API_KEY") {
        Some("INVALID") => "NOT_FOUND".to_owned(),
        Some(state) => state.to_owned(),
        None => code,
    }
}

/// One history: in each round all callers run concurrently; then time advances.
async fn play(app: &TestApp, manager: &Client, rounds: &[(Vec<Vec<Act>>, u64)]) -> Result<(), String> {
    let mut scene = Scene::new(app, manager).await;
    let mut may_be = HashSet::from([Key::new()]);
    for (callers, wait) in rounds {
        let calls = callers.iter().enumerate().map(|(caller, acts)| scene.call(caller, acts));
        let mut events = futures_util::future::join_all(calls).await.concat();
        events.sort_by_key(|event| event.began);
        may_be = model::after(&may_be, &events, scene.now);
        if may_be.is_empty() {
            return Err(format!("at {} no order explains {events:#?}", scene.now));
        }
        app.advance(*wait);
        scene.now = app.now().seconds();
    }
    Ok(())
}

/// Runs histories against a server with this cache size.
fn try_histories(cache_bytes: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (app, manager) = runtime.block_on(async {
        let app = TestApp::with(|config| config.cache_bytes = cache_bytes).await;
        app.add_api(afdb()).await;
        let manager = app.key(&["keys:read", "keys:write", "keys:verify"]).await;
        (app, manager)
    });
    let callers = vec(vec(model::acts(), 0..10), CALLERS);
    let rounds = vec((callers, prop_oneof![Just(0_u64), Just(10), Just(60)]), 1..4);
    // A failed history may pass when it is repeated: shrinking is useless.
    let config =
        Config { cases: HISTORIES, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let tried = TestRunner::new(config)
        .run(&rounds, |rounds| runtime.block_on(play(&app, &manager, &rounds)).map_err(TestCaseError::fail));
    if let Err(TestError::Fail(reason, _)) = tried {
        panic!("{reason}");
    }
    runtime.block_on(async move { drop(app) });
}

#[test]
fn no_call_sees_a_state_before_an_answered_change() {
    try_histories(64 << 20);
}

#[test]
fn nor_with_a_cache_that_is_too_small() {
    try_histories(4 << 10);
}
