//! Creation of keys in the dashboard, by the signed-in person.

use serde_json::{Value, json};

use super::{scopes, text};
use crate::browser::Browser;
use crate::documents::Statement;
use crate::wire::Ask;
use crate::world::{Course, Key, OWNER, PASSWORD, refusal};

const DAY_SECONDS: u64 = 86_400;
/// Far beyond the lifetime of any token.
const LONG_SECONDS: u64 = 400 * DAY_SECONDS;

/// Creates a key on a page of the dashboard.
async fn make(course: &Course, browser: &mut Browser, more: Value) -> Key {
    let mut body = json!({"api": course.world.document.api, "name": "Walker"});
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    Key::of(browser.call("POST /v1/keys", &body).await.expect(201))
}

/// A key outlives tokens, sessions and its creator: it belongs to the organization.
pub(super) async fn long_lived(course: &Course, promise: &Statement) {
    let operator = course.world.app.operator();
    let email = format!("leaving-{}@example.com", course.proxy.kind.name());
    let body = json!({"email": email, "role": "developer", "password": PASSWORD});
    let person = text(&operator.post("/v1/users", &body).await.expect(201), "id");
    let mut browser = course.world.signed_in(&email).await;
    let key = make(course, &mut browser, json!({"scopes": promise.scopes})).await;
    operator.patch(&format!("/v1/users/{person}"), &json!({"disabled": true})).await.expect(200);
    course.world.app.advance(LONG_SECONDS);
    let seen = course.opens(&promise.opens, &key.secret).await;
    assert_eq!((seen.header("x-auth-subject"), seen.header("x-auth-user-id")), (key.id.as_str(), ""));
}

/// Keys are known by their names.
pub(super) async fn named(course: &Course, promise: &Statement) {
    let mut browser = course.world.signed_in(OWNER).await;
    for name in &promise.names {
        let key = make(course, &mut browser, json!({"name": name, "scopes": promise.scopes})).await;
        let listed = browser.call("GET /v1/keys", &Value::Null).await.expect(200);
        let found = listed["data"].as_array().expect("keys").iter().find(|found| found["id"] == key.id);
        assert_eq!(found.expect("it is listed")["name"], name.as_str());
    }
}

/// No two keys are the same.
pub(super) async fn unique(course: &Course, promise: &Statement) {
    let mut secrets = std::collections::BTreeSet::new();
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let key = course.own_key(promise).await;
        secrets.insert(key.secret);
        ids.insert(key.id);
    }
    assert_eq!((secrets.len(), ids.len()), (50, 50));
}

/// After the response that creates it, a key is in no response and in no file.
pub(super) async fn shown_once(course: &Course, promise: &Statement) {
    let mut browser = course.world.signed_in(OWNER).await;
    let key = make(course, &mut browser, json!({"scopes": promise.scopes})).await;
    let hidden = key.secret.rsplit('_').next().expect("its random part");
    for path in ["/v1/keys", &format!("/v1/keys/{}", key.id), &format!("/v1/keys/{}/activity", key.id)] {
        let shown = browser.call(&format!("GET {path}"), &Value::Null).await;
        assert!(shown.expect(200).to_string().contains(&key.id), "{path}");
        assert!(!shown.text().contains(hidden), "{path} shows the key");
    }
    for entry in std::fs::read_dir(course.world.app.data()).expect("the data").flatten() {
        let Ok(bytes) = std::fs::read(entry.path()) else { continue };
        let found = bytes.windows(hidden.len()).any(|window| window == hidden.as_bytes());
        assert!(!found, "the key stands in {:?}", entry.file_name());
    }
}

/// A key with an expiration date works until that date.
pub(super) async fn expires(course: &Course, promise: &Statement) {
    let app = &course.world.app;
    let end = app.now().plus_millis(7 * 86_400_000).to_string();
    let mut browser = course.world.signed_in(OWNER).await;
    let key = make(course, &mut browser, json!({"scopes": promise.scopes, "expires_at": end})).await;
    assert_eq!(key.shown["expires_at"], end);
    app.advance(7 * DAY_SECONDS - 1);
    course.opens(&promise.opens, &key.secret).await;
    app.advance(1);
    let error = course.refused(&promise.opens, &key.secret, 401, "EXPIRED_API_KEY").await;
    assert_eq!(error["details"]["expired_at"], end);
}

/// A key created from a preset has its scopes.
pub(super) async fn preset(course: &Course, promise: &Statement) {
    let key = of_preset(course, promise).await;
    for route in &promise.passes {
        course.opens(route, &key.secret).await;
    }
    for route in &promise.refuses {
        let reply = course.call(route, &key.secret).await;
        course.world.upstream.untouched();
        assert_eq!(reply.status, 403, "{route}: {}", reply.text());
        // The environment is checked before the scope.
        let test_only = promise.environment.as_deref() == Some("test") && route.contains("/admin/");
        refusal(&reply, 403, if test_only { "WRONG_ENVIRONMENT" } else { "INSUFFICIENT_SCOPE" });
    }
}

/// A key created from a preset has all scopes.
pub(super) async fn opens_everything(course: &Course, promise: &Statement) {
    let key = of_preset(course, promise).await;
    let routes = scopes::routes(course).await;
    assert!(routes.len() > 5, "too few to say everything");
    for route in routes {
        course.opens(&route.call, &key.secret).await;
    }
}

async fn of_preset(course: &Course, promise: &Statement) -> Key {
    let mut browser = course.world.signed_in(OWNER).await;
    let key = make(course, &mut browser, json!({"preset": promise.preset})).await;
    assert_eq!(key.shown["environment"], promise.environment.as_deref().unwrap_or("live"));
    key
}

/// A new person gets an account and creates a key of their own.
pub(super) async fn sign_up(course: &Course, promise: &Statement) {
    let email = format!("new-{}@example.com", course.proxy.kind.name()).to_lowercase();
    let body = json!({"email": email});
    course.ask(&Ask::route("POST /v1/auth/signup").json(&body)).await.expect(202);
    let confirm = json!({"token": mailed(course, &email).await, "password": PASSWORD, "name": "New"});
    let person = course.ask(&Ask::route("POST /v1/auth/signup/confirm").json(&confirm)).await.expect(201);
    let mut browser = course.world.signed_in(&email).await;
    let own = json!({"scopes": promise.scopes, "user_id": person["user"]["id"]});
    let key = make(course, &mut browser, own).await;
    let seen = course.opens(&promise.opens, &key.secret).await;
    assert_eq!(seen.header("x-auth-user-id"), text(&person["user"], "id"));
}

/// The token in the link that was mailed to this address.
async fn mailed(course: &Course, email: &str) -> String {
    let app = &course.world.app;
    keywright::worker::run_due(app.services()).await;
    let mails = std::fs::read_dir(app.data().join("mail")).expect("the folder of mails").flatten();
    let mails =
        mails.map(|entry| std::fs::read_to_string(entry.path()).expect("a mail").replace("=\r\n", ""));
    let mail = mails.filter(|mail| mail.contains(email)).find(|mail| mail.contains("#token="));
    let mail = mail.unwrap_or_else(|| panic!("no mail came for {email}"));
    let token = mail.split_once("#token=").expect("a link").1;
    let token = token.strip_prefix("3D").unwrap_or(token);
    token.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
}
