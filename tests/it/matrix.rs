//! Every route of the OpenAPI document, called with every kind of credential. The response must follow from the
//! declaration in the type of its handler.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use http::Method;
use keywright::domain::identity::access::SCOPES;
use keywright::domain::identity::admission::Accepts;
use keywright::http::Declaration;
use keywright::model::{Bounds, RateLimit};
use serde_json::{Value, json};

use crate::oauth::flow::{App, Browser, PASSWORD, encode, people, text};
use crate::support::{Client, TestApp};

/// Kinds of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Nothing,
    /// A bearer credential of no known form.
    Unknown,
    /// A bearer credential in the form of a JWT that this instance did not sign.
    Forged,
    Key,
    /// An access token that a person allowed a client.
    Token,
    /// An access token of a client that acts for itself.
    MachineToken,
    /// The access token of a session.
    Session,
    Cookie,
    /// An ended session's cookie.
    EndedCookie,
    Operator,
    /// Client id and secret in `Authorization: Basic`.
    ClientSecret,
}

/// Properties of a credential that a response may depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    kind: Kind,
    /// Whether it is for the built-in API; otherwise it is for `afdb`.
    built_in: bool,
    /// Its scopes on its API; `admin` includes all.
    scopes: BTreeSet<String>,
    /// Whether its person signed in less than 15 minutes ago.
    recent: bool,
    /// Whether a second factor is demanded of its person and was not used.
    narrowed: bool,
}

impl Facts {
    fn new(kind: Kind, built_in: bool, scopes: &[&str]) -> Self {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Self { kind, built_in, scopes, recent: true, narrowed: false }
    }

    fn stale(mut self) -> Self {
        self.recent = false;
        self
    }

    fn narrowed(mut self, left: &[&str]) -> Self {
        self.narrowed = true;
        self.scopes = left.iter().map(|scope| (*scope).to_owned()).collect();
        self
    }

    fn holds(&self, scope: &str) -> bool {
        self.scopes.contains(scope) || self.scopes.contains("admin")
    }

    fn is_person_session(&self) -> bool {
        matches!(self.kind, Kind::Session | Kind::Cookie)
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scopes: Vec<&str> = self.scopes.iter().map(String::as_str).collect();
        let api = if self.built_in { "keywright" } else { "afdb" };
        let age = if self.recent { "" } else { ", stale" };
        let narrowed = if self.narrowed { ", without the demanded factor" } else { "" };
        write!(f, "{:?} for {api} [{}]{age}{narrowed}", self.kind, scopes.join(" "))
    }
}

/// A response that a declaration requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// This status with this code in the envelope.
    Refused(u16, &'static str),
    /// An error of RFC 6749 with one of these codes.
    Failed(&'static [&'static str]),
    /// Any response of the handler to an accepted caller.
    Through,
}

/// Response that a declaration requires for a credential.
fn expected(takes: Accepts, recent: bool, facts: &Facts) -> Expected {
    match takes {
        Accepts::Public => Expected::Through,
        Accepts::Client if facts.kind == Kind::ClientSecret => Expected::Through,
        Accepts::Client => Expected::Failed(&["invalid_client", "invalid_request"]),
        Accepts::OpenIdToken => match facts.kind {
            Kind::Token if facts.scopes.contains("openid") => Expected::Through,
            Kind::Token | Kind::MachineToken | Kind::Session => Expected::Failed(&["insufficient_scope"]),
            _ => Expected::Failed(&["invalid_token"]),
        },
        Accepts::DescribedRequest => described(facts),
        Accepts::AnyCredential => unauthenticated(facts).unwrap_or(Expected::Through),
        Accepts::Person | Accepts::Scope(_) | Accepts::ScopeOrPerson(_) => unauthenticated(facts)
            .or_else(|| wrong_api(facts))
            .unwrap_or_else(|| admitted(takes, recent, facts)),
    }
}

fn unauthenticated(facts: &Facts) -> Option<Expected> {
    Some(match facts.kind {
        Kind::Nothing => Expected::Refused(401, "MISSING_API_KEY"),
        Kind::Unknown | Kind::ClientSecret => Expected::Refused(401, "INVALID_API_KEY"),
        Kind::Forged | Kind::EndedCookie => Expected::Refused(401, "INVALID_TOKEN"),
        _ => return None,
    })
}

fn wrong_api(facts: &Facts) -> Option<Expected> {
    match facts.kind {
        _ if facts.built_in => None,
        Kind::Key => Some(Expected::Refused(403, "WRONG_API")),
        _ => Some(Expected::Refused(401, "INVALID_TOKEN")),
    }
}

