//! Validates every successful answer against `/openapi.json`: the status is documented, a JSON body satisfies its
//! schema, and it has no member that the schema does not name.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use http::Method;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::client::Reply;

/// The document, with schemas as JSON Schema.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = serde_json::from_str(keywright::http::openapi()).expect("JSON");
    as_json_schema(&mut document);
    document
});

/// Compiled schemas, by their pointer in the document.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Fails the test when a successful answer differs from what the document says of its operation.
pub fn validate(method: &Method, target: &str, reply: &Reply) {
    if !(200..300).contains(&reply.status) {
        return;
    }
    let path = target.split('?').next().unwrap_or(target);
    let Some(template) = template(path) else { return };
    let method = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
    let Some(operation) = DOCUMENT["paths"][&template].get(&method) else { return };
    let status = reply.status.to_string();
    let name = format!("{method} {template} {status}");
    let documented = operation["responses"].get(&status).unwrap_or_else(|| panic!("not documented: {name}"));
    let content_type = reply.header("content-type").split(';').next().unwrap_or_default();
    if content_type != "application/json" || reply.body.is_empty() {
        return;
    }
    let (content, _) = documented["content"]
        .as_object()
        .and_then(|kinds| kinds.iter().find(|(kind, _)| kind.starts_with("application/json")))
        .unwrap_or_else(|| panic!("no JSON body is documented: {name}"));
    let pointer = ["paths", &template, &method, "responses", &status, "content", content, "schema"]
        .map(|part| part.replace('~', "~0").replace('/', "~1"))
        .join("/");
    let body = reply.json();
    let errors: Vec<String> = validator(&pointer)
        .iter_errors(&body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name} differs from the document:\n{}\n{body}", errors.join("\n"));
}

/// The path template that a path matches; a literal segment goes before a parameter.
fn template(path: &str) -> Option<String> {
    let segments: Vec<&str> = path.split('/').collect();
    let matches = |template: &&String| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == segments.len()
            && parts.iter().zip(&segments).all(|(part, segment)| part.starts_with('{') || part == segment)
    };
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    paths.keys().filter(matches).min_by_key(|template| template.matches('{').count()).cloned()
}

fn validator(pointer: &str) -> Arc<Validator> {
    let mut validators = keywright::locks::lock(&VALIDATORS);
    let compile = || {
        let mut root = DOCUMENT.as_object().expect("an object").clone();
        // RFC 6901, section 6: a pointer in a URI fragment is percent-encoded.
        let reference = pointer.replace('{', "%7B").replace('}', "%7D").replace(' ', "%20");
        root.insert("$ref".to_owned(), json!(format!("#/{reference}")));
        Arc::new(jsonschema::draft202012::new(&Value::Object(root)).expect("a schema"))
    };
    validators.entry(pointer.to_owned()).or_insert_with(compile).clone()
}

/// OpenAPI 3.0's `nullable` becomes a type, and objects allow only the members that they name.
fn as_json_schema(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(as_json_schema),
        Value::Object(members) => {
            members.values_mut().for_each(as_json_schema);
            close(members);
            if members.remove("nullable") == Some(Value::Bool(true)) {
                let inner = Value::Object(std::mem::take(members));
                members.insert("anyOf".to_owned(), json!([{"type": "null"}, inner]));
            }
        }
        _ => {}
    }
}

fn close(schema: &mut Map<String, Value>) {
    let is_object = schema.get("type") == Some(&json!("object")) && schema.contains_key("properties");
    if is_object && !schema.contains_key("additionalProperties") {
        schema.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
}

#[test]
fn an_undocumented_member_status_or_null_is_found() {
    let reply = |status: u16, body: &Value| {
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", http::HeaderValue::from_static("application/json"));
        Reply { status, headers, body: body.to_string().into() }
    };
    let check = |status: u16, body: Value| {
        std::panic::catch_unwind(|| validate(&Method::GET, "/v1/grants?limit=1", &reply(status, &body)))
            .is_ok()
    };
    assert!(check(200, json!({"data": [], "next_cursor": null})));
    assert!(!check(200, json!({"data": [], "next_cursor": null, "total": 0})));
    assert!(!check(200, json!({"data": null, "next_cursor": null})));
    assert!(!check(200, json!({"data": [{}], "next_cursor": null})));
    assert!(!check(201, json!({"data": [], "next_cursor": null})));
}
