//! `/v1/forward-auth` for an API with routes: method and path determine the requirements of a request.

use serde_json::{Value, json};

use crate::support::{Client, Reply, TestApp, afdb};

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

/// `afdb` behind a proxy on this machine.
async fn gate() -> TestApp {
    let loopback = "127.0.0.1/32".parse().expect("a network");
    let app = TestApp::with(|config| config.http.trusted_proxies = vec![loopback]).await;
    let mut api = afdb();
    api["x_api_key"] = true.into();
    api["tiers"] = json!([{"name": "free", "limit": 10}]);
    api["role_scopes"] = json!({"member": ["queries:read"]});
    api["routes"] = json!([
        {"method": "GET", "path": "/v1/status", "public": true},
        {"method": "GET", "path": "/v1/queries/{id}", "scope": "queries:read", "environment": "any"},
        {"method": "POST", "path": "/v1/queries", "scope": "queries:read", "environment": "any"},
        {"method": "POST", "path": "/v1/reports", "scope": "queries:read", "cost": 4},
        {"method": "*", "path": "/v1/admin/*", "scope": "admin"},
        {"method": "GET", "path": "/v1/*"},
    ]);
    app.add_api(api).await;
    app
}

/// Sends the request that Caddy sends.
async fn ask(client: &Client, method: &str, uri: &str) -> Reply {
    let client = client.with("x-forwarded-method", method).with("x-forwarded-uri", uri);
    client.with("x-forwarded-for", "203.0.113.9").get("/v1/forward-auth?api=afdb").await
}

async fn key(app: &TestApp, more: Value) -> (Client, String) {
    let key = app.afdb_key(more).await;
    let text = |name: &str| key[name].as_str().expect("a text").to_owned();
    (app.bearer(&text("key")), text("id"))
}

