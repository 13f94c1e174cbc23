//! The grant type `authorization_code`.

use serde_json::json;

use super::flow::{App, Browser, CALLBACK, VERIFIER, claims, encode, text, world};

#[tokio::test]
async fn a_person_allows_an_app_and_it_gets_tokens() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let mut browser = Browser::new(&app);
    let (page, id) = browser.ask(&client.authorize(&[("scope", "queries:read"), ("state", "s 1")])).await;
    assert_eq!(page, "/sign-in");
    assert_eq!(browser.request(&id).await["sign_in_required"], true);
    browser.sign_in("ada@example.com").await;
    let shown = browser.request(&id).await;
    assert_eq!(shown["client"]["name"], "Report builder");
    assert_eq!(shown["client"]["verified"], true);
    assert_eq!(shown["api"], json!({"slug": "afdb", "name": "AI for Database"}));
    assert_eq!(shown["scopes"], json!([{"name": "queries:read", "description": "Run queries"}]));
    assert_eq!(shown["redirect_host"], "yourapp.example");
    assert_eq!((&shown["sign_in_required"], &shown["consent_required"]), (&json!(false), &json!(true)));

    let decided =
        browser.decide(&id, &json!({"decision": "allow", "scopes": ["queries:read"]})).await.expect(200);
    let back = text(&decided, "redirect_to");
    assert!(back.starts_with(&format!("{CALLBACK}?code=")), "{back}");
    let answer = super::flow::query(back);
    assert_eq!(answer["state"], "s 1");
    assert_eq!(answer["iss"], app.services().settings.public_url);
    // A request is answered only once.
    assert_eq!(browser.decide(&id, &json!({"decision": "allow"})).await.status, 404);

    let reply = client.exchange(&answer["code"]).await;
    assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
    let answer = reply.expect(200);
    assert_eq!((text(&answer, "token_type"), text(&answer, "scope")), ("Bearer", "queries:read"));
    assert_eq!(answer["expires_in"], 3_600);
    assert!(text(&answer, "refresh_token").len() > 40);
    assert!(answer.get("id_token").is_none());
    let claims = claims(text(&answer, "access_token"));
    assert_eq!(claims["aud"], "https://api.aifordatabase.example");
    assert_eq!(claims["iss"], app.services().settings.public_url);
    assert_eq!(claims["client_id"], client.id);
    assert_eq!(claims["scope"], "queries:read");
    assert!(text(&claims, "sub").starts_with("usr_"));
    let profile = app.bearer(text(&answer, "access_token")).get("/v1/user/profile").await.expect(200);
    assert_eq!((text(&profile, "kind"), text(&profile, "api")), ("token", "afdb"));
    assert_eq!((&profile["user_id"], &profile["user"]), (&claims["sub"], &json!(null)));
}

#[tokio::test]
async fn a_person_gives_no_more_than_they_hold() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let mut browser = Browser::signed_in(&app, "eve@example.com").await;
    let (_, id) = browser.ask(&client.authorize(&[("scope", "queries:read queries:write unknown")])).await;
    let names = |shown: serde_json::Value| -> Vec<String> {
        let scopes = shown["scopes"].as_array().expect("a list").clone();
        scopes.iter().map(|scope| text(scope, "name").to_owned()).collect()
    };
    assert_eq!(names(browser.request(&id).await), ["queries:read"]);
    let decided = browser
        .decide(&id, &json!({"decision": "allow", "scopes": ["queries:read", "queries:write", "admin"]}))
        .await
        .expect(200);
    let code = super::flow::query(text(&decided, "redirect_to"))["code"].clone();
    let answer = client.exchange(&code).await.expect(200);
    assert_eq!(text(&answer, "scope"), "queries:read");
    // A person without the scopes can grant none.
    let back = browser.open(&client.authorize(&[("scope", "queries:write")])).await;
    assert!(back.header("location").starts_with(&format!("{CALLBACK}?error=access_denied")), "{back:?}");
}

#[tokio::test]
async fn a_code_is_bound_to_all_that_it_was_asked_with() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let other = App::register(&app, json!({"redirect_uris": [CALLBACK, "https://other.example/cb"]})).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let code = browser.allow(&client.authorize(&[])).await["code"].clone();
    other.exchange(&code).await.failed(400, "invalid_grant");
    let attempt = |fields: Vec<(&'static str, &'static str)>| {
        let (client, code) = (client.clone(), code.clone());
        async move {
            let mut all = vec![("grant_type", "authorization_code"), ("code", code.as_str())];
            all.extend(fields);
            client.post("/oauth/token", &all).await
        }
    };
    let uri = ("redirect_uri", CALLBACK);
    attempt(vec![uri]).await.failed(400, "invalid_grant");
    attempt(vec![uri, ("code_verifier", "short")]).await.failed(400, "invalid_grant");
    let wrong = "x-wrong-x-wrong-x-wrong-x-wrong-x-wrong-x-wrong";
    attempt(vec![uri, ("code_verifier", wrong)]).await.failed(400, "invalid_grant");
    let elsewhere = ("redirect_uri", "https://yourapp.example/callback/");
    attempt(vec![elsewhere, ("code_verifier", VERIFIER)]).await.failed(400, "invalid_grant");
    let target = ("resource", "https://elsewhere.example");
    attempt(vec![uri, ("code_verifier", VERIFIER), target]).await.failed(400, "invalid_target");
    // No failed attempt used it up.
    client.exchange(&code).await.expect(200);
    client.exchange("kwac_unknown").await.failed(400, "invalid_grant");
}

