//! One rule for every name and description that people decide by, at every endpoint that accepts one.

use http::Method;
use keywright::model::setting::Signup;
use serde_json::{Value, json};

use crate::people::{PASSWORD, add, mailed, page, signed_in};
use crate::support::{Client, Reply, TestApp, afdb};

/// Names with characters that hide, reorder or blank text.
const DECEPTIVE: &[&str] = &[
    "Ada\u{202e}flesruoy ecapS",
    "Ada\u{2066} Lovelace",
    "Ada\u{61c}",
    "Ada\u{200b}Lovelace",
    "Ada\u{200d}",
    "Ada\u{ad}Lovelace",
    "Ada\u{feff}",
    "Ada\u{34f}",
    "Ada\u{e0041}",
    "Ada\u{fe0f}",
    "Ada\u{a0}Lovelace",
    "Ada\u{2003}Lovelace",
    "\u{2800}",
    "\u{3164}",
    "\u{115f}\u{1160}",
    "\u{ffa0}",
    "\u{17b5}",
    "Ada\u{e000}",
    "Ada\u{7}",
    "Ada\nLovelace",
    "A\u{0}da",
    "A\u{301}\u{301}\u{301}\u{301}\u{301}da",
];
/// Ordinary names of people and things.
const HONEST: &[&str] = &[
    "Jürgen Weiß-O'Brien",
    "山田 太郎",
    "Дарья",
    "محمد علي",
    "प्रिया शर्मा",
    "Nguyễn Thị Minh",
    "CI 🚀 (beta) #2",
];

/// A request with a text at `field`.
struct Place {
    client: Client,
    method: Method,
    path: String,
    field: &'static str,
    body: Box<dyn Fn(&str) -> Value + Send>,
}

impl Place {
    async fn send(&self, text: &str) -> Reply {
        let body = (self.body)(text).to_string().into_bytes();
        self.client.send(self.method.clone(), &self.path, Some("application/json"), body).await
    }

    async fn refuses(&self, text: &str) {
        let reply = self.send(text).await;
        assert_eq!(reply.status, 400, "{} {} took {text:?}: {}", self.method, self.path, reply.text());
        let error = reply.refused(400, "INVALID_REQUEST");
        let reason = error["details"][self.field].as_str();
        assert!(reason.is_some(), "{} {} {text:?}: {error}", self.method, self.path);
    }
}

async fn world() -> TestApp {
    let app = TestApp::with(|config| config.sign_in.signup = Signup::Open).await;
    app.add_api(afdb()).await;
    app
}

/// Every endpoint that changes a resource with a name; each may be called many times.
async fn changes(app: &TestApp) -> Vec<Place> {
    let operator = app.operator();
    let ada = add(app, "ada@example.com", "admin").await;
    let ada_in = signed_in(app, "ada@example.com").await;
    let key = app.afdb_key(json!({})).await;
    let client = json!({"name": "x", "access": [{"api": "afdb", "scopes": ["queries:read"]}]});
    let client = operator.post("/v1/clients", &client).await.expect(201);
    let path = |noun: &str, thing: &Value| format!("/v1/{noun}/{}", thing["id"].as_str().unwrap());
    let place = |client: &Client, path: String, field: &'static str, body: fn(&str) -> Value| Place {
        client: client.clone(),
        method: Method::PATCH,
        path,
        field,
        body: Box::new(body),
    };
    let name: fn(&str) -> Value = |text| json!({"name": text});
    vec![
        place(&operator, path("users", &ada), "name", name),
        place(&ada_in, "/v1/user/profile".to_owned(), "name", name),
        place(&operator, path("keys", &key), "name", name),
        place(&operator, path("keys", &key), "owner", |text| json!({"owner": text})),
        place(&operator, path("clients", &client), "name", name),
        place(&operator, "/v1/apis/afdb".to_owned(), "name", name),
        place(&operator, "/v1/apis/afdb".to_owned(), "scopes[0].description", |text| {
            let mut scopes = afdb()["scopes"].clone();
            scopes[0]["description"] = json!(text);
            json!({"scopes": scopes})
        }),
        place(
            &operator,
            "/v1/apis/afdb".to_owned(),
            "presets[0].name",
            |text| json!({"presets": [{"name": text, "scopes": ["queries:read"]}]}),
        ),
        place(
            &operator,
            "/v1/apis/afdb".to_owned(),
            "presets[0].description",
            |text| json!({"presets": [{"name": "Read", "description": text, "scopes": ["queries:read"]}]}),
        ),
    ]
}

