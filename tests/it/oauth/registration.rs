//! Dynamic registration.

use serde_json::json;

use super::flow::{App, Browser, people, text};
use crate::support::TestApp;

async fn open_world() -> TestApp {
    let app = TestApp::with(|config| {
        config.oauth.dynamic_registration = true;
        config.oauth.registration_api = Some("afdb".to_owned());
    })
    .await;
    people(&app).await;
    app
}

#[tokio::test]
async fn it_is_off_unless_switched_on() {
    let app = super::flow::world().await;
    let body = json!({"redirect_uris": ["https://yourapp.example/callback"]});
    app.anonymous().post("/oauth/register", &body).await.failed(403, "access_denied");
}

#[tokio::test]
async fn a_self_registered_client_is_marked_on_the_consent_page() {
    let app = open_world().await;
    let body = json!({
        "client_name": "Some agent", "redirect_uris": ["http://127.0.0.1/cb", super::flow::CALLBACK],
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "software_id": "ignored", "logo_uri": "http://169.254.169.254/x",
    });
    let made = app.anonymous().post("/oauth/register", &body).await.expect(201);
    assert!(made.get("client_secret").is_none());
    assert_eq!(text(&made, "scope"), "queries:read queries:write");
    assert_eq!(text(&made, "token_endpoint_auth_method"), "none");
    let client = App::of(&app, text(&made, "client_id"), None);
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let (_, id) = browser.ask(&client.authorize(&[("scope", "queries:read")])).await;
    assert_eq!(browser.request(&id).await["client"]["verified"], false);
    let answer = browser.decide(&id, &json!({"decision": "allow"})).await.expect(200);
    let code = super::flow::query(text(&answer, "redirect_to"))["code"].clone();
    let tokens = client.exchange(&code).await.expect(200);
    assert_eq!(text(&tokens, "scope"), "queries:read");
    client.refresh(text(&tokens, "refresh_token")).await.expect(200);
    client.credentials(&[]).await.failed(400, "unauthorized_client");
    let shown = app.operator().get(&format!("/v1/clients/{}", client.id)).await.expect(200);
    assert_eq!((&shown["dynamic"], &shown["first_party"]), (&json!(true), &json!(false)));
}

#[tokio::test]
async fn it_gets_no_more_than_people_can_give() {
    let app = open_world().await;
    let register = |body: serde_json::Value| {
        let anonymous = app.anonymous();
        async move { anonymous.post("/oauth/register", &body).await }
    };
    let uri = json!(["https://yourapp.example/callback"]);
    let confidential =
        register(json!({"redirect_uris": uri, "scope": "queries:read admin"})).await.expect(201);
    assert!(text(&confidential, "client_secret").starts_with("kwcs_"));
    assert_eq!(confidential["client_secret_expires_at"], 0);
    assert_eq!(text(&confidential, "scope"), "queries:read");
    assert_eq!(confidential["grant_types"], json!(["authorization_code"]));
    let grants = json!({"redirect_uris": uri, "grant_types": ["client_credentials"]});
    register(grants).await.failed(400, "invalid_client_metadata");
    let both = json!({"redirect_uris": uri, "grant_types": ["authorization_code", "client_credentials"]});
    assert_eq!(register(both).await.expect(201)["grant_types"], json!(["authorization_code"]));
    for bad in ["http://evil.example/cb", "javascript:alert(1)", "https://a.example/#x"] {
        register(json!({"redirect_uris": [bad]})).await.failed(400, "invalid_redirect_uri");
    }
    register(json!({})).await.failed(400, "invalid_redirect_uri");
    let method = json!({"redirect_uris": uri, "token_endpoint_auth_method": "private_key_jwt"});
    register(method).await.failed(400, "invalid_client_metadata");
    app.anonymous().form("/oauth/register", "a=b").await.failed(400, "invalid_client_metadata");
}

