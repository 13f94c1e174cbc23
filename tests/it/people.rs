//! The team over HTTP: accounts, roles, invitations, mailed links, log rows.

use serde_json::{Value, json};

use crate::support::{Client, Reply, TestApp};

/// Password of every person here.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Adds a person with [`PASSWORD`].
pub(crate) async fn add(app: &TestApp, email: &str, role: &str) -> Value {
    let body = json!({"email": email, "role": role, "password": PASSWORD});
    app.operator().post("/v1/users", &body).await.expect(201)
}

/// Signs an app in.
pub(crate) async fn login(client: &Client, email: &str, password: &str) -> Reply {
    client.post("/v1/auth/login", &json!({"email": email, "password": password})).await
}

/// A person signed in with an app.
pub(crate) async fn signed_in(app: &TestApp, email: &str) -> Client {
    let tokens = login(&app.anonymous(), email, PASSWORD).await.expect(200);
    app.bearer(tokens["access_token"].as_str().unwrap())
}

/// A request of a page of this instance.
pub(crate) fn page(app: &TestApp) -> Client {
    app.anonymous().with("origin", &app.services().settings.public_url)
}

/// The browser of a sign-in response: with cookie, CSRF token and origin.
pub(crate) fn browser(app: &TestApp, reply: &Reply) -> Client {
    let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    let csrf = reply.json()["csrf_token"].as_str().unwrap().to_owned();
    page(app).with("cookie", &cookie).with("x-csrf-token", &csrf)
}

/// The token of the newest mailed link.
pub(crate) async fn mailed(app: &TestApp, wanted: usize) -> String {
    let directory = app.data().join("mail");
    keywright::worker::run_due(app.services()).await;
    let mut files: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), wanted, "{files:?}");
    files.sort_by_key(|path| path.metadata().and_then(|data| data.modified()).ok());
    let text = std::fs::read_to_string(files.last().unwrap()).unwrap().replace("=\r\n", "");
    let token = text.split("#token=").nth(1).expect("a link");
    let token = token.strip_prefix("3D").unwrap_or(token);
    token.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
}

