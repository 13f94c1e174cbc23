use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde_json::{Value, json};

use super::*;
use crate::domain::testing::World;

/// Claims of a valid token, altered by `change`.
fn claims(world: &World, change: &Value) -> Value {
    let now = world.now().seconds();
    let mut claims = json!({
        "iss": "https://auth.example.com", "aud": "https://auth.example.com/keywright", "sub": "usr_x",
        "client_id": "keywright", "scope": "profile:read", "iat": now, "exp": now + 60, "jti": "x",
    });
    for (name, value) in change.as_object().unwrap() {
        if value == "missing" {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

async fn signed(world: &World, typ: &'static str, claims: &Value) -> String {
    world.services.signing_keys.sign(typ, claims).await.unwrap()
}

fn code(world: &World, token: &str) -> Option<Code> {
    verify(&world.services, token, world.now()).err().map(|error| error.code)
}

#[tokio::test]
async fn a_signed_token_is_valid_until_its_expiry_and_has_the_claims_of_rfc_9068() {
    let world = World::new().await;
    let token = NewToken {
        audience: "https://api.example.com".to_owned(),
        subject: "usr_x".to_owned(),
        client_id: "app_x".to_owned(),
        scopes: "b a".parse().unwrap(),
        issued_at: world.now(),
        lifetime_seconds: 60,
        jti: "name".to_owned(),
        session: None,
        grant: None,
    };
    let token = mint(&world.services, token).await.unwrap();
    for _ in 0..2 {
        let claims = verify(&world.services, token.expose(), world.now()).unwrap();
        assert_eq!(
            (claims.iss.as_str(), claims.scope.to_string().as_str()),
            ("https://auth.example.com", "a b")
        );
    }
    let ended = verify(&world.services, token.expose(), world.now().plus_seconds(60)).unwrap_err();
    assert_eq!(ended.code, Code::ExpiredToken);
    let header: Value = serde_json::from_slice(&part(token.expose(), 0)).unwrap();
    assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("EdDSA")));
    let payload: Value = serde_json::from_slice(&part(token.expose(), 1)).unwrap();
    for name in ["iss", "aud", "sub", "client_id", "scope", "iat", "exp", "jti"] {
        assert!(!payload[name].is_null(), "{name}");
    }
}

fn part(token: &str, index: usize) -> Vec<u8> {
    BASE64URL.decode(token.split('.').nth(index).unwrap()).unwrap()
}

/// Even under a valid signature.
#[tokio::test]
async fn claims_of_another_form_are_no_token() {
    let world = World::new().await;
    let good = signed(&world, ACCESS_TYPE, &claims(&world, &json!({}))).await;
    assert_eq!(code(&world, &good), None);
    for change in [
        json!({"exp": "4000000000"}),
        json!({"exp": 4_000_000_000.5}),
        json!({"exp": -1}),
        json!({"exp": "missing"}),
        json!({"exp": null}),
        json!({"nbf": "0"}),
        json!({"nbf": -5}),
        json!({"nbf": 4_000_000_000_u64}),
        json!({"iss": "https://auth.example.com/"}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": "missing"}),
        json!({"aud": ["https://auth.example.com/keywright"]}),
        json!({"aud": ["https://auth.example.com/keywright", "https://evil.example"]}),
        json!({"aud": "missing"}),
        json!({"scope": ["admin"]}),
        json!({"sub": 7}),
    ] {
        let token = signed(&world, ACCESS_TYPE, &claims(&world, &change)).await;
        assert_eq!(code(&world, &token), Some(Code::InvalidToken), "{change}");
    }
    let other_audience = claims(&world, &json!({"aud": "https://evil.example"}));
    let token = signed(&world, ACCESS_TYPE, &other_audience).await;
    assert_eq!(
        super::super::authenticate::token(&world.services, &token, world.now()).unwrap_err().code,
        Code::InvalidToken
    );
    let id_token = signed(&world, ID_TYPE, &claims(&world, &json!({}))).await;
    assert_eq!(code(&world, &id_token), Some(Code::InvalidToken));
}

#[tokio::test]
async fn headers_that_ask_for_another_check_are_no_token() {
    let world = World::new().await;
    let good = signed(&world, ACCESS_TYPE, &claims(&world, &json!({}))).await;
    let header: Value = serde_json::from_slice(&part(&good, 0)).unwrap();
    let jwks: Value = serde_json::from_str(&world.services.signing_keys.jwks()).unwrap();
    let rest = good.split_once('.').unwrap().1;
    for change in [
        json!({"alg": "none"}),
        json!({"alg": "None"}),
        json!({"alg": "nOnE"}),
        json!({"alg": "HS256"}),
        json!({"alg": "RS256"}),
        json!({"alg": ["EdDSA"]}),
        json!({"jwk": jwks["keys"][0]}),
        json!({"jku": "https://evil.example/jwks.json"}),
        json!({"x5u": "https://evil.example/x"}),
        json!({"kid": "unknown"}),
        json!({"kid": "../../etc/passwd"}),
        json!({"kid": "' OR 1=1 --"}),
        json!({"crit": ["exp"]}),
        json!({"b64": false}),
        json!({"zip": "DEF"}),
        json!({"typ": "JWT"}),
    ] {
        let mut header = header.clone();
        for (name, value) in change.as_object().unwrap() {
            header[name] = value.clone();
        }
        let header = BASE64URL.encode(header.to_string());
        let unsigned = format!("{header}.{}.", rest.split_once('.').unwrap().0);
        for token in [format!("{header}.{rest}"), unsigned] {
            assert_eq!(code(&world, &token), Some(Code::InvalidToken), "{change}");
        }
    }
    let message = good.rsplit_once('.').unwrap().0;
    let forged = aws_lc_rs::hmac::sign(
        &aws_lc_rs::hmac::Key::new(
            aws_lc_rs::hmac::HMAC_SHA256,
            jwks["keys"][0]["x"].as_str().unwrap().as_bytes(),
        ),
        message.as_bytes(),
    );
    let forged = format!("{message}.{}", BASE64URL.encode(forged));
    assert_eq!(code(&world, &forged), Some(Code::InvalidToken));
}

#[tokio::test]
async fn a_token_that_was_bent_is_no_token() {
    let world = World::new().await;
    let good = signed(&world, ACCESS_TYPE, &claims(&world, &json!({}))).await;
    for at in 0..good.len() {
        assert_eq!(code(&world, &good[..at]), Some(Code::InvalidToken), "cut at {at}");
        let mut bent = good.clone().into_bytes();
        bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
        let bent = String::from_utf8(bent).unwrap();
        assert_eq!(code(&world, &bent), Some(Code::InvalidToken), "bent at {at}");
    }
    for token in [
        format!("{good}="),
        format!("{good}A"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.x"),
        format!(" {good}"),
        format!("{good}\n"),
        "..".to_owned(),
        String::new(),
        "x".repeat(1 << 20),
    ] {
        assert_eq!(code(&world, &token), Some(Code::InvalidToken));
    }
}
