//! `/v1/forward-auth` for access tokens and sessions.

use serde_json::json;

use super::flow::{App, PASSWORD, text, tokens, world};
use crate::support::{Reply, TestApp};

async fn ask(app: &TestApp, token: &str, query: &str) -> Reply {
    app.bearer(token).get(&format!("/v1/forward-auth?{query}")).await
}

#[tokio::test]
async fn a_token_opens_what_it_is_for() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let answer = tokens(&app, &client, "openid queries:read").await;
    let token = text(&answer, "access_token");
    let passed = ask(&app, token, "api=afdb&scope=queries:read").await;
    assert_eq!(passed.status, 200, "{}", passed.text());
    assert!(passed.header("x-auth-subject").starts_with("usr_"));
    assert_eq!(passed.header("x-auth-user-id"), passed.header("x-auth-subject"));
    assert_eq!(
        (passed.header("x-auth-kind"), passed.header("x-auth-client-id")),
        ("token", client.id.as_str())
    );
    assert_eq!(
        (passed.header("x-auth-scopes"), passed.header("x-auth-environment")),
        ("openid queries:read", "live")
    );
    for empty in ["x-auth-key-id", "x-auth-owner"] {
        assert_eq!(passed.headers.get(empty).expect(empty), "");
    }
    ask(&app, token, "api=afdb&scope=queries:write").await.refused(403, "INSUFFICIENT_SCOPE");
    ask(&app, token, "api=afdb&scope=queries:read&environment=test").await.refused(403, "WRONG_ENVIRONMENT");
    ask(&app, token, "api=keywright&scope=keys:read").await.refused(401, "INVALID_TOKEN");
    ask(&app, text(&answer, "id_token"), "api=afdb&scope=queries:read").await.refused(401, "INVALID_TOKEN");
    let refused = ask(&app, "x.y.z", "api=afdb&scope=queries:read").await;
    refused.refused(401, "INVALID_TOKEN");
    assert_eq!(refused.headers.get("x-auth-subject").expect("always there"), "");
    assert!(refused.header("x-auth-error").contains("INVALID_TOKEN"));

    let machine = client.credentials(&[]).await.expect(200);
    let passed = ask(&app, text(&machine, "access_token"), "api=afdb&scope=queries:read").await;
    assert_eq!((passed.header("x-auth-subject"), passed.header("x-auth-user-id")), (client.id.as_str(), ""));

    // Refused from the next request on.
    client.post("/oauth/revoke", &[("token", token)]).await.expect(200);
    ask(&app, token, "api=afdb&scope=queries:read").await.refused(401, "INVALID_TOKEN");
    let path = format!("/v1/clients/{}", client.id);
    app.operator().patch(&path, &json!({"disabled": true})).await.expect(200);
    ask(&app, text(&machine, "access_token"), "api=afdb&scope=queries:read")
        .await
        .refused(401, "INVALID_TOKEN");
    app.operator().patch(&path, &json!({"disabled": false})).await.expect(200);
    ask(&app, text(&machine, "access_token"), "api=afdb&scope=queries:read").await;
    app.advance(3_600);
    ask(&app, text(&machine, "access_token"), "api=afdb&scope=queries:read")
        .await
        .refused(401, "EXPIRED_TOKEN");
}

#[tokio::test]
async fn a_session_opens_what_its_person_holds() {
    let app = world().await;
    let body = json!({"email": "eve@example.com", "password": PASSWORD, "api": "afdb"});
    let answer = app.anonymous().post("/v1/auth/login", &body).await.expect(200);
    let passed = ask(&app, text(&answer, "access_token"), "api=afdb&scope=queries:read").await;
    assert_eq!(passed.status, 200, "{}", passed.text());
    assert_eq!((passed.header("x-auth-kind"), passed.header("x-auth-client-id")), ("session", ""));
    ask(&app, text(&answer, "access_token"), "api=afdb&scope=queries:write")
        .await
        .refused(403, "INSUFFICIENT_SCOPE");
}

#[tokio::test]
async fn an_open_api_admits_keys_and_tokens_that_hold_one_of_its_scopes() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let answer = tokens(&app, &client, "openid queries:read").await;
    let login = json!({"email": "eve@example.com", "password": PASSWORD, "api": "afdb"});
    let session = app.anonymous().post("/v1/auth/login", &login).await.expect(200);
    let key = app.afdb_key(json!({"scopes": []})).await;
    let credentials = [text(&answer, "access_token"), text(&session, "access_token"), text(&key, "key")];
    for credential in credentials {
        ask(&app, credential, "api=afdb").await.refused(403, "FORBIDDEN");
    }
    app.operator().patch("/v1/apis/afdb", &json!({"open": true})).await.expect(200);
    for credential in credentials {
        assert_eq!(ask(&app, credential, "api=afdb").await.status, 200, "{credential}");
    }
    let no_scopes = json!({"owner": [], "admin": [], "developer": [], "viewer": [], "member": []});
    // A person without scopes there keeps the key that has no owner.
    app.operator().patch("/v1/apis/afdb", &json!({"role_scopes": no_scopes})).await.expect(200);
    for (credential, passes) in credentials.into_iter().zip([false, false, true]) {
        let reply = ask(&app, credential, "api=afdb").await;
        if passes {
            assert_eq!(reply.status, 200, "{}", reply.text());
        } else {
            reply.refused(403, "INSUFFICIENT_SCOPE");
        }
    }
}

#[tokio::test]
async fn tokens_are_counted_by_what_they_were_issued_under() {
    let app = world().await;
    let mut limited = crate::support::afdb();
    limited["slug"] = json!("limited");
    limited["audience"] = json!("https://limited.example");
    limited["tiers"] = json!([{"name": "two", "limit": 2, "window_seconds": 60}]);
    limited["token_tier"] = json!("two");
    limited["default_tier"] = json!("two");
    limited["member_tier"] = json!("two");
    app.add_api(limited).await;
    let access = json!([{"api": "limited", "scopes": ["queries:read"]}]);
    let client = App::register(&app, json!({"access": access})).await;
    let answer = tokens(&app, &client, "queries:read").await;
    let first = ask(&app, text(&answer, "access_token"), "api=limited&scope=queries:read").await;
    assert_eq!((first.header("x-ratelimit-limit"), first.header("x-ratelimit-remaining")), ("2", "1"));
    assert_eq!(first.header("ratelimit-policy"), r#""two";q=2;w=60"#);
    // A new token of the same grant continues its count.
    let next = client.refresh(text(&answer, "refresh_token")).await.expect(200);
    assert_eq!(ask(&app, text(&next, "access_token"), "api=limited&scope=queries:read").await.status, 200);
    let limited = ask(&app, text(&next, "access_token"), "api=limited&scope=queries:read").await;
    limited.refused(429, "RATE_LIMITED");
    assert_eq!(limited.header("retry-after"), "30");
    let nginx = ask(&app, text(&next, "access_token"), "api=limited&scope=queries:read&nginx=1").await;
    assert_eq!((nginx.status, nginx.header("x-auth-status")), (403, "429"));
}
