//! Sign-in over HTTP, by users and by attackers.

#![expect(clippy::disallowed_methods, reason = "how long an answer takes is what two of these are about")]

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::people::{PASSWORD, add, browser, login, page, signed_in};
use crate::support::{Client, TestApp, afdb};

/// A server that trusts `X-Forwarded-For` from this machine, so that a test can use many networks.
async fn with_networks() -> TestApp {
    TestApp::with(|config| config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await
}

fn from(app: &TestApp, ip: &str) -> Client {
    app.anonymous().with("x-forwarded-for", ip)
}

/// Runs a documented command, as a shell does.
fn shell(script: &str) -> Value {
    let output = Command::new("bash").args(["-c", script]).output().expect("bash and curl are installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stdout)))
}

/// The commands of the example's documentation, word for word except for host, address and password.
#[tokio::test(flavor = "multi_thread")]
async fn the_documented_curl_calls_run_word_for_word() {
    let app = TestApp::with(|config| {
        config.sign_in.signing_alg = keywright::model::setting::SigningAlg::Rs256;
        config.sign_in.default_api = "afdb".to_owned();
    })
    .await;
    let mut api = afdb();
    api["role_scopes"] = json!({"member": ["queries:read"]});
    app.add_api(api).await;
    add(&app, "user@example.com", "member").await;
    let url = format!("http://{}", app.address);
    let tokens = shell(&format!(
        r#"curl -sX POST "{url}/v1/auth/login" \
-H "Content-Type: application/json" \
-d '{{
"email": "user@example.com",
"password": "{PASSWORD}"
}}'"#
    ));
    assert!(tokens["access_token"].as_str().unwrap().starts_with("eyJhbGciOiJSUzI1NiIs"), "{tokens}");
    assert_eq!((&tokens["expires_in"], &tokens["token_type"]), (&json!(3600), &json!("Bearer")));
    let members: Vec<&String> = tokens.as_object().unwrap().keys().collect();
    assert_eq!(members, ["access_token", "expires_in", "refresh_token", "token_type"]);
    let refreshed = shell(&format!(
        r#"curl -sX POST "{url}/v1/auth/refresh" \
-H "Content-Type: application/json" \
-d '{{
"refresh_token": "{}"
}}'"#,
        tokens["refresh_token"].as_str().unwrap()
    ));
    assert_ne!(refreshed["refresh_token"], tokens["refresh_token"]);
    let profile = shell(&format!(
        r#"curl -sX GET "{url}/v1/user/profile" \
-H "Authorization: Bearer {}" \
-H "Content-Type: application/json""#,
        refreshed["access_token"].as_str().unwrap()
    ));
    assert_eq!((&profile["api"], &profile["scopes"]), (&json!("afdb"), &json!(["queries:read"])));
}

/// Same response and, since a password is hashed either way, similar timing: without that an unknown address would be
/// answered twenty times as fast.
#[tokio::test]
async fn an_unknown_address_is_answered_like_a_wrong_password() {
    let app = with_networks().await;
    add(&app, "known@example.com", "member").await;
    let ask = async |ip: &str, email: &str| {
        let started = Instant::now();
        let reply = login(&from(&app, ip), email, "wrong password").await;
        let took = started.elapsed();
        let mut body = reply.json();
        body["error"]["request_id"] = Value::Null;
        ((reply.status, body), took)
    };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for round in 0..15 {
        let ip = format!("198.51.{round}.1");
        let (right, took) = ask(&ip, "known@example.com").await;
        known.push(took);
        let (other, took) = ask(&ip, "unknown@example.com").await;
        unknown.push(took);
        assert_eq!(right, other);
        assert_eq!(right.0, 401);
    }
    known.sort_unstable();
    unknown.sort_unstable();
    let (known, unknown) = (known[7], unknown[7]);
    assert!(known < unknown * 2 && unknown < known * 2, "{known:?} and {unknown:?}");
}

