//! Headers and responses for browsers and intermediaries, and secrets that must not leak.

use http::Method;
use serde_json::{Value, json};

use crate::people::{PASSWORD, add, browser, login, page};
use crate::support::{Client, Program, Reply, TestApp, afdb};

#[tokio::test]
async fn responses_have_hsts() {
    let issuer = Some("https://auth.example.com".to_owned());
    let app = TestApp::with(|config| config.http.public_url = issuer).await;
    for path in ["/", "/docs", "/v1/nothing", "/v1/user/profile", "/.well-known/jwks.json"] {
        let reply = app.anonymous().get(path).await;
        assert_eq!(reply.header("strict-transport-security"), "max-age=31536000", "{path}");
    }
    let app = TestApp::with(|config| {
        config.http.public_url = Some("https://auth.example.com".to_owned());
        config.http.hsts_subdomains = true;
    })
    .await;
    let wide = app.anonymous().get("/v1/nothing").await;
    assert_eq!(wide.header("strict-transport-security"), "max-age=31536000; includeSubDomains");
    let plain = TestApp::start().await.anonymous().get("/").await;
    assert_eq!(plain.header("strict-transport-security"), "", "it would lock people out of http");
}

/// Every response with a secret.
#[tokio::test]
async fn no_cache_keeps_a_secret() {
    let app = TestApp::with_afdb().await;
    add(&app, "ada@example.com", "owner").await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let kept = |reply: &Reply, what: &str| {
        assert!((200..300).contains(&reply.status), "{what}: {}", reply.text());
        assert_eq!(reply.header("cache-control"), "no-store", "{what}");
    };
    let session = page(&app).post("/v1/auth/session", &body).await;
    kept(&session, "session");
    let ada = browser(&app, &session);
    let tokens = login(&app.anonymous(), "ada@example.com", PASSWORD).await;
    kept(&tokens, "login");
    let refresh = json!({"refresh_token": tokens.json()["refresh_token"]});
    kept(&app.anonymous().post("/v1/auth/refresh", &refresh).await, "refresh");
    let key = ada.post("/v1/keys", &json!({"api": "afdb", "name": "x", "scopes": ["queries:read"]})).await;
    kept(&key, "key");
    let path = format!("/v1/keys/{}/rotate", key.json()["id"].as_str().unwrap());
    kept(&ada.post(&path, &json!({})).await, "rotation");
    let client = json!({"name": "x", "redirect_uris": ["https://x.example/"],
        "access": [{"api": "afdb", "scopes": ["queries:read"]}]});
    let client = ada.post("/v1/clients", &client).await;
    kept(&client, "client");
    let path = format!("/v1/clients/{}/rotate", client.json()["id"].as_str().unwrap());
    kept(&ada.post(&path, &json!({})).await, "client's rotation");
    let member = json!({"email": "bob@example.com", "role": "member"});
    kept(&ada.post("/v1/invitations", &member).await, "invitation");
    let bob = ada.post("/v1/users", &member).await;
    kept(&bob, "user with a link");
    let path = format!("/v1/users/{}/reset-password", bob.json()["id"].as_str().unwrap());
    kept(&ada.post(&path, &json!({})).await, "reset link");
    kept(&ada.post("/v1/auth/totp/enrol", &json!({"password": PASSWORD})).await, "seed of the second factor");
    kept(&ada.get("/v1/auth/session").await, "CSRF token");
    kept(&ada.get("/v1/users").await, "what one caller may see");
    let public = app.anonymous().get("/.well-known/jwks.json").await;
    assert_eq!(public.header("cache-control"), "public, max-age=300", "and what is public is kept");
}

