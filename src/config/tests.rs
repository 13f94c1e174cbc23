use super::*;

fn load(variables: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Result<Loaded, Mistakes> {
    let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
    Config::load(Sources {
        data_dir: Path::new("data"),
        file: None,
        variables: variables.iter().map(owned).collect(),
        flags: flags.iter().map(|&(name, value)| (name, value.to_owned())).collect(),
    })
}

fn sentences(loaded: Result<Loaded, Mistakes>) -> Vec<String> {
    loaded.unwrap_err().0.iter().map(ToString::to_string).collect()
}

/// Loads one setting; returns the text of its mistake, if any.
fn one(name: &'static str, value: &str) -> Result<Config, String> {
    let loaded = load(&[], &[(name, value)]);
    loaded.map(|loaded| loaded.config).map_err(|mistakes| mistakes.to_string())
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let config = Config::defaults("data");
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url(None), "http://127.0.0.1:8080");
    assert_eq!(config.public_url(Some("[::1]:9".parse().unwrap())), "http://[::1]:9");
    assert_eq!(config.sign_in.signup, Signup::Invite);
    assert_eq!(config.sign_in.access_token_seconds, 3600);
    assert_eq!(config.sign_in.default_api, "keywright");
    assert_eq!(config.sign_in.signing_alg, SigningAlg::Rs256);
    assert_eq!(config.activity.retention_days, 90);
    assert_eq!(config.cache_bytes, 64 << 20);
    assert!(!config.oauth.dynamic_registration && config.http.trusted_proxies.is_empty());
    assert_eq!(config.control_socket_path(), Path::new("data/control.sock"));
}

#[test]
fn later_sources_win() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(
        dir.path().join("keywright.toml"),
        "organization = 'file'\nsignup = 'off'\nlisten = '[::1]:1'",
    )
    .unwrap();
    let loaded = Config::load(Sources {
        variables: vec![
            ("KEYWRIGHT_ORGANIZATION".into(), "variable".into()),
            ("KEYWRIGHT_SIGNUP".into(), "open".into()),
            ("KEYWRIGHT_LISTEN".into(), String::new()),
        ],
        flags: vec![("organization", "flag".into())],
        ..Sources::none(dir.path())
    });
    let config = loaded.unwrap().config;
    assert_eq!(config.organization, "flag");
    assert_eq!(config.sign_in.signup, Signup::Open);
    assert_eq!(config.http.listen.port(), 1, "an empty variable is not set");
}

#[test]
fn every_mistake_is_reported_at_once_with_its_origin() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.toml");
    std::fs::write(&file, "# ours\nlistn = '127.0.0.1:80'\n\nsignup = 'maybe'\nlisten = ['a', 1]\n[http]\n")
        .unwrap();
    let loaded = Config::load(Sources {
        file: Some(&file),
        variables: vec![
            ("KEYWRIGHT_PUBLIC_ULR".into(), "x".into()),
            ("KEYWRIGHT_TLS_CERT".into(), "/no".into()),
        ],
        flags: vec![("cache_bytes", "lots".into())],
        ..Sources::none(dir.path())
    });
    let found = sentences(loaded);
    let said = |start: &str, part: &str| {
        assert!(
            found.iter().any(|line| line.starts_with(start) && line.contains(part)),
            "{start} in {found:#?}"
        );
    };
    let place = |line: u32| format!("({}, line {line})", file.display());
    said(&format!("listn {}", place(2)), "did you mean listen?");
    said(&format!("signup {}", place(4)), "one of open, invite, off");
    said(&format!("listen {}", place(5)), "write a text");
    said(&format!("http {}", place(6)), "no such setting");
    said("variable KEYWRIGHT_PUBLIC_ULR", "did you mean public_url?");
    said("tls_cert (variable KEYWRIGHT_TLS_CERT)", "/no");
    said("tls_key", "set it too");
    said("cache_bytes (flag --cache-bytes)", "64MiB");
    assert_eq!(found.len(), 8, "{found:#?}");
}

#[test]
fn broken_toml_names_the_line() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("keywright.toml"), "signup = 'open'\nlisten = \n").unwrap();
    let found = sentences(Config::load(Sources::none(dir.path())));
    assert!(found[0].contains("keywright.toml, line 2: this is not TOML"), "{found:?}");
}

#[test]
fn a_named_file_must_exist() {
    let sources = Sources { file: Some(Path::new("/nowhere.toml")), ..Sources::none(Path::new("data")) };
    assert!(sentences(Config::load(sources))[0].starts_with("flag --config /nowhere.toml: cannot read"));
}

#[test]
fn foreign_variables_are_no_mistake() {
    let loaded = load(
        &[
            ("KEYWRIGHT_PORT", "tcp://10.0.0.1:80"),
            ("KEYWRIGHT_SERVICE_HOST", "x"),
            ("KEYWRIGHT_KEY", "secret"),
        ],
        &[],
    );
    let warnings = loaded.unwrap().warnings;
    assert_eq!(warnings, ["KEYWRIGHT_KEY is not a setting and was ignored"]);
}

