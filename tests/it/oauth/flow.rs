//! The parties of an OAuth flow: a browser with its cookies, and an app with its secrets.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{Client, Reply, TestApp};

/// Address of the apps of the tests.
pub const CALLBACK: &str = "https://yourapp.example/callback";
/// Password of every person of the tests.
pub const PASSWORD: &str = "correct horse battery staple 7";
/// The pair of RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// See [`VERIFIER`].
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A browser: it stores cookies.
pub struct Browser {
    anonymous: Client,
    origin: String,
    cookies: BTreeMap<String, String>,
    /// CSRF token for changing requests.
    pub csrf_token: String,
}

impl Browser {
    /// A browser without cookies.
    pub fn new(app: &TestApp) -> Self {
        let origin = app.services().settings.public_url.clone();
        Self { anonymous: app.anonymous(), origin, cookies: BTreeMap::new(), csrf_token: String::new() }
    }

    /// A browser with a signed-in person.
    pub async fn signed_in(app: &TestApp, email: &str) -> Self {
        let mut browser = Self::new(app);
        browser.sign_in(email).await;
        browser
    }

    /// The browser as a client that sends its cookies.
    pub fn client(&self) -> Client {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let client = self.anonymous.with("origin", &self.origin);
        if cookies.is_empty() { client } else { client.with("cookie", &cookies.join("; ")) }
    }

    fn keep(&mut self, reply: &Reply) {
        for line in reply.headers.get_all("set-cookie") {
            let line = line.to_str().expect("ASCII");
            assert!(line.contains("; HttpOnly; SameSite=Lax"), "{line}");
            let pair = line.split(';').next().expect("a pair");
            let (name, value) = pair.split_once('=').expect("name and value");
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// Opens an address, without following redirects.
    pub async fn open(&mut self, path: &str) -> Reply {
        let reply = self.client().get(path).await;
        self.keep(&reply);
        reply
    }

    /// Signs in.
    pub async fn sign_in(&mut self, email: &str) {
        let body = json!({"email": email, "password": PASSWORD});
        let reply = self.client().post("/v1/auth/session", &body).await;
        self.csrf_token = reply.expect(201)["csrf_token"].as_str().expect("a token").to_owned();
        self.keep(&reply);
    }

    /// Signs out.
    pub async fn sign_out(&mut self) {
        let reply = self.client().with("x-csrf-token", &self.csrf_token).delete("/v1/auth/session").await;
        assert_eq!(reply.status, 204, "{}", reply.text());
        self.keep(&reply);
    }

    /// Opens an authorization request; returns the page and the request's id.
    pub async fn ask(&mut self, path: &str) -> (String, String) {
        let reply = self.open(path).await;
        assert_eq!(reply.status, 303, "{}", reply.text());
        let location = reply.header("location").to_owned();
        let (page, query) = location.split_once('?').expect("a page with a query");
        let id = query.strip_prefix("request=").expect("the request");
        (page.to_owned(), id.to_owned())
    }

    /// Content of the page of a request.
    pub async fn request(&self, id: &str) -> Value {
        self.client().get(&format!("/v1/oauth/requests/{id}")).await.expect(200)
    }

    /// Answers a request.
    pub async fn decide(&self, id: &str, decision: &Value) -> Reply {
        let client = self.client().with("x-csrf-token", &self.csrf_token);
        client.post(&format!("/v1/oauth/requests/{id}"), decision).await
    }

    /// Opens an authorization request, allows all of it, and returns the parameters of the redirect to the app.
    pub async fn allow(&mut self, path: &str) -> BTreeMap<String, String> {
        let reply = self.open(path).await;
        let location = reply.header("location").to_owned();
        // A previous consent is not asked again.
        let Some(id) = location.strip_prefix("/consent?request=") else { return query(&location) };
        let answer = self.decide(id, &json!({"decision": "allow"})).await.expect(200);
        query(answer["redirect_to"].as_str().expect("an address"))
    }
}

/// The parameters of an address.
pub fn query(address: &str) -> BTreeMap<String, String> {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let plain = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            let hex =
                |byte: Option<u8>| char::from(byte.expect("a digit")).to_digit(16).expect("hexadecimal");
            bytes.push(match byte {
                b'%' => u8::try_from(hex(rest.next()) << 4 | hex(rest.next())).expect("a byte"),
                other => other,
            });
        }
        String::from_utf8(bytes).expect("UTF-8")
    };
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

/// A text, encoded for a form or a query.
pub fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// Fields as a form.
pub fn form(fields: &[(&str, &str)]) -> String {
    fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

/// An app.
#[derive(Clone)]
pub struct App {
    /// Its id.
    pub id: String,
    /// Its secret; none for a public app.
    pub secret: Option<String>,
    /// Its HTTP client.
    pub anonymous: Client,
}

impl App {
    /// Registers a confidential app of `afdb` with `queries:read` and `queries:write`, and the members of `more`.
    pub async fn register(app: &TestApp, more: Value) -> Self {
        let mut body = json!({
            "name": "Report builder",
            "access": [{"api": "afdb", "scopes": ["queries:read", "queries:write"]}],
            "redirect_uris": [CALLBACK],
        });
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let made = app.operator().post("/v1/clients", &body).await.expect(201);
        Self {
            id: made["client_id"].as_str().expect("an id").to_owned(),
            secret: made["client_secret"].as_str().map(str::to_owned),
            anonymous: app.anonymous(),
        }
    }

    /// A self-registered app.
    pub fn of(app: &TestApp, id: &str, secret: Option<&str>) -> Self {
        Self { id: id.to_owned(), secret: secret.map(str::to_owned), anonymous: app.anonymous() }
    }

    /// The same app, calling a restarted server.
    pub fn at(self, app: &TestApp) -> Self {
        Self { anonymous: app.anonymous(), ..self }
    }

    /// The address of an authorization request, with PKCE and the parameters of `more`.
    pub fn authorize(&self, more: &[(&str, &str)]) -> String {
        let pkce = [("code_challenge", CHALLENGE), ("code_challenge_method", "S256")];
        self.authorize_plainly(&[&pkce[..], more].concat())
    }

    /// The same without PKCE.
    pub fn authorize_plainly(&self, more: &[(&str, &str)]) -> String {
        let mut fields = vec![("response_type", "code"), ("client_id", self.id.as_str())];
        if !more.iter().any(|(name, _)| *name == "redirect_uri") {
            fields.push(("redirect_uri", CALLBACK));
        }
        fields.extend_from_slice(more);
        format!("/oauth/authorize?{}", form(&fields))
    }

    /// A call with client authentication in the body.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let mut all = vec![("client_id", self.id.as_str())];
        all.extend(self.secret.as_deref().map(|secret| ("client_secret", secret)));
        all.extend_from_slice(fields);
        self.anonymous.form(path, &form(&all)).await
    }

    /// A call with client authentication in the header.
    pub async fn post_basic(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let pair = format!("{}:{}", encode(&self.id), encode(self.secret.as_deref().unwrap_or_default()));
        let header = format!("Basic {}", STANDARD.encode(pair));
        self.anonymous.with("authorization", &header).form(path, &form(fields)).await
    }

    /// Exchanges a code.
    pub async fn exchange(&self, code: &str) -> Reply {
        self.post(
            "/oauth/token",
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", CALLBACK),
                ("code_verifier", VERIFIER),
            ],
        )
        .await
    }

