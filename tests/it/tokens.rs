//! Access tokens from outside: common libraries verify them, and other tokens are refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use keywright::model::setting::SigningAlg;
use serde_json::{Value, json};

use crate::people::{PASSWORD, add, login};
use crate::support::{TestApp, libraries};

async fn token(app: &TestApp) -> String {
    let tokens = login(&app.anonymous(), "ada@example.com", PASSWORD).await.expect(200);
    tokens["access_token"].as_str().unwrap().to_owned()
}

fn part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&BASE64URL.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

/// PyJWT of Python and jose of Node verify our tokens through the JWKS address, for every algorithm.
#[tokio::test]
async fn stock_libraries_check_our_tokens() {
    for alg in SigningAlg::ALL.iter().copied() {
        let app = TestApp::with(|config| config.sign_in.signing_alg = alg).await;
        let ada = add(&app, "ada@example.com", "member").await;
        let token = token(&app).await;
        let (url, claims) = (app.services().settings.public_url.clone(), part(&token, 1));
        assert_eq!(part(&token, 0)["alg"], alg.as_str());
        let audience = claims["aud"].as_str().unwrap();
        for library in ["pyjwt_client.py", "jose.mjs"] {
            let mut command = libraries::script(library).await;
            command.args([&url, &token, audience, &app.now().to_string()]);
            assert_eq!(libraries::run(command).await.trim(), ada["id"].as_str().unwrap(), "{library}");
        }
    }
}

#[tokio::test]
async fn a_token_has_the_claims_of_rfc_9068_and_the_jwks_is_public() {
    let app = TestApp::start().await;
    let ada = add(&app, "ada@example.com", "viewer").await;
    let token = token(&app).await;
    assert_eq!(part(&token, 0)["typ"], "at+jwt");
    let claims = part(&token, 1);
    assert_eq!(claims["iss"], app.services().settings.public_url);
    assert_eq!((&claims["sub"], &claims["client_id"]), (&ada["id"], &json!("keywright")));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3_600);
    assert!(claims["scope"].as_str().unwrap().contains("keys:read") && claims["sid"].is_string());
    let jwks = app.anonymous().with("origin", "https://any.example").get("/.well-known/jwks.json").await;
    assert_eq!(jwks.header("access-control-allow-origin"), "*");
    assert!(jwks.header("cache-control").contains("max-age="));
    let keys = jwks.expect(200)["keys"].as_array().unwrap().clone();
    assert!(keys.iter().any(|key| key["kid"] == part(&token, 0)["kid"]));
    assert!(keys.iter().all(|key| key.get("d").is_none() && key["use"] == "sig"));
}

