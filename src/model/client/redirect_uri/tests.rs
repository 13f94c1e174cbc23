use proptest::prelude::*;

use super::*;

fn uri(text: &str) -> RedirectUri {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn only_uris_that_are_safe_to_send_a_code_to_can_be_registered() {
    for good in [
        "https://app.example.com/callback",
        "https://app.example.com",
        "https://app.example.com:8443/callback?tenant=1",
        "https://[2001:db8::1]/callback",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:8123/callback",
        "http://[::1]:1/",
        "http://localhost:3000/oauth/callback",
        "com.example.app:/callback",
        "com.example.app://callback",
    ] {
        uri(good);
    }
    for bad in [
        "",
        "/callback",
        "app.example.com/callback",
        "http://app.example.com/callback",
        "http://localhost.evil/callback",
        "http://127.0.0.1.evil/callback",
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1@evil.example/callback",
        "http://user@localhost/callback",
        "https://app.example.com/callback#fragment",
        "https://user@app.example.com/callback",
        "https://user:pass@app.example.com/callback",
        "https://app.example.com:0/",
        "https://app.example.com:/",
        "https://app.example.com:x/",
        "https://*.example.com/callback",
        "https://App.example.com/callback",
        "HTTPS://app.example.com/callback",
        "https:///callback",
        "https://:8443/callback",
        "https://.example.com/callback",
        "https:app.example.com",
        "https://app.example.com\\@evil.example/",
        "https://app.example.com/call back",
        "https://app.example.com/\r\nSet-Cookie:a=b",
        "https://äpp.example.com/",
        "javascript:alert(1)",
        "data:text/html,hi",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example.com/x",
        "myapp:/callback",
        "java.script:alert(1)",
        ".com:/x",
        "com..app:/x",
    ] {
        let error = bad.parse::<RedirectUri>().expect_err(bad).to_string();
        assert!(error.starts_with("Use ") && error.ends_with('.'), "{bad:?}: {error}");
    }
}

#[test]
fn a_thousand_characters_are_the_most() {
    let long = format!("https://app.example.com/{}", "a".repeat(1_000 - 24));
    assert_eq!((long.len(), uri(&long).as_str()), (1_000, long.as_str()));
    assert!(format!("{long}a").parse::<RedirectUri>().is_err());
}

#[test]
fn what_is_presented_must_be_what_was_registered() {
    let registered = uri("https://app.example.com/callback");
    assert!(registered.matches("https://app.example.com/callback"));
    for other in [
        "https://app.example.com/callback/",
        "https://app.example.com/Callback",
        "https://APP.example.com/callback",
        "https://app.example.com:443/callback",
        "https://app.example.com/callback?a=b",
        "https://app.example.com/callback#a",
        "https://app.example.com/callback/..;/x",
        "https://app.example.com/x/%2e%2e/callback",
        "https://app.example.com@evil.example/callback",
        "https://app.example.com@@evil.example/callback",
        "https://app.example.com/callback\r\n",
        "http://app.example.com/callback",
        "",
    ] {
        assert!(!registered.matches(other), "{other:?}");
    }
}

#[test]
fn on_the_persons_machine_the_port_alone_may_differ() {
    for registered in ["http://127.0.0.1/cb?a=1", "http://127.0.0.1:80/cb?a=1"] {
        let registered = uri(registered);
        for same in ["http://127.0.0.1/cb?a=1", "http://127.0.0.1:51004/cb?a=1"] {
            assert!(registered.matches(same), "{same}");
        }
        for other in [
            "http://127.0.0.1:51004/cb",
            "http://127.0.0.1:51004/cb?a=1&b=2",
            "http://127.0.0.1:0/cb?a=1",
            "http://127.0.0.1:/cb?a=1",
            "http://127.0.0.1:65536/cb?a=1",
            "http://127.0.0.1:51004@evil.example/cb?a=1",
            "http://localhost:51004/cb?a=1",
            "http://[::1]:51004/cb?a=1",
            "http://127.0.0.2:51004/cb?a=1",
            "https://127.0.0.1:51004/cb?a=1",
        ] {
            assert!(!registered.matches(other), "{other}");
        }
    }
    assert!(!uri("https://localhost/cb").matches("https://localhost:51004/cb"));
}

#[test]
fn people_are_shown_the_host() {
    assert_eq!(uri("https://app.example.com:8443/cb").host(), "app.example.com:8443");
    assert_eq!(uri("https://app.example.com?x").host(), "app.example.com");
    assert_eq!(uri("http://[::1]:4/x").host(), "[::1]:4");
    assert_eq!(uri("com.example.app:/cb").host(), "com.example.app");
    assert_eq!(uri("https://app.example.com:8443/cb").origin(), Some("https://app.example.com:8443"));
    assert_eq!(uri("com.example.app:/cb").origin(), None);
    let local = |text: &str| (uri(text).is_local(), uri(text).is_loopback());
    assert_eq!(local("https://app.example.com/"), (false, false));
    assert_eq!(local("http://localhost/"), (true, true));
    assert_eq!(local("com.example.app:/cb"), (true, false));
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser_or_matches_by_chance(text in "\\PC{0,80}", tail in "[a-z@:/?#.%0-9]{1,20}") {
        if let Ok(parsed) = text.parse::<RedirectUri>() {
            prop_assert!(parsed.matches(&text));
        }
        let registered = uri("https://app.example.com/cb");
        let extended = format!("https://app.example.com/cb{tail}");
        prop_assert!(!registered.matches(&extended));
    }
}
