use std::sync::Arc;

use super::*;
use crate::domain::identity::access::{Call, ClientsWrite};
use crate::domain::oauth::{Params, client_auth};
use crate::domain::testing::{World, scopes};
use crate::error::Code;
use crate::model::{ClientType, GrantType};

fn can(call: &Arc<Call>) -> Can<ClientsWrite> {
    Can::check(call).unwrap()
}

fn web_app() -> NewClient {
    NewClient {
        name: "Report builder".to_owned(),
        access: vec![RequestedAccess {
            api: "keywright".to_owned(),
            scopes: scopes("keys:read clients:read"),
        }],
        redirect_uris: vec!["https://app.example.com/callback".to_owned()],
        ..NewClient::default()
    }
}

async fn register_as(world: &World, call: &Arc<Call>, new: NewClient) -> Result<Issued> {
    let can = can(call);
    world.write(move |tx| create(tx, &can, new)).await
}

fn proves(world: &World, issued: &Issued, secret: &Secret) -> bool {
    let form = format!("client_id={}&client_secret={}", issued.view.client.id, secret.expose());
    let params = Params::plain(&form);
    client_auth::authenticate(&world.services, None, &params, world.now()).is_ok()
}

#[tokio::test]
async fn a_client_gets_what_fits_its_kind_and_a_secret_that_is_kept_as_a_hash() {
    let world = World::new().await;
    let issued = register_as(&world, &world.admin(), web_app()).await.unwrap();
    let client = &issued.view.client;
    assert_eq!(
        client.grant_types,
        [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::ClientCredentials]
    );
    assert!(client.require_pkce && !client.is_first_party() && !client.dynamic);
    let secret = issued.secret.as_ref().unwrap();
    assert_eq!(secret.expose().len(), SECRET_PREFIX.len() + 43);
    assert_eq!(issued.view.secrets[0].start, secret.expose()[..SHOWN]);
    assert!(proves(&world, &issued, secret));
    assert!(!proves(&world, &issued, &Secret::new("kwcs_other".to_owned())));

    let public = NewClient { kind: ClientType::Public, ..web_app() };
    let public = register_as(&world, &world.admin(), public).await.unwrap();
    assert!(public.secret.is_none() && public.view.secrets.is_empty());
    assert_eq!(public.view.client.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
}

#[tokio::test]
async fn every_mistake_is_reported_at_once() {
    let world = World::new().await;
    let wrong = NewClient {
        name: " ".to_owned(),
        kind: ClientType::Public,
        access: vec![
            RequestedAccess { api: "nowhere".to_owned(), scopes: scopes("x") },
            RequestedAccess { api: "keywright".to_owned(), scopes: scopes("fly") },
        ],
        redirect_uris: vec!["http://evil.example/cb".to_owned()],
        grant_types: Some(vec![GrantType::ClientCredentials, GrantType::RefreshToken]),
        require_pkce: Some(false),
        home_page: Some("javascript:alert(1)".to_owned()),
        access_token_seconds: Some(1),
        refresh_token_seconds: Some(1),
        ..NewClient::default()
    };
    let refused = register_as(&world, &world.admin(), wrong).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidRequest);
    let fields: Vec<&str> = refused.details.keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        [
            "access[0].api",
            "access[1].scopes",
            "access_token_seconds",
            "grant_types",
            "home_page",
            "name",
            "redirect_uris[0]",
            "refresh_token_seconds",
            "require_pkce"
        ]
    );
}

