//! An account is managed only in a session of its person; an act that raises rights needs a recent sign-in.

use serde_json::{Value, json};

use crate::oauth::flow::{App, Browser, text};
use crate::people::{PASSWORD, add, browser, login, page, signed_in};
use crate::sign_in::app_code;
use crate::support::{Client, TestApp, afdb};

const NEW_PASSWORD: &str = "another excellent passphrase";

/// Signs an app in to an API; returns its client.
async fn session_for(app: &TestApp, email: &str, api: &str) -> Client {
    let body = json!({"email": email, "password": PASSWORD, "api": api});
    let tokens = app.anonymous().post("/v1/auth/login", &body).await.expect(200);
    app.bearer(text(&tokens, "access_token"))
}

/// Signs a browser in.
async fn in_browser(app: &TestApp, email: &str) -> Client {
    let body = json!({"email": email, "password": PASSWORD});
    browser(app, &page(app).post("/v1/auth/session", &body).await)
}

/// Every call that manages an account, with a valid body.
fn account_calls() -> Vec<(&'static str, &'static str, Value)> {
    let password = || json!({"password": PASSWORD});
    let both = || json!({"password": PASSWORD, "code": "123456"});
    vec![
        ("GET", "/v1/sessions", Value::Null),
        ("DELETE", "/v1/sessions", Value::Null),
        ("DELETE", "/v1/sessions/ses_00000000000000000000000000", Value::Null),
        ("GET", "/v1/grants", Value::Null),
        ("DELETE", "/v1/grants/grt_00000000000000000000000000", Value::Null),
        ("GET", "/v1/auth/session", Value::Null),
        ("DELETE", "/v1/auth/session", Value::Null),
        ("POST", "/v1/auth/session/confirm", password()),
        ("GET", "/v1/auth/totp", Value::Null),
        ("POST", "/v1/auth/totp/enrol", password()),
        ("POST", "/v1/auth/totp/confirm", json!({"code": "123456"})),
        ("POST", "/v1/auth/totp/disable", both()),
        ("POST", "/v1/auth/totp/recovery-codes", both()),
        (
            "POST",
            "/v1/auth/password/change",
            json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
        ),
        ("POST", "/v1/auth/email/verification", json!({})),
        ("PATCH", "/v1/user/profile", json!({"name": "Mallory"})),
    ]
}

async fn call(client: &Client, (method, path, body): &(&str, &str, Value)) -> crate::support::Reply {
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let content_type = (!body.is_null()).then_some("application/json");
    client.send(method.parse().unwrap(), path, content_type, bytes).await
}

#[tokio::test]
async fn only_a_session_of_the_person_manages_an_account() {
    let app = TestApp::start().await;
    let mut api = afdb();
    api["role_scopes"] = json!({"owner": ["admin"]});
    app.add_api(api).await;
    let ada = add(&app, "ada@example.com", "owner").await;
    let own_key = json!({
        "api": "keywright", "name": "Ada's own", "scopes": ["profile:read", "team:manage", "admin"],
        "user_id": ada["id"],
    });
    let own_key = app.operator().post("/v1/keys", &own_key).await.expect(201);
    let other_key =
        json!({"api": "afdb", "name": "Ada's at afdb", "scopes": ["admin"], "user_id": ada["id"]});
    let other_key = app.operator().post("/v1/keys", &other_key).await.expect(201);
    let machine = json!({"access": [{"api": "keywright", "scopes": ["admin"]}]});
    let machine = App::register(&app, machine).await.credentials(&[]).await.expect(200);
    let callers = [
        ("session for another API", session_for(&app, "ada@example.com", "afdb").await, 401),
        ("own key", app.bearer(text(&own_key, "key")), 403),
        ("own key at another API", app.bearer(text(&other_key, "key")), 403),
        ("management key", app.key(&["admin"]).await, 403),
        ("token of a program", app.bearer(text(&machine, "access_token")), 403),
        ("operator", app.operator(), 403),
        ("no credential", app.anonymous(), 401),
    ];
    for (who, client, status) in &callers {
        for asked in account_calls() {
            let reply = call(client, &asked).await;
            assert_eq!(reply.status, *status, "{who} {} {}: {}", asked.0, asked.1, reply.text());
        }
    }
    let after = signed_in(&app, "ada@example.com").await;
    assert_eq!(after.get("/v1/sessions").await.expect(200)["data"].as_array().unwrap().len(), 2);
    assert_eq!(after.get("/v1/auth/totp").await.expect(200)["enabled"], false);
    assert_ne!(after.get("/v1/user/profile").await.expect(200)["user"]["name"], "Mallory");
}