#[tokio::test]
async fn the_owner_of_an_attacked_account_is_notified_once() {
    let app = with_networks().await;
    add(&app, "ada@example.com", "member").await;
    for attempt in 0..12 {
        login(&from(&app, &format!("198.51.{attempt}.1")), "ada@example.com", "wrong password").await;
    }
    let directory = app.data().join("mail");
    keywright::worker::run_due(app.services()).await;
    let mails: Vec<_> = std::fs::read_dir(&directory).unwrap().flatten().collect();
    assert_eq!(mails.len(), 1, "one an hour");
    let mail = std::fs::read_to_string(mails[0].path()).unwrap();
    assert!(mail.contains("To: ada@example.com"), "{mail}");
    let rows = app.operator().get("/v1/activity?outcome=refused&limit=200").await.expect(200);
    let ours = |row: &&Value| row["kind"] == "session.sign_in" && row["code"] == "INVALID_CREDENTIALS";
    assert!(rows["data"].as_array().unwrap().iter().filter(ours).count() >= 5, "{rows}");
}

#[tokio::test]
async fn one_counter_for_every_spelling_and_none_for_other_networks() {
    let app = with_networks().await;
    add(&app, "ada@example.com", "member").await;
    for email in
        ["ada@example.com", "ADA@EXAMPLE.COM", " ada@example.com", "Ada@Example.com ", "aDa@example.com"]
    {
        login(&from(&app, "198.51.100.1"), email, "wrong password").await.refused(401, "INVALID_CREDENTIALS");
    }
    let slowed = login(&from(&app, "198.51.100.2"), "ada@example.COM", "wrong password").await;
    slowed.refused(429, "LOCKED_OUT");
    assert_eq!(slowed.header("retry-after"), "1");
    login(&from(&app, "203.0.113.9"), "ada@example.com", PASSWORD).await.expect(200);
    // A header from an untrusted proxy is ignored.
    let spoofed = from(&app, "192.0.2.1, 198.51.100.1");
    login(&spoofed, "ada@example.com", "wrong password").await.refused(429, "LOCKED_OUT");
}

#[tokio::test]
async fn impossible_passwords_are_refused_and_long_ones_count_whole() {
    let app = TestApp::start().await;
    for password in ["x".repeat(10_240), "with\0nul and more".to_owned(), "short".to_owned()] {
        login(&app.anonymous(), "ada@example.com", &password).await.refused(400, "INVALID_REQUEST");
    }
    let long = "correct horse battery staple correct horse battery staple 123456"[..64].to_owned();
    let body = json!({"email": "ada@example.com", "role": "member", "password": long});
    app.operator().post("/v1/users", &body).await.expect(201);
    let almost = format!("{}x", &long[..63]);
    login(&app.anonymous(), "ada@example.com", &almost).await.refused(401, "INVALID_CREDENTIALS");
    login(&app.anonymous(), "ada@example.com", &long).await.expect(200);
    let extra = json!({"email": "ada@example.com", "password": long, "role": "owner"});
    app.anonymous().post("/v1/auth/login", &extra).await.refused(400, "INVALID_REQUEST");
}

/// Code of an authenticator app for the seed in a response of `/v1/auth/totp/enrol`.
pub(crate) fn app_code(app: &TestApp, offer: &Value) -> String {
    app_code_at(app.now(), offer)
}

