//! Documented errors.

use serde_json::{Value, json};

use crate::documents::Statement;
use crate::programs::printed;
use crate::support::Reply;
use crate::upstream::OWN_MESSAGE;
use crate::wire::Ask;
use crate::world::{Course, refusal};
use keywright::model::Timestamp;

/// A credential with this defect; none to send none.
async fn provoked(course: &Course, promise: &Statement) -> Option<String> {
    let operator = course.world.app.operator();
    match promise.provoke.as_str() {
        "nothing" => Some(course.own_key(promise).await.secret),
        "missing" => None,
        "past_grace" => {
            let key = course.own_key(promise).await;
            let path = format!("/v1/keys/{}/rotate", key.id);
            operator.post(&path, &json!({"grace_seconds": 60})).await.expect(200);
            course.world.app.advance(60);
            Some(key.secret)
        }
        "expired" => {
            let key = course.key(json!({"scopes": promise.scopes, "expires_in_days": 1})).await;
            course.world.app.advance(86_400);
            Some(key.secret)
        }
        "limited" => {
            let limit = json!({"limit": 1, "window_seconds": 60});
            let key = course.key(json!({"scopes": promise.scopes, "ratelimit": limit})).await;
            course.opens("POST /v1/generate", &key.secret).await;
            Some(key.secret)
        }
        other => panic!("{other} is not known"),
    }
}

async fn call(course: &Course, route: &str, credential: Option<&str>) -> Reply {
    let ask = Ask::route(route);
    course
        .ask(&match credential {
            Some(credential) => ask.bearer(credential),
            None => ask,
        })
        .await
}

/// The body has every documented member, with that value or of that type.
pub(super) async fn error_body(course: &Course, promise: &Statement) {
    let credential = provoked(course, promise).await;
    let reply = call(course, &promise.opens, credential.as_deref()).await;
    course.world.upstream.untouched();
    let shown: Value = serde_json::from_str(promise.json.as_deref().expect("a body")).expect("JSON");
    let code = shown["error"]["code"].as_str().expect("a code");
    refusal(&reply, promise.status, code);
    covers(&reply.json(), &shown, "");
}

/// Every member of `shown` is in `actual`.
fn covers(actual: &Value, shown: &Value, name: &str) {
    match (actual, shown) {
        (Value::Object(actual), Value::Object(shown)) => {
            for (name, shown) in shown {
                covers(actual.get(name).unwrap_or_else(|| panic!("no {name}")), shown, name);
            }
        }
        (Value::String(id), Value::String(_)) if name == "key_id" => assert!(id.starts_with("key_"), "{id}"),
        (Value::String(time), Value::String(_)) if name == "expired_at" => {
            assert!(time.ends_with('Z') && time.parse::<Timestamp>().is_ok(), "{time}");
        }
        _ => assert_eq!(actual, shown, "{name}"),
    }
}

/// A missing key, a malformed key, an unknown key and a revoked key each get 401 with their own code.
pub(super) async fn unauthorized(course: &Course, promise: &Statement) {
    let missing = call(course, &promise.opens, None).await;
    refusal(&missing, 401, "MISSING_API_KEY");
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"keywright\"");
    let key = course.own_key(promise).await;
    course.opens(&promise.opens, &key.secret).await;
    for wrong in ["nonsense", &key.secret[1..], &format!("{}x", key.secret)] {
        let reply = call(course, &promise.opens, Some(wrong)).await;
        refusal(&reply, 401, "INVALID_API_KEY");
        assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""), "{:?}", reply.headers);
    }
    course.world.app.operator().delete(&format!("/v1/keys/{}", key.id)).await.expect(204);
    course.refused(&promise.opens, &key.secret, 401, "REVOKED_API_KEY").await;
}

/// A valid key without the permission: 403 with the missing scope.
pub(super) async fn forbidden(course: &Course, promise: &Statement) {
    let key = course.own_key(promise).await;
    let reply = call(course, &promise.opens, Some(&key.secret)).await;
    course.world.upstream.untouched();
    let details = refusal(&reply, 403, "INSUFFICIENT_SCOPE")["details"].clone();
    assert_eq!(details["granted"], json!(promise.scopes), "{details}");
    let lacking = details["required"].as_str().expect("what it lacks");
    let challenge = reply.header("www-authenticate");
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains(&format!("scope=\"{lacking}\"")), "{challenge}");
}

/// Calls the documented function: its result, or the error that it throws.
pub(super) async fn make_request(course: &Course, promise: &Statement) {
    let credential = provoked(course, promise).await.expect("a key");
    course.learn("key", &credential);
    let function = course.world.document.statements.iter().find_map(|statement| {
        statement.node.as_deref().filter(|code| code.contains("async function makeAPIRequest"))
    });
    let tells = format!(
        "\ntry {{\n  const answer = await makeAPIRequest('{}', {{ prompt: 'Hello, world!' }});\n  \
         console.log('returned', answer.received.target);\n}} catch (error) {{\n  \
         console.log('threw', error.message);\n}}\n",
        promise.endpoint
    );
    let code = course.fill(function.expect("the function")) + &tells;
    let exports = format!("export API_KEY='{credential}'");
    let said = printed(&course.world.bench.node(&exports, &code).await);
    assert_eq!(said.trim(), wanted(promise));
    course.world.upstream.take();
}

/// The documented line throws; the function itself may not.
fn wanted(promise: &Statement) -> String {
    let code = promise.node.as_deref().expect("code").trim();
    let Some(thrown) = code.strip_prefix("throw new Error(") else {
        return "returned /v1/generate".to_owned();
    };
    let message = thrown.trim_end_matches(");").trim_matches(['\'', '`']);
    format!("threw {}", message.replace("${error.error.message}", OWN_MESSAGE))
}
