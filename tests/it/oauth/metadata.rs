//! Discovery documents and CORS.

use http::Method;
use serde_json::json;

use super::flow::{App, world};
use crate::support::TestApp;

#[tokio::test]
async fn both_documents_say_the_same() {
    let app = world().await;
    let evil =
        app.anonymous().with("x-forwarded-host", "evil.example").with("forwarded", "host=evil.example");
    let document = evil.get("/.well-known/openid-configuration").await.expect(200);
    assert_eq!(evil.get("/.well-known/oauth-authorization-server").await.expect(200), document);
    let url = &app.services().settings.public_url;
    assert_eq!(document["issuer"], url.as_str());
    assert_eq!(document["token_endpoint"], format!("{url}/oauth/token"));
    assert_eq!(document["authorization_endpoint"], format!("{url}/oauth/authorize"));
    assert_eq!(
        document["token_endpoint_auth_methods_supported"],
        json!(["none", "client_secret_post", "client_secret_basic"])
    );
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    assert!(document.get("registration_endpoint").is_none());
    for (name, address) in document.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let path = address.as_str().unwrap().strip_prefix(url.as_str()).unwrap();
            assert_ne!(app.anonymous().get(path).await.status, 404, "{name}");
        }
    }
    let keys = app.anonymous().get("/.well-known/jwks.json").await.expect(200);
    assert!(!keys["keys"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn metadata_lists_registration_where_it_is_enabled() {
    let app = TestApp::with(|config| {
        config.oauth.dynamic_registration = true;
        config.oauth.registration_api = Some("afdb".to_owned());
    })
    .await;
    let document = app.anonymous().get("/.well-known/oauth-authorization-server").await.expect(200);
    assert!(document["registration_endpoint"].as_str().unwrap().ends_with("/oauth/register"));
}

#[tokio::test]
async fn pages_of_other_origins_may_call_what_needs_no_cookie() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let page = app.anonymous().with("origin", "https://spa.example");
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/jwks.json",
        "/oauth/token",
        "/oauth/revoke",
        "/oauth/userinfo",
    ] {
        let preflight = page.send(Method::OPTIONS, path, None, Vec::new()).await;
        assert_eq!(preflight.status, 204, "{path}");
        assert_eq!(preflight.header("access-control-allow-origin"), "*", "{path}");
        assert!(preflight.header("access-control-allow-headers").contains("Authorization"));
        assert!(preflight.headers.get("access-control-allow-credentials").is_none());
    }
    let refused = page.form("/oauth/token", &format!("client_id={}", client.id)).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, "*"));
    let page_of_authorize = page.send(Method::OPTIONS, "/oauth/authorize", None, Vec::new()).await;
    assert!(page_of_authorize.headers.get("access-control-allow-origin").is_none());
}
