//! A caller that lifts a protection must hold all that any person could lose by it; trust in an app is limited to that
//! role.

use serde_json::{Value, json};

use super::flow::{App, Browser, CALLBACK, PASSWORD, text, world};
use crate::support::{Client, TestApp};

async fn add(app: &TestApp, email: &str, role: &str) {
    let body = json!({"email": email, "name": "A person", "role": role, "password": PASSWORD});
    app.operator().post("/v1/users", &body).await.expect(201);
}

/// The browser of a person as a client for changes.
async fn acting(app: &TestApp, email: &str) -> Client {
    let browser = Browser::signed_in(app, email).await;
    browser.client().with("x-csrf-token", &browser.csrf_token)
}

fn client(more: Value) -> Value {
    let mut body = json!({
        "name": "Reports", "redirect_uris": [CALLBACK],
        "access": [{"api": "afdb", "scopes": ["queries:read", "admin"]}],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn registering_apps_is_no_right_to_lift_their_protections() {
    let app = world().await;
    add(&app, "dev@example.com", "developer").await;
    let developer = acting(&app, "dev@example.com").await;
    let key = app.key(&["clients:write", "clients:read"]).await;
    let lifted = [json!({"first_party": true}), json!({"require_pkce": false})];
    for caller in [&developer, &key] {
        let plain = caller.post("/v1/clients", &client(json!({"name": "Plain"}))).await.expect(201);
        let plain = format!("/v1/clients/{}", text(&plain, "id"));
        for protection in &lifted {
            caller.post("/v1/clients", &client(protection.clone())).await.refused(403, "FORBIDDEN");
            caller.patch(&plain, protection).await.refused(403, "FORBIDDEN");
        }
        // The app that an admin trusted cannot be changed by its developer: neither its URIs nor its secret.
        for protection in &lifted {
            let trusted = app.operator().post("/v1/clients", &client(protection.clone())).await.expect(201);
            let trusted = format!("/v1/clients/{}", text(&trusted, "id"));
            let elsewhere = json!({"redirect_uris": ["https://evil.example/cb"]});
            caller.patch(&trusted, &elsewhere).await.refused(403, "FORBIDDEN");
            caller.post(&format!("{trusted}/rotate"), &json!({})).await.refused(403, "FORBIDDEN");
        }
    }
    let admin = app.key(&["admin"]).await;
    for protection in lifted {
        admin.post("/v1/clients", &client(protection)).await.expect(201);
    }
}

#[tokio::test]
async fn people_above_the_one_who_trusts_an_app_are_asked() {
    let app = world().await;
    add(&app, "adam@example.com", "admin").await;
    add(&app, "anna@example.com", "admin").await;
    let by_admin = acting(&app, "adam@example.com").await;
    let by_admin = by_admin.post("/v1/clients", &client(json!({"first_party": true}))).await.expect(201);
    let by_admin = App::of(&app, text(&by_admin, "client_id"), by_admin["client_secret"].as_str());
    let by_operator = App::register(&app, json!({"first_party": true, "name": "The operator's"})).await;
    // Ada is an owner, Anna and Adam admins, Eve a member.
    for (email, asked_for_admins, asked_for_operators) in [
        ("ada@example.com", true, false),
        ("anna@example.com", false, false),
        ("adam@example.com", false, false),
        ("eve@example.com", false, false),
    ] {
        for (client, asked) in [(&by_admin, asked_for_admins), (&by_operator, asked_for_operators)] {
            let mut browser = Browser::signed_in(&app, email).await;
            let reply = browser.open(&client.authorize(&[("scope", "queries:read")])).await;
            assert_eq!(reply.status, 303, "{}", reply.text());
            assert_eq!(reply.header("location").starts_with("/consent"), asked, "{email} {}", client.id);
        }
    }
    // An owner who changes only the name does not extend the trust.
    let owner = acting(&app, "ada@example.com").await;
    owner.patch(&format!("/v1/clients/{}", by_admin.id), &json!({"name": "Renamed"})).await.expect(200);
    let mut ada = Browser::signed_in(&app, "ada@example.com").await;
    let (page, _) = ada.ask(&by_admin.authorize(&[("scope", "queries:read")])).await;
    assert_eq!(page, "/consent");
    // An admin who changes an app of the operator reduces its trust to their role.
    let admin = acting(&app, "anna@example.com").await;
    admin.patch(&format!("/v1/clients/{}", by_operator.id), &json!({"name": "Anna's"})).await.expect(200);
    let (page, _) = ada.ask(&by_operator.authorize(&[("scope", "queries:write")])).await;
    assert_eq!(page, "/consent");
}

#[tokio::test]
async fn the_demand_for_a_second_factor_is_lifted_by_those_who_hold_everything() {
    let app = world().await;
    let demand = |wanted: bool| json!({"second_factor_required": wanted});
    let settings = app.key(&["settings:manage"]).await;
    settings.patch("/v1/settings", &demand(true)).await.expect(200);
    settings.patch("/v1/settings", &demand(false)).await.refused(403, "FORBIDDEN");
    app.key(&["admin"]).await.patch("/v1/settings", &demand(false)).await.expect(200);
}