#[tokio::test]
async fn nothing_but_a_token_of_ours_is_taken() {
    let app = TestApp::start().await;
    add(&app, "ada@example.com", "member").await;
    let good = token(&app).await;
    app.bearer(&good).get("/v1/user/profile").await.expect(200);
    let jwks = app.anonymous().get("/.well-known/jwks.json").await.expect(200);
    let (header, payload) = (part(&good, 0), part(&good, 1));
    let signature = good.rsplit('.').next().unwrap();
    let encode = |value: &Value| BASE64URL.encode(value.to_string());
    let with = |value: &Value, change: Value| {
        let mut changed = value.clone();
        for (name, new) in change.as_object().unwrap() {
            changed[name] = new.clone();
        }
        changed
    };
    let mut forged = Vec::new();
    for change in [
        json!({"alg": "none"}),
        json!({"alg": "NONE"}),
        json!({"alg": "nOnE"}),
        json!({"alg": "HS256"}),
        json!({"jwk": jwks["keys"][0]}),
        json!({"jku": "https://evil.example/jwks"}),
        json!({"x5u": "https://evil.example/cert"}),
        json!({"kid": "unknown"}),
        json!({"kid": "../../../../dev/null"}),
        json!({"crit": ["x"], "x": 1}),
        json!({"typ": "JWT"}),
    ] {
        let header = encode(&with(&header, change));
        forged.push(format!("{header}.{}.{signature}", encode(&payload)));
        forged.push(format!("{header}.{}.", encode(&payload)));
    }
    for change in [
        json!({"exp": 4_000_000_000_u64}),
        json!({"exp": "never"}),
        json!({"scope": "admin"}),
        json!({"iss": "https://evil.example"}),
        json!({"aud": ["a", "b"]}),
    ] {
        forged.push(format!("{}.{}.{signature}", encode(&header), encode(&with(&payload, change))));
    }
    let secret = jwks["keys"][0]["x"].as_str().unwrap();
    let message = format!("{}.{}", encode(&with(&header, json!({"alg": "HS256"}))), encode(&payload));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    forged.push(format!("{message}.{}", BASE64URL.encode(aws_lc_rs::hmac::sign(&key, message.as_bytes()))));
    forged.extend([
        good[..good.len() - 1].to_owned(),
        format!("{good}A"),
        format!("{good}="),
        format!("{good}.x"),
        "..".to_owned(),
        "a.b.c".to_owned(),
    ]);
    for token in forged {
        let reply = app.bearer(&token).get("/v1/user/profile").await;
        let error = if token.matches('.').count() == 2 { "INVALID_TOKEN" } else { "INVALID_API_KEY" };
        reply.refused(401, error);
        assert!(reply.header("www-authenticate").contains(r#"error="invalid_token""#));
    }
    let huge = app.bearer(&"x".repeat(1 << 20)).get("/v1/user/profile").await;
    assert!([401, 431].contains(&huge.status), "{}", huge.status);
    app.advance(3_600);
    app.bearer(&good).get("/v1/user/profile").await.refused(401, "EXPIRED_TOKEN");
}

/// Even under a valid signature: a token that a defect might sign opens nothing.
#[tokio::test]
async fn claims_of_another_form_open_nothing() {
    let app = TestApp::start().await;
    add(&app, "ada@example.com", "member").await;
    let good = part(&token(&app).await, 1);
    let sign = async |typ: &'static str, change: Value| {
        let mut claims = good.clone();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| value != "missing");
        app.bearer(&app.services().signing_keys.sign(typ, &claims).await.unwrap())
    };
    sign("at+jwt", json!({})).await.get("/v1/user/profile").await.expect(200);
    let (now, later) = (app.now().seconds(), app.now().seconds() + 600);
    for change in [
        json!({"exp": later.to_string()}),
        json!({"exp": format!("{later}.5").parse::<f64>().unwrap()}),
        json!({"exp": -1}),
        json!({"exp": null}),
        json!({"exp": "missing"}),
        json!({"nbf": now.to_string()}),
        json!({"nbf": -1}),
        json!({"nbf": 0.5}),
        json!({"nbf": later}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": format!("{}/", good["iss"].as_str().unwrap())}),
        json!({"iss": [good["iss"]]}),
        json!({"iss": "missing"}),
        json!({"aud": "https://evil.example"}),
        json!({"aud": [good["aud"]]}),
        json!({"aud": [good["aud"], "https://evil.example"]}),
        json!({"aud": "missing"}),
        json!({"sub": "usr_01h455vb4pex5vsknk084sn02q"}),
        json!({"sub": 7}),
        json!({"sid": "missing"}),
        json!({"client_id": "app_01h455vb4pex5vsknk084sn02q"}),
        json!({"scope": ["admin"]}),
    ] {
        let refused = sign("at+jwt", change.clone()).await.get("/v1/user/profile").await;
        assert_eq!(refused.status, 401, "{change}: {}", refused.text());
        assert!(refused.text().contains("INVALID_TOKEN"), "{change}: {}", refused.text());
    }
    // The scopes in a token are limited to those of its person.
    let wide = sign("at+jwt", json!({"scope": "admin keys:write"})).await;
    wide.get("/v1/users").await.refused(403, "INSUFFICIENT_SCOPE");
    sign("JWT", json!({})).await.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    sign("jwt", json!({})).await.get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn keys_rotate_without_a_gap_and_end_at_once_when_asked() {
    let app = TestApp::start().await;
    add(&app, "ada@example.com", "member").await;
    let first = token(&app).await;
    keywright::worker::run_due(app.services()).await;
    let rotate = async |at_once: bool| {
        app.operator().post("/v1/signing-keys/rotate", &json!({"at_once": at_once})).await
    };
    rotate(false).await.refused(409, "CONFLICT");
    app.advance(301);
    let keys = rotate(false).await.expect(200);
    let stages: Vec<&Value> = keys["data"].as_array().unwrap().iter().map(|key| &key["stage"]).collect();
    assert_eq!(stages, ["retired", "active", "next"]);
    app.bearer(&first).get("/v1/user/profile").await.expect(200);
    let second = token(&app).await;
    assert_ne!(part(&first, 0)["kid"], part(&second, 0)["kid"]);
    rotate(true).await.expect(200);
    app.bearer(&second).get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    app.bearer(&first).get("/v1/user/profile").await.expect(200);
    app.key(&["keys:read"]).await.get("/v1/signing-keys").await.refused(403, "INSUFFICIENT_SCOPE");
}

#[tokio::test]
async fn a_restart_keeps_tokens() {
    let issuer = Some("http://localhost:8080".to_owned());
    let mut app = TestApp::with(|config| config.http.public_url = issuer).await;
    add(&app, "ada@example.com", "member").await;
    let token = token(&app).await;
    app.restart().await;
    app.bearer(&token).get("/v1/user/profile").await.expect(200);
}
