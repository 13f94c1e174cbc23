//! One instance of Keywright for the product of one document: its people, the service behind it, and a sequence of
//! requests through one proxy with the values that it produced.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use keywright::config::Config;
use keywright::model::setting::{SigningAlg, Signup};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::documents::{Document, Statement};
use crate::programs::{Bench, printed, run};
use crate::proxy::{Kind, Proxy};
use crate::support::{Reply, TestApp};
use crate::upstream::{Seen, Upstream};
use crate::wire::Ask;

/// Password of every person.
pub const PASSWORD: &str = "correct horse battery staple 7";
/// The owner of the instance.
pub const OWNER: &str = "owner@example.com";
/// A person of the team.
pub const DEVELOPER: &str = "developer@example.com";
/// A customer.
pub const MEMBER: &str = "user@example.com";

/// Keywright and the protected service.
pub struct World {
    pub document: Arc<Document>,
    pub app: TestApp,
    pub upstream: Upstream,
    pub bench: Bench,
}

impl World {
    /// An instance whose product's API was applied from the file that ships with Keywright.
    pub async fn start(document: Arc<Document>) -> Self {
        Self::with(document, |_| {}).await
    }

    /// The same with another configuration.
    pub async fn with(document: Arc<Document>, configure: impl FnOnce(&mut Config)) -> Self {
        let slug = document.api.clone();
        let app = TestApp::with(|config| {
            config.http.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
            config.sign_in.signing_alg = SigningAlg::Rs256;
            config.sign_in.signup = Signup::Open;
            config.sign_in.default_api = slug;
            // Advances the clock; earlier log rows are read later.
            config.activity.retention_days = 36_500;
            configure(config);
        })
        .await;
        let world = Self { document, app, upstream: Upstream::start().await, bench: Bench::new() };
        world.apply().await;
        for (email, role) in [(OWNER, "owner"), (DEVELOPER, "developer"), (MEMBER, "member")] {
            let body = json!({"email": email, "name": "Somebody", "role": role, "password": PASSWORD});
            world.app.operator().post("/v1/users", &body).await.expect(201);
        }
        world
    }

    async fn apply(&self) {
        let file = self.document.file.replace(".txt", ".toml");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/demo").join(file);
        let mut command = self.app.command(["api", "apply"]);
        command.arg(file);
        printed(&run(command).await);
    }

    /// The product's API.
    pub async fn api(&self) -> Value {
        self.app.operator().get(&format!("/v1/apis/{}", self.document.api)).await.expect(200)
    }

    /// A page of Keywright's own, signed in.
    pub async fn signed_in(&self, email: &str) -> Browser {
        let mut browser = Browser::new(&self.app.services().settings.public_url);
        browser.sign_in(email, PASSWORD).await;
        browser
    }
}

/// One proxy in front of the service, and the values that earlier statements produced.
pub struct Course {
    pub world: Arc<World>,
    pub proxy: Proxy,
    /// Replacements of the documents' ids and secrets, as far as known.
    known: Mutex<BTreeMap<&'static str, String>>,
}

/// A key and its secret.
#[derive(Debug, Clone)]
pub struct Key {
    pub id: String,
    pub secret: String,
    /// The whole response that created it.
    pub shown: Value,
}

impl Key {
    /// From the response that created it.
    pub fn of(shown: Value) -> Self {
        let text =
            |name: &str| shown[name].as_str().unwrap_or_else(|| panic!("no {name}: {shown}")).to_owned();
        Self { id: text("id"), secret: text("key"), shown }
    }
}

impl Course {
    pub async fn start(world: Arc<World>, kind: Kind) -> Self {
        let proxy = Proxy::start(kind, &world, None).await;
        let known = [
            ("url", format!("http://{}", proxy.address)),
            ("host", proxy.address.to_string()),
            ("password", PASSWORD.to_owned()),
        ];
        Self { world, proxy, known: Mutex::new(known.into()) }
    }

    /// Stores the replacement of a text of the document.
    pub fn learn(&self, name: &'static str, value: &str) {
        self.known.lock().expect("not poisoned").insert(name, value.to_owned());
    }

    /// A stored value.
    #[track_caller]
    pub fn known(&self, name: &str) -> String {
        let found = self.known.lock().expect("not poisoned").get(name).cloned();
        found.unwrap_or_else(|| panic!("there is no {name} yet"))
    }

    /// A text of the document with this instance's host, ids and secrets.
    pub fn fill(&self, text: &str) -> String {
        let mut replaced: Vec<_> = self.world.document.replaced.iter().collect();
        // A longer text may contain a shorter one.
        replaced.sort_by_key(|(written, _)| std::cmp::Reverse(written.len()));
        replaced.into_iter().fold(text.to_owned(), |text, (written, name)| {
            if text.contains(written) { text.replace(written, &self.known(name)) } else { text }
        })
    }

    /// A new key of the product with these members.
    pub async fn key(&self, more: Value) -> Key {
        let mut body = json!({"api": self.world.document.api, "name": "Walker"});
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        Key::of(self.world.app.operator().post("/v1/keys", &body).await.expect(201))
    }

    /// A new key with the members of the statement, in place of the document's.
    pub async fn own_key(&self, statement: &Statement) -> Key {
        let key = self.key(json!({"scopes": statement.scopes})).await;
        self.learn("key", &key.secret);
        key
    }

    /// Sends a request through the proxy.
    pub async fn ask(&self, ask: &Ask) -> Reply {
        ask.send(self.proxy.address).await
    }

    /// A call through the proxy with a bearer credential.
    pub async fn call(&self, route: &str, credential: &str) -> Reply {
        self.ask(&Ask::route(route).bearer(credential)).await
    }

    /// Asserts that this credential opens this route: the service receives the request, once.
    pub async fn opens(&self, route: &str, credential: &str) -> Seen {
        self.world.upstream.untouched();
        let reply = self.call(route, credential).await;
        assert_eq!(reply.status, 200, "{route}: {}", reply.text());
        let seen = self.world.upstream.one();
        assert_eq!(seen.route(), route);
        seen
    }

    /// Asserts that this credential does not open this route: the service receives nothing. Returns the envelope's
    /// `error`.
    pub async fn refused(&self, route: &str, credential: &str, status: u16, code: &str) -> Value {
        self.world.upstream.untouched();
        let reply = self.call(route, credential).await;
        self.world.upstream.untouched();
        refusal(&reply, status, code)
    }
}

/// The `error` of a response that a proxy passed on.
#[track_caller]
pub fn refusal(reply: &Reply, status: u16, code: &str) -> Value {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/json", "{}", reply.text());
    let body = reply.json();
    assert_eq!((&body["success"], &body["error"]["code"]), (&json!(false), &json!(code)), "{body}");
    body["error"].clone()
}
