//! Whether real proxies run these files is tested with real proxies; here, only what cannot be seen there.

use super::*;

#[test]
fn nobody_writes_configuration_into_an_address() {
    for right in ["http://127.0.0.1:3000", "https://api.internal", "http://[::1]:80/", "http://a-b.c_d:1"] {
        assert!(Place::of("upstream", right).is_ok(), "{right}");
    }
    for wrong in [
        "",
        "127.0.0.1:3000",
        "ftp://x",
        "http://",
        "http://x/path",
        "http://x?y",
        "http://user@x",
        "http://x;include /etc/passwd",
        "http://x{y}",
        "http://x\n}",
    ] {
        assert!(Place::of("upstream", wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_port_and_a_name_are_always_said() {
    let place = Place::of("keywright", "https://auth.example.com").unwrap();
    assert_eq!(place.address(), "auth.example.com:443");
    assert_eq!(place.url(), "https://auth.example.com:443");
    assert!(place.nginx_tls("auth.example.com").contains("proxy_ssl_verify on;"));
    assert!(place.caddy_tls("auth.example.com").contains("tls_server_name auth.example.com"));
    let plain = Place::of("keywright", "http://[::1]").unwrap();
    assert_eq!(plain.address(), "[::1]:80");
    assert_eq!((plain.nginx_tls("x"), plain.caddy_tls("x")), (String::new(), String::new()));
}

#[test]
fn every_place_is_filled_in() {
    for template in [NGINX, CADDY] {
        let names: Vec<&str> = template
            .split('%')
            .skip(1)
            .step_by(2)
            .filter(|name| {
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
            })
            .collect();
        assert!(names.len() > 5, "{names:?}");
        let filled = fill(template, &names.iter().map(|name| (*name, "x")).collect::<Vec<_>>());
        assert!(!filled.contains('%'), "{filled}");
    }
}