#[tokio::test]
async fn a_client_is_no_escalation() {
    let world = World::new().await;
    let weak = world.key_call("clients:read clients:write keys:read");
    let strong = NewClient {
        access: vec![RequestedAccess { api: "keywright".to_owned(), scopes: scopes("admin") }],
        ..web_app()
    };
    let refused = register_as(&world, &weak, strong.clone()).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    let mine = register_as(&world, &weak, web_app()).await.unwrap();
    let theirs = register_as(&world, &world.admin(), strong).await.unwrap();
    let id = theirs.view.client.id;
    let attempt = |edit: ClientChange, id: ClientId| {
        let can = can(&weak);
        world.write(move |tx| change(tx, &can, id, edit))
    };
    let widen = ClientChange {
        access: Some(vec![RequestedAccess { api: "keywright".to_owned(), scopes: scopes("keys:write") }]),
        ..ClientChange::default()
    };
    assert_eq!(attempt(widen, mine.view.client.id).await.unwrap_err().code, Code::Forbidden);
    let redirect = ClientChange {
        redirect_uris: Some(vec!["https://evil.example/cb".to_owned()]),
        ..ClientChange::default()
    };
    assert_eq!(attempt(redirect, id).await.unwrap_err().code, Code::Forbidden);
    let (can_rotate, can_delete) = (can(&weak), can(&weak));
    let refused = world.write(move |tx| rotate(tx, &can_rotate, id, 0)).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    let refused = world.write(move |tx| delete(tx, &can_delete, id)).await.unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
}

#[tokio::test]
async fn a_rotation_overlaps_and_the_second_ends_the_oldest() {
    let world = World::new().await;
    let first = register_as(&world, &world.admin(), web_app()).await.unwrap();
    let id = first.view.client.id;
    let turn = |grace| {
        let can = can(&world.admin());
        world.write(move |tx| rotate(tx, &can, id, grace))
    };
    let second = turn(3_600).await.unwrap();
    let secret = |issued: &Issued| issued.secret.clone().unwrap();
    assert!(proves(&world, &first, &secret(&first)));
    assert!(proves(&world, &first, &secret(&second)));
    let third = turn(3_600).await.unwrap();
    assert!(!proves(&world, &first, &secret(&first)));
    assert!(proves(&world, &first, &secret(&second)));
    world.clock.advance(std::time::Duration::from_secs(3_600));
    assert!(!proves(&world, &first, &secret(&second)));
    assert!(proves(&world, &first, &secret(&third)));
    let fourth = turn(0).await.unwrap();
    assert!(!proves(&world, &first, &secret(&third)));
    assert_eq!(fourth.view.secrets.len(), 1);
    assert_eq!(turn(MAX_GRACE + 1).await.unwrap_err().code, Code::InvalidRequest);
}

const MAX_GRACE: u32 = 2_592_000;

#[tokio::test]
async fn a_change_touches_what_it_names_and_a_removed_client_is_gone() {
    let world = World::new().await;
    let issued = register_as(&world, &world.admin(), web_app()).await.unwrap();
    let id = issued.view.client.id;
    let edit = ClientChange {
        name: Some("Reports".to_owned()),
        home_page: Some(Some("https://app.example.com".to_owned())),
        disabled: Some(true),
        ..ClientChange::default()
    };
    let write = can(&world.admin());
    let after = world.write(move |tx| change(tx, &write, id, edit)).await.unwrap().client;
    assert_eq!(after.name, "Reports");
    assert_eq!(after.home_page.as_deref(), Some("https://app.example.com"));
    assert!(after.disabled_at.is_some());
    assert_eq!(after.redirect_uris, issued.view.client.redirect_uris);
    assert_eq!(after.access, issued.view.client.access);
    let write = can(&world.admin());
    world.write(move |tx| delete(tx, &write, id)).await.unwrap();
    let gone = world.write(move |tx| find(tx, id).map(drop)).await.unwrap_err();
    assert_eq!(gone.code, Code::NotFound);
    assert!(!proves(&world, &issued, issued.secret.as_ref().unwrap()));
}

#[test]
fn a_logo_is_a_picture_that_holds_no_script() {
    assert_eq!(logo_type(b"\x89PNG\r\n\x1a\n rest"), Some("image/png"));
    assert_eq!(logo_type(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
    assert_eq!(logo_type(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
    for other in [&b"<svg xmlns="[..], b"<!doctype html>", b"GIF89a", b""] {
        assert_eq!(logo_type(other), None);
    }
}
