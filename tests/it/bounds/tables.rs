//! Tables that a caller without a credential can fill.

use keywright::model::Bounds;
use serde_json::json;

use crate::oauth::flow::{App, Browser, CALLBACK, people, query};
use crate::support::TestApp;

/// A server with low bounds, self-registration, and `X-Forwarded-For` believed from this machine.
async fn bounded(bounds: Bounds) -> TestApp {
    let app = TestApp::bounded(bounds, |config| {
        config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.oauth.dynamic_registration = true;
        config.oauth.registration_api = Some("afdb".to_owned());
    })
    .await;
    people(&app).await;
    app
}

#[tokio::test]
async fn waiting_authorizations_are_bounded_over_all_networks() {
    let app = bounded(Bounds { waiting_authorizations: 5, ..Bounds::default() }).await;
    let client = App::register(&app, json!({})).await;
    let address = client.authorize(&[("scope", "queries:read"), ("state", "s")]);
    let open = async |network: usize| {
        app.anonymous().with("x-forwarded-for", &format!("198.51.{network}.7")).get(&address).await
    };
    for network in 0..5 {
        let reply = open(network).await;
        assert!(reply.header("location").starts_with("/sign-in?request="), "{}", reply.text());
    }
    for network in 5..8 {
        let reply = open(network).await;
        assert_eq!(reply.status, 303, "{}", reply.text());
        assert!(reply.header("location").starts_with(CALLBACK), "{}", reply.header("location"));
        let answer = query(reply.header("location"));
        assert_eq!((answer["error"].as_str(), answer["state"].as_str()), ("temporarily_unavailable", "s"));
    }
    // A person who has a session and allowed the client before does not wait, and is not refused.
    app.advance(601);
    keywright::worker::run_due(app.services()).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    browser.allow(&address).await;
    for network in 0..5 {
        open(network).await;
    }
    assert!(browser.allow(&address).await.contains_key("code"));
}

#[tokio::test]
async fn unused_clients_are_bounded_over_all_networks() {
    let app = bounded(Bounds { unused_clients: 4, unused_clients_per_network: 2, ..Bounds::default() }).await;
    let body = json!({"redirect_uris": [CALLBACK]});
    let register =
        async |ip: &str| app.anonymous().with("x-forwarded-for", ip).post("/oauth/register", &body).await;
    for _ in 0..2 {
        register("198.51.100.7").await.expect(201);
    }
    let refused = register("198.51.100.8").await;
    refused.failed(429, "temporarily_unavailable");
    assert_eq!(refused.header("retry-after"), "86400");
    for ip in ["203.0.113.7", "192.0.2.7"] {
        register(ip).await.expect(201);
    }
    let refused = register("2001:db8::7").await;
    refused.failed(503, "temporarily_unavailable");
    assert!(!refused.header("retry-after").is_empty());
    app.advance(86_400);
    keywright::worker::run_due(app.services()).await;
    register("2001:db8::7").await.expect(201);
}

#[tokio::test]
async fn a_network_leaves_a_bounded_volume_of_authorizations_waiting() {
    let app = bounded(Bounds::default()).await;
    let client = App::register(&app, json!({})).await;
    // Each takes 4 KiB of the 200 that a network has at once, and one for its row.
    let long = "s".repeat(2_000);
    let address = client.authorize(&[("scope", "queries:read"), ("state", &long), ("login_hint", &long)]);
    let open = async |ip: &str| {
        let reply = app.anonymous().with("x-forwarded-for", ip).get(&address).await;
        reply.header("location").starts_with("/sign-in?request=")
    };
    let mut waiting = 0;
    while open("198.51.100.7").await {
        waiting += 1;
    }
    assert_eq!(waiting, 200 / 5);
    assert!(open("203.0.113.7").await, "another network has its own");
    app.advance(3);
    assert!(open("198.51.100.9").await, "and a network gets it back: 100 KiB a minute");
}

#[tokio::test]
async fn mail_to_addresses_is_bounded_for_each_network() {
    let app = TestApp::with(|config| {
        config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.sign_in.signup = keywright::model::setting::Signup::Open;
    })
    .await;
    let ask = async |ip: &str, number: usize| {
        let body = json!({"email": format!("new{number}@example.com")});
        app.anonymous().with("x-forwarded-for", ip).post("/v1/auth/signup", &body).await.status
    };
    let mut passed = 0;
    for number in 0..60 {
        passed += usize::from(ask("198.51.100.7", number).await == 202);
    }
    assert_eq!(passed, 20);
    assert_eq!(ask("198.51.100.8", 1_000).await, 429);
    assert_eq!(ask("203.0.113.7", 1_000).await, 202);
    app.advance(60);
    assert_eq!(ask("198.51.100.8", 1_001).await, 202);
}
