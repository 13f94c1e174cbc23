//! The documented OAuth flows: no PKCE, no state, the secret in the form.

use serde_json::{Value, json};

use super::examples::written;
use super::text;
use crate::browser::parameter;
use crate::documents::Statement;
use crate::upstream::Seen;
use crate::wire::Ask;
use crate::world::{DEVELOPER, MEMBER, OWNER, Walk};

/// A registered application gets an id and a secret.
pub(super) async fn register(walk: &Walk, told: &Statement) {
    let made = registered(walk, &told.redirect_uri, &told.scopes).await;
    walk.learn("client_id", &text(&made, "client_id"));
    walk.learn("client_secret", &text(&made, "client_secret"));
    walk.learn("redirect_uri", &told.redirect_uri);
}

async fn registered(walk: &Walk, redirect_uri: &str, scopes: &[String]) -> Value {
    let body = json!({
        "name": "Embedded dashboards", "redirect_uris": [redirect_uri], "require_pkce": false,
        "access": [{"api": walk.world.document.api, "scopes": scopes}],
    });
    walk.world.signed_in(OWNER).await.call("POST /v1/clients", &body).await.expect(201)
}

/// The address that is shown leads through sign-in and consent back to the application.
pub(super) async fn authorize(walk: &Walk, told: &Statement) {
    let (url, _) = written(&walk.fill(told.http.as_deref().expect("an address")));
    let email = told.person.as_deref().unwrap_or(MEMBER);
    walk.learn("person", email);
    let back = allow(walk, &url, email).await;
    assert!(back.starts_with(&format!("{}?", told.redirect_uri)), "{back}");
    walk.learn("code", &parameter(&back, "code"));
    walk.world.upstream.untouched();
}

async fn allow(walk: &Walk, url: &str, email: &str) -> String {
    crate::browser::Browser::new(&walk.world.app.core().settings.public_url).allow(url, email).await
}

/// The form that is shown answers tokens.
pub(super) async fn exchange(walk: &Walk, told: &Statement) {
    let (_, ask) = written(&walk.fill(told.http.as_deref().expect("a form")));
    let reply = walk.ask(&ask).await;
    let tokens = reply.expect(200);
    assert_eq!((&tokens["token_type"], reply.header("cache-control")), (&json!("Bearer"), "no-store"));
    walk.learn("access_token", &text(&tokens, "access_token"));
    walk.learn("refresh_token", &text(&tokens, "refresh_token"));
    walk.world.upstream.untouched();
}

/// Tokens of the registered application for somebody who holds `scopes`.
async fn tokens_of(walk: &Walk, redirect_uri: &str, scopes: &[String]) -> Value {
    let url = format!(
        "{}/oauth/authorize?response_type=code&client_id={}&redirect_uri={redirect_uri}&scope={}",
        walk.known("url"),
        walk.known("client_id"),
        scopes.join(" ")
    );
    let back = allow(walk, &url, DEVELOPER).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &parameter(&back, "code")),
        ("redirect_uri", redirect_uri),
    ];
    token(walk, &fields).await
}

/// An answer of the token endpoint to the registered application.
async fn token(walk: &Walk, fields: &[(&str, &str)]) -> Value {
    let mut form =
        format!("client_id={}&client_secret={}", walk.known("client_id"), walk.known("client_secret"));
    for (name, value) in fields {
        form += &format!("&{name}={value}");
    }
    walk.ask(&Ask::route("POST /oauth/token").form(&form)).await.expect(200)
}

/// A new application's access token for somebody.
pub(super) async fn some_token(walk: &Walk, scopes: &[String]) -> String {
    let made = registered(walk, "https://yourapp.example/callback", scopes).await;
    walk.learn("client_id", &text(&made, "client_id"));
    walk.learn("client_secret", &text(&made, "client_secret"));
    text(&tokens_of(walk, "https://yourapp.example/callback", scopes).await, "access_token")
}

/// A token opens what was allowed, and nothing else.
async fn does(walk: &Walk, told: &Statement, token: &str) -> Vec<Seen> {
    let mut all = Vec::new();
    for route in &told.passes {
        let seen = walk.opens(route, token).await;
        assert_eq!((seen.header("x-auth-kind"), seen.header("x-auth-key-id")), ("token", ""));
        assert_eq!(seen.header("x-auth-client-id"), walk.known("client_id"));
        all.push(seen);
    }
    for route in &told.refuses {
        walk.refused(route, token, 403, "INSUFFICIENT_SCOPE").await;
    }
    all
}

/// What the code flow gave acts for the person.
pub(super) async fn code_grant(walk: &Walk, told: &Statement) {
    for seen in does(walk, told, &walk.known("access_token")).await {
        assert!(seen.header("x-auth-user-id").starts_with("usr_"));
        assert_eq!(seen.header("x-auth-subject"), seen.header("x-auth-user-id"));
    }
}

/// An application acts for itself.
pub(super) async fn client_credentials(walk: &Walk, told: &Statement) {
    let tokens = token(walk, &[("grant_type", "client_credentials")]).await;
    for seen in does(walk, told, &text(&tokens, "access_token")).await {
        assert_eq!(seen.header("x-auth-subject"), walk.known("client_id"));
        assert_eq!(seen.header("x-auth-user-id"), "");
    }
}

/// A refresh token gives a new access token when the first has ended.
pub(super) async fn refresh_grant(walk: &Walk, told: &Statement) {
    walk.world.app.advance(3_600);
    let old = walk.known("access_token");
    walk.refused(&told.passes[0], &old, 401, "EXPIRED_TOKEN").await;
    let refresh = walk.known("refresh_token");
    let tokens = token(walk, &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await;
    assert_ne!(text(&tokens, "refresh_token"), refresh);
    does(walk, told, &text(&tokens, "access_token")).await;
}

/// Keywright itself tells who it is.
pub(super) async fn profile(walk: &Walk, told: &Statement) {
    let (_, ask) = written(&walk.fill(told.http.as_deref().expect("a request")));
    let profile = walk.ask(&ask).await.expect(200);
    assert_eq!(profile["user"]["email"], walk.known("person"), "{profile}");
    assert_eq!(profile["api"], walk.world.document.api.as_str());
    walk.world.upstream.untouched();
}