fn admitted(takes: Accepts, recent: bool, facts: &Facts) -> Expected {
    let refusal = match takes {
        Accepts::Person if facts.is_person_session() => None,
        Accepts::Person => Some(Expected::Refused(403, "FORBIDDEN")),
        Accepts::Scope(scope) | Accepts::ScopeOrPerson(scope) if facts.holds(scope) => None,
        Accepts::ScopeOrPerson(_) if facts.is_person_session() && !facts.narrowed => None,
        _ => Some(Expected::Refused(403, "INSUFFICIENT_SCOPE")),
    };
    let signs_in = facts.is_person_session() || facts.kind == Kind::Token;
    match refusal {
        Some(refusal) => refusal,
        None if recent && signs_in && !facts.recent => Expected::Refused(403, "REAUTHENTICATION_REQUIRED"),
        None => Expected::Through,
    }
}

/// The gate of `afdb` with the scope `queries:read`.
fn described(facts: &Facts) -> Expected {
    match facts.kind {
        Kind::Nothing | Kind::Cookie | Kind::EndedCookie | Kind::Operator => {
            Expected::Refused(401, "MISSING_API_KEY")
        }
        Kind::Unknown | Kind::ClientSecret => Expected::Refused(401, "INVALID_API_KEY"),
        Kind::Forged => Expected::Refused(401, "INVALID_TOKEN"),
        Kind::Key if facts.built_in => Expected::Refused(403, "WRONG_API"),
        _ if facts.built_in => Expected::Refused(401, "INVALID_TOKEN"),
        _ if facts.holds("queries:read") => Expected::Through,
        _ => Expected::Refused(403, "INSUFFICIENT_SCOPE"),
    }
}

/// Response of a route to a credential.
struct Observed {
    route: (Method, String),
    facts: Facts,
    status: u16,
    /// The code of the envelope, or the error of RFC 6749.
    code: String,
}

/// Codes with which the type of a handler refuses a caller; an accepted caller gets other responses, or none.
const REFUSALS: [&str; 10] = [
    "MISSING_API_KEY",
    "INVALID_API_KEY",
    "INVALID_TOKEN",
    "WRONG_API",
    "INSUFFICIENT_SCOPE",
    "FORBIDDEN",
    "REAUTHENTICATION_REQUIRED",
    "invalid_token",
    "invalid_client",
    "insufficient_scope",
];

impl Observed {
    fn fits(&self, expected: Expected) -> bool {
        match expected {
            Expected::Refused(status, code) => self.status == status && self.code == code,
            Expected::Failed(codes) => {
                matches!(self.status, 400 | 401 | 403) && codes.contains(&self.code.as_str())
            }
            Expected::Through => !REFUSALS.contains(&self.code.as_str()) && self.status < 500,
        }
    }
}

/// Responses that contradict the declarations.
fn mismatches(declarations: &[Declaration], observed: &[Observed]) -> Vec<String> {
    let by_route: BTreeMap<(&str, &str), &Declaration> = declarations
        .iter()
        .map(|declaration| ((declaration.method.as_str(), declaration.path.as_str()), declaration))
        .collect();
    let mut found = Vec::new();
    for seen in observed {
        let declaration = by_route[&(seen.route.0.as_str(), seen.route.1.as_str())];
        let expected = expected(declaration.takes, declaration.recent, &seen.facts);
        if !seen.fits(expected) {
            let (method, path) = &seen.route;
            found.push(format!(
                "{method} {path}: {}: {} {}, expected {expected:?}",
                seen.facts, seen.status, seen.code
            ));
        }
    }
    found
}

/// A credential and its presentation.
struct Actor {
    facts: Facts,
    client: Client,
}

/// Calls that end the current session, so that each needs a fresh one.
const ENDS_SESSIONS: [(&str, &str); 3] =
    [("DELETE", "/v1/sessions"), ("DELETE", "/v1/auth/session"), ("POST", "/v1/auth/logout")];

