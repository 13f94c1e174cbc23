//! The documented OAuth flows: no PKCE, no state, the secret in the form.

use serde_json::{Value, json};

use super::examples::written;
use super::text;
use crate::browser::parameter;
use crate::documents::Statement;
use crate::upstream::Seen;
use crate::wire::Ask;
use crate::world::{Course, DEVELOPER, MEMBER, OWNER};

/// A registered application gets an id and a secret.
pub(super) async fn register(course: &Course, promise: &Statement) {
    let made = registered(course, &promise.redirect_uri, &promise.scopes).await;
    course.learn("client_id", &text(&made, "client_id"));
    course.learn("client_secret", &text(&made, "client_secret"));
    course.learn("redirect_uri", &promise.redirect_uri);
}

async fn registered(course: &Course, redirect_uri: &str, scopes: &[String]) -> Value {
    let body = json!({
        "name": "Embedded dashboards", "redirect_uris": [redirect_uri], "require_pkce": false,
        "access": [{"api": course.world.document.api, "scopes": scopes}],
    });
    course.world.signed_in(OWNER).await.call("POST /v1/clients", &body).await.expect(201)
}

/// The documented address leads through sign-in and consent back to the application.
pub(super) async fn authorize(course: &Course, promise: &Statement) {
    let (url, _) = written(&course.fill(promise.http.as_deref().expect("an address")));
    let email = promise.person.as_deref().unwrap_or(MEMBER);
    course.learn("person", email);
    let back = allow(course, &url, email).await;
    assert!(back.starts_with(&format!("{}?", promise.redirect_uri)), "{back}");
    course.learn("code", &parameter(&back, "code"));
    course.world.upstream.untouched();
}

async fn allow(course: &Course, url: &str, email: &str) -> String {
    crate::browser::Browser::new(&course.world.app.services().settings.public_url).allow(url, email).await
}

/// The documented form gets tokens.
pub(super) async fn exchange(course: &Course, promise: &Statement) {
    let (_, ask) = written(&course.fill(promise.http.as_deref().expect("a form")));
    let reply = course.ask(&ask).await;
    let tokens = reply.expect(200);
    assert_eq!((&tokens["token_type"], reply.header("cache-control")), (&json!("Bearer"), "no-store"));
    course.learn("access_token", &text(&tokens, "access_token"));
    course.learn("refresh_token", &text(&tokens, "refresh_token"));
    course.world.upstream.untouched();
}

/// Tokens of the registered application for a person with `scopes`.
async fn tokens_of(course: &Course, redirect_uri: &str, scopes: &[String]) -> Value {
    let url = format!(
        "{}/oauth/authorize?response_type=code&client_id={}&redirect_uri={redirect_uri}&scope={}",
        course.known("url"),
        course.known("client_id"),
        scopes.join(" ")
    );
    let back = allow(course, &url, DEVELOPER).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &parameter(&back, "code")),
        ("redirect_uri", redirect_uri),
    ];
    token(course, &fields).await
}

/// A token response for the registered application.
async fn token(course: &Course, fields: &[(&str, &str)]) -> Value {
    let mut form =
        format!("client_id={}&client_secret={}", course.known("client_id"), course.known("client_secret"));
    for (name, value) in fields {
        form += &format!("&{name}={value}");
    }
    course.ask(&Ask::route("POST /oauth/token").form(&form)).await.expect(200)
}

/// Access token of a new application for a person.
pub(super) async fn some_token(course: &Course, scopes: &[String]) -> String {
    let made = registered(course, "https://yourapp.example/callback", scopes).await;
    course.learn("client_id", &text(&made, "client_id"));
    course.learn("client_secret", &text(&made, "client_secret"));
    text(&tokens_of(course, "https://yourapp.example/callback", scopes).await, "access_token")
}

/// A token opens the allowed routes, and no others.
async fn does(course: &Course, promise: &Statement, token: &str) -> Vec<Seen> {
    let mut all = Vec::new();
    for route in &promise.passes {
        let seen = course.opens(route, token).await;
        assert_eq!((seen.header("x-auth-kind"), seen.header("x-auth-key-id")), ("token", ""));
        assert_eq!(seen.header("x-auth-client-id"), course.known("client_id"));
        all.push(seen);
    }
    for route in &promise.refuses {
        course.refused(route, token, 403, "INSUFFICIENT_SCOPE").await;
    }
    all
}

/// Tokens of the code flow act for the person.
pub(super) async fn code_grant(course: &Course, promise: &Statement) {
    for seen in does(course, promise, &course.known("access_token")).await {
        assert!(seen.header("x-auth-user-id").starts_with("usr_"));
        assert_eq!(seen.header("x-auth-subject"), seen.header("x-auth-user-id"));
    }
}

/// An application acts for itself.
pub(super) async fn client_credentials(course: &Course, promise: &Statement) {
    let tokens = token(course, &[("grant_type", "client_credentials")]).await;
    for seen in does(course, promise, &text(&tokens, "access_token")).await {
        assert_eq!(seen.header("x-auth-subject"), course.known("client_id"));
        assert_eq!(seen.header("x-auth-user-id"), "");
    }
}

/// A refresh token gives a new access token after the first has expired.
pub(super) async fn refresh_grant(course: &Course, promise: &Statement) {
    course.world.app.advance(3_600);
    let old = course.known("access_token");
    course.refused(&promise.passes[0], &old, 401, "EXPIRED_TOKEN").await;
    let refresh = course.known("refresh_token");
    let tokens = token(course, &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await;
    assert_ne!(text(&tokens, "refresh_token"), refresh);
    does(course, promise, &text(&tokens, "access_token")).await;
}

/// Userinfo identifies the person.
pub(super) async fn profile(course: &Course, promise: &Statement) {
    let (_, ask) = written(&course.fill(promise.http.as_deref().expect("a request")));
    let profile = course.ask(&ask).await.expect(200);
    assert!(text(&profile, "user_id").starts_with("usr_"), "{profile}");
    // Without the scopes `email` and `profile` a token gets only the id of its person.
    match text(&profile, "kind").as_str() {
        "session" => assert_eq!(profile["user"]["email"], course.known("person"), "{profile}"),
        _ => assert!(profile["user"].is_null(), "{profile}"),
    }
    assert_eq!(profile["api"], course.world.document.api.as_str());
    course.world.upstream.untouched();
}
