//! Responses of forward-auth.

use super::*;

const IDENTITY: [&str; 8] = [
    "x-auth-subject",
    "x-auth-kind",
    "x-auth-key-id",
    "x-auth-user-id",
    "x-auth-client-id",
    "x-auth-owner",
    "x-auth-environment",
    "x-auth-scopes",
];

fn request(query: &str) -> poem::RequestBuilder {
    Request::builder().uri_str(format!("/v1/forward-auth?{query}"))
}

async fn ask(scene: &Scene, request: Request) -> Response {
    scene.call(Path::ForwardAuth, request, scene.context()).await
}

#[tokio::test]
async fn a_valid_key_passes_with_every_identity_header() {
    let scene = Scene::new().await;
    let key = scene.key("queries:read queries:write").await;
    let asked = request("api=afdb&scope=queries:read+AND+%28queries:write%20OR%20admin%29");
    let response = ask(&scene, asked.header("authorization", bearer(&key)).finish()).await;
    assert_eq!(response.status(), StatusCode::OK);
    let verdict = |name| header(&response, name).unwrap().to_owned();
    assert!(verdict("x-auth-key-id").starts_with("key_"));
    assert_eq!(verdict("x-auth-subject"), verdict("x-auth-key-id"));
    assert_eq!(verdict("x-auth-kind"), "key");
    assert_eq!((verdict("x-auth-user-id"), verdict("x-auth-client-id")), (String::new(), String::new()));
    assert_eq!(verdict("x-auth-owner"), "acmé");
    assert_eq!(verdict("x-auth-environment"), "live");
    assert_eq!(verdict("x-auth-scopes"), "queries:read queries:write");
    assert_eq!(verdict("ratelimit-policy"), "\"pro\";q=3;w=60");
    assert_eq!(verdict("ratelimit"), "\"pro\";r=2;t=20");
    assert_eq!(verdict("x-ratelimit-limit"), "3");
    assert_eq!(verdict("x-ratelimit-remaining"), "2");
    assert_eq!(verdict("x-ratelimit-reset"), "20");
}

#[tokio::test]
async fn a_refusal_has_its_error_in_body_and_header_and_no_identity() {
    let scene = Scene::new().await;
    let key = scene.key("queries:read").await;
    let cases = [
        ("api=afdb", None, 401, "MISSING_API_KEY"),
        ("api=afdb", Some("Bearer afdb_live_nothing".to_owned()), 401, "INVALID_API_KEY"),
        ("api=afdb", Some("Basic YTpi".to_owned()), 401, "INVALID_API_KEY"),
        ("api=afdb&scope=queries:write", Some(bearer(&key)), 403, "INSUFFICIENT_SCOPE"),
        ("api=afdb&environment=test", Some(bearer(&key)), 403, "WRONG_ENVIRONMENT"),
        ("api=keywright", Some(bearer(&key)), 403, "FORBIDDEN"),
        ("api=keywright&scope=keys:read", Some(bearer(&key)), 403, "WRONG_API"),
        ("api=afdb&headers=subject,who", Some(bearer(&key)), 400, "INVALID_REQUEST"),
        ("api=nowhere", Some(bearer(&key)), 400, "INVALID_REQUEST"),
        ("", Some(bearer(&key)), 400, "INVALID_REQUEST"),
        ("api=afdb&scopes=queries:write", Some(bearer(&key)), 400, "INVALID_REQUEST"),
        ("api=afdb&api=keywright", Some(bearer(&key)), 400, "INVALID_REQUEST"),
        ("api=afdb&scope=a+b", Some(bearer(&key)), 400, "INVALID_REQUEST"),
        ("api=afdb&scope=%ff", Some(bearer(&key)), 400, "INVALID_REQUEST"),
    ];
    for (query, credential, status, code) in cases {
        let mut asked = request(query);
        if let Some(credential) = &credential {
            asked = asked.header("authorization", credential);
        }
        let response = ask(&scene, asked.finish()).await;
        assert_eq!(response.status().as_u16(), status, "{query}");
        for name in IDENTITY {
            assert_eq!(header(&response, name), Some(""), "{name}");
        }
        assert_eq!(
            header(&response, "www-authenticate").is_some(),
            status == 401 || code == "INSUFFICIENT_SCOPE"
        );
        let header_error: Value = serde_json::from_str(header(&response, "x-auth-error").unwrap()).unwrap();
        let body = body(response).await;
        assert_eq!(body["error"]["code"], code, "{query}: {body}");
        assert_eq!(header_error, body);
    }
}

