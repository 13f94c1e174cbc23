//! A repeated request gets the stored response only with the same credential, while it holds as much as before.

use serde_json::json;

use crate::oauth::flow::{App, Browser, PASSWORD, text, tokens, world};
use crate::support::{Client, TestApp};

const KEY: &str = "retry-7f3a";

fn admin_key() -> serde_json::Value {
    json!({"api": "keywright", "name": "Deployment", "scopes": ["admin"]})
}

async fn session(app: &TestApp, email: &str) -> Client {
    let body = json!({"email": email, "password": PASSWORD});
    let tokens = app.anonymous().post("/v1/auth/login", &body).await.expect(200);
    app.bearer(text(&tokens, "access_token")).with("idempotency-key", KEY)
}

#[tokio::test]
async fn an_old_answer_does_not_cross_the_credentials_of_one_person() {
    let app = world().await;
    let owner = session(&app, "ada@example.com").await;
    let first = owner.post("/v1/keys", &admin_key()).await.expect(201);
    assert_eq!(owner.post("/v1/keys", &admin_key()).await.expect(201), first, "the same credential");

    // A bot that the owner allowed to create keys; a browser of the owner; their own key; another session.
    let bot = json!({"access": [{"api": "keywright", "scopes": ["keys:write"]}]});
    let bot = tokens(&app, &App::register(&app, bot).await, "keys:write").await;
    let bot = app.bearer(text(&bot, "access_token")).with("idempotency-key", KEY);
    bot.post("/v1/keys", &admin_key()).await.refused(403, "FORBIDDEN");
    let ada = app.operator().get("/v1/users?q=ada").await.expect(200)["data"][0].clone();
    let own = json!({"api": "keywright", "name": "hers", "scopes": ["keys:write"], "user_id": ada["id"]});
    let own = app.operator().post("/v1/keys", &own).await.expect(201);
    let own = app.bearer(text(&own, "key")).with("idempotency-key", KEY);
    own.post("/v1/keys", &admin_key()).await.refused(403, "FORBIDDEN");
    let browser = Browser::signed_in(&app, "ada@example.com").await;
    let browser = browser.client().with("x-csrf-token", &browser.csrf_token).with("idempotency-key", KEY);
    for other in [browser, session(&app, "ada@example.com").await] {
        let made = other.post("/v1/keys", &admin_key()).await.expect(201);
        assert_ne!((&made["id"], &made["key"]), (&first["id"], &first["key"]));
    }
}

#[tokio::test]
async fn rights_are_checked_before_a_stored_answer_is_repeated() {
    let app = world().await;
    let body = json!({"email": "adam@example.com", "name": "Adam", "role": "owner", "password": PASSWORD});
    let adam = app.operator().post("/v1/users", &body).await.expect(201);
    let path = format!("/v1/users/{}", text(&adam, "id"));
    let client = session(&app, "adam@example.com").await;
    client.post("/v1/keys", &admin_key()).await.expect(201);
    let owner = json!({"email": "new@example.com", "role": "owner"});
    let invited = client.post("/v1/invitations", &owner).await.expect(201);
    assert_eq!(client.post("/v1/invitations", &owner).await.expect(201), invited);
    // An admin has the same scopes, but cannot invite an owner.
    app.operator().patch(&path, &json!({"role": "admin"})).await.expect(200);
    client.post("/v1/invitations", &owner).await.refused(403, "FORBIDDEN");
    // A developer may create keys, but none with all rights.
    app.operator().patch(&path, &json!({"role": "developer"})).await.expect(200);
    client.post("/v1/keys", &admin_key()).await.refused(403, "FORBIDDEN");
    // A request that needed a recent sign-in still needs one.
    app.operator().patch(&path, &json!({"role": "owner"})).await.expect(200);
    client.post("/v1/keys", &admin_key()).await.expect(201);
    app.advance(901);
    client.post("/v1/keys", &admin_key()).await.refused(403, "REAUTHENTICATION_REQUIRED");
}