/// A request that every extractor accepts and no handler carries out: unknown ids, a body with an unknown member, a
/// query with invalid values.
async fn ask(client: &Client, method: &Method, path: &str) -> (u16, String) {
    let path: String = path
        .split('/')
        .map(|part| if part.starts_with('{') { "nothing" } else { part })
        .collect::<Vec<_>>()
        .join("/");
    let query = match path.as_str() {
        "/v1/forward-auth" => "?api=afdb&scope=queries:read",
        _ if *method == Method::GET => "?cursor=forged&from=forged&kind=forged&proxy=forged",
        _ => "",
    };
    let path = format!("{path}{query}");
    let reply = match *method {
        Method::GET | Method::DELETE => client.send(method.clone(), &path, None, Vec::new()).await,
        _ if path.starts_with("/oauth/") && path != "/oauth/register" => {
            client.form(&path, "nothing=1").await
        }
        _ if path.ends_with("/logo") => client.send(method.clone(), &path, Some("image/png"), vec![0]).await,
        _ => {
            let body = json!({"nothing": 1}).to_string().into_bytes();
            client.send(method.clone(), &path, Some("application/json"), body).await
        }
    };
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let code = body["error"]["code"].as_str().or(body["error"].as_str()).unwrap_or_default();
    (reply.status, code.to_owned())
}

/// The scopes of the built-in API other than `admin`.
fn scopes() -> Vec<&'static str> {
    SCOPES.iter().map(|(name, _)| *name).collect()
}

fn all_but(scope: &str) -> Vec<&'static str> {
    scopes().into_iter().filter(|other| *other != scope).collect()
}

async fn key(app: &TestApp, api: &str, scopes: &[&str]) -> Actor {
    let body = json!({"api": api, "name": "matrix", "scopes": scopes});
    let key = app.operator().post("/v1/keys", &body).await.expect(201);
    Actor { facts: Facts::new(Kind::Key, api == "keywright", scopes), client: app.bearer(text(&key, "key")) }
}

/// Clients of the tests: one for each API, which people and the clients themselves use.
struct Clients {
    own: App,
    other: App,
}

impl Clients {
    async fn register(app: &TestApp) -> Self {
        let scopes: Vec<&str> = scopes().into_iter().chain(["admin"]).collect();
        let access = |api: &str, scopes: &[&str]| json!({"access": [{"api": api, "scopes": scopes}]});
        Self {
            own: App::register(app, access("keywright", &scopes)).await,
            other: App::register(app, access("afdb", &["queries:read", "admin"])).await,
        }
    }

    fn of(&self, api: &str) -> &App {
        if api == "keywright" { &self.own } else { &self.other }
    }

    /// A token that the owner grants in `browser`.
    async fn token(&self, app: &TestApp, browser: &mut Browser, api: &str, scopes: &[&str]) -> Actor {
        let client = self.of(api);
        let answer = browser.allow(&client.authorize(&[("scope", &scopes.join(" "))])).await;
        let tokens = client.exchange(&answer["code"]).await.expect(200);
        Actor {
            facts: Facts::new(Kind::Token, api == "keywright", scopes),
            client: app.bearer(text(&tokens, "access_token")),
        }
    }

    async fn machine(&self, app: &TestApp, api: &str, scopes: &[&str]) -> Actor {
        let tokens = self.of(api).credentials(&[("scope", &scopes.join(" "))]).await.expect(200);
        Actor {
            facts: Facts::new(Kind::MachineToken, api == "keywright", scopes),
            client: app.bearer(text(&tokens, "access_token")),
        }
    }
}

/// Scopes of a role on the built-in API.
fn held_by(role: &str) -> Vec<&'static str> {
    match role {
        "owner" => vec!["admin"],
        _ => vec!["profile:read"],
    }
}

/// The access token of a session of the owner (`ada`) or the member (`eve`).
async fn session(app: &TestApp, role: &str, api: &str) -> Actor {
    let email = if role == "owner" { "ada@example.com" } else { "eve@example.com" };
    let body = json!({"email": email, "password": PASSWORD, "api": api});
    let tokens = app.anonymous().post("/v1/auth/login", &body).await.expect(200);
    let held = match (api, role) {
        ("keywright", role) => held_by(role),
        (_, "owner") => vec!["admin"],
        _ => vec!["queries:read"],
    };
    Actor {
        facts: Facts::new(Kind::Session, api == "keywright", &held),
        client: app.bearer(text(&tokens, "access_token")),
    }
}

async fn cookie(app: &TestApp, role: &str) -> Actor {
    let email = if role == "owner" { "ada@example.com" } else { "eve@example.com" };
    let browser = Browser::signed_in(app, email).await;
    Actor {
        facts: Facts::new(Kind::Cookie, true, &held_by(role)),
        client: browser.client().with("x-csrf-token", &browser.csrf_token),
    }
}