#[tokio::test]
async fn an_app_that_a_person_allowed_does_not_manage_their_account() {
    let app = crate::oauth::flow::world().await;
    for (access, scope) in [("afdb", "queries:read"), ("keywright", "profile:read"), ("keywright", "admin")] {
        let client = json!({"access": [{"api": access, "scopes": [scope]}]});
        let client = App::register(&app, client).await;
        let tokens = crate::oauth::flow::tokens(&app, &client, scope).await;
        let token = app.bearer(text(&tokens, "access_token"));
        token.get("/v1/user/profile").await.expect(200);
        for asked in account_calls() {
            let reply = call(&token, &asked).await;
            let expected = if access == "afdb" { 401 } else { 403 };
            assert_eq!(reply.status, expected, "{access} {scope} {}: {}", asked.1, reply.text());
        }
    }
    let ada = Browser::signed_in(&app, "ada@example.com").await;
    assert_eq!(ada.client().get("/v1/grants").await.expect(200)["data"].as_array().unwrap().len(), 3);
}

/// Enables the second factor of the signed-in person; returns the seed and the recovery codes.
async fn enrol(app: &TestApp, client: &Client) -> (Value, Vec<Value>) {
    let offer = client.post("/v1/auth/totp/enrol", &json!({"password": PASSWORD})).await.expect(200);
    let code = json!({"code": app_code(app, &offer)});
    let codes = client.post("/v1/auth/totp/confirm", &code).await.expect(200);
    (offer, codes["recovery_codes"].as_array().unwrap().clone())
}

#[tokio::test]
async fn changing_the_password_makes_no_session_stronger() {
    let app = TestApp::start().await;
    add(&app, "olga@example.com", "owner").await;
    let first = in_browser(&app, "olga@example.com").await;
    let weak = in_browser(&app, "olga@example.com").await;
    let (_, recovery) = enrol(&app, &first).await;
    // A factor used in another session does not count here.
    weak.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    app.operator().patch("/v1/settings", &json!({"second_factor_required": true})).await.expect(200);
    let body = json!({"email": "olga@example.com", "password": PASSWORD, "totp": recovery[0]});
    let strong = browser(&app, &page(&app).post("/v1/auth/session", &body).await);
    let invite = json!({"email": "eve@example.com", "role": "admin"});
    strong.post("/v1/invitations", &invite).await.expect(201);

    // A session of a person without a second factor keeps its strength, whatever happens to the password.
    add(&app, "adam@example.com", "admin").await;
    let adam = in_browser(&app, "adam@example.com").await;
    adam.post("/v1/invitations", &invite).await.refused(403, "INSUFFICIENT_SCOPE");
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    let changed = browser(&app, &adam.post("/v1/auth/password/change", &change).await);
    assert_eq!(changed.get("/v1/auth/session").await.expect(200)["second_factor_missing"], true);
    changed.post("/v1/invitations", &invite).await.refused(403, "INSUFFICIENT_SCOPE");
    let sessions = changed.get("/v1/sessions").await.expect(200);
    assert_eq!(sessions["data"][0]["second_factor"], false);
}

#[tokio::test]
async fn what_an_app_was_allowed_in_a_weak_session_stays_weak() {
    let app = crate::oauth::flow::world().await;
    let client = App::register(&app, json!({"access": [{"api": "keywright", "scopes": ["admin"]}]})).await;
    let tokens = crate::oauth::flow::tokens(&app, &client, "admin").await;
    let token = app.bearer(text(&tokens, "access_token"));
    token.get("/v1/users").await.expect(200);
    app.operator().patch("/v1/settings", &json!({"second_factor_required": true})).await.expect(200);
    token.get("/v1/users").await.refused(403, "INSUFFICIENT_SCOPE");
}

