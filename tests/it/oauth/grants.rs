//! Listing and revocation of grants.

use serde_json::json;

use super::flow::{App, Browser, text, tokens, world};

#[tokio::test]
async fn a_person_sees_and_takes_back_what_they_allowed() {
    let app = world().await;
    let client = App::register(&app, json!({})).await;
    let first = tokens(&app, &client, "queries:read").await;
    let mut ada = Browser::signed_in(&app, "ada@example.com").await;
    let list = ada.client().get("/v1/grants").await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    let grant = &list["data"][0];
    assert_eq!((text(grant, "client_name"), text(grant, "api")), ("Report builder", "afdb"));
    assert_eq!(grant["scopes"], json!(["queries:read"]));
    let path = format!("/v1/grants/{}", text(grant, "id"));

    let eve = Browser::signed_in(&app, "eve@example.com").await;
    assert_eq!(eve.client().get("/v1/grants").await.expect(200)["data"], json!([]));
    let of_ada = format!("/v1/users/{}/grants", text(grant, "user_id"));
    eve.client().get(&of_ada).await.refused(403, "INSUFFICIENT_SCOPE");
    let listed = app.key(&["team:read"]).await.get(&of_ada).await.expect(200);
    assert_eq!(&listed["data"][0], grant);
    app.key(&["team:read"])
        .await
        .delete(&format!("{of_ada}/{}", text(grant, "id")))
        .await
        .refused(403, "INSUFFICIENT_SCOPE");
    let eve_deletes = eve.client().with("x-csrf-token", &eve.csrf_token);
    eve_deletes.delete(&path).await.refused(404, "NOT_FOUND");

    let ada_deletes = ada.client().with("x-csrf-token", &ada.csrf_token);
    ada_deletes.delete(&path).await.expect(204);
    ada_deletes.delete(&path).await.refused(404, "NOT_FOUND");
    app.bearer(text(&first, "access_token")).get("/v1/user/profile").await.refused(401, "INVALID_TOKEN");
    client.refresh(text(&first, "refresh_token")).await.failed(400, "invalid_grant");
    // Consent is asked again.
    let (page, _) = ada.ask(&client.authorize(&[("scope", "queries:read")])).await;
    assert_eq!(page, "/consent");
}