/// Credentials that do not depend on the route.
async fn usual(app: &TestApp, clients: &Clients) -> Vec<Actor> {
    let mut ended = cookie(app, "member").await;
    ended.client.delete("/v1/auth/session").await.expect(204);
    ended.facts = Facts::new(Kind::EndedCookie, true, &[]);
    let nothing = |kind, client| Actor { facts: Facts::new(kind, true, &[]), client };
    let pair = format!("{}:{}", clients.own.id, encode(clients.own.secret.as_deref().unwrap()));
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
    let forged = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl";
    let mut browser = Browser::signed_in(app, "ada@example.com").await;
    vec![
        nothing(Kind::Nothing, app.anonymous()),
        nothing(Kind::Unknown, app.bearer("kw_live_nothing")),
        nothing(Kind::Forged, app.bearer(forged)),
        nothing(Kind::ClientSecret, app.anonymous().with("authorization", &format!("Basic {basic}"))),
        Actor { facts: Facts::new(Kind::Operator, true, &["admin"]), client: app.operator() },
        ended,
        key(app, "keywright", &["admin"]).await,
        key(app, "afdb", &["queries:read"]).await,
        key(app, "afdb", &["admin"]).await,
        clients.token(app, &mut browser, "keywright", &["admin"]).await,
        clients.token(app, &mut browser, "keywright", &["openid", "profile:read"]).await,
        clients.token(app, &mut browser, "afdb", &["queries:read"]).await,
        clients.token(app, &mut browser, "afdb", &["openid", "admin"]).await,
        clients.machine(app, "keywright", &["admin"]).await,
        clients.machine(app, "afdb", &["admin"]).await,
    ]
}

/// Sessions, which some routes end.
async fn sessions(app: &TestApp) -> Vec<Actor> {
    vec![
        session(app, "owner", "keywright").await,
        session(app, "member", "keywright").await,
        session(app, "owner", "afdb").await,
        session(app, "member", "afdb").await,
        cookie(app, "owner").await,
        cookie(app, "member").await,
    ]
}

/// For each scope: credentials with only it, and with every other one.
async fn by_scope(app: &TestApp, clients: &Clients) -> BTreeMap<&'static str, Vec<Actor>> {
    let mut browser = Browser::signed_in(app, "ada@example.com").await;
    let mut actors = BTreeMap::new();
    for scope in scopes() {
        let others = all_but(scope);
        let of_scope = vec![
            key(app, "keywright", &[scope]).await,
            key(app, "keywright", &others).await,
            clients.token(app, &mut browser, "keywright", &[scope]).await,
            clients.token(app, &mut browser, "keywright", &others).await,
            clients.machine(app, "keywright", &[scope]).await,
            clients.machine(app, "keywright", &others).await,
        ];
        actors.insert(scope, of_scope);
    }
    actors
}

async fn observe(observed: &mut Vec<Observed>, declarations: &[Declaration], actors: &[Actor]) {
    for declaration in declarations {
        for actor in actors {
            observe_one(observed, declaration, actor).await;
        }
    }
}

async fn observe_one(observed: &mut Vec<Observed>, declaration: &Declaration, actor: &Actor) {
    let (status, code) = ask(&actor.client, &declaration.method, &declaration.path).await;
    observed.push(Observed {
        route: (declaration.method.clone(), declaration.path.clone()),
        facts: actor.facts.clone(),
        status,
        code,
    });
}

fn ends_sessions(declaration: &Declaration) -> bool {
    ENDS_SESSIONS.contains(&(declaration.method.as_str(), declaration.path.as_str()))
}