/// Acts that raise rights, lift a protection, or remove a factor.
fn privileged_calls(member: &str, key: &str) -> Vec<(&'static str, String, Value)> {
    vec![
        ("POST", "/v1/invitations".to_owned(), json!({"email": "x@example.com", "role": "viewer"})),
        ("POST", "/v1/users".to_owned(), json!({"email": "y@example.com", "role": "developer"})),
        ("PATCH", format!("/v1/users/{member}"), json!({"role": "admin"})),
        ("POST", "/v1/keys".to_owned(), json!({"api": "keywright", "name": "admin", "scopes": ["admin"]})),
        (
            "POST",
            "/v1/keys".to_owned(),
            json!({"api": "keywright", "name": "writer", "scopes": ["keys:write"]}),
        ),
        ("POST", "/v1/keys".to_owned(), json!({"api": "afdb", "name": "all", "scopes": ["admin"]})),
        ("POST", format!("/v1/keys/{key}/rotate"), json!({})),
        (
            "POST",
            "/v1/clients".to_owned(),
            json!({"name": "admin", "access": [{"api": "keywright", "scopes": ["admin"]}]}),
        ),
        (
            "POST",
            "/v1/clients".to_owned(),
            json!({
                "name": "ours", "first_party": true, "redirect_uris": ["https://app.example/cb"],
                "access": [{"api": "afdb", "scopes": ["queries:read"]}],
            }),
        ),
        ("POST", "/v1/signing-keys/rotate".to_owned(), json!({})),
        (
            "PATCH",
            "/v1/apis/afdb".to_owned(),
            json!({"role_scopes": {"owner": ["admin"], "member": ["admin"]}}),
        ),
    ]
}

/// Everyday acts, which need no recent sign-in.
fn everyday_calls(member: &str) -> Vec<(&'static str, String, Value)> {
    vec![
        ("GET", "/v1/users".to_owned(), Value::Null),
        ("PATCH", format!("/v1/users/{member}"), json!({"name": "Renamed"})),
        ("POST", "/v1/invitations".to_owned(), json!({"email": "m@example.com", "role": "member"})),
        ("POST", "/v1/keys".to_owned(), json!({"api": "afdb", "name": "r", "scopes": ["queries:read"]})),
        ("GET", "/v1/sessions".to_owned(), Value::Null),
    ]
}

async fn send(client: &Client, (method, path, body): &(&str, String, Value)) -> crate::support::Reply {
    call(client, &(*method, path.as_str(), body.clone())).await
}

#[tokio::test]
async fn what_raises_rights_needs_a_recent_sign_in_and_goes_on_once_confirmed() {
    let app = TestApp::with_afdb().await;
    add(&app, "olga@example.com", "owner").await;
    let member = add(&app, "mia@example.com", "member").await;
    let admin_key = json!({"api": "keywright", "name": "first", "scopes": ["admin"]});
    let admin_key = app.operator().post("/v1/keys", &admin_key).await.expect(201);
    let (member, key) = (text(&member, "id"), text(&admin_key, "id"));
    let by_token = login(&app.anonymous(), "olga@example.com", PASSWORD).await.expect(200);
    let by_cookie = in_browser(&app, "olga@example.com").await;
    app.advance(16 * 60);
    // A refresh proves nothing but the refresh token.
    let refresh = json!({"refresh_token": by_token["refresh_token"]});
    let refreshed = app.anonymous().post("/v1/auth/refresh", &refresh).await.expect(200);
    let by_token = app.bearer(text(&refreshed, "access_token"));
    for client in [&by_token, &by_cookie] {
        for asked in privileged_calls(member, key) {
            let error = send(client, &asked).await.refused(403, "REAUTHENTICATION_REQUIRED");
            assert_eq!(error["details"], json!({"max_age_seconds": 900, "methods": ["password"]}));
        }
        for asked in everyday_calls(member) {
            let status = send(client, &asked).await.status;
            assert!(status < 300 || status == 409, "{asked:?}: {status}");
        }
        client
            .post("/v1/auth/session/confirm", &json!({"password": "not my password"}))
            .await
            .refused(401, "INVALID_CREDENTIALS");
        let confirmed = client.post("/v1/auth/session/confirm", &json!({"password": PASSWORD})).await;
        assert_eq!(confirmed.expect(200)["amr"], json!(["pwd"]));
        for asked in privileged_calls(member, key) {
            let reply = send(client, &asked).await;
            assert!(reply.status < 300 || reply.status == 409, "{asked:?}: {}", reply.text());
        }
        app.operator().patch(&format!("/v1/users/{member}"), &json!({"role": "member"})).await.expect(200);
        let roles = json!({"role_scopes": {"owner": ["admin"]}});
        app.operator().patch("/v1/apis/afdb", &roles).await.expect(200);
        app.advance(15 * 60);
    }
    // Identities that do not sign in are exempt.
    for client in [app.operator(), app.key(&["admin"]).await] {
        for asked in privileged_calls(member, key) {
            let reply = send(&client, &asked).await;
            assert!(reply.status < 300 || reply.status == 409, "{asked:?}: {}", reply.text());
        }
    }
}