/// Code of an app at `now`.
pub(crate) fn app_code_at(now: keywright::model::Timestamp, offer: &Value) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits = Vec::new();
    for letter in offer["secret"].as_str().unwrap().chars() {
        let value = alphabet.find(letter).unwrap();
        bits.extend((0..5).rev().map(|bit| value >> bit & 1 == 1));
    }
    let bytes: Vec<u8> =
        bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, &bit| sum << 1 | u8::from(bit))).collect();
    keywright::domain::identity::totp::Seed::from_bytes(&bytes).unwrap().code(now.seconds() / 30)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for_and_used_up() {
    let app = with_networks().await;
    add(&app, "ada@example.com", "member").await;
    let ada = signed_in(&app, "ada@example.com").await;
    ada.post("/v1/auth/totp/enrol", &json!({"password": "not my password"}))
        .await
        .refused(401, "INVALID_CREDENTIALS");
    let offer = ada.post("/v1/auth/totp/enrol", &json!({"password": PASSWORD})).await.expect(200);
    assert!(
        offer["otpauth_uri"].as_str().unwrap().starts_with("otpauth://totp/Keywright:ada%40example.com?")
    );
    assert!(offer["qr_svg"].as_str().unwrap().contains("<svg"));
    login(&app.anonymous(), "ada@example.com", PASSWORD).await.expect(200);
    let code = app_code(&app, &offer);
    ada.post("/v1/auth/totp/confirm", &json!({"code": "000000"})).await.refused(401, "INVALID_CREDENTIALS");
    let codes = ada.post("/v1/auth/totp/confirm", &json!({"code": code})).await.expect(200);
    let codes = codes["recovery_codes"].as_array().unwrap().clone();
    assert_eq!(codes.len(), 10);

    let with_code = async |client: &Client, code: &str| {
        let body = json!({"email": "ada@example.com", "password": PASSWORD, "totp": code});
        client.post("/v1/auth/login", &body).await
    };
    login(&app.anonymous(), "ada@example.com", PASSWORD).await.refused(401, "MFA_REQUIRED");
    let half =
        page(&app).post("/v1/auth/session", &json!({"email": "ada@example.com", "password": PASSWORD})).await;
    half.refused(401, "MFA_REQUIRED");
    assert_eq!(half.header("set-cookie"), "", "half a sign-in is none");
    login(&app.anonymous(), "ada@example.com", "wrong password").await.refused(401, "INVALID_CREDENTIALS");
    with_code(&app.anonymous(), &code).await.refused(401, "INVALID_CREDENTIALS");
    app.advance(30);
    let code = app_code(&app, &offer);
    let mut tasks = tokio::task::JoinSet::new();
    for network in 0..50 {
        let client = from(&app, &format!("203.0.{network}.1"));
        let body = json!({"email": "ada@example.com", "password": PASSWORD, "totp": code});
        tasks.spawn(async move { client.post("/v1/auth/login", &body).await.status });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|status| [200, 401, 429, 503].contains(status)), "{answers:?}");
    app.advance(3_600);
    let recovery = codes[0].as_str().unwrap();
    with_code(&app.anonymous(), recovery).await.expect(200);
    with_code(&app.anonymous(), recovery).await.refused(401, "INVALID_CREDENTIALS");
    let guesses: Vec<u16> = {
        let mut statuses = Vec::new();
        for guess in 0..8 {
            statuses.push(with_code(&app.anonymous(), &format!("{guess:06}")).await.status);
        }
        statuses
    };
    assert!(guesses.contains(&429), "codes are counted on their own: {guesses:?}");
    app.advance(3_600);
    let off = json!({"password": PASSWORD, "code": codes[1]});
    ada.post("/v1/auth/totp/disable", &off).await.refused(401, "EXPIRED_TOKEN");
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "totp": codes[2]});
    let tokens = app.anonymous().post("/v1/auth/login", &body).await.expect(200);
    let ada = app.bearer(tokens["access_token"].as_str().unwrap());
    ada.post("/v1/auth/totp/disable", &off).await.expect(204);
    login(&app.anonymous(), "ada@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn an_instance_may_demand_a_second_factor_of_owners_and_admins() {
    let app = TestApp::start().await;
    for role in ["owner", "admin", "developer"] {
        add(&app, &format!("{role}@example.com"), role).await;
    }
    let (owner, admin) =
        (signed_in(&app, "owner@example.com").await, signed_in(&app, "admin@example.com").await);
    let developer = signed_in(&app, "developer@example.com").await;
    app.operator().patch("/v1/settings", &json!({"second_factor_required": true})).await.expect(200);
    for (email, caller) in [("owner@example.com", owner), ("admin@example.com", admin)] {
        caller.get("/v1/users").await.refused(403, "INSUFFICIENT_SCOPE");
        caller
            .post("/v1/keys", &json!({"api": "keywright", "name": "x", "scopes": ["keys:read"]}))
            .await
            .refused(403, "INSUFFICIENT_SCOPE");
        let signed_in =
            page(&app).post("/v1/auth/session", &json!({"email": email, "password": PASSWORD})).await;
        let browser = browser(&app, &signed_in);
        assert_eq!(browser.get("/v1/auth/session").await.expect(200)["second_factor_missing"], true);
        let offer = browser.post("/v1/auth/totp/enrol", &json!({"password": PASSWORD})).await.expect(200);
        let code = json!({"code": app_code(&app, &offer)});
        browser.post("/v1/auth/totp/confirm", &code).await.expect(200);
        browser.get("/v1/users").await.expect(200);
    }
    developer.get("/v1/users").await.expect(200);
}