/// A page of another origin cannot read a response by cookie, whatever it requests.
#[tokio::test]
async fn no_foreign_page_reads_what_a_cookie_opens() {
    let app = TestApp::start().await;
    let mut api = afdb();
    api["allowed_origins"] = json!(["https://app.example.com"]);
    app.add_api(api).await;
    add(&app, "ada@example.com", "owner").await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let session = page(&app).post("/v1/auth/session", &body).await;
    let cookie = session.header("set-cookie").split(';').next().unwrap().to_owned();
    for origin in ["https://evil.example", "https://app.example.com", "null", "https://app.example.com.evil"]
    {
        let foreign = app.anonymous().with("origin", origin).with("cookie", &cookie);
        for path in ["/v1/keys", "/v1/auth/session", "/v1/user/profile", "/v1/users", "/v1/apis"] {
            for method in [Method::GET, Method::OPTIONS] {
                let reply = foreign.send(method, path, None, Vec::new()).await;
                assert_eq!(reply.header("access-control-allow-origin"), "", "{origin} {path}");
                assert_eq!(reply.header("access-control-allow-credentials"), "", "{origin} {path}");
            }
        }
        let login = foreign.post("/v1/auth/login", &body).await;
        assert_eq!(login.header("access-control-allow-credentials"), "", "{origin}");
        assert_eq!(login.header("set-cookie"), "", "{origin}");
        let write = foreign.post("/v1/keys", &json!({"api": "afdb", "name": "x", "scopes": []})).await;
        write.refused(403, "CSRF");
    }
}

#[tokio::test]
async fn an_evil_host_does_not_become_the_issuer() {
    let app = TestApp::start().await;
    add(&app, "ada@example.com", "member").await;
    let url = app.services().settings.public_url.clone();
    let evil = app
        .anonymous()
        .with("x-forwarded-host", "evil.example")
        .with("forwarded", "host=evil.example")
        .with("x-forwarded-proto", "https");
    let metadata = evil.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(metadata["issuer"], url);
    assert!(
        !metadata.to_string().contains("evil.example") && !metadata.to_string().contains("keywright.test")
    );
    evil.post("/v1/auth/password/forgot", &json!({"email": "ada@example.com"})).await.expect(202);
    crate::people::mailed(&app, 1).await;
    let mail = std::fs::read_dir(app.data().join("mail")).unwrap().next().unwrap().unwrap();
    let mail = std::fs::read_to_string(mail.path()).unwrap().replace("=\r\n", "");
    assert!(mail.contains(&url) && !mail.contains("evil.example"), "{mail}");
}

async fn with_key_in_url(client: &Client, key: &str) -> Vec<(String, u16)> {
    let mut answers = Vec::new();
    for path in [
        format!("/v1/keys?api_key={key}"),
        format!("/v1/user/profile?access_token={key}"),
        format!("/v1/user/profile?key={key}"),
        format!("/v1/forward-auth?api=keywright&key={key}"),
        format!("/v1/keys/{key}"),
    ] {
        answers.push((path.clone(), client.get(&path).await.status));
    }
    answers
}

/// Intermediaries log URLs: a key in one is refused, and we do not log it.
#[tokio::test]
async fn a_key_in_a_url_opens_nothing_and_is_written_nowhere() {
    let (mut program, key) = Program::initialised();
    program.set("KEYWRIGHT_LOG_LEVEL", "debug");
    program.set("KEYWRIGHT_TRUSTED_PROXIES", "127.0.0.0/8");
    let server = program.serve::<&str>([]);
    for (path, status) in with_key_in_url(&server.anonymous(), &key).await {
        assert!(matches!(status, 400 | 401), "{status} for {path}");
    }
    let bearer = server.anonymous().with("authorization", &format!("Bearer {key}"));
    bearer.get("/v1/user/profile").await.expect(200);
    let described = bearer.with("x-forwarded-uri", &format!("/v1/queries?key={key}"));
    let refused = described.with("x-forwarded-method", "GET").get("/v1/forward-auth?api=keywright").await;
    refused.refused(401, "INVALID_API_KEY");
    let rows = server.operator().get("/v1/activity?limit=200").await;
    assert!(rows.expect(200)["data"].as_array().is_some_and(|rows| rows.len() > 2));
    let secret = &key["kw_live_".len()..];
    assert!(!rows.text().contains(secret));
    let ended = server.stop();
    assert!(!ended.stderr.contains(secret), "{}", ended.stderr);
    for name in ["keywright.db", "keywright.db-wal"] {
        let bytes = std::fs::read(program.data().join(name)).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{name}");
    }
}

/// The document describes every response; only the pages are HTML.
#[tokio::test]
async fn json_is_never_taken_for_a_page() {
    let app = TestApp::with_afdb().await;
    let script = json!({"api": "afdb", "name": "<script>alert(1)</script>", "scopes": ["queries:read"]});
    let made: Value = app.operator().post("/v1/keys", &script).await.expect(201);
    let reply = app.operator().get(&format!("/v1/keys/{}", made["id"].as_str().unwrap())).await;
    assert_eq!(reply.header("content-type").split(';').next(), Some("application/json"));
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
}