/// A self-registered public client with the members of `more`.
async fn registered(app: &TestApp, more: serde_json::Value) -> App {
    let mut body = json!({
        "client_name": "Some agent", "redirect_uris": [super::flow::CALLBACK],
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let made = app.anonymous().post("/oauth/register", &body).await.expect(201);
    App::of(app, text(&made, "client_id"), made["client_secret"].as_str())
}

#[tokio::test]
async fn nothing_goes_to_a_self_registered_address_before_a_person_agreed() {
    let app = open_world().await;
    let client = registered(&app, json!({"redirect_uris": ["https://evil.example/landing"]})).await;
    let ask = |more: &[(&str, &str)]| {
        let uri = [("redirect_uri", "https://evil.example/landing")];
        client.authorize(&[&uri[..], more].concat())
    };
    let bad = [
        ask(&[("prompt", "none"), ("scope", "queries:read")]),
        ask(&[("scope", "nothing:known")]),
        ask(&[("prompt", "none login")]),
        ask(&[("max_age", "soon"), ("scope", "queries:read")]),
        ask(&[("resource", "https://elsewhere.example")]),
        client.authorize_plainly(&[
            ("redirect_uri", "https://evil.example/landing"),
            ("scope", "queries:read"),
        ]),
    ];
    let mut ada = Browser::signed_in(&app, "ada@example.com").await;
    for address in &bad {
        for mut browser in [Browser::new(&app), Browser::signed_in(&app, "eve@example.com").await] {
            let reply = browser.open(address).await;
            assert!((400..500).contains(&reply.status), "{address}: {} {}", reply.status, reply.text());
            assert_eq!(reply.header("location"), "", "{address}");
        }
    }
    // A person who agreed before is redirected with the error, as RFC 6749 requires.
    ada.allow(&ask(&[("scope", "queries:read")])).await;
    let reply = ada.open(&bad[1]).await;
    assert!(reply.header("location").starts_with("https://evil.example/landing?error="), "{}", reply.text());
    // An app that was registered by a user gets its errors at once.
    let known = App::register(&app, json!({})).await;
    let reply = Browser::new(&app).open(&known.authorize(&[("scope", "nothing:known")])).await;
    assert!(reply.header("location").starts_with(super::flow::CALLBACK), "{}", reply.text());
}

#[tokio::test]
async fn a_request_without_scope_asks_for_the_least() {
    let app = open_world().await;
    let client = registered(&app, json!({})).await;
    let mut ada = Browser::signed_in(&app, "ada@example.com").await;
    // Without routes that define basic use, the client must name its scopes.
    let reply = ada.open(&client.authorize(&[])).await;
    assert_eq!((reply.status, reply.header("location")), (400, ""), "{}", reply.text());
    let routes = json!({"routes": [
        {"method": "POST", "path": "/v1/admin/*", "scope": "admin"},
        {"method": "GET", "path": "/v1/queries", "scope": "admin OR queries:read"},
    ]});
    app.operator().patch("/v1/apis/afdb", &routes).await.expect(200);
    let (_, id) = ada.ask(&client.authorize(&[])).await;
    let asked = ada.request(&id).await;
    let names: Vec<&str> = asked["scopes"].as_array().unwrap().iter().map(|one| text(one, "name")).collect();
    assert_eq!(names, ["queries:read"]);
    // The scopes at registration are the maximum, and a registration with only unknown scopes is refused.
    let narrow = registered(&app, json!({"scope": "queries:write"})).await;
    let reply = ada.open(&narrow.authorize(&[("scope", "queries:read")])).await;
    assert_eq!((reply.status, reply.header("location")), (400, ""), "{}", reply.text());
    for scope in ["admin", "made:up", "profile:read keys:write"] {
        let body = json!({"redirect_uris": [super::flow::CALLBACK], "scope": scope});
        let reply = app.anonymous().post("/oauth/register", &body).await;
        reply.failed(400, "invalid_client_metadata");
    }
}

#[tokio::test]
async fn a_self_registered_client_is_no_resource_server() {
    let app = open_world().await;
    let known = App::register(&app, json!({})).await;
    let of_known = super::flow::tokens(&app, &known, "queries:read").await;
    let machine = known.credentials(&[("scope", "queries:read")]).await.expect(200);
    let method = json!({"token_endpoint_auth_method": "client_secret_post"});
    let spy = registered(&app, method.clone()).await;
    for token in [text(&of_known, "access_token"), text(&machine, "access_token")] {
        assert_eq!(known.introspect(token).await["active"], true);
        assert_eq!(spy.introspect(token).await, json!({"active": false}));
    }
    let session = json!({"email": "ada@example.com", "password": super::flow::PASSWORD, "api": "afdb"});
    let session = app.anonymous().post("/v1/auth/login", &session).await.expect(200);
    assert_eq!(spy.introspect(text(&session, "access_token")).await, json!({"active": false}));
    let key = app.afdb_key(json!({})).await;
    assert_eq!(spy.introspect(text(&key, "key")).await, json!({"active": false}));
    // It can introspect its own tokens, but gets the person's address only with the scope for it.
    for (scope, email) in [("queries:read", None), ("openid email queries:read", Some("ada@example.com"))] {
        let own = super::flow::tokens(&app, &spy, scope).await;
        let introspection = spy.introspect(text(&own, "access_token")).await;
        assert_eq!(
            (&introspection["active"], introspection["username"].as_str()),
            (&json!(true), email),
            "{scope}"
        );
    }
}

#[tokio::test]
async fn unused_clients_go_after_a_day_and_used_ones_stay() {
    let app = open_world().await;
    let (used, unused) = (registered(&app, json!({})).await, registered(&app, json!({})).await);
    super::flow::tokens(&app, &used, "queries:read").await;
    let sweep = async || {
        let now = app.services().settled();
        app.services().write(move |tx| keywright::domain::oauth::sweep(tx, now)).await.unwrap()
    };
    app.advance(86_399);
    sweep().await;
    app.operator().get(&format!("/v1/clients/{}", unused.id)).await.expect(200);
    app.advance(1);
    sweep().await;
    app.operator().get(&format!("/v1/clients/{}", unused.id)).await.refused(404, "NOT_FOUND");
    app.operator().get(&format!("/v1/clients/{}", used.id)).await.expect(200);
}

#[tokio::test]
async fn one_network_fills_no_table_and_keeps_no_other_out() {
    let app = TestApp::with(|config| {
        config.oauth.dynamic_registration = true;
        config.oauth.registration_api = Some("afdb".to_owned());
        config.http.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    people(&app).await;
    let body = json!({"redirect_uris": ["https://yourapp.example/callback"]});
    let from = |ip: &str| app.anonymous().with("x-forwarded-for", ip);
    for host in 0..60 {
        // An IPv6 subscriber has many networks: they count as one.
        let ip = format!("2001:db8:7:{host:x}::1");
        from(&ip).post("/oauth/register", &body).await.expect(201);
    }
    let refused = from("2001:db8:7:ffff::1").post("/oauth/register", &body).await;
    refused.failed(429, "temporarily_unavailable");
    assert!(!refused.header("retry-after").is_empty());
    app.advance(2 * 3_600);
    from("2001:db8:7::2").post("/oauth/register", &body).await.failed(429, "temporarily_unavailable");
    from("2001:db8:8::1").post("/oauth/register", &body).await.expect(201);
    from("198.51.100.7").post("/oauth/register", &body).await.expect(201);
}