/// Log rows of the gate's decisions, newest first.
async fn decisions(app: &TestApp) -> Vec<Value> {
    // Unidentified callers are counted after five rows.
    app.advance(1);
    let page = app.operator().get("/v1/activity?kind=request.authorize").await.expect(200);
    page["data"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn the_first_route_that_matches_is_the_rule() {
    let app = gate().await;
    let (reader, id) = key(&app, json!({})).await;
    let passed = ask(&reader, "POST", "/v1/queries").await;
    assert_eq!(passed.status, 200, "{}", passed.text());
    assert_eq!(passed.header("x-auth-key-id"), id);
    assert_eq!(passed.header("x-auth-environment"), "live");
    for (method, uri, status, code) in [
        ("GET", "/v1/queries/17", 200, ""),
        ("HEAD", "/v1/queries/17?full=1", 200, ""),
        ("GET", "/v1/anything", 200, ""),
        ("DELETE", "/v1/admin/users", 403, "INSUFFICIENT_SCOPE"),
        ("GET", "/v1/admin", 403, "INSUFFICIENT_SCOPE"),
        ("DELETE", "/v1/queries/17", 403, "FORBIDDEN"),
        ("POST", "/v1/queries/17", 403, "FORBIDDEN"),
        ("PURGE", "/v1/queries", 403, "FORBIDDEN"),
        ("GET", "/elsewhere", 403, "FORBIDDEN"),
    ] {
        let reply = ask(&reader, method, uri).await;
        if status == 200 {
            assert_eq!(reply.status, 200, "{method} {uri}: {}", reply.text());
        } else {
            reply.refused(status, code);
            assert!(reply.header("x-auth-error").contains(code));
        }
    }
    let (admin, _) = key(&app, json!({"scopes": ["admin"]})).await;
    ask(&admin, "DELETE", "/v1/admin/users").await.expect(200);
}

#[tokio::test]
async fn a_path_is_one_path_however_it_is_spelt() {
    let app = gate().await;
    let (reader, _) = key(&app, json!({"ratelimit": {"limit": null, "window_seconds": 60}})).await;
    for same in ["/v1/admin/", "/v1/admin/x/", "/v1/admin/gr%C3%B6%C3%9Fe"] {
        ask(&reader, "GET", same).await.refused(403, "INSUFFICIENT_SCOPE");
    }
    for unclear in [
        // Node's `new URL(req.url, base)` reads the first segment as a host.
        "//h/v1/admin/x",
        "/\\h/v1/admin/x",
        "//v1//admin",
        "/v1//admin/a",
        // Another form of the target.
        "x:http://z?action=x&y=/v1/status",
        "http://127.0.0.1/v1/queries/17",
        "https://API.example.com/v1/queries/17",
        "mailto:/v1/status",
        "?/v1/status",
        "#/v1/status",
        "/v1/status#/../admin",
        "/v1/queries/17?x#y",
        // For many services the same as a path of another route.
        "/v1/Admin/x",
        "/v1/ADMIN",
        "/v1/%EF%BD%81dmin/x",
        "/v1/admin.json",
        "/v1/admin%20/x",
        "/v1/index.php/v1/admin/x",
        "/v1/queries/17/",
        // Another method, in the query.
        "/v1/queries/17?_method=DELETE",
        "/v1/queries%2f..%2fadmin",
        "/v1/x%00",
        "/v1/x;y",
        "/v1/..;/admin",
        "/v1/x#y",
        "/v1/%23",
        "/v1/x%5c..%5cadmin",
        "/v1/%252e%252e/admin",
        // Another route for a service that keeps dots or escapes.
        "/v1/admin/../queries/17",
        "/v1/x/../admin/a",
        "/v1/./admin",
        "/v1/%2e%2e/v1/admin",
        "/v1/%61dmin/a",
        "/v1/%zz",
        "*",
    ] {
        let error = ask(&reader, "GET", unclear).await.refused(403, "FORBIDDEN");
        assert!(
            error["message"].as_str().is_some_and(|text| text.starts_with("The path is refused: ")),
            "{error}"
        );
    }
    for clear in [
        "/v1/queries/17",
        "/v1/queries/17?next=//h/../v1/admin;x",
        "/v1/queries/gr%C3%B6%C3%9Fe",
        "/v1/queries/.well-known",
        "/v1/queries/a%40b:c@d",
        "/v1/queries/report.final.pdf",
        "/v1/Administrators",
        "/v1/x/",
    ] {
        ask(&reader, "GET", clear).await.expect(200);
    }
}

#[tokio::test]
async fn only_a_trusted_proxy_describes_a_request() {
    let app = TestApp::start().await;
    let mut api = afdb();
    api["routes"] = json!([{"method": "*", "path": "/*"}]);
    app.add_api(api).await;
    let (reader, _) = key(&app, json!({})).await;
    ask(&reader, "GET", "/v1/queries").await.refused(403, "FORBIDDEN");
}

#[tokio::test]
async fn missing_or_repeated_forwarded_headers_are_reported() {
    let app = gate().await;
    let (reader, _) = key(&app, json!({})).await;
    reader.get("/v1/forward-auth?api=afdb").await.refused(400, "INVALID_REQUEST");
    let no_method = reader.with("x-forwarded-uri", "/v1/queries/17").get("/v1/forward-auth?api=afdb").await;
    assert!(no_method.refused(400, "INVALID_REQUEST")["details"]["X-Forwarded-Method"].is_string());
    let twice = reader.with("x-original-uri", "/v1/status");
    ask(&twice, "GET", "/v1/queries/17").await.refused(400, "INVALID_REQUEST");
    // Routes and query rules must not be combined.
    for query in ["scope=queries:read", "environment=any"] {
        let described = reader.with("x-forwarded-uri", "/v1/queries/17");
        let reply = described.get(&format!("/v1/forward-auth?api=afdb&{query}")).await;
        reply.refused(400, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn a_public_route_lets_every_request_pass_anonymously() {
    let app = gate().await;
    let (reader, _) = key(&app, json!({})).await;
    for client in [app.anonymous(), app.bearer("afdb_live_invented"), reader] {
        let passed = ask(&client, "GET", "/v1/status").await;
        assert_eq!(passed.status, 200, "{}", passed.text());
        for name in IDENTITY {
            assert_eq!(passed.headers.get(name).expect(name), "");
        }
    }
    ask(&app.anonymous(), "GET", "/v1/queries/17").await.refused(401, "MISSING_API_KEY");
    let rows = decisions(&app).await;
    // One row, or two if a job wrote counted refusals in between.
    let passed: Vec<&Value> = rows.iter().filter(|row| row["code"] == "PUBLIC").collect();
    assert!(passed.iter().all(|row| row["outcome"] == "allowed"), "{passed:?}");
    assert_eq!(passed.iter().filter_map(|row| row["count"].as_u64()).sum::<u64>(), 3, "{passed:?}");
}

#[tokio::test]
async fn a_test_key_passes_where_the_route_allows_it() {
    let app = gate().await;
    let (test, _) = key(&app, json!({"environment": "test"})).await;
    let passed = ask(&test, "POST", "/v1/queries").await;
    assert_eq!((passed.status, passed.header("x-auth-environment")), (200, "test"));
    ask(&test, "POST", "/v1/reports").await.refused(403, "WRONG_ENVIRONMENT");
}

#[tokio::test]
async fn a_route_charges_its_cost() {
    let app = gate().await;
    let (reader, _) = key(&app, json!({})).await;
    for remaining in ["6", "2"] {
        let passed = ask(&reader, "POST", "/v1/reports").await;
        assert_eq!((passed.status, passed.header("x-ratelimit-remaining")), (200, remaining));
    }
    let limited = ask(&reader, "POST", "/v1/reports").await;
    limited.refused(429, "RATE_LIMITED");
    assert_eq!(limited.header("retry-after"), "12");
    // A cheaper request still passes.
    assert_eq!(ask(&reader, "POST", "/v1/queries").await.status, 200);
}

#[tokio::test]
async fn the_key_may_come_in_x_api_key_and_only_once() {
    let app = gate().await;
    let key = app.afdb_key(json!({})).await;
    let key = key["key"].as_str().expect("a key");
    let client = app.anonymous().with("x-api-key", key);
    assert_eq!(ask(&client, "GET", "/v1/queries/17").await.status, 200);
    ask(&client.with("authorization", &format!("Bearer {key}")), "GET", "/v1/queries/17")
        .await
        .refused(401, "INVALID_API_KEY");
    app.operator().patch("/v1/apis/afdb", &json!({"x_api_key": false})).await.expect(200);
    ask(&client, "GET", "/v1/queries/17").await.refused(401, "MISSING_API_KEY");
}

#[tokio::test]
async fn a_key_in_a_url_is_refused_and_kept_nowhere() {
    let mut app = gate().await;
    let key = app.afdb_key(json!({})).await;
    let (id, key) = (key["id"].clone(), key["key"].as_str().expect("a key").to_owned());
    let client = app.bearer(&key);
    for uri in [format!("/v1/queries/17?key={key}"), format!("/v1/queries/{key}")] {
        let error = ask(&client, "GET", &uri).await.refused(401, "INVALID_API_KEY");
        assert!(!error.to_string().contains(&key), "{error}");
        ask(&app.anonymous(), "GET", &uri).await.refused(401, "INVALID_API_KEY");
    }
    let own = format!("/v1/keys?api_key={key}");
    app.operator().get(&own).await.refused(401, "INVALID_API_KEY");
    app.anonymous()
        .get(&format!("/v1/forward-auth?api=afdb&key={key}"))
        .await
        .refused(401, "INVALID_API_KEY");
    let agent = client.with("user-agent", &format!("curl -H {key}"));
    assert_eq!(ask(&agent, "GET", "/v1/queries/17").await.status, 200);

    let rows = decisions(&app).await;
    let known = rows.iter().find(|row| row["key"]["id"] == id && row["outcome"] == "refused").expect("a row");
    assert_eq!(known["path"], "/v1/queries/afdb_live_…", "{known}");
    app.stop().await;
    for file in std::fs::read_dir(app.data()).expect("the data").flatten() {
        let Ok(bytes) = std::fs::read(file.path()) else { continue };
        let found = bytes.windows(key.len()).any(|window| window == key.as_bytes());
        assert!(!found, "{}", file.path().display());
    }
}

#[tokio::test]
async fn the_log_has_the_matched_route() {
    let app = gate().await;
    let (reader, id) = key(&app, json!({})).await;
    ask(&reader, "GET", "/elsewhere").await.refused(403, "FORBIDDEN");
    ask(&reader, "GET", "/v1/admin/users").await.refused(403, "INSUFFICIENT_SCOPE");
    ask(&app.anonymous(), "GET", "/elsewhere").await.refused(403, "FORBIDDEN");
    let rows = decisions(&app).await;
    let find = |code: &str, known: bool| {
        let row = rows.iter().find(|row| row["code"] == code && (row["key"]["id"] == id.as_str()) == known);
        row.unwrap_or_else(|| panic!("no {code} in {rows:#?}")).clone()
    };
    let unrouted = find("NO_ROUTE", true);
    assert_eq!((&unrouted["method"], &unrouted["path"]), (&json!("GET"), &json!("/elsewhere")));
    assert_eq!(unrouted["detail"]["observed"], "No route of this API matches GET /elsewhere");
    assert_eq!(find("NO_ROUTE", false)["ip"], "203.0.113.9");
    assert_eq!(find("INSUFFICIENT_SCOPE", true)["detail"]["route"], "* /v1/admin/*");
}

#[tokio::test]
async fn a_change_of_the_routes_counts_from_the_next_request() {
    let app = gate().await;
    let (reader, _) = key(&app, json!({})).await;
    assert_eq!(ask(&reader, "POST", "/v1/queries").await.status, 200);
    let closed = json!({"routes": [{"method": "POST", "path": "/v1/queries", "scope": "queries:write"}]});
    app.operator().patch("/v1/apis/afdb", &closed).await.expect(200);
    ask(&reader, "POST", "/v1/queries").await.refused(403, "INSUFFICIENT_SCOPE");
    let open = json!({"routes": [], "open": true});
    app.operator().patch("/v1/apis/afdb", &open).await.expect(200);
    assert_eq!(ask(&reader, "POST", "/v1/queries").await.status, 200);
}

#[tokio::test]
async fn a_service_that_ignores_case_is_configured() {
    let app = gate().await;
    let (reader, _) = key(&app, json!({})).await;
    let (admin, _) = key(&app, json!({"scopes": ["admin"]})).await;
    ask(&admin, "GET", "/V1/Admin/x").await.refused(403, "FORBIDDEN");
    app.operator().patch("/v1/apis/afdb", &json!({"case_insensitive_paths": true})).await.expect(200);
    ask(&admin, "GET", "/V1/Admin/x").await.expect(200);
    ask(&reader, "GET", "/V1/Admin/x").await.refused(403, "INSUFFICIENT_SCOPE");
    ask(&reader, "GET", "/v1/QUERIES/17").await.expect(200);
    ask(&admin, "GET", "/v1/Admin.json").await.refused(403, "FORBIDDEN");
}

#[tokio::test]
async fn two_routes_that_services_confuse_need_the_same_rule() {
    let app = gate().await;
    let routes = |one: &str, other: &str, scope: &str| {
        json!({"routes": [
            {"method": "GET", "path": one, "scope": "queries:read"},
            {"method": "*", "path": other, "scope": scope},
        ]})
    };
    for (one, other) in [("/v1/x", "/v1/x/"), ("/v1/x", "/V1/X"), ("/v1/x/*", "/v1/X/*")] {
        let reply = app.operator().patch("/v1/apis/afdb", &routes(one, other, "admin")).await;
        assert!(reply.refused(400, "INVALID_REQUEST")["details"]["routes[1].path"].is_string());
        app.operator().patch("/v1/apis/afdb", &routes(one, other, "queries:read")).await.expect(200);
    }
    let (reader, _) = key(&app, json!({})).await;
    ask(&reader, "GET", "/v1/X/17").await.expect(200);
}

#[tokio::test]
async fn a_route_that_no_request_would_meet_is_a_mistake() {
    let app = gate().await;
    let change = async |routes: [(&str, &str, &str); 2]| {
        let routes =
            routes.map(|(method, path, scope)| json!({"method": method, "path": path, "scope": scope}));
        app.operator().patch("/v1/apis/afdb", &json!({"routes": routes})).await
    };
    for (wide, narrow) in [
        ("/v1/*", "/v1/admin/*"),
        ("/*", "/v1"),
        ("/v1/*", "/v1"),
        ("/v1/{id}", "/v1/latest"),
        ("/v1/{id}/*", "/v1/{name}/runs/{run}"),
    ] {
        let reply = change([("*", wide, "queries:read"), ("GET", narrow, "admin")]).await;
        assert!(
            reply.refused(400, "INVALID_REQUEST")["details"]["routes[1].path"].is_string(),
            "{wide} {narrow}"
        );
        change([("*", wide, "admin"), ("GET", narrow, "admin")]).await.expect(200);
        change([("POST", wide, "queries:read"), ("GET", narrow, "admin")]).await.expect(200);
        change([("GET", narrow, "admin"), ("*", wide, "queries:read")]).await.expect(200);
    }
    for (one, other) in [("/v1/{id}", "/v1/*"), ("/v1/{id}", "/v1/x/y"), ("/v1/x/{id}", "/v1/{id}/x")] {
        change([("*", one, "queries:read"), ("GET", other, "admin")]).await.expect(200);
    }
}

#[tokio::test]
async fn removing_the_rules_opens_nothing() {
    let app = gate().await;
    let (reader, _) = key(&app, json!({})).await;
    let operator = app.operator();
    let refused = operator.patch("/v1/apis/afdb", &json!({"routes": []})).await;
    assert!(refused.refused(400, "INVALID_REQUEST")["details"]["routes"].is_string());
    operator.put("/v1/apis/afdb", &afdb()).await.refused(400, "INVALID_REQUEST");
    let both = operator.patch("/v1/apis/afdb", &json!({"open": true})).await;
    assert!(both.refused(400, "INVALID_REQUEST")["details"]["open"].is_string());
    ask(&reader, "DELETE", "/v1/admin/users").await.refused(403, "INSUFFICIENT_SCOPE");

    let mut open = afdb();
    open["open"] = true.into();
    let applied = operator.put("/v1/apis/afdb", &open).await.expect(200);
    assert!(applied["warnings"][0].as_str().is_some_and(|text| text.contains("is open")), "{applied}");
    ask(&reader, "DELETE", "/v1/admin/users").await.expect(200);
    let applied = operator.put("/v1/apis/afdb", &afdb()).await.expect(200);
    assert_eq!(applied["changes"], json!(["~ open: true → false"]));
    assert!(applied["warnings"][0].as_str().is_some_and(|text| text.contains("no routes")), "{applied}");
    ask(&reader, "GET", "/v1/queries/17").await.refused(403, "FORBIDDEN");
    // The query may still set the requirement.
    let described = reader.with("x-forwarded-uri", "/v1/queries/17").with("x-forwarded-method", "GET");
    described.get("/v1/forward-auth?api=afdb&scope=queries:read").await.expect(200);
    described.get("/v1/forward-auth?api=afdb&scope=queries:write").await.refused(403, "INSUFFICIENT_SCOPE");
}

#[tokio::test]
async fn a_request_can_be_tried_on_the_routes() {
    let app = gate().await;
    let reader = app.key(&["apis:read"]).await;
    let test = async |method: &str, uri: &str| {
        reader.post("/v1/apis/afdb/test-route", &json!({"method": method, "uri": uri})).await.expect(200)
    };
    let met = test("post", "/v1/reports?x=1").await;
    assert_eq!((&met["decision"], &met["position"]), (&json!("credential"), &json!(3)), "{met}");
    assert_eq!(met["path"], "/v1/reports");
    assert_eq!(met["route"]["scope"], "queries:read");
    assert_eq!(met["message"], "Needs a live credential that holds queries:read. It counts as 4 requests.");
    let results: Vec<_> =
        met["steps"].as_array().expect("steps").iter().map(|step| &step["result"]).collect();
    assert_eq!(results, ["other_path", "other_path", "other_path", "matched", "not_reached", "not_reached"]);

    assert_eq!(test("GET", "/v1/status").await["decision"], "public");
    let none = test("DELETE", "/v1/queries").await;
    assert_eq!((&none["decision"], &none["route"]), (&json!("refused"), &Value::Null));
    assert_eq!(none["steps"][2]["result"], "other_method");
    let unclear = test("GET", "/v1/x;y").await;
    assert_eq!((&unclear["decision"], &unclear["path"]), (&json!("refused"), &Value::Null));
    let body = json!({"method": "GET", "uri": "/"});
    app.key(&["keys:read"])
        .await
        .post("/v1/apis/afdb/test-route", &body)
        .await
        .refused(403, "INSUFFICIENT_SCOPE");
}

#[tokio::test]
async fn a_proxys_configuration_is_made_to_order() {
    let app = gate().await;
    let reader = app.key(&["apis:read"]).await;
    let path = "/v1/apis/afdb/proxy-config?upstream=http://127.0.0.1:3000&listen=127.0.0.1:8000&proxy=";
    for proxy in ["nginx", "caddy"] {
        let reply = reader.get(&format!("{path}{proxy}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        for part in
            ["/v1/forward-auth?api=afdb", "127.0.0.1:3000", &app.address.to_string(), "trusted_proxies"]
        {
            assert!(reply.text().contains(part), "{part} in {}", reply.text());
        }
        assert!(reply.header("content-type").starts_with("text/plain"));
    }
    reader.get(&format!("{path}apache")).await.refused(400, "INVALID_REQUEST");
    let wrong = "/v1/apis/afdb/proxy-config?proxy=nginx&upstream=x;y&listen=8000";
    reader.get(wrong).await.refused(400, "INVALID_REQUEST");
    reader
        .get("/v1/apis/none/proxy-config?proxy=nginx&upstream=http://x&listen=[::]:1")
        .await
        .refused(404, "NOT_FOUND");
}