#[tokio::test]
async fn a_browser_session_is_a_cookie_that_others_cannot_use() {
    let app = TestApp::start().await;
    add(&app, "ada@example.com", "owner").await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    app.anonymous().post("/v1/auth/session", &body).await.refused(403, "CSRF");
    let evil = app.anonymous().with("origin", "https://evil.example");
    evil.post("/v1/auth/session", &body).await.refused(403, "CSRF");
    let signed_in = page(&app).post("/v1/auth/session", &body).await;
    assert_eq!(signed_in.expect(201)["user"]["email"], "ada@example.com");
    assert_eq!(signed_in.header("cache-control"), "no-store");
    let cookie = signed_in.header("set-cookie");
    for part in ["keywright=", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let ada = browser(&app, &signed_in);
    let current = ada.get("/v1/auth/session").await.expect(200);
    assert_eq!(current["csrf_token"], signed_in.json()["csrf_token"]);
    let rename = json!({"name": "Ada"});
    ada.patch("/v1/user/profile", &rename).await.expect(200);
    let value = cookie.split(';').next().unwrap();
    let bare = app.anonymous().with("cookie", value);
    bare.get("/v1/user/profile").await.expect(200);
    bare.patch("/v1/user/profile", &rename).await.refused(403, "CSRF");
    page(&app).with("cookie", value).patch("/v1/user/profile", &rename).await.refused(403, "CSRF");
    let csrf = signed_in.json()["csrf_token"].as_str().unwrap().to_owned();
    let foreign = bare.with("x-csrf-token", &csrf).with("origin", "https://evil.example");
    foreign.patch("/v1/user/profile", &rename).await.refused(403, "CSRF");
    let again = page(&app).with("cookie", value).post("/v1/auth/session", &body).await;
    again.expect(201);
    bare.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    let ada = browser(&app, &again);
    let out = ada.delete("/v1/auth/session").await;
    out.expect(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    ada.get("/v1/auth/session").await.refused(401, "INVALID_TOKEN");
    ada.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_page_of_a_listed_origin_signs_in_refreshes_and_signs_out() {
    let app = TestApp::start().await;
    let mut api = afdb();
    api["allowed_origins"] = json!(["https://app.example.com"]);
    app.add_api(api).await;
    add(&app, "ada@example.com", "member").await;
    let page = app.anonymous().with("origin", "https://app.example.com");
    for path in ["/v1/auth/login", "/v1/auth/refresh", "/v1/auth/logout"] {
        let ask = page
            .with("access-control-request-method", "POST")
            .with("access-control-request-headers", "content-type");
        let allowed = ask.send(http::Method::OPTIONS, path, None, Vec::new()).await;
        assert_eq!(allowed.status, 204);
        assert_eq!(allowed.header("access-control-allow-origin"), "https://app.example.com");
        assert!(allowed.header("access-control-allow-methods").contains("POST"));
        assert!(allowed.header("access-control-allow-headers").to_lowercase().contains("content-type"));
        assert_eq!(allowed.header("access-control-allow-credentials"), "");
        let other = app.anonymous().with("origin", "https://evil.example");
        let refused = other.send(http::Method::OPTIONS, path, None, Vec::new()).await;
        assert_eq!(refused.header("access-control-allow-origin"), "");
        assert!(refused.header("vary").to_lowercase().contains("origin"));
    }
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "api": "afdb"});
    let tokens = page.post("/v1/auth/login", &body).await;
    assert_eq!(tokens.header("access-control-allow-origin"), "https://app.example.com");
    let refresh = json!({"refresh_token": tokens.expect(200)["refresh_token"]});
    let refreshed = page.post("/v1/auth/refresh", &refresh).await;
    assert_eq!(refreshed.header("access-control-allow-origin"), "https://app.example.com");
    let logout = json!({"refresh_token": refreshed.expect(200)["refresh_token"]});
    let out = page.post("/v1/auth/logout", &logout).await;
    out.expect(204);
    assert_eq!(out.header("access-control-allow-origin"), "https://app.example.com");
    let wrong = page.post("/v1/auth/refresh", &logout).await;
    wrong.refused(401, "INVALID_TOKEN");
    assert_eq!(
        wrong.header("access-control-allow-origin"),
        "https://app.example.com",
        "errors can be read too"
    );
    let evil = app.anonymous().with("origin", "https://evil.example").post("/v1/auth/login", &body).await;
    assert_eq!(evil.header("access-control-allow-origin"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_parallel_refreshes_have_one_successor_and_no_failure() {
    let mut app = TestApp::start().await;
    add(&app, "ada@example.com", "member").await;
    let tokens = login(&app.anonymous(), "ada@example.com", PASSWORD).await.expect(200);
    let body = json!({"refresh_token": tokens["refresh_token"]});
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (client, body) = (app.anonymous(), body.clone());
        tasks.spawn(async move { client.post("/v1/auth/refresh", &body).await });
    }
    let answers: Vec<Value> = tasks.join_all().await.iter().map(|reply| reply.expect(200)).collect();
    assert!(answers.iter().all(|answer| answer["refresh_token"] == answers[0]["refresh_token"]));
    app.advance(11);
    app.restart().await;
    app.anonymous().post("/v1/auth/refresh", &body).await.refused(401, "INVALID_TOKEN");
    let successor = json!({"refresh_token": answers[0]["refresh_token"]});
    app.anonymous().post("/v1/auth/refresh", &successor).await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_profile_answers_for_a_key_a_token_and_a_session() {
    let app = TestApp::with_afdb().await;
    add(&app, "ada@example.com", "member").await;
    let key = app.afdb_key(json!({})).await;
    let profile = app.bearer(key["key"].as_str().unwrap()).get("/v1/user/profile").await.expect(200);
    assert_eq!(
        (&profile["kind"], &profile["api"], &profile["key_id"]),
        (&json!("key"), &json!("afdb"), &key["id"])
    );
    assert_eq!(profile["scopes"], json!(["queries:read"]));
    let profile = signed_in(&app, "ada@example.com").await.get("/v1/user/profile").await.expect(200);
    assert_eq!((&profile["kind"], &profile["user"]["role"]), (&json!("session"), &json!("member")));
    app.anonymous().get("/v1/user/profile").await.refused(401, "MISSING_API_KEY");
}

/// Flushes the last use of a session, which is written behind.
async fn used(app: &TestApp, browser: &Client) {
    browser.get("/v1/user/profile").await.expect(200);
    app.operator().get("/v1/activity").await.expect(200);
}

#[tokio::test]
async fn a_session_of_a_browser_ends_when_it_is_idle() {
    let app = TestApp::with(|config| config.sign_in.session_idle_seconds = 3_600).await;
    add(&app, "ada@example.com", "admin").await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let ada = browser(&app, &page(&app).post("/v1/auth/session", &body).await);
    for _ in 0..5 {
        app.advance(3_000);
        used(&app, &ada).await;
    }
    app.advance(3_540);
    used(&app, &ada).await;
    app.advance(3_601);
    ada.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    let other = browser(&app, &page(&app).post("/v1/auth/session", &body).await);
    let listed = other.get("/v1/auth/sessions").await;
    assert!(
        listed.status == 404 || listed.json()["data"].as_array().unwrap().len() == 1,
        "{}",
        listed.text()
    );
}

#[tokio::test]
async fn a_session_that_is_used_all_the_time_ends_after_a_week() {
    let app = TestApp::start().await;
    add(&app, "ada@example.com", "admin").await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let ada = browser(&app, &page(&app).post("/v1/auth/session", &body).await);
    for _ in 0..13 {
        app.advance(43_200);
        used(&app, &ada).await;
    }
    app.advance(43_199);
    used(&app, &ada).await;
    app.advance(1);
    ada.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
}
