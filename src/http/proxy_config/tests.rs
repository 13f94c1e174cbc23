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

#[test]
fn both_files_remove_every_listed_header_and_set_identity_after() {
    for (proxy, template) in [(Proxy::Nginx, NGINX), (Proxy::Caddy, CADDY)] {
        let lines = stripped_lines(proxy);
        for name in stripped::stripped() {
            let line = match proxy {
                Proxy::Nginx => format!("proxy_set_header {name} \"\";"),
                Proxy::Caddy => format!("request_header -{name}"),
            };
            assert!(lines.lines().any(|found| found.trim() == line), "{line}");
        }
        for name in stripped::IDENTITY.into_iter().chain(stripped::ORIGIN) {
            assert!(!stripped::stripped().any(|listed| listed.eq_ignore_ascii_case(name)), "{name} is set");
        }
        for name in stripped::IDENTITY {
            assert!(template.contains(name), "{name}");
        }
        assert!(template.contains("%STRIPPED%") && template.contains("%WARNING%"));
    }
}

#[test]
fn a_header_is_listed_once_and_look_alikes_are_known() {
    let mut names: Vec<String> = stripped::stripped().map(str::to_ascii_lowercase).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    for (name, is_like) in [
        ("x-auth-subject", false),
        ("x-auth-token", false),
        ("x-auth-level", true),
        ("x_auth_subject", true),
        ("x-auth_key-id", true),
        ("x-auth_level", true),
        ("x-authority", false),
        ("authorization", false),
        ("x-au", false),
    ] {
        assert_eq!(stripped::looks_like_identity(name), is_like, "{name}");
    }
}
