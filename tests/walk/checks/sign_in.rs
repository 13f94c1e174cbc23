//! Signing in for JWTs.

use serde_json::{Value, json};

use super::{examples, oauth, text};
use crate::documents::Statement;
use crate::wire::Ask;
use crate::world::{MEMBER, PASSWORD, Walk};

const HOUR_SECONDS: u64 = 3_600;

/// Tokens of a customer's session.
async fn session(walk: &Walk) -> Value {
    let body = json!({"email": MEMBER, "password": PASSWORD});
    walk.ask(&Ask::route("POST /v1/auth/login").json(&body)).await.expect(200)
}

/// A key, an application's token and a session's JWT open the same route, each for whom it is.
pub(super) async fn both_kinds(walk: &Walk, told: &Statement) {
    let key = walk.own_key(told).await;
    let seen = walk.opens(&told.opens, &key.secret).await;
    assert_eq!((seen.header("x-auth-kind"), seen.header("x-auth-subject")), ("key", key.id.as_str()));
    let token = oauth::some_token(walk, &told.scopes).await;
    let seen = walk.opens(&told.opens, &token).await;
    assert_eq!(seen.header("x-auth-kind"), "token");
    assert_eq!(seen.header("x-auth-client-id"), walk.known("client_id"));
    let seen = walk.opens(&told.opens, &text(&session(walk).await, "access_token")).await;
    assert_eq!((seen.header("x-auth-kind"), seen.header("x-auth-client-id")), ("session", ""));
    assert!(seen.header("x-auth-user-id").starts_with("usr_"));
}

/// The example answers what is shown: the same members, each with that value or of that kind.
pub(super) async fn login(walk: &Walk, told: &Statement) {
    let tokens = pair(walk, told).await;
    let shown: Value = serde_json::from_str(told.json.as_deref().expect("an answer")).expect("JSON");
    let members = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&tokens), members(&shown));
    for member in ["expires_in", "token_type"] {
        assert_eq!(tokens[member], shown[member]);
    }
    let beginning = text(&shown, "access_token").replace("...", "");
    assert!(text(&tokens, "access_token").starts_with(&beginning), "{tokens}");
    walk.learn("refresh_token", &text(&tokens, "refresh_token"));
    walk.opens(&told.opens, &text(&tokens, "access_token")).await;
}

/// The example answers a new pair.
pub(super) async fn refresh(walk: &Walk, told: &Statement) {
    let before = walk.known("refresh_token");
    let tokens = pair(walk, told).await;
    assert_ne!(text(&tokens, "refresh_token"), before);
    walk.opens(&told.opens, &text(&tokens, "access_token")).await;
}

async fn pair(walk: &Walk, told: &Statement) -> Value {
    let answer = examples::run(walk, told).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    walk.world.upstream.untouched();
    serde_json::from_str(&answer.body).expect("JSON")
}

/// A JWT is good for an hour, and its refresh token for the next one.
pub(super) async fn session_hour(walk: &Walk, told: &Statement) {
    let tokens = session(walk).await;
    let token = text(&tokens, "access_token");
    walk.world.app.advance(HOUR_SECONDS - 1);
    walk.opens(&told.opens, &token).await;
    walk.world.app.advance(1);
    walk.refused(&told.opens, &token, 401, "EXPIRED_TOKEN").await;
    let body = json!({"refresh_token": tokens["refresh_token"]});
    let next = walk.ask(&Ask::route("POST /v1/auth/refresh").json(&body)).await.expect(200);
    walk.opens(&told.opens, &text(&next, "access_token")).await;
}
