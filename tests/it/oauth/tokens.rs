//! Tokens of others, and tokens of another type.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use super::flow::{App, claims, text, tokens, world};

fn part(value: &Value) -> String {
    BASE64URL.encode(value.to_string())
}

#[tokio::test]
async fn forged_and_bent_tokens_open_nothing() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let answer = tokens(&app, &client, "openid queries:read").await;
    let good = text(&answer, "access_token");
    let parts: Vec<&str> = good.split('.').collect();
    let header: Value = serde_json::from_slice(&BASE64URL.decode(parts[0]).unwrap()).unwrap();
    let own = claims(good);
    let mut forged = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE"] {
        forged.push(format!("{}.{}.", part(&json!({"alg": alg, "typ": "at+jwt"})), parts[1]));
        let mut header = header.clone();
        header["alg"] = json!(alg);
        forged.push(format!("{}.{}.{}", part(&header), parts[1], parts[2]));
    }
    for (name, value) in [
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/x5u")),
        ("crit", json!(["exp"])),
        ("kid", json!("../../../dev/null")),
        ("kid", json!("unknown")),
        ("typ", json!("JWT")),
        ("alg", json!("HS256")),
    ] {
        let mut header = header.clone();
        header[name] = value;
        forged.push(format!("{}.{}.{}", part(&header), parts[1], parts[2]));
    }
    for (name, value) in [
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999.5)),
        ("exp", json!(-1)),
        ("exp", Value::Null),
        ("iss", json!("https://evil.example")),
        ("aud", json!(["https://api.aifordatabase.example", "x"])),
        ("scope", json!("queries:read admin")),
    ] {
        let mut own = own.clone();
        own[name] = value;
        forged.push(format!("{}.{}.{}", parts[0], part(&own), parts[2]));
    }
    forged.push(good[..good.len() - 1].to_owned());
    forged.push(format!("{good}A"));
    forged.push(format!("{good}="));
    forged.push(format!("{good}.x"));
    forged.push(format!("{}.{}", parts[0], parts[1]));
    // An ID token is not accepted as an access token.
    forged.push(text(&answer, "id_token").to_owned());
    for token in forged {
        let refused = app.bearer(&token).get("/v1/user/profile").await;
        assert_eq!(refused.status, 401, "{token}");
        assert_eq!(client.introspect(&token).await, json!({"active": false}), "{token}");
        client.post("/oauth/revoke", &[("token", &token)]).await.expect(200);
    }
    // The reverse: an access token is not accepted as a hint.
    let hint = app.anonymous().get(&format!("/oauth/logout?id_token_hint={good}")).await;
    assert_eq!(hint.status, 400);
    app.bearer(good).get("/v1/user/profile").await.expect(200);
    app.advance(3_600);
    app.bearer(good).get("/v1/user/profile").await.refused(401, "EXPIRED_TOKEN");
}

/// Tokens with one wrong claim under a valid signature; and a token with a wrong signature.
#[tokio::test]
async fn a_token_with_a_wrong_claim_or_a_foreign_signature_is_refused() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let answer = tokens(&app, &client, "openid queries:read").await;
    let good = text(&answer, "access_token");
    let own = claims(good);
    let keys = &app.services().signing_keys;
    let sign = async |change: Value| {
        let mut changed = own.clone();
        for (name, value) in change.as_object().unwrap() {
            changed[name] = value.clone();
        }
        keys.sign("at+jwt", &changed).await.unwrap()
    };
    // The same claims, signed again, are a valid token: the following ones fail only for their claim.
    app.bearer(&sign(json!({})).await).get("/v1/user/profile").await.expect(200);
    let exp = own["exp"].as_i64().unwrap();
    let mut forged = Vec::new();
    for change in [
        json!({"exp": exp.to_string()}),
        json!({"exp": exp as f64 + 0.5}),
        json!({"exp": -exp}),
        json!({"exp": null}),
        json!({"nbf": "0"}),
        json!({"nbf": -1}),
        json!({"nbf": exp}),
        json!({"iss": "https://evil.example"}),
        json!({"aud": "https://evil.example"}),
        json!({"aud": [own["aud"], "https://evil.example"]}),
        json!({"sub": "usr_01h455vb4pex5vsknk084sn02q"}),
    ] {
        forged.push(sign(change).await);
    }
    let jwks = app.anonymous().get("/.well-known/jwks.json").await.expect(200);
    let payload = good.split('.').nth(1).unwrap();
    for public in ["n", "x", "kid"] {
        let Some(secret) = jwks["keys"][0][public].as_str() else { continue };
        for secret in [secret.as_bytes().to_vec(), BASE64URL.decode(secret).unwrap_or_default()] {
            let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": jwks["keys"][0]["kid"]});
            let message = format!("{}.{payload}", part(&header));
            let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
            forged.push(format!("{message}.{}", BASE64URL.encode(hmac::sign(&key, message.as_bytes()))));
        }
    }
    let foreign = Ed25519KeyPair::generate().unwrap();
    let jwk =
        json!({"kty": "OKP", "crv": "Ed25519", "x": BASE64URL.encode(foreign.public_key()), "kid": "x"});
    for kid in [json!("x"), jwks["keys"][0]["kid"].clone()] {
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid, "jwk": jwk});
        let message = format!("{}.{payload}", part(&header));
        forged.push(format!("{message}.{}", BASE64URL.encode(foreign.sign(message.as_bytes()))));
    }
    for token in forged {
        let refused = app.bearer(&token).get("/v1/user/profile").await;
        assert_eq!(refused.status, 401, "{}: {}", claims(&token), refused.text());
        assert_eq!(client.introspect(&token).await, json!({"active": false}), "{}", claims(&token));
    }
}

#[tokio::test]
async fn a_huge_token_is_refused_before_it_is_parsed() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let token = format!("a.{}.c", "b".repeat(1 << 20));
    client.post("/oauth/introspect", &[("token", &token)]).await.failed(400, "invalid_request");
}

#[tokio::test]
async fn a_token_for_our_own_api_manages_it() {
    let app = world().await;
    let access = json!([{"api": "keywright", "scopes": ["clients:read", "keys:read", "keys:write"]}]);
    let client = App::register(&app, json!({"access": access})).await;
    let own = client.credentials(&[("scope", "clients:read")]).await.expect(200);
    let caller = app.bearer(text(&own, "access_token"));
    caller.get("/v1/clients").await.expect(200);
    caller.get("/v1/keys").await.refused(403, "INSUFFICIENT_SCOPE");
    // A token for another API is invalid here.
    let other = App::register(&app, json!({})).await.credentials(&[]).await.expect(200);
    let refused = app.bearer(text(&other, "access_token")).get("/v1/clients").await;
    assert!(matches!(refused.status, 401 | 403), "{}", refused.text());
}