    /// Exchanges a refresh token.
    pub async fn refresh(&self, token: &str) -> Reply {
        self.post("/oauth/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// A token for the app itself.
    pub async fn credentials(&self, more: &[(&str, &str)]) -> Reply {
        self.post("/oauth/token", &[&[("grant_type", "client_credentials")], more].concat()).await
    }

    /// Introspects a token.
    pub async fn introspect(&self, token: &str) -> Value {
        self.post("/oauth/introspect", &[("token", token)]).await.expect(200)
    }
}

/// A server that protects `afdb`, with an owner `ada@example.com`, and a member `eve@example.com` who holds
/// `queries:read` there.
pub async fn world() -> TestApp {
    let app = TestApp::start().await;
    people(&app).await;
    app
}

/// Adds the API and the people.
pub async fn people(app: &TestApp) {
    let mut afdb = crate::support::afdb();
    afdb["role_scopes"] = json!({"member": ["queries:read"]});
    app.add_api(afdb).await;
    for (email, role) in [("ada@example.com", "owner"), ("eve@example.com", "member")] {
        let body = json!({"email": email, "name": "Somebody", "role": role, "password": PASSWORD});
        app.operator().post("/v1/users", &body).await.expect(201);
    }
}

/// A whole flow of the owner: tokens with `scope`.
pub async fn tokens(app: &TestApp, client: &App, scope: &str) -> Value {
    let mut browser = Browser::signed_in(app, "ada@example.com").await;
    let answer = browser.allow(&client.authorize(&[("scope", scope)])).await;
    client.exchange(&answer["code"]).await.expect(200)
}

/// A member of a response as text.
pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no {member}: {value}"))
}

/// The claims of a JWT, unverified.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

impl Reply {
    /// Asserts an error of RFC 6749 with this status and code.
    #[track_caller]
    pub fn failed(&self, status: u16, error: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        let body = self.json();
        assert_eq!(body["error"], error, "{body}");
        assert!(body["error_description"].is_string(), "{body}");
        assert_eq!(self.header("cache-control"), "no-store");
    }
}