/// Every endpoint that creates a resource with a name.
async fn creations(app: &TestApp) -> Vec<Place> {
    let operator = app.operator();
    let post = |client: &Client, path: &str, body: Box<dyn Fn(&str) -> Value + Send>| Place {
        client: client.clone(),
        method: Method::POST,
        path: path.to_owned(),
        field: "name",
        body,
    };
    let invitation = json!({"email": "ines@example.com", "role": "viewer"});
    let invited = operator.post("/v1/invitations", &invitation).await.expect(201);
    let token = invited["link"].as_str().unwrap().split("#token=").nth(1).unwrap().to_owned();
    vec![
        post(
            &operator,
            "/v1/users",
            Box::new(|text| json!({"email": "u@example.com", "name": text, "role": "viewer"})),
        ),
        post(
            &page(app),
            "/v1/auth/invitation/accept",
            Box::new(move |text| json!({"token": token, "name": text, "password": PASSWORD})),
        ),
        post(
            &operator,
            "/v1/keys",
            Box::new(|text| json!({"api": "afdb", "name": text, "scopes": ["queries:read"]})),
        ),
        post(
            &operator,
            "/v1/clients",
            Box::new(|text| json!({"name": text, "access": [{"api": "afdb", "scopes": ["queries:read"]}]})),
        ),
        post(&operator, "/v1/apis", Box::new(|text| json!({"slug": "other", "name": text}))),
    ]
}

#[tokio::test]
async fn a_deceptive_name_is_refused_at_every_endpoint() {
    let app = world().await;
    for place in changes(&app).await.iter().chain(&creations(&app).await) {
        for text in DECEPTIVE {
            place.refuses(text).await;
        }
    }
}

#[tokio::test]
async fn the_length_of_a_name_is_the_same_at_every_endpoint() {
    let app = world().await;
    for place in changes(&app).await {
        let most = match place.field {
            "owner" => 255,
            field if field.ends_with("description") => 500,
            _ => 120,
        };
        place.refuses(&"ü".repeat(most + 1)).await;
        place.send(&"ü".repeat(most)).await.expect(200);
    }
    for place in creations(&app).await {
        place.refuses(&"ü".repeat(121)).await;
        place.send(&"ü".repeat(120)).await.expect(201);
    }
}

#[tokio::test]
async fn names_in_many_languages_are_taken() {
    let app = world().await;
    for place in changes(&app).await {
        for text in HONEST {
            place.send(text).await.expect(200);
        }
    }
}

#[tokio::test]
async fn the_setup_and_sign_up_links_ask_the_same() {
    let app = TestApp::with(|config| config.sign_in.signup = Signup::Open).await;
    let services = app.services();
    let link = keywright::domain::identity::users::account::setup_link(services, services.now())
        .await
        .unwrap()
        .unwrap();
    let token = link.expose().split("#token=").nth(1).unwrap().to_owned();
    let setup =
        |name: &str| json!({"token": token, "email": "olga@example.com", "name": name, "password": PASSWORD});
    for text in DECEPTIVE {
        let refusal = app.anonymous().post("/v1/setup", &setup(text)).await.refused(400, "INVALID_REQUEST");
        assert!(refusal["details"]["name"].is_string(), "{text:?}: {refusal}");
    }
    app.anonymous().post("/v1/setup", &setup("Olga")).await.expect(201);
    app.anonymous().post("/v1/auth/signup", &json!({"email": "sam@example.com"})).await.expect(202);
    let token = mailed(&app, 1).await;
    let confirm = |name: &str| json!({"token": token, "name": name, "password": PASSWORD});
    let refusal = app.anonymous().post("/v1/auth/signup/confirm", &confirm("Sam\u{202e}")).await;
    refusal.refused(400, "INVALID_REQUEST");
    app.anonymous().post("/v1/auth/signup/confirm", &confirm("Sam")).await.expect(201);
}

#[tokio::test]
async fn an_address_has_no_invisible_letters() {
    let app = TestApp::start().await;
    for email in ["\u{3164}@example.com", "ada\u{ffa0}@example.com", "ada@ex\u{115f}ample.com"] {
        let body = json!({"email": email, "role": "viewer"});
        app.operator().post("/v1/users", &body).await.refused(400, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn a_client_does_not_pass_for_this_product() {
    let app = TestApp::with(|config| {
        config.oauth.dynamic_registration = true;
        config.oauth.registration_api = Some("afdb".to_owned());
    })
    .await;
    app.add_api(afdb()).await;
    let operator = app.operator();
    let client = |name: &str| json!({"name": name, "access": [{"api": "afdb", "scopes": ["queries:read"]}]});
    let made = operator.post("/v1/clients", &client("Reports")).await.expect(201);
    let path = format!("/v1/clients/{}", made["id"].as_str().unwrap());
    for name in
        ["Keywright", "Kеуwright", "KEYWRlGHT", "Key-Wright Security", "Ｋｅｙｗｒｉｇｈｔ", "Keyvvright"]
    {
        let refusal = operator.post("/v1/clients", &client(name)).await.refused(400, "INVALID_REQUEST");
        assert!(refusal["details"]["name"].as_str().unwrap().contains("Keywright"), "{refusal}");
        operator.patch(&path, &json!({"name": name})).await.refused(400, "INVALID_REQUEST");
        let metadata = json!({"client_name": name, "redirect_uris": ["https://app.example/cb"]});
        let refusal = app.anonymous().post("/oauth/register", &metadata).await;
        assert_eq!(refusal.expect(400)["error"], "invalid_client_metadata", "{name}");
    }
    for name in DECEPTIVE {
        let metadata = json!({"client_name": name, "redirect_uris": ["https://app.example/cb"]});
        let refusal = app.anonymous().post("/oauth/register", &metadata).await;
        assert_eq!(refusal.expect(400)["error"], "invalid_client_metadata", "{name:?}");
    }
}