/// Responses of every route to every credential.
async fn observations(declarations: &[Declaration]) -> Vec<Observed> {
    // Two people sign in for every case.
    let unlimited = RateLimit { limit: None, window_seconds: 60, burst: None };
    let bounds = Bounds { sign_ins_per_person: unlimited, tokens_per_person: unlimited, ..Bounds::default() };
    let app = TestApp::bounded(bounds, |_| ()).await;
    people(&app).await;
    let clients = Clients::register(&app).await;
    let (lasting, ending): (Vec<_>, Vec<_>) =
        declarations.iter().cloned().partition(|declaration| !ends_sessions(declaration));
    let mut observed = Vec::new();
    // Sessions and tokens with an old sign-in.
    let mut stale = sessions(&app).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    stale.push(clients.token(&app, &mut browser, "keywright", &["admin"]).await);
    let stale: Vec<Actor> =
        stale.into_iter().map(|actor| Actor { facts: actor.facts.stale(), ..actor }).collect();
    app.advance(15 * 60);
    observe(&mut observed, &lasting, &stale).await;
    // Recent ones, and credentials without a sign-in.
    let usual = usual(&app, &clients).await;
    observe(&mut observed, declarations, &usual).await;
    observe(&mut observed, &lasting, &sessions(&app).await).await;
    let by_scope = by_scope(&app, &clients).await;
    for declaration in declarations {
        if let Accepts::Scope(scope) | Accepts::ScopeOrPerson(scope) = declaration.takes {
            for actor in &by_scope[scope] {
                observe_one(&mut observed, declaration, actor).await;
            }
        }
    }
    for declaration in &ending {
        for at in 0..sessions(&app).await.len() {
            // Fresh ones each time: the call may end every session of its person.
            observe_one(&mut observed, declaration, &sessions(&app).await[at]).await;
        }
    }
    // A second factor is demanded of owners from now on, and was not used.
    let mut narrow = vec![
        session(&app, "owner", "keywright").await,
        session(&app, "owner", "afdb").await,
        cookie(&app, "owner").await,
    ];
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    narrow.push(clients.token(&app, &mut browser, "keywright", &["admin"]).await);
    narrow.push(clients.token(&app, &mut browser, "afdb", &["admin"]).await);
    app.operator().patch("/v1/settings", &json!({"second_factor_required": true})).await.expect(200);
    let left: fn(&Facts) -> &'static [&'static str] = |facts| match facts.kind {
        Kind::Session | Kind::Cookie if facts.built_in => &["profile:read"],
        _ => &[],
    };
    let narrow: Vec<Actor> = narrow
        .into_iter()
        .map(|actor| Actor { facts: actor.facts.clone().narrowed(left(&actor.facts)), ..actor })
        .collect();
    observe(&mut observed, &lasting, &narrow).await;
    observed
}

/// Every other declaration that a route could have by mistake.
fn wrong_declarations(right: &Declaration) -> Vec<Declaration> {
    let mut wrong = vec![
        Accepts::Public,
        Accepts::Person,
        Accepts::AnyCredential,
        Accepts::Client,
        Accepts::OpenIdToken,
        Accepts::DescribedRequest,
        Accepts::Scope("profile:read"),
        Accepts::Scope("keys:verify"),
    ];
    if let Accepts::Scope(scope) = right.takes {
        wrong.push(Accepts::ScopeOrPerson(scope));
    }
    if let Accepts::ScopeOrPerson(scope) = right.takes {
        wrong.push(Accepts::Scope(scope));
    }
    let mut found: Vec<Declaration> = wrong
        .into_iter()
        .filter(|takes| *takes != right.takes)
        .map(|takes| Declaration { takes, ..right.clone() })
        .collect();
    // Old sessions are not used for routes that end the session.
    let old_ones_asked = !ends_sessions(right);
    if old_ones_asked
        && !matches!(
            right.takes,
            Accepts::Public
                | Accepts::Client
                | Accepts::OpenIdToken
                | Accepts::DescribedRequest
                | Accepts::AnyCredential
        )
    {
        found.push(Declaration { recent: !right.recent, ..right.clone() });
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_takes_what_its_type_declares_and_nothing_else() {
    let declarations = keywright::http::declarations();
    let documented: Value = serde_json::from_str(keywright::http::openapi()).unwrap();
    let documented: BTreeSet<(String, String)> = documented["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, operations)| {
            operations.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    let declared: BTreeSet<(String, String)> = declarations
        .iter()
        .map(|declaration| (declaration.method.to_string(), declaration.path.clone()))
        .collect();
    assert_eq!(declared, documented, "every route declares what it takes");

    let observed = observations(&declarations).await;
    assert!(observed.len() > declarations.len() * 25, "{} answers", observed.len());
    let wrong = mismatches(&declarations, &observed);
    assert!(wrong.is_empty(), "{} of {} answers:\n{}", wrong.len(), observed.len(), wrong.join("\n"));

    // The matrix is sensitive: every single wrong declaration contradicts a response.
    for (at, right) in declarations.iter().enumerate() {
        for planted in wrong_declarations(right) {
            let mut table = declarations.clone();
            table[at] = planted.clone();
            let found = mismatches(&table, &observed);
            assert!(
                found.iter().any(|line| line.starts_with(&format!("{} {}:", right.method, right.path))),
                "{} {} passes for {:?} (recent: {})",
                right.method,
                right.path,
                planted.takes,
                planted.recent
            );
        }
    }
}
