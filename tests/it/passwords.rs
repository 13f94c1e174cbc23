//! New passwords: words of the context and the commonest leaked ones are refused, with the reason.

use keywright::model::setting::Signup;
use serde_json::{Value, json};

use crate::people::{PASSWORD, add, signed_in};
use crate::support::{Reply, TestApp, afdb};

#[track_caller]
fn reason(reply: &Reply, field: &str) -> String {
    reply.refused(400, "INVALID_REQUEST")["details"][field].as_str().unwrap().to_owned()
}

async fn world() -> TestApp {
    let app = TestApp::with(|config| {
        config.sign_in.signup = Signup::Open;
        config.organization = "Borealis Freight".to_owned();
        config.http.public_url = Some("https://login.borealisfreight.example".to_owned());
    })
    .await;
    app.add_api(afdb()).await;
    app.add_api(json!({"slug": "telemetry", "name": "Fleet Insights", "prefix": "flt"})).await;
    app
}

/// Passwords with the word for which each is refused.
const CONTEXT: &[(&str, &str)] = &[
    ("keywright2026", "keywright"),
    ("K3yWr1ght!", "keywright"),
    ("borealis2026", "borealis"),
    ("borealisfreight", "borealisfreight"),
    ("telemetry123", "telemetry"),
    ("FleetInsights1", "fleetinsights"),
    ("aifordatabase!", "aifordatabase"),
    ("m.hartmann1984", "hartmann"),
    ("Magdalena2026", "magdalena"),
];

#[tokio::test]
async fn words_of_the_context_are_refused_wherever_a_password_is_set() {
    let app = world().await;
    for (password, word) in CONTEXT {
        let body = json!({
            "email": "m.hartmann@example.com", "name": "Magdalena", "role": "viewer", "password": password,
        });
        let reason = reason(&app.operator().post("/v1/users", &body).await, "password");
        assert!(reason.contains(word), "{password}: {reason}");
    }
    add(&app, "ada@example.com", "admin").await;
    let ada = signed_in(&app, "ada@example.com").await;
    let change = |new: &str| json!({"current_password": PASSWORD, "new_password": new});
    let refused = ada.post("/v1/auth/password/change", &change("keywright2026")).await;
    assert!(reason(&refused, "new_password").contains("keywright"));
    let invited =
        app.operator().post("/v1/invitations", &json!({"email": "i@example.com", "role": "viewer"})).await;
    let link: Value = invited.expect(201);
    let token = link["link"].as_str().unwrap().split("#token=").nth(1).unwrap();
    let accept = |password: &str| json!({"token": token, "name": "Ines", "password": password});
    let refused = app.anonymous().post("/v1/auth/invitation/accept", &accept("telemetry2026")).await;
    assert!(reason(&refused, "password").contains("telemetry"));
    app.anonymous().post("/v1/auth/invitation/accept", &accept(PASSWORD)).await.expect(201);
}

#[tokio::test]
async fn the_commonest_leaked_passwords_are_refused() {
    let app = TestApp::start().await;
    for password in ["password1", "iloveyou1", "1q2w3e4r5t", "P@ssw0rd1", "qwerty123", "Aa123456", "trustno1"]
    {
        let body = json!({"email": "ada@example.com", "role": "viewer", "password": password});
        let reason = reason(&app.operator().post("/v1/users", &body).await, "password");
        assert!(reason.contains("easy to guess"), "{password}: {reason}");
    }
}
