//! OAuth clients over REST.

use http::Method;
use serde_json::{Value, json};

use super::flow::{App, text, world};

#[tokio::test]
async fn a_client_is_registered_changed_and_removed() {
    let app = world().await;
    let key = app.key(&["clients:read", "clients:write"]).await;
    let body = json!({"name": "Report builder", "access": [{"api": "afdb", "scopes": ["queries:read"]}],
        "redirect_uris": ["https://yourapp.example/callback"]});
    let reply = key.post("/v1/clients", &body).await;
    assert_eq!(reply.header("cache-control"), "no-store");
    let made = reply.expect(201);
    assert_eq!(made["id"], made["client_id"]);
    assert_eq!((text(&made, "type"), &made["require_pkce"]), ("confidential", &json!(true)));
    assert_eq!((&made["first_party"], &made["dynamic"]), (&json!(false), &json!(false)));
    assert_eq!(made["grant_types"], json!(["authorization_code", "refresh_token", "client_credentials"]));
    assert!(text(&made, "client_secret").starts_with("kwcs_"));
    let path = format!("/v1/clients/{}", text(&made, "id"));
    let shown = key.get(&path).await.expect(200);
    assert!(shown.get("client_secret").is_none());
    assert_eq!(shown["secrets"].as_array().unwrap().len(), 1);
    let list = key.get("/v1/clients?limit=1").await.expect(200);
    assert_eq!(
        (list["data"][0]["id"].clone(), list["next_cursor"].clone()),
        (made["id"].clone(), Value::Null)
    );
    let changed = key.patch(&path, &json!({"name": "Reports", "home_page": "https://yourapp.example"})).await;
    assert_eq!(text(&changed.expect(200), "name"), "Reports");
    assert!(key.patch(&path, &json!({"home_page": null})).await.expect(200).get("home_page").is_none());
    key.patch(&path, &json!({"role": "owner"})).await.refused(400, "INVALID_REQUEST");
    key.delete(&path).await.expect(204);
    key.get(&path).await.refused(404, "NOT_FOUND");
    key.delete(&path).await.refused(404, "NOT_FOUND");
    key.get("/v1/clients/nonsense").await.refused(404, "NOT_FOUND");
    key.get("/v1/clients?cursor=forged").await.refused(400, "INVALID_CURSOR");
}

#[tokio::test]
async fn rights_and_repeats() {
    let app = world().await;
    let body = json!({"name": "x", "access": [{"api": "keywright", "scopes": ["keys:read"]}]});
    app.anonymous().post("/v1/clients", &body).await.refused(401, "MISSING_API_KEY");
    app.key(&["clients:read"]).await.post("/v1/clients", &body).await.refused(403, "INSUFFICIENT_SCOPE");
    app.key(&["clients:write"]).await.post("/v1/clients", &body).await.refused(403, "FORBIDDEN");
    let key = app.key(&["clients:write", "keys:read"]).await.with("idempotency-key", "once");
    let first = key.post("/v1/clients", &body).await.expect(201);
    assert_eq!(key.post("/v1/clients", &body).await.expect(201), first);
    let other = json!({"name": "y"});
    key.post("/v1/clients", &other).await.refused(409, "CONFLICT");
    let wrong = json!({"name": "x", "type": "public", "redirect_uris": ["http://evil.example"], "grants": 1});
    key.post("/v1/clients", &wrong).await.refused(400, "INVALID_REQUEST");
}

#[tokio::test]
async fn a_logo_is_uploaded_and_shown() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let path = format!("/v1/clients/{}/logo", client.id);
    app.anonymous().get(&path).await.refused(404, "NOT_FOUND");
    let png = b"\x89PNG\r\n\x1a\n and so on".to_vec();
    let sent = app.operator().send(Method::PUT, &path, Some("image/png"), png.clone()).await;
    assert_eq!(sent.status, 204, "{}", sent.text());
    let shown = app.anonymous().get(&path).await;
    assert_eq!((shown.header("content-type"), &shown.body[..]), ("image/png", &png[..]));
    assert_eq!(shown.header("x-content-type-options"), "nosniff");
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec();
    let refused = app.operator().send(Method::PUT, &path, Some("image/svg+xml"), svg).await;
    refused.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    let huge = vec![0x89; 200 << 10];
    app.operator().send(Method::PUT, &path, Some("image/png"), huge).await.refused(413, "TOO_LARGE");
    app.operator().delete(&path).await.expect(204);
    app.anonymous().get(&path).await.refused(404, "NOT_FOUND");
}
