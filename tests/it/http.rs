//! What every answer has in common, and what hostile requests get.

use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_server_starts_answers_and_stops() {
    let mut app = TestApp::start().await;
    assert_eq!(app.anonymous().get("/healthz").await.expect(200), json!({"status": "ok"}));
    app.anonymous().get("/readyz").await.expect(200);
    app.restart().await;
    app.anonymous().get("/healthz").await.expect(200);
    app.stop().await;
}

#[tokio::test]
async fn errors_have_one_shape() {
    let app = TestApp::start().await;
    app.anonymous().get("/nothing").await.refused(404, "NOT_FOUND");
    let reply = app.anonymous().post("/healthz", &json!({})).await;
    reply.refused(405, "METHOD_NOT_ALLOWED");
    assert_eq!(reply.header("allow"), "GET, HEAD");
    let missing = app.anonymous().get("/metrics").await;
    assert_eq!(missing.refused(401, "MISSING_API_KEY")["details"]["header"], "Authorization");
    assert_eq!(missing.header("www-authenticate"), r#"Bearer realm="keywright""#);
    let invalid = app.bearer("kw_live_nothing").get("/metrics").await;
    invalid.refused(401, "INVALID_API_KEY");
    assert!(invalid.header("www-authenticate").contains(r#"error="invalid_token""#));
}
