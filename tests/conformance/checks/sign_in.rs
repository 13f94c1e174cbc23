//! Sign-in for JWTs.

use serde_json::{Value, json};

use super::{examples, oauth, text};
use crate::documents::Statement;
use crate::wire::Ask;
use crate::world::{Course, MEMBER, PASSWORD};

const HOUR_SECONDS: u64 = 3_600;

/// Tokens of a customer's session.
async fn session(course: &Course) -> Value {
    let body = json!({"email": MEMBER, "password": PASSWORD});
    course.ask(&Ask::route("POST /v1/auth/login").json(&body)).await.expect(200)
}

/// A key, an application's token and a session's JWT open the same route, each with its own identity.
pub(super) async fn both_kinds(course: &Course, promise: &Statement) {
    let key = course.own_key(promise).await;
    let seen = course.opens(&promise.opens, &key.secret).await;
    assert_eq!((seen.header("x-auth-kind"), seen.header("x-auth-subject")), ("key", key.id.as_str()));
    let token = oauth::some_token(course, &promise.scopes).await;
    let seen = course.opens(&promise.opens, &token).await;
    assert_eq!(seen.header("x-auth-kind"), "token");
    assert_eq!(seen.header("x-auth-client-id"), course.known("client_id"));
    let seen = course.opens(&promise.opens, &text(&session(course).await, "access_token")).await;
    assert_eq!((seen.header("x-auth-kind"), seen.header("x-auth-client-id")), ("session", ""));
    assert!(seen.header("x-auth-user-id").starts_with("usr_"));
}

/// The example gets the documented response: the same members, each with that value or of that type.
pub(super) async fn login(course: &Course, promise: &Statement) {
    let tokens = pair(course, promise).await;
    let shown: Value = serde_json::from_str(promise.json.as_deref().expect("an answer")).expect("JSON");
    let members = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(members(&tokens), members(&shown));
    for member in ["expires_in", "token_type"] {
        assert_eq!(tokens[member], shown[member]);
    }
    let beginning = text(&shown, "access_token").replace("...", "");
    assert!(text(&tokens, "access_token").starts_with(&beginning), "{tokens}");
    course.learn("refresh_token", &text(&tokens, "refresh_token"));
    course.opens(&promise.opens, &text(&tokens, "access_token")).await;
}

/// The example gets a new pair.
pub(super) async fn refresh(course: &Course, promise: &Statement) {
    let before = course.known("refresh_token");
    let tokens = pair(course, promise).await;
    assert_ne!(text(&tokens, "refresh_token"), before);
    course.opens(&promise.opens, &text(&tokens, "access_token")).await;
}

async fn pair(course: &Course, promise: &Statement) -> Value {
    let answer = examples::run(course, promise).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    course.world.upstream.untouched();
    serde_json::from_str(&answer.body).expect("JSON")
}

/// A JWT is valid for an hour, and its refresh token for the next one.
pub(super) async fn session_hour(course: &Course, promise: &Statement) {
    let tokens = session(course).await;
    let token = text(&tokens, "access_token");
    course.world.app.advance(HOUR_SECONDS - 1);
    course.opens(&promise.opens, &token).await;
    course.world.app.advance(1);
    course.refused(&promise.opens, &token, 401, "EXPIRED_TOKEN").await;
    let body = json!({"refresh_token": tokens["refresh_token"]});
    let next = course.ask(&Ask::route("POST /v1/auth/refresh").json(&body)).await.expect(200);
    course.opens(&promise.opens, &text(&next, "access_token")).await;
}
