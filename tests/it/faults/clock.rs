//! A clock that jumps.

use serde_json::{Value, json};

use crate::support::TestApp;

#[tokio::test]
async fn a_clock_that_jumps_revives_nothing() {
    let app = TestApp::with_afdb().await;
    let expiring = app.afdb_key(json!({"expires_in_days": 1})).await;
    let lasting = app.afdb_key(json!({})).await;
    let code = |answer: Value| answer["code"].as_str().expect("a code").to_owned();
    let secret = |key: &Value| key["key"].as_str().expect("a key").to_owned();
    let id = lasting["id"].as_str().expect("an id").to_owned();
    app.operator().delete(&format!("/v1/keys/{id}")).await.expect(204);
    app.advance(2 * 86_400);
    assert_eq!(code(app.verify(&secret(&expiring)).await), "EXPIRED");
    let now = app.now();
    for jump in [-3_600, 10 * 365 * 86_400, -90 * 86_400, 0] {
        app.clock.set_wall(now.plus_seconds(jump));
        assert_eq!(code(app.verify(&secret(&lasting)).await), "REVOKED", "{jump}");
        app.anonymous().get("/readyz").await.expect(200);
        let made = app.afdb_key(json!({"ratelimit": {"limit": 1, "window_seconds": 60}})).await;
        assert_eq!(code(app.verify(&secret(&made)).await), "VALID", "{jump}");
        assert_eq!(code(app.verify(&secret(&made)).await), "RATE_LIMITED", "{jump}");
    }
    app.clock.set_wall(now.plus_seconds(-3_600));
    assert_eq!(code(app.verify(&secret(&expiring)).await), "EXPIRED");
}
