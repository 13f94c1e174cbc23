//! Errors as they are documented.

use serde_json::{Value, json};

use crate::documents::Statement;
use crate::programs::printed;
use crate::support::Reply;
use crate::upstream::OWN_MESSAGE;
use crate::wire::Ask;
use crate::world::{Walk, refusal};
use keywright::model::Timestamp;

/// A credential with which this is wrong; none to send none.
async fn provoked(walk: &Walk, told: &Statement) -> Option<String> {
    let operator = walk.world.app.operator();
    match told.provoke.as_str() {
        "nothing" => Some(walk.own_key(told).await.secret),
        "missing" => None,
        "past_grace" => {
            let key = walk.own_key(told).await;
            let path = format!("/v1/keys/{}/rotate", key.id);
            operator.post(&path, &json!({"grace_seconds": 60})).await.expect(200);
            walk.world.app.advance(60);
            Some(key.secret)
        }
        "expired" => {
            let key = walk.key(json!({"scopes": told.scopes, "expires_in_days": 1})).await;
            walk.world.app.advance(86_400);
            Some(key.secret)
        }
        "limited" => {
            let limit = json!({"limit": 1, "window_seconds": 60});
            let key = walk.key(json!({"scopes": told.scopes, "ratelimit": limit})).await;
            walk.opens("POST /v1/generate", &key.secret).await;
            Some(key.secret)
        }
        other => panic!("{other} is not known"),
    }
}

async fn call(walk: &Walk, route: &str, credential: Option<&str>) -> Reply {
    let ask = Ask::route(route);
    walk.ask(&match credential {
        Some(credential) => ask.bearer(credential),
        None => ask,
    })
    .await
}

/// The body has every member that is shown, with that value or of that kind.
pub(super) async fn error_body(walk: &Walk, told: &Statement) {
    let credential = provoked(walk, told).await;
    let reply = call(walk, &told.opens, credential.as_deref()).await;
    walk.world.upstream.untouched();
    let shown: Value = serde_json::from_str(told.json.as_deref().expect("a body")).expect("JSON");
    let code = shown["error"]["code"].as_str().expect("a code");
    refusal(&reply, told.status, code);
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

/// No key, nonsense, a key of nobody's, and one that was revoked: 401, each told apart.
pub(super) async fn unauthorized(walk: &Walk, told: &Statement) {
    let missing = call(walk, &told.opens, None).await;
    refusal(&missing, 401, "MISSING_API_KEY");
    assert_eq!(missing.header("www-authenticate"), "Bearer realm=\"keywright\"");
    let key = walk.own_key(told).await;
    walk.opens(&told.opens, &key.secret).await;
    for wrong in ["nonsense", &key.secret[1..], &format!("{}x", key.secret)] {
        let reply = call(walk, &told.opens, Some(wrong)).await;
        refusal(&reply, 401, "INVALID_API_KEY");
        assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""), "{:?}", reply.headers);
    }
    walk.world.app.operator().delete(&format!("/v1/keys/{}", key.id)).await.expect(204);
    walk.refused(&told.opens, &key.secret, 401, "REVOKED_API_KEY").await;
}

/// A key in order that lacks the permission: 403, and which one it lacks.
pub(super) async fn forbidden(walk: &Walk, told: &Statement) {
    let key = walk.own_key(told).await;
    let reply = call(walk, &told.opens, Some(&key.secret)).await;
    walk.world.upstream.untouched();
    let details = refusal(&reply, 403, "INSUFFICIENT_SCOPE")["details"].clone();
    assert_eq!(details["granted"], json!(told.scopes), "{details}");
    let lacking = details["required"].as_str().expect("what it lacks");
    let challenge = reply.header("www-authenticate");
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
    assert!(challenge.contains(&format!("scope=\"{lacking}\"")), "{challenge}");
}

/// The function that is shown, called: what it returns, or the error that it throws.
pub(super) async fn make_request(walk: &Walk, told: &Statement) {
    let credential = provoked(walk, told).await.expect("a key");
    walk.learn("key", &credential);
    let function = walk.world.document.statements.iter().find_map(|statement| {
        statement.node.as_deref().filter(|code| code.contains("async function makeAPIRequest"))
    });
    let tells = format!(
        "\ntry {{\n  const answer = await makeAPIRequest('{}', {{ prompt: 'Hello, world!' }});\n  \
         console.log('returned', answer.received.target);\n}} catch (error) {{\n  \
         console.log('threw', error.message);\n}}\n",
        told.endpoint
    );
    let code = walk.fill(function.expect("the function")) + &tells;
    let exports = format!("export API_KEY='{credential}'");
    let said = printed(&walk.world.bench.node(&exports, &code).await);
    assert_eq!(said.trim(), wanted(told));
    walk.world.upstream.take();
}

/// What the function must do: the line that is shown throws, where it is not the function itself.
fn wanted(told: &Statement) -> String {
    let code = told.node.as_deref().expect("code").trim();
    let Some(thrown) = code.strip_prefix("throw new Error(") else {
        return "returned /v1/generate".to_owned();
    };
    let message = thrown.trim_end_matches(");").trim_matches(['\'', '`']);
    format!("threw {}", message.replace("${error.error.message}", OWN_MESSAGE))
}