#[tokio::test]
async fn a_person_with_a_second_factor_confirms_with_both() {
    let app = TestApp::start().await;
    add(&app, "olga@example.com", "owner").await;
    let olga = in_browser(&app, "olga@example.com").await;
    let (offer, recovery) = enrol(&app, &olga).await;
    app.advance(3_600);
    let invite = json!({"email": "x@example.com", "role": "admin"});
    let error = olga.post("/v1/invitations", &invite).await.refused(403, "REAUTHENTICATION_REQUIRED");
    assert_eq!(error["details"]["methods"], json!(["password", "totp"]));
    let confirm = async |body: Value| olga.post("/v1/auth/session/confirm", &body).await;
    confirm(json!({"password": PASSWORD})).await.refused(401, "MFA_REQUIRED");
    confirm(json!({"password": PASSWORD, "totp": "000000"})).await.refused(401, "INVALID_CREDENTIALS");
    let code = app_code(&app, &offer);
    let done = confirm(json!({"password": PASSWORD, "totp": code})).await.expect(200);
    assert_eq!(done["amr"], json!(["pwd", "otp"]));
    confirm(json!({"password": PASSWORD, "totp": code})).await.refused(401, "INVALID_CREDENTIALS");
    olga.post("/v1/invitations", &invite).await.expect(201);
    // Lifting the demand for a second factor needs one too.
    let demand = |wanted: bool| json!({"second_factor_required": wanted});
    olga.patch("/v1/settings", &demand(true)).await.expect(200);
    app.advance(900);
    olga.patch("/v1/settings", &demand(false)).await.refused(403, "REAUTHENTICATION_REQUIRED");
    app.operator().patch("/v1/settings", &demand(false)).await.expect(200);
    // Removing the factor and changing the password need the same.
    app.advance(901);
    let off = json!({"password": PASSWORD, "code": recovery[0]});
    olga.post("/v1/auth/totp/disable", &off).await.refused(403, "REAUTHENTICATION_REQUIRED");
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    olga.post("/v1/auth/password/change", &change).await.refused(403, "REAUTHENTICATION_REQUIRED");
    confirm(json!({"password": PASSWORD, "totp": recovery[1]})).await.expect(200);
    olga.post("/v1/auth/totp/disable", &off).await.expect(204);
}

#[tokio::test]
async fn guessing_at_the_confirmation_is_slowed() {
    let app = TestApp::start().await;
    add(&app, "ada@example.com", "member").await;
    let ada = signed_in(&app, "ada@example.com").await;
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let guess = json!({"password": "a guess at a password"});
        statuses.push(ada.post("/v1/auth/session/confirm", &guess).await.status);
    }
    assert_eq!((statuses[0], statuses[7]), (401, 429), "{statuses:?}");
}