#[tokio::test]
async fn the_setup_link_makes_the_first_owner_and_works_once() {
    let app = TestApp::start().await;
    let services = app.services();
    let link = keywright::domain::identity::users::account::setup_link(services, services.now())
        .await
        .unwrap()
        .unwrap();
    let token = link.expose().split("#token=").nth(1).unwrap().to_owned();
    let body = json!({"token": token, "email": "olga@example.com", "password": PASSWORD});
    let wrong = json!({"token": "x", "email": "olga@example.com", "password": PASSWORD});
    app.anonymous().post("/v1/setup", &wrong).await.refused(404, "NOT_FOUND");
    let weak = json!({"token": token, "email": "olga@example.com", "password": "password1"});
    let weak = app.anonymous().post("/v1/setup", &weak).await.refused(400, "INVALID_REQUEST");
    assert!(weak["details"]["password"].as_str().unwrap().contains("guess"));
    let made = app.anonymous().post("/v1/setup", &body).await;
    assert_eq!(made.expect(201)["user"]["role"], "owner");
    let olga = browser(&app, &made);
    assert_eq!(olga.get("/v1/user/profile").await.expect(200)["user"]["email"], "olga@example.com");
    app.anonymous().post("/v1/setup", &body).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn roles_are_asked_at_each_request() {
    let app = TestApp::start().await;
    add(&app, "olga@example.com", "owner").await;
    let ada = add(&app, "ada@example.com", "admin").await;
    let (olga, ada_in) =
        (signed_in(&app, "olga@example.com").await, signed_in(&app, "ada@example.com").await);
    let path = format!("/v1/users/{}", ada["id"].as_str().unwrap());
    ada_in.get("/v1/users").await.expect(200);
    olga.patch(&path, &json!({"role": "member"})).await.expect(200);
    ada_in.get("/v1/users").await.refused(403, "INSUFFICIENT_SCOPE");
    ada_in.get("/v1/user/profile").await.expect(200);
    olga.patch(&path, &json!({"disabled": true})).await.expect(200);
    ada_in.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    olga.patch(&path, &json!({"disabled": false})).await.expect(200);
    ada_in.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    olga.delete(&path).await.expect(204);
    olga.get(&path).await.refused(404, "NOT_FOUND");
    login(&app.anonymous(), "ada@example.com", PASSWORD).await.refused(401, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn the_last_owner_stays_and_admins_do_not_touch_owners() {
    let app = TestApp::start().await;
    let olga = add(&app, "olga@example.com", "owner").await;
    add(&app, "ada@example.com", "admin").await;
    let path = format!("/v1/users/{}", olga["id"].as_str().unwrap());
    let ada = signed_in(&app, "ada@example.com").await;
    let key = app.key(&["admin"]).await;
    for caller in [signed_in(&app, "olga@example.com").await, app.operator()] {
        caller.delete(&path).await.refused(409, "CONFLICT");
        caller.patch(&path, &json!({"role": "admin"})).await.refused(409, "CONFLICT");
        caller.patch(&path, &json!({"disabled": true})).await.refused(409, "CONFLICT");
    }
    for caller in [&ada, &key] {
        caller.delete(&path).await.refused(403, "FORBIDDEN");
    }
    add(&app, "otto@example.com", "owner").await;
    for caller in [ada, key] {
        caller.delete(&path).await.refused(403, "FORBIDDEN");
        caller.post(&format!("{path}/reset-password"), &json!({})).await.refused(403, "FORBIDDEN");
        let owner = json!({"email": "x@example.com", "role": "owner"});
        caller.post("/v1/users", &owner).await.refused(403, "FORBIDDEN");
        caller.post("/v1/invitations", &owner).await.refused(403, "FORBIDDEN");
    }
}

#[tokio::test]
async fn an_invited_person_joins_by_the_link_once() {
    let app = TestApp::start().await;
    add(&app, "olga@example.com", "owner").await;
    let olga = signed_in(&app, "olga@example.com").await.with("idempotency-key", "invite-1");
    let body = json!({"email": "dev@example.com", "role": "developer"});
    let first = olga.post("/v1/invitations", &body).await.expect(201);
    let again = olga.post("/v1/invitations", &body).await.expect(201);
    assert_eq!(first, again, "asked again because an answer was lost");
    let token = first["link"].as_str().unwrap().split("#token=").nth(1).unwrap();
    assert_eq!(mailed(&app, 1).await, token);
    let listed = olga.get("/v1/invitations").await.expect(200);
    assert_eq!(listed["data"][0]["email"], "dev@example.com");
    assert!(listed["data"][0].get("link").is_none());
    let accept = json!({"token": token, "password": PASSWORD, "name": "Dev"});
    let joined = app.anonymous().post("/v1/auth/invitation/accept", &accept).await;
    assert_eq!(joined.expect(201)["user"]["role"], "developer");
    app.anonymous().post("/v1/auth/invitation/accept", &accept).await.refused(404, "NOT_FOUND");
    olga.post("/v1/users", &json!({"email": "DEV@example.com", "role": "member"}))
        .await
        .refused(409, "CONFLICT");
    let unknown = json!({"email": "x@example.com", "role": "member", "is_owner": true});
    olga.post("/v1/users", &unknown).await.refused(400, "INVALID_REQUEST");
}

#[tokio::test]
async fn a_withdrawn_or_expired_invitation_is_refused() {
    let app = TestApp::start().await;
    let operator = app.operator();
    let mut tokens = Vec::new();
    for email in ["a@example.com", "b@example.com"] {
        let body = json!({"email": email, "role": "member"});
        let made = operator.post("/v1/invitations", &body).await.expect(201);
        tokens.push((
            made["id"].clone(),
            made["link"].as_str().unwrap().split("#token=").nth(1).unwrap().to_owned(),
        ));
    }
    operator.delete(&format!("/v1/invitations/{}", tokens[0].0.as_str().unwrap())).await.expect(204);
    app.advance(7 * 86_400);
    for (_, token) in tokens {
        let accept = json!({"token": token, "password": PASSWORD});
        app.anonymous().post("/v1/auth/invitation/accept", &accept).await.refused(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn signing_up_does_not_reveal_accounts() {
    use keywright::model::setting::Signup;
    let app = TestApp::with(|config| config.sign_in.signup = Signup::Open).await;
    add(&app, "taken@example.com", "member").await;
    let ask = async |email: &str| app.anonymous().post("/v1/auth/signup", &json!({"email": email})).await;
    let (taken, free) = (ask("taken@example.com").await, ask("free@example.com").await);
    assert_eq!((taken.expect(202), taken.headers.len()), (free.expect(202), free.headers.len()));
    login(&app.anonymous(), "taken@example.com", PASSWORD).await.expect(200);
    login(&app.anonymous(), "free@example.com", "another excellent passphrase")
        .await
        .refused(401, "INVALID_CREDENTIALS");
    let token = mailed(&app, 2).await;
    let chosen = json!({"token": token, "password": "another excellent passphrase", "name": "Free"});
    app.anonymous()
        .post("/v1/auth/signup/confirm", &json!({"token": token, "password": "password"}))
        .await
        .refused(400, "INVALID_REQUEST");
    let confirmed = app.anonymous().post("/v1/auth/signup/confirm", &chosen).await.expect(201);
    assert_eq!(
        (&confirmed["user"]["role"], &confirmed["user"]["email_verified"]),
        (&json!("member"), &json!(true))
    );
    login(&app.anonymous(), "free@example.com", "another excellent passphrase").await.expect(200);
    app.anonymous().post("/v1/auth/signup/confirm", &chosen).await.refused(404, "NOT_FOUND");
}

/// A request for an account with another person's address decides nothing about that account.
#[tokio::test]
async fn nothing_is_chosen_before_the_address_is_proved() {
    use keywright::model::setting::Signup;
    let app = TestApp::with(|config| config.sign_in.signup = Signup::Open).await;
    let chosen = json!({"email": "victim@example.com", "password": "the attacker's own passphrase"});
    app.anonymous().post("/v1/auth/signup", &chosen).await.refused(400, "INVALID_REQUEST");
    let named = json!({"email": "victim@example.com", "name": "Mallory"});
    app.anonymous().post("/v1/auth/signup", &named).await.refused(400, "INVALID_REQUEST");
    // A later request voids the earlier link: one account, one link.
    let ask = json!({"email": "victim@example.com"});
    app.anonymous().post("/v1/auth/signup", &ask).await.expect(202);
    let first = mailed(&app, 1).await;
    app.anonymous().post("/v1/auth/signup", &ask).await.expect(202);
    let second = mailed(&app, 2).await;
    let confirm = async |token: &str, password: Option<&str>| {
        let mut body = json!({"token": token});
        if let Some(password) = password {
            body["password"] = password.into();
        }
        app.anonymous().post("/v1/auth/signup/confirm", &body).await
    };
    confirm(&second, None).await.refused(400, "INVALID_REQUEST");
    confirm(&first, Some(PASSWORD)).await.refused(404, "NOT_FOUND");
    confirm(&second, Some(PASSWORD)).await.expect(201);
    login(&app.anonymous(), "victim@example.com", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn sign_up_is_refused_unless_it_is_open() {
    use keywright::model::setting::Signup;
    for signup in [Signup::Invite, Signup::Off] {
        let app = TestApp::with(|config| config.sign_in.signup = signup).await;
        let body = json!({"email": "x@example.com"});
        app.anonymous().post("/v1/auth/signup", &body).await.refused(403, "FORBIDDEN");
    }
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_by_mail_once() {
    let app = TestApp::start().await;
    add(&app, "ada@example.com", "member").await;
    let tokens = login(&app.anonymous(), "ada@example.com", PASSWORD).await.expect(200);
    let forgot =
        async |email: &str| app.anonymous().post("/v1/auth/password/forgot", &json!({"email": email})).await;
    let (known, unknown) = (forgot("ada@example.com").await, forgot("nobody@example.com").await);
    assert_eq!(known.expect(202), unknown.expect(202));
    let token = mailed(&app, 1).await;
    let reset = json!({"token": token, "password": "another excellent passphrase"});
    app.anonymous().post("/v1/auth/password/reset", &reset).await.expect(204);
    app.anonymous().post("/v1/auth/password/reset", &reset).await.refused(404, "NOT_FOUND");
    app.bearer(tokens["access_token"].as_str().unwrap())
        .get("/v1/user/profile")
        .await
        .refused(401, "INVALID_TOKEN");
    let refresh = json!({"refresh_token": tokens["refresh_token"]});
    app.anonymous().post("/v1/auth/refresh", &refresh).await.refused(401, "INVALID_TOKEN");
    login(&app.anonymous(), "ada@example.com", PASSWORD).await.refused(401, "INVALID_CREDENTIALS");
    login(&app.anonymous(), "ada@example.com", "another excellent passphrase").await.expect(200);
    for _ in 0..4 {
        forgot("ada@example.com").await.expect(202);
    }
    let often = forgot("Ada@example.com ").await;
    often.refused(429, "LOCKED_OUT");
    assert_ne!(often.header("retry-after"), "");
}

#[tokio::test]
async fn a_changed_password_signs_out_everywhere() {
    let app = TestApp::start().await;
    add(&app, "ada@example.com", "member").await;
    let elsewhere = signed_in(&app, "ada@example.com").await;
    let signed_in =
        page(&app).post("/v1/auth/session", &json!({"email": "ada@example.com", "password": PASSWORD})).await;
    signed_in.expect(201);
    let ada = browser(&app, &signed_in);
    let change =
        |current: &str| json!({"current_password": current, "new_password": "another excellent passphrase"});
    ada.post("/v1/auth/password/change", &change("not my password"))
        .await
        .refused(401, "INVALID_CREDENTIALS");
    let changed = ada.post("/v1/auth/password/change", &change(PASSWORD)).await;
    changed.expect(201);
    for client in [elsewhere, ada] {
        client.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    }
    browser(&app, &changed).get("/v1/user/profile").await.expect(200);
}

#[tokio::test]
async fn an_address_is_confirmed_by_mail() {
    let app = TestApp::start().await;
    let ada = add(&app, "ada@example.com", "member").await;
    assert_eq!(ada["email_verified"], false);
    let ada = signed_in(&app, "ada@example.com").await;
    ada.post("/v1/auth/email/verification", &json!({})).await.expect(202);
    let token = mailed(&app, 1).await;
    app.anonymous().post("/v1/auth/email/verify", &json!({"token": token})).await.expect(204);
    app.anonymous().post("/v1/auth/email/verify", &json!({"token": token})).await.refused(404, "NOT_FOUND");
    assert_eq!(ada.get("/v1/user/profile").await.expect(200)["user"]["email_verified"], true);
    ada.post("/v1/auth/email/verification", &json!({})).await.refused(409, "CONFLICT");
}

#[tokio::test]
async fn what_people_do_is_in_the_log_with_who_and_what_changed() {
    let app = TestApp::start().await;
    let olga = add(&app, "olga@example.com", "owner").await;
    let ada = add(&app, "ada@example.com", "viewer").await;
    let as_olga = signed_in(&app, "olga@example.com").await;
    let path = format!("/v1/users/{}", ada["id"].as_str().unwrap());
    as_olga.patch(&path, &json!({"role": "developer"})).await.expect(200);
    login(&app.anonymous(), "ada@example.com", "wrong password").await.refused(401, "INVALID_CREDENTIALS");
    let rows = app.operator().get("/v1/activity?limit=200").await.expect(200);
    let rows = rows["data"].as_array().unwrap();
    let find = |kind: &str| {
        rows.iter().find(|row| row["kind"] == kind).unwrap_or_else(|| panic!("{kind}: {rows:?}"))
    };
    let change = find("user.updated");
    assert_eq!(change["detail"]["role"]["from"], "viewer");
    assert_eq!(change["detail"]["role"]["to"], "developer");
    let text = change.to_string();
    assert!(
        text.contains(olga["id"].as_str().unwrap()) && text.contains(ada["id"].as_str().unwrap()),
        "{text}"
    );
    assert!(text.contains("127.0.0.1"));
    let all = Value::from(rows.clone()).to_string();
    assert!(all.contains("INVALID_CREDENTIALS"));
    for secret in [PASSWORD, "wrong password", "argon2"] {
        assert!(!all.contains(secret), "{secret} in the log");
    }
}

#[tokio::test]
async fn forged_cursors_and_foreign_ids_are_refused() {
    let app = TestApp::start().await;
    add(&app, "ada@example.com", "member").await;
    add(&app, "bob@example.com", "member").await;
    let ada = signed_in(&app, "ada@example.com").await;
    let bob = signed_in(&app, "bob@example.com").await;
    let sessions = bob.get("/v1/sessions").await.expect(200);
    let id = sessions["data"][0]["id"].as_str().unwrap();
    ada.delete(&format!("/v1/sessions/{id}")).await.refused(404, "NOT_FOUND");
    bob.get("/v1/user/profile").await.expect(200);
    bob.delete(&format!("/v1/sessions/{id}")).await.expect(204);
    bob.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    ada.get("/v1/sessions?cursor=forged").await.refused(400, "INVALID_CURSOR");
    app.operator().get("/v1/users?cursor=forged").await.refused(400, "INVALID_CURSOR");
    let page = app.operator().get("/v1/users?limit=1").await.expect(200);
    let next = format!("/v1/users?limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    let next = app.operator().get(&next).await.expect(200);
    assert_ne!(page["data"][0]["id"], next["data"][0]["id"]);
    assert_eq!(next["next_cursor"], Value::Null);
}

#[tokio::test]
async fn the_team_sees_who_was_here_lately() {
    let app = TestApp::start().await;
    let ada = add(&app, "ada@example.com", "viewer").await;
    let seen = async || {
        let people = app.operator().get("/v1/users?q=ada").await.expect(200);
        people["data"][0].get("last_active_at").cloned()
    };
    assert_eq!((ada.get("last_active_at"), seen().await), (None, None));
    let body = json!({"email": "ada@example.com", "password": PASSWORD});
    let client = browser(&app, &page(&app).post("/v1/auth/session", &body).await);
    assert_eq!(seen().await, Some(json!(app.now().to_string())));
    app.advance(640);
    client.get("/v1/user/profile").await.expect(200);
    // It is written with the log.
    app.operator().get("/v1/activity").await.expect(200);
    let to_the_minute = json!(app.now().minus_seconds(40).to_string());
    assert_eq!(seen().await, Some(to_the_minute.clone()));
    let sessions = client.get("/v1/sessions").await.expect(200);
    assert_eq!(sessions["data"][0]["last_used_at"], to_the_minute);
}
