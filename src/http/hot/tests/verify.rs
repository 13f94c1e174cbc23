//! Responses of verify.

use super::*;

fn request(scene: &Scene, text: impl Into<String>) -> Request {
    Request::builder()
        .method(HttpMethod::POST)
        .uri_str("/v1/keys/verify")
        .content_type("application/json")
        .header("authorization", bearer(&scene.management))
        .body(text.into())
}

async fn ask(scene: &Scene, request: Request) -> Response {
    scene.call(Path::Verify, request, scene.context()).await
}

async fn answer(scene: &Scene, question: Value) -> Value {
    let response = ask(scene, request(scene, question.to_string())).await;
    assert_eq!(response.status(), StatusCode::OK);
    body(response).await
}

#[tokio::test]
async fn a_valid_key_is_shown_in_full() {
    let scene = Scene::new().await;
    let key = scene.key("queries:read").await;
    let question = json!({"key": key.expose(), "api": "afdb", "scopes": "queries:read AND (admin OR queries:read)",
        "environment": "live", "cost": 1, "request": {"ip": SEND, "method": "POST", "path": "/v1/queries",
        "user_agent": "curl/8"}});
    let response = ask(&scene, request(&scene, question.to_string())).await;
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    let text = response.into_body().into_string().await.unwrap();
    let result: Value = serde_json::from_str(&text).unwrap();
    let (id, request_id) = (result["key_id"].as_str().unwrap(), result["request_id"].as_str().unwrap());
    let expected = format!(
        "{{\"valid\":true,\"code\":\"VALID\",\"key_id\":\"{id}\",\"name\":\"Production \\\"Backend\\\"\",\
         \"api\":\"afdb\",\"environment\":\"live\",\"owner\":\"acmé\",\"user_id\":null,\
         \"scopes\":[\"queries:read\"],\"metadata\":{{\"a\":[1]}},\"expires_at\":null,\
         \"ratelimit\":{{\"tier\":\"pro\",\"limit\":3,\"remaining\":2,\"reset_at\":\"2026-06-01T12:00:20Z\"}},\
         \"quota\":null,\"request_id\":\"{request_id}\"}}"
    );
    assert_eq!(text, expected);
}

#[tokio::test]
async fn only_the_code_is_shown_about_other_keys() {
    let scene = Scene::new().await;
    let key = scene.key("queries:read").await;
    for (key, api, code) in [
        (key.expose(), "keywright", "WRONG_API"),
        ("afdb_live_x", "afdb", "NOT_FOUND"),
        ("", "afdb", "NOT_FOUND"),
    ] {
        let result = answer(&scene, json!({"key": key, "api": api})).await;
        assert_eq!(result["code"], code);
        let names: Vec<_> = result.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["code", "request_id", "valid"]);
    }
}

#[tokio::test]
async fn a_refused_key_is_shown_with_its_code() {
    let scene = Scene::new().await;
    let key = scene.key("queries:read").await;
    let result = answer(&scene, json!({"key": key.expose(), "api": "afdb", "scopes": "queries:write"})).await;
    assert_eq!((&result["valid"], &result["code"]), (&json!(false), &json!("INSUFFICIENT_SCOPE")));
    assert_eq!(result["ratelimit"], Value::Null, "nothing was taken");
    let result = answer(&scene, json!({"key": key.expose(), "api": "afdb", "cost": 4})).await;
    assert_eq!(result["code"], "RATE_LIMITED");
    assert_eq!(result["ratelimit"]["remaining"], 3, "nothing was taken");
    let result = answer(&scene, json!({"key": key.expose(), "api": "afdb", "cost": 3})).await;
    assert_eq!((&result["code"], &result["ratelimit"]["remaining"]), (&json!("VALID"), &json!(0)));
}