#[tokio::test]
async fn a_code_lives_for_a_minute() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let code = browser.allow(&client.authorize(&[])).await["code"].clone();
    app.advance(60);
    client.exchange(&code).await.failed(400, "invalid_grant");
}

#[tokio::test]
async fn a_code_ends_with_its_sign_in_and_with_its_person() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let code = browser.allow(&client.authorize(&[])).await["code"].clone();
    browser.sign_out().await;
    client.exchange(&code).await.failed(400, "invalid_grant");

    let mut browser = Browser::signed_in(&app, "eve@example.com").await;
    let code = browser.allow(&client.authorize(&[])).await["code"].clone();
    let people = app.operator().get("/v1/users").await.expect(200);
    let eve =
        people["data"].as_array().unwrap().iter().find(|user| user["email"] == "eve@example.com").unwrap();
    let path = format!("/v1/users/{}", text(eve, "id"));
    app.operator().patch(&path, &json!({"disabled": true})).await.expect(200);
    client.exchange(&code).await.failed(400, "invalid_grant");
}

#[tokio::test]
async fn a_code_used_twice_revokes_what_came_of_it() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let code = browser.allow(&client.authorize(&[])).await["code"].clone();
    let first = client.exchange(&code).await.expect(200);
    assert_eq!(client.introspect(text(&first, "access_token")).await["active"], true);
    app.advance(30);
    client.exchange(&code).await.failed(400, "invalid_grant");
    assert_eq!(client.introspect(text(&first, "access_token")).await, json!({"active": false}));
    client.refresh(text(&first, "refresh_token")).await.failed(400, "invalid_grant");
    // The person's consent is kept: the app starts again.
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let back = browser.open(&client.authorize(&[])).await;
    assert!(back.header("location").contains("code="), "{back:?}");
}

#[tokio::test]
async fn fifty_exchanges_of_one_code_give_one_answer() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let code = browser.allow(&client.authorize(&[])).await["code"].clone();
    let attempts = (0..50).map(|_| {
        let (client, code) = (client.clone(), code.clone());
        tokio::spawn(async move { client.exchange(&code).await })
    });
    let attempts: Vec<_> = attempts.collect();
    let mut good = Vec::new();
    for attempt in attempts {
        let reply = attempt.await.unwrap();
        match reply.status {
            200 => good.push(reply.json()),
            _ => reply.failed(400, "invalid_grant"),
        }
    }
    assert_eq!(good.len(), 1);
    assert_eq!(client.introspect(text(&good[0], "access_token")).await["active"], false);
}

#[tokio::test]
async fn without_pkce_only_where_it_was_registered_so() {
    let app = world().await;
    let loose = App::register(&app, json!({"require_pkce": false})).await;
    let mut browser = Browser::signed_in(&app, "ada@example.com").await;
    let answer = browser.allow(&loose.authorize_plainly(&[("scope", "queries:read")])).await;
    assert!(!answer.contains_key("state"));
    let plain =
        [("grant_type", "authorization_code"), ("code", &*answer["code"]), ("redirect_uri", CALLBACK)];
    // A verifier without a challenge: an attacker removed the challenge.
    let with_verifier = [&plain[..], &[("code_verifier", VERIFIER)]].concat();
    loose.post("/oauth/token", &with_verifier).await.failed(400, "invalid_grant");
    loose.post("/oauth/token", &plain[..2]).await.failed(400, "invalid_grant");
    loose.post("/oauth/token", &plain).await.expect(200);
    // A challenge that was sent is still binding.
    let back = browser.open(&loose.authorize(&[("scope", "queries:read")])).await;
    let code = super::flow::query(back.header("location"))["code"].clone();
    let plain = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK)];
    loose.post("/oauth/token", &plain).await.failed(400, "invalid_grant");
    loose.exchange(&code).await.expect(200);

    let strict = App::register(&app, json!({})).await;
    let back = browser.open(&strict.authorize_plainly(&[])).await;
    assert!(back.header("location").starts_with(&format!("{CALLBACK}?error=invalid_request")), "{back:?}");
    assert!(back.header("location").contains(&encode(&app.services().settings.public_url)));
}