#[tokio::test]
async fn a_profile_has_what_the_credential_may_read() {
    let app = crate::oauth::flow::world().await;
    let ada = app.operator().get("/v1/users?q=ada").await.expect(200)["data"][0].clone();
    let client = App::register(&app, json!({})).await;
    let asked = async |client: &Client| client.get("/v1/user/profile").await.expect(200);
    for (scope, members) in [
        ("queries:read", vec![]),
        ("openid queries:read", vec![]),
        ("openid email queries:read", vec!["email", "email_verified", "id"]),
        ("openid profile", vec!["id", "name"]),
    ] {
        let tokens = crate::oauth::flow::tokens(&app, &client, scope).await;
        let profile = asked(&app.bearer(text(&tokens, "access_token"))).await;
        assert_eq!(profile["user_id"], ada["id"], "{scope}");
        let told: Vec<&str> =
            profile["user"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        assert_eq!(told, members, "{scope}");
    }
    for (api, scopes) in [("keywright", vec!["profile:read", "admin"]), ("afdb", vec!["admin"])] {
        let key = json!({"api": api, "name": "Ada's", "scopes": scopes, "user_id": ada["id"]});
        let key = app.operator().post("/v1/keys", &key).await.expect(201);
        let profile = asked(&app.bearer(text(&key, "key"))).await;
        assert_eq!((&profile["user_id"], &profile["user"]), (&ada["id"], &Value::Null), "{api}");
        assert_eq!((&profile["kind"], &profile["key_id"]), (&json!("key"), &key["id"]));
    }
    for api in ["keywright", "afdb"] {
        let body = json!({"email": "ada@example.com", "password": crate::oauth::flow::PASSWORD, "api": api});
        let tokens = app.anonymous().post("/v1/auth/login", &body).await.expect(200);
        let profile = asked(&app.bearer(text(&tokens, "access_token"))).await;
        assert_eq!(profile["user"]["email"], "ada@example.com");
        assert_eq!(
            (&profile["user"]["role"], &profile["user"]["second_factor"]),
            (&json!("owner"), &json!(false))
        );
    }
}

/// Subjects of the mails to an address so far.
fn subjects(app: &TestApp, to: &str) -> Vec<String> {
    let files = std::fs::read_dir(app.data().join("mail")).into_iter().flatten().flatten();
    let texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
    let mut found: Vec<String> = texts
        .filter(|text| text.lines().any(|line| line.starts_with("To:") && line.contains(to)))
        .filter_map(|text| text.lines().find_map(|line| Some(line.strip_prefix("Subject: ")?.to_owned())))
        .collect();
    found.sort();
    found
}

/// Waits until exactly the mails with these prefixes have arrived.
async fn mailed_to(app: &TestApp, to: &str, wanted: &[&str]) {
    for _ in 0..2_000 {
        if subjects(app, to).len() >= wanted.len() {
            break;
        }
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
    let found = subjects(app, to);
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    assert!(found.iter().zip(wanted).all(|(subject, wanted)| subject.starts_with(wanted)), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_notified_of_changes_of_their_credentials() {
    let app = TestApp::start().await;
    add(&app, "olga@example.com", "owner").await;
    add(&app, "otto@example.com", "owner").await;
    add(&app, "adam@example.com", "admin").await;
    let olga = in_browser(&app, "olga@example.com").await;
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    olga.post("/v1/auth/password/change", &change).await.expect(201);
    mailed_to(&app, "olga@example.com", &["Your password was changed"]).await;

    let adam = in_browser(&app, "adam@example.com").await;
    let (_, recovery) = enrol(&app, &adam).await;
    let off = json!({"password": PASSWORD, "code": recovery[0]});
    adam.post("/v1/auth/totp/disable", &off).await.expect(204);
    mailed_to(&app, "adam@example.com", &["Your second factor was removed"]).await;

    let key = |scopes: &[&str]| json!({"api": "keywright", "name": "k", "scopes": scopes});
    adam.post("/v1/keys", &key(&["keys:read"])).await.expect(201);
    adam.post("/v1/keys", &key(&["admin"])).await.expect(201);
    mailed_to(&app, "otto@example.com", &["A new management key with all rights"]).await;
    let told = ["A new management key with all rights", "Your password was changed"];
    mailed_to(&app, "olga@example.com", &told).await;
}