#[tokio::test]
async fn an_error_header_is_one_line_of_ascii() {
    let value = super::super::header_buf::ascii_json("{\"a\":\"\u{e9}\u{1f511}\u{7}\"}");
    assert_eq!(value.to_str().unwrap(), "{\"a\":\"\\u00e9\\ud83d\\udd11\\u0007\"}");
}

#[tokio::test]
async fn the_question_says_which_identity_headers_are_filled() {
    let scene = Scene::new().await;
    let key = scene.key("queries:read").await;
    for (headers, filled) in [
        ("subject,scopes", vec!["x-auth-subject", "x-auth-scopes"]),
        ("key_id", vec!["x-auth-key-id"]),
        ("kind,owner,environment,user_id", vec!["x-auth-kind", "x-auth-owner", "x-auth-environment"]),
        ("", vec![]),
    ] {
        for credential in [bearer(&key), "Bearer afdb_live_nothing".to_owned()] {
            let asked = request(&format!("api=afdb&headers={headers}")).header("authorization", credential);
            let response = ask(&scene, asked.finish()).await;
            let passed = response.status() == StatusCode::OK;
            for name in IDENTITY {
                let value = header(&response, name).expect("it is always set");
                assert_eq!(!value.is_empty(), passed && filled.contains(&name), "{headers}: {name}");
            }
        }
    }
}

#[tokio::test]
async fn for_nginx_every_other_4xx_is_403() {
    let scene = Scene::new().await;
    let key = scene.key("queries:read").await;
    for (query, status) in [
        ("api=afdb", None),
        ("api=afdb&environment=test", None),
        ("api=nowhere", Some("400")),
        ("x", Some("400")),
    ] {
        let asked = request(&format!("{query}&nginx=1"));
        let asked = if status.is_some() || query.contains("test") {
            asked.header("authorization", bearer(&key))
        } else {
            asked
        };
        let response = ask(&scene, asked.finish()).await;
        assert_eq!(response.status().as_u16(), if query == "api=afdb" { 401 } else { 403 }, "{query}");
        assert_eq!(header(&response, "x-auth-status"), status, "{query}");
    }
}

#[tokio::test]
async fn too_many_are_429_and_for_nginx_403() {
    let scene = Scene::new().await;
    let key = scene.key("queries:read").await;
    let send = |query: &str| request(query).header("authorization", bearer(&key)).finish();
    for _ in 0..3 {
        assert_eq!(ask(&scene, send("api=afdb")).await.status(), StatusCode::OK);
    }
    let response = ask(&scene, send("api=afdb")).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&response, "retry-after"), Some("20"));
    assert_eq!(header(&response, "x-ratelimit-remaining"), Some("0"));
    let details = body(response).await["error"]["details"].clone();
    assert_eq!(details, json!({"limit": 3, "window_seconds": 60, "retry_after_seconds": 20}));

    let response = ask(&scene, send("api=afdb&nginx=1")).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&response, "x-auth-status"), Some("429"));
    assert_eq!(header(&response, "retry-after"), Some("20"));
}

