//! Revocation.

use serde_json::json;

use super::flow::{App, form, text, tokens, world};

#[tokio::test]
async fn a_client_ends_what_it_holds() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let answer = tokens(&app, &client, "queries:read").await;
    let (access, refresh) = (text(&answer, "access_token"), text(&answer, "refresh_token"));
    // An access token alone.
    client.post("/oauth/revoke", &[("token", access)]).await.expect(200);
    assert_eq!(client.introspect(access).await, json!({"active": false}));
    app.bearer(access).get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    let answer = client.refresh(refresh).await.expect(200);
    let (access, refresh) = (text(&answer, "access_token"), text(&answer, "refresh_token"));
    // A refresh token with all tokens of its authorization.
    client.post_basic("/oauth/revoke", &[("token", refresh)]).await.expect(200);
    assert_eq!(client.introspect(access).await, json!({"active": false}));
    client.refresh(refresh).await.failed(400, "invalid_grant");
    for unknown in [refresh, access, "x", "x.y.z", "kwr_unknown"] {
        client.post("/oauth/revoke", &[("token", unknown)]).await.expect(200);
    }
    let machine = client.credentials(&[]).await.expect(200);
    client.post("/oauth/revoke", &[("token", text(&machine, "access_token"))]).await.expect(200);
    assert_eq!(client.introspect(text(&machine, "access_token")).await, json!({"active": false}));
}

#[tokio::test]
async fn a_client_cannot_revoke_tokens_of_another() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let other = App::register(&app, json!({})).await;
    let answer = tokens(&app, &client, "queries:read").await;
    for member in ["access_token", "refresh_token"] {
        let token = [("token", text(&answer, member))];
        other.post("/oauth/revoke", &token).await.failed(400, "unauthorized_client");
        app.anonymous().form("/oauth/revoke", &form(&token)).await.failed(401, "invalid_client");
    }
    client.refresh(text(&answer, "refresh_token")).await.expect(200);
}

#[tokio::test]
async fn any_holder_of_a_key_may_revoke_it() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let key = app.afdb_key(json!({})).await;
    client.post("/oauth/revoke", &[("token", text(&key, "key"))]).await.expect(200);
    assert_eq!(app.verify(text(&key, "key")).await["code"], "REVOKED");
}
