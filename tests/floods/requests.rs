//! The endpoints for unauthenticated callers, and the requests of a flood: each differs.

use serde_json::json;

/// One endpoint.
#[derive(Clone, Copy)]
pub struct Flooded {
    /// Name in the table.
    pub name: &'static str,
    request: fn(&Target, u64) -> String,
}

/// Public information for a flood: a public client's id.
#[derive(Clone)]
pub struct Target {
    pub client_id: String,
}

impl Flooded {
    /// Bytes of the `number`th request.
    pub fn request(&self, target: &Target, number: u64) -> String {
        (self.request)(target, number)
    }
}

pub const ALL: &[Flooded] = &[
    Flooded { name: "sign-in", request: sign_in },
    Flooded { name: "sign-up", request: sign_up },
    Flooded { name: "forgot", request: forgot },
    Flooded { name: "token", request: token },
    Flooded { name: "authorize", request: authorize },
    Flooded { name: "register", request: register },
    Flooded { name: "forward-auth", request: forward_auth },
    Flooded { name: "revoke-leaked", request: revoke_leaked },
    Flooded { name: "verify", request: verify },
];

fn send(method: &str, path: &str, kind: &str, number: u64, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nuser-agent: flood/{number}\r\ncontent-type: {kind}\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
}

fn post(path: &str, number: u64, body: &serde_json::Value) -> String {
    send("POST", path, "application/json", number, &body.to_string())
}

fn sign_in(_: &Target, number: u64) -> String {
    // One in four targets an existing account.
    let who = if number.is_multiple_of(4) { "ada".to_owned() } else { format!("user{number}") };
    let body = json!({"email": format!("{who}@example.com"), "password": format!("wrong password {number}")});
    post("/v1/auth/login", number, &body)
}

fn sign_up(_: &Target, number: u64) -> String {
    post("/v1/auth/signup", number, &json!({"email": format!("new{number}@example.com")}))
}

fn forgot(_: &Target, number: u64) -> String {
    let who = if number.is_multiple_of(4) { "ada".to_owned() } else { format!("user{number}") };
    post("/v1/auth/password/forgot", number, &json!({"email": format!("{who}@example.com")}))
}

fn token(target: &Target, number: u64) -> String {
    let body = format!(
        "grant_type=authorization_code&client_id={}&code=guess-{number}&code_verifier={}\
         &redirect_uri=https%3A%2F%2Fapp.example%2Fcallback",
        target.client_id,
        "v".repeat(43)
    );
    send("POST", "/oauth/token", "application/x-www-form-urlencoded", number, &body)
}

fn authorize(target: &Target, number: u64) -> String {
    let path = format!(
        "/oauth/authorize?response_type=code&client_id={}&scope=queries%3Aread&code_challenge={}\
         &code_challenge_method=S256&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&state={}{number}&login_hint={}",
        target.client_id,
        "c".repeat(43),
        "s".repeat(1_900),
        "h".repeat(1_900)
    );
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nuser-agent: flood/{number}\r\n\r\n")
}

fn register(_: &Target, number: u64) -> String {
    let body = json!({
        "client_name": format!("Flood {number}"), "token_endpoint_auth_method": "none",
        "redirect_uris": [format!("https://{number}.example/callback")],
    });
    post("/oauth/register", number, &body)
}

fn forward_auth(_: &Target, number: u64) -> String {
    format!(
        "GET /v1/forward-auth?api=afdb&scope=queries:read HTTP/1.1\r\nhost: x\r\nuser-agent: flood/{number}\r\n\
         authorization: Bearer afdb_live_{number}\r\n\r\n"
    )
}

fn revoke_leaked(_: &Target, number: u64) -> String {
    post("/v1/keys/revoke-leaked", number, &json!({"key": format!("afdb_live_{number}")}))
}

fn verify(_: &Target, number: u64) -> String {
    post("/v1/keys/verify", number, &json!({"api": "afdb", "key": format!("afdb_live_{number}")}))
}
