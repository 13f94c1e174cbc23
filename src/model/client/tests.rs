use super::*;

fn client() -> Client {
    Client {
        no: 1,
        id: ClientId::from_u128(1),
        name: "App".to_owned(),
        kind: ClientType::Public,
        access: [(7, "read"), (8, "write")]
            .map(|(api_no, scopes)| Access { api_no, scopes: scopes.parse().unwrap() })
            .to_vec(),
        redirect_uris: ["https://app.example.com/a", "https://app.example.com/b"]
            .map(|uri| uri.parse().unwrap())
            .to_vec(),
        post_logout_redirect_uris: Vec::new(),
        grant_types: vec![GrantType::AuthorizationCode],
        require_pkce: true,
        trusted_by: None,
        dynamic: false,
        home_page: None,
        logo_at: None,
        access_token_seconds: None,
        refresh_token_seconds: None,
        disabled_at: None,
        created_at: Timestamp::MIN,
        updated_at: Timestamp::MIN,
    }
}

#[test]
fn consent_is_skipped_only_for_people_up_to_the_role_that_declared_the_client() {
    let mut client = client();
    assert!(!client.is_first_party());
    assert!(Role::ALL.iter().all(|&role| !client.is_trusted_for(role)));
    client.trusted_by = Some(Role::Developer);
    assert!(client.is_first_party());
    let trusted: Vec<Role> = Role::ALL.iter().copied().filter(|&role| client.is_trusted_for(role)).collect();
    assert_eq!(trusted, [Role::Developer, Role::Viewer, Role::Member]);
}

#[test]
fn a_client_may_use_its_own_grant_types() {
    let client = client();
    assert!(client.may(GrantType::AuthorizationCode));
    assert!(!client.may(GrantType::ClientCredentials));
}

#[test]
fn access_is_found_by_api() {
    let client = client();
    assert_eq!(client.access_to(8), Some(&"write".parse().unwrap()));
    assert_eq!(client.access_to(9), None);
}

#[test]
fn a_presented_uri_leads_to_the_registered_one() {
    let client = client();
    let found = |presented| client.redirect_uri(presented).map(RedirectUri::as_str);
    assert_eq!(found("https://app.example.com/b"), Some("https://app.example.com/b"));
    assert_eq!(found("https://app.example.com/c"), None);
}