#[tokio::test]
async fn one_credential_at_a_time_and_cookies_are_none() {
    let scene = Scene::new().await;
    let key = scene.key("queries:read").await;
    let status = async |request: Request| ask(&scene, request).await.status().as_u16();
    let api_key = || request("api=afdb").header("x-api-key", key.expose());
    assert_eq!(status(api_key().finish()).await, 200);
    assert_eq!(status(api_key().header("authorization", bearer(&key)).finish()).await, 401);
    assert_eq!(status(api_key().header("x-api-key", key.expose()).finish()).await, 401);
    let own = request("api=keywright&scope=keys:verify").header("x-api-key", scene.management.expose());
    assert_eq!(status(own.finish()).await, 401, "this API does not take it");
    let cookie = request("api=afdb").header("cookie", format!("keywright={}", key.expose()));
    assert_eq!(status(cookie.finish()).await, 401);
    let twice =
        request("api=afdb").header("authorization", bearer(&key)).header("authorization", bearer(&key));
    assert_eq!(status(twice.finish()).await, 401);
    assert_eq!(status(request(&format!("api=afdb&key={}", key.expose())).finish()).await, 400);
}

#[tokio::test]
async fn only_trusted_proxies_forward_a_request() {
    let scene = Scene::new().await;
    let forwarded = |builder: poem::RequestBuilder, from_proxy: bool| {
        let context = RequestContext { from_proxy, ..scene.context() };
        forwarded_request::read(&builder.finish(), &context).map(|forwarded| forwarded.subject)
    };
    let uri = |uri: &str| request("api=afdb").header("x-forwarded-uri", uri);
    let foreign = forwarded(uri("/admin").header("x-forwarded-method", "DELETE"), false).unwrap();
    assert_eq!((foreign.path.as_deref(), foreign.method), (Some("/v1/forward-auth"), Some(Method::Get)));

    let ours = forwarded(uri("/v1/queries?key=secret").header("x-forwarded-method", "DELETE"), true).unwrap();
    assert_eq!((ours.path.as_deref(), ours.method), (Some("/v1/queries"), Some(Method::Delete)));
    let nginx = request("api=afdb").header("x-original-uri", "/a").header("x-original-method", "PUT");
    let nginx = forwarded(nginx, true).unwrap();
    assert_eq!((nginx.path.as_deref(), nginx.method), (Some("/a"), Some(Method::Put)));

    for unclear in [
        request("api=afdb"),
        uri("/a").header("x-forwarded-uri", "/b"),
        uri("/a").header("x-original-uri", "/b"),
        uri("/a").header("x-forwarded-method", "GET").header("x-forwarded-method", "PUT"),
        uri("/a").header("x-forwarded-method", "get"),
        uri("/a").header("x-forwarded-method", "TRACE"),
        uri("/a").header("x-forwarded-method", "CONNECT"),
        uri("/a").header("x-auth-level", "9"),
        uri("/a").header("x_auth_subject", "usr_admin"),
    ] {
        assert!(forwarded(unclear, true).is_err());
    }
}

#[tokio::test]
async fn every_decision_is_logged_and_unidentified_callers_are_counted() {
    let scene = Scene::new().await;
    let key = scene.key("queries:read").await;
    let send = |credential: String| request("api=afdb").header("authorization", credential).finish();
    ask(&scene, send(bearer(&key))).await;
    for guess in 0..20 {
        ask(&scene, send(format!("Bearer afdb_live_guess{guess}"))).await;
    }
    ask(&scene, request("api=afdb").finish()).await;
    let services = core_of(&scene);
    services.log.flush(&services.db).await.unwrap();
    let rows: Vec<(i64, i64, Option<i64>)> = services
        .read(|conn| {
            let sql =
                "SELECT code, coalesce(count, 1), key_no FROM activity WHERE kind = 2 ORDER BY code, no";
            Ok::<_, crate::error::Error>(
                conn.all(sql, &[], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?,
            )
        })
        .await
        .unwrap();
    let known = rows[0].2;
    assert!(known.is_some());
    let (full, counted) = ((1, 1, None), (1, 15, None));
    assert_eq!(rows, [(0, 1, known), full, full, full, full, full, counted, (11, 1, None)]);
}