#[test]
fn the_public_url_is_an_origin_as_browsers_write_it() {
    for good in [
        "https://auth.example.com",
        "https://auth.example.com:8443",
        "http://localhost:8080",
        "http://[::1]:9",
    ] {
        assert_eq!(one("public_url", good).unwrap().public_url(None), good);
    }
    for bad in [
        "auth.example.com",
        "https://",
        "ftp://x",
        "https://x/",
        "https://x/auth",
        "https://x?y",
        "https://x#y",
        "https://u@x",
        "https://Auth.example.com",
        "https://x:443",
        "http://x:80",
        "https://x:0",
        "https://x:",
        "http:x",
    ] {
        let sentence = one("public_url", bad).unwrap_err();
        assert!(sentence.contains("https://auth.example.com"), "{bad}: {sentence}");
    }
}

#[test]
fn plain_http_beyond_this_machine_is_warned_about() {
    let warnings = |url| load(&[], &[("public_url", url)]).unwrap().warnings;
    assert!(warnings("http://auth.example.com")[0].contains("put a proxy with TLS in front"));
    assert!(warnings("http://127.0.0.1:8080").is_empty());
    assert!(warnings("https://auth.example.com").is_empty());
}

#[test]
fn an_unspecified_address_needs_a_public_url() {
    assert!(one("listen", "0.0.0.0:8080").unwrap_err().starts_with("public_url: set it"));
    assert!(load(&[], &[("listen", "0.0.0.0:80"), ("public_url", "https://a.example")]).is_ok());
}

#[test]
fn dynamic_registration_needs_an_api_and_never_our_own() {
    assert!(one("dynamic_registration", "true").unwrap_err().starts_with("registration_api: set it"));
    assert!(one("registration_api", "keywright").unwrap_err().contains("name another"));
}

#[test]
fn values_are_read_and_bounded() {
    let proxies = one("trusted_proxies", "10.0.0.0/8, 192.0.2.1,::1/128").unwrap().http.trusted_proxies;
    assert_eq!(
        proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["10.0.0.0/8", "192.0.2.1/32", "::1/128"]
    );
    assert_eq!(one("cache_bytes", "2GiB").unwrap().cache_bytes, 2 << 30);
    assert_eq!(one("activity_max_bytes", "16 MiB").unwrap().activity.max_bytes, Some(16 << 20));
    assert_eq!(one("listen", "localhost:0").unwrap().http.listen.to_string(), "127.0.0.1:0");
    for (name, bad) in [
        ("trusted_proxies", "10.0.0.0/33"),
        ("cache_bytes", "1"),
        ("cache_bytes", "99999999TiB"),
        ("access_token_seconds", "0"),
        ("access_token_seconds", "-1"),
        ("activity_retention_days", "1.5"),
        ("max_connections", "1"),
        ("signing_alg", "none"),
        ("signing_alg", "HS256"),
        ("log_format", "xml"),
        ("organization", "a\nb"),
        ("default_api", "No API"),
        ("smtp_from", "nobody"),
        ("listen", "8080"),
        ("dynamic_registration", "maybe"),
        ("metrics_listen", "127.0.0.1:8080"),
        ("tls_key", "/no/such"),
    ] {
        assert!(one(name, bad).unwrap_err().contains(name), "{name} = {bad}");
    }
}

#[test]
fn a_mail_server_is_read_and_its_password_never_shown() {
    let config = one("smtp_url", "smtp://me%40x:pa%20ss@mail.example.com").unwrap();
    let mail = config.mail.clone().unwrap();
    let (user, password) = mail.server.login.unwrap();
    assert_eq!((user.as_str(), password.expose()), ("me@x", "pa ss"));
    assert_eq!((mail.server.port, mail.server.security), (587, SmtpSecurity::StartTls));
    assert_eq!(mail.from, "keywright@localhost");
    assert!(!format!("{config:?}").contains("pa ss"), "{config:?}");
    let smtps = one("smtp_url", "smtps://mail.example.com").unwrap().mail.unwrap().server;
    assert_eq!((smtps.port, smtps.security), (465, SmtpSecurity::Tls));
    let local = one("smtp_url", "smtp://localhost:2525").unwrap().mail.unwrap().server;
    assert_eq!(local.security, SmtpSecurity::Loopback);
    for bad in
        ["smtp://hunter2@x", "smtp://u:hunter2%@x", "http://u:hunter2@x", "hunter2", "smtp://u:hunter2@x/y"]
    {
        assert!(!one("smtp_url", bad).unwrap_err().contains("hunter2"), "{bad}");
    }
}