#[tokio::test]
async fn explain_lists_every_rule_with_its_findings() {
    let scene = Scene::new().await;
    let key = scene.key("queries:read").await;
    let question = json!({"key": key.expose(), "api": "afdb", "scopes": "admin", "explain": true});
    let result = answer(&scene, question).await;
    let checks = result["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 10);
    assert_eq!(checks[0]["rule"], "NOT_FOUND");
    assert_eq!(
        checks[7],
        json!({"rule": "INSUFFICIENT_SCOPE", "result": "failed",
            "observed": "holds \"queries:read\"; asked for \"admin\""})
    );
    assert_eq!((&checks[6]["result"], &checks[8]["result"]), (&json!("passed"), &json!("not_reached")));
}

#[tokio::test]
async fn an_invalid_body_is_400_and_names_the_field() {
    let scene = Scene::new().await;
    let deep = format!("{{\"key\":{}", "[".repeat(10_000));
    let cases = [
        (r#"{"key": "k"}"#, "api"),
        (r#"{"api": "afdb"}"#, "key"),
        (r#"{"key": "k", "api": "nowhere"}"#, "api"),
        (r#"{"key": "k", "api": "afdb", "role": "admin"}"#, "role"),
        (r#"{"key": "k", "api": "afdb", "key": "l"}"#, "key"),
        (r#"{"key": 7, "api": "afdb"}"#, "key"),
        (r#"{"key": "k", "api": "afdb", "scopes": "a b"}"#, "scopes"),
        (r#"{"key": "k", "api": "afdb", "scopes": ""}"#, "scopes"),
        (r#"{"key": "k", "api": "afdb", "environment": "prod"}"#, "environment"),
        (r#"{"key": "k", "api": "afdb", "cost": 0}"#, "cost"),
        (r#"{"key": "k", "api": "afdb", "cost": -1}"#, "cost"),
        (r#"{"key": "k", "api": "afdb", "request": {"ip": "here"}}"#, "request.ip"),
        (r#"{"key": "k", "api": "afdb", "request": {"port": 1}}"#, "request.port"),
        (r#"{"key": "k", "api": "afdb"} x"#, "body"),
        ("", "body"),
        (&deep, "key"),
    ];
    for (text, field) in cases {
        let response = ask(&scene, request(&scene, text)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{text}");
        let result = body(response).await;
        assert_eq!(result["error"]["code"], "INVALID_REQUEST");
        let fields: Vec<_> = result["error"]["details"].as_object().unwrap().keys().collect();
        assert_eq!(fields, [field], "{text}: {result}");
    }
}

#[tokio::test]
async fn null_equals_absence() {
    let scene = Scene::new().await;
    let key = scene.key("queries:read").await;
    let result = answer(
        &scene,
        json!({"key": key.expose(), "api": "afdb", "scopes": null, "environment": null,
        "cost": null, "request": null, "explain": null}),
    );
    assert_eq!(result.await["code"], "VALID");
}

#[tokio::test]
async fn the_caller_needs_the_scope() {
    let scene = Scene::new().await;
    let key = scene.key("queries:read").await;
    let own = core_of(&scene).catalog.get().built_in().no;
    let reader = add_key(&scene.world, "kw", own, "keys:read").await;
    let admin = add_key(&scene.world, "kw", own, "admin").await;
    let question = json!({"key": key.expose(), "api": "afdb"}).to_string();
    for (credential, status) in [
        (Some(bearer(&admin)), 200),
        (None, 401),
        (Some(bearer(&key)), 403),
        (Some("Bearer kw_live_x".to_owned()), 401),
        (Some(bearer(&reader)), 403),
    ] {
        let mut request = request(&scene, question.clone());
        request.headers_mut().remove("authorization");
        if let Some(credential) = &credential {
            request.headers_mut().insert("authorization", credential.parse().unwrap());
        }
        assert_eq!(ask(&scene, request).await.status().as_u16(), status, "{credential:?}");
    }
}

#[tokio::test]
async fn method_type_and_size_are_checked() {
    let scene = Scene::new().await;
    let mut get = request(&scene, "{}");
    get.set_method(HttpMethod::GET);
    assert_eq!(ask(&scene, get).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    let mut text = request(&scene, "{}");
    text.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(ask(&scene, text).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let large = ask(&scene, request(&scene, " ".repeat(17 << 10))).await;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
}
