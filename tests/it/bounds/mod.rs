//! Bounds of unauthenticated callers: what they can make the server store, hold or answer.

mod people;
mod tables;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Program, Reply, TestApp, afdb};

/// A server that trusts `X-Forwarded-For` from this machine.
async fn behind_proxy() -> TestApp {
    let loopback = "127.0.0.0/8".parse().expect("a network");
    let app = TestApp::with(|config| config.http.trusted_proxies = vec![loopback]).await;
    app.add_api(afdb()).await;
    app
}

async fn add_ada(app: &TestApp) {
    let ada =
        json!({"email": "ada@example.com", "role": "member", "password": "correct horse battery staple"});
    app.operator().post("/v1/users", &ada).await.expect(201);
}

async fn login(app: &TestApp, ip: &str, email: &str, password: &str) -> Reply {
    let body = json!({"email": email, "password": password});
    app.anonymous().with("x-forwarded-for", ip).post("/v1/auth/login", &body).await
}

async fn rows(app: &TestApp, filter: &str) -> Vec<Value> {
    let page = app.operator().get(&format!("/v1/activity?limit=200&{filter}")).await.expect(200);
    page["data"].as_array().expect("a list").clone()
}

fn count(rows: &[Value]) -> u64 {
    rows.iter().filter_map(|row| row["count"].as_u64()).sum()
}

#[tokio::test]
async fn a_locked_out_flood_is_five_rows_and_a_count() {
    let app = behind_proxy().await;
    add_ada(&app).await;
    for (attempt, status) in [401, 401, 401, 401, 401, 429].into_iter().enumerate() {
        let reply =
            login(&app, "198.51.100.7", "ada@example.com", &format!("wrong password {attempt}")).await;
        assert_eq!(reply.status, status, "{}", reply.text());
    }
    for host in 0..150 {
        let reply = login(&app, &format!("198.51.100.{host}"), "ada@example.com", "wrong password").await;
        reply.refused(429, "LOCKED_OUT");
    }
    let locked: Vec<_> = rows(&app, "kind=session.sign_in")
        .await
        .into_iter()
        .filter(|row| row["code"] == "LOCKED_OUT")
        .collect();
    assert_eq!((locked.len(), count(&locked)), (6, 151), "{locked:?}");
    // Another network has rows of its own.
    login(&app, "203.0.113.7", "ada@example.com", "wrong password").await.refused(401, "INVALID_CREDENTIALS");
    let newest = &rows(&app, "kind=session.sign_in").await[0];
    assert_eq!((&newest["ip"], &newest["code"]), (&json!("203.0.113.7"), &json!("INVALID_CREDENTIALS")));
}

/// Every route for unauthenticated callers, each refused twenty times.
#[tokio::test]
async fn no_refusal_writes_a_row_for_each_request() {
    let app = TestApp::with(|config| {
        config.sign_in.signup = keywright::model::setting::Signup::Open;
        config.oauth.dynamic_registration = true;
        config.oauth.registration_api = Some("afdb".to_owned());
    })
    .await;
    app.add_api(afdb()).await;
    let anonymous = app.anonymous();
    let invented = app.bearer("afdb_live_invented");
    let client = json!({
        "name": "App", "type": "public", "redirect_uris": ["https://app.example/cb"],
        "access": [{"api": "afdb", "scopes": ["queries:read"]}],
    });
    let client = app.operator().post("/v1/clients", &client).await.expect(201);
    let id = client["id"].as_str().expect("an id").to_owned();
    let before = rows(&app, "").await.len();
    for n in 0..20 {
        let email = format!("user{n}@example.com");
        let code = format!(
            "grant_type=authorization_code&client_id={id}&code=x{n}&redirect_uri=https://app.example/cb"
        );
        let replies = [
            anonymous.post("/v1/auth/login", &json!({"email": email, "password": "wrong password"})).await,
            anonymous.post("/v1/auth/refresh", &json!({"refresh_token": format!("kwr_{n}")})).await,
            anonymous.form("/oauth/token", &code).await,
            anonymous.form("/oauth/token", &code.replace(&id, "client_01invented")).await,
            anonymous.form("/oauth/introspect", &format!("token=x{n}&client_id={id}")).await,
            anonymous.form("/oauth/revoke", &format!("token=x{n}&client_id=client_x")).await,
            anonymous.get(&format!("/oauth/authorize?client_id=client_x&response_type=code&state={n}")).await,
            anonymous.get(&format!("/oauth/authorize?client_id={id}&response_type=token&state={n}")).await,
            anonymous.post("/oauth/register", &json!({"redirect_uris": ["javascript:alert(1)"]})).await,
            anonymous.get(&format!("/v1/forward-auth?api=afdb&scope=queries:read&n={n}")).await,
            invented.get("/v1/forward-auth?api=afdb&scope=queries:read").await,
            app.bearer(&format!("eyJhbGciOiJub25lIn0.e30.{n}"))
                .get("/v1/forward-auth?api=afdb&scope=queries:read")
                .await,
            anonymous.post("/v1/keys/verify", &json!({"api": "afdb", "key": "x"})).await,
            invented.get("/v1/keys").await,
            anonymous.post("/v1/keys/revoke-leaked", &json!({"key": format!("afdb_live_{n}")})).await,
            anonymous.get(&format!("/v1/keys?key=kw_live_{}", "A".repeat(40))).await,
        ];
        assert!(replies.iter().all(|reply| reply.status < 500), "{replies:?}");
    }
    let after = rows(&app, "").await;
    let reasons: std::collections::BTreeSet<_> = after.iter().map(|row| row["code"].to_string()).collect();
    assert!(reasons.len() > 5, "{reasons:?}");
    // Five full rows per reason, and a counted row per kind and API.
    let most = reasons.len() * 5 + 40;
    assert!(after.len() - before < most, "{} rows of 320 requests", after.len() - before);
    assert!(count(&after) > 200, "all of them are counted: {}", count(&after));
}

#[tokio::test]
async fn a_restart_keeps_waits_and_rate_limits() {
    let mut app = behind_proxy().await;
    add_ada(&app).await;
    let limited = json!({"ratelimit": {"limit": 3, "window_seconds": 60}});
    let key = app.afdb_key(limited).await["key"].as_str().expect("a key").to_owned();
    for _ in 0..3 {
        assert_eq!(app.verify(&key).await["code"], "VALID");
    }
    assert_eq!(app.verify(&key).await["code"], "RATE_LIMITED");
    for attempt in 0..8 {
        app.advance(600 * u64::from(attempt > 5));
        login(&app, "198.51.100.7", "ada@example.com", "wrong password").await;
    }
    let wait = |reply: Reply| reply.refused(429, "LOCKED_OUT")["details"]["retry_after_seconds"].as_u64();
    // An address without an account has the same wait.
    for attempt in 0..8 {
        app.advance(600 * u64::from(attempt > 5));
        login(&app, "203.0.113.7", "nobody@example.com", "wrong password").await;
    }
    let invented = wait(login(&app, "203.0.113.7", "nobody@example.com", "x wrong x").await);
    for _ in 0..3 {
        assert_eq!(app.verify(&key).await["code"], "VALID");
    }
    app.restart().await;
    assert_eq!(app.verify(&key).await["code"], "RATE_LIMITED", "a graceful stop refills no limit");
    let after = wait(login(&app, "203.0.113.7", "nobody@example.com", "x wrong x").await);
    assert!(
        after.is_some() && after <= invented && after.map(|s| s + 3) >= invented,
        "{invented:?} {after:?}"
    );
    app.advance(60);
    assert_eq!(app.verify(&key).await["code"], "VALID");
}

/// `docs/guarantees.md` states both.
#[tokio::test]
async fn a_kill_refills_rate_limits_and_keeps_waits() {
    let program = Program::new();
    let server = program.serve::<&str>([]);
    server.operator().post("/v1/apis", &afdb()).await.expect(201);
    let key = json!({
        "api": "afdb", "name": "x", "scopes": ["queries:read"], "ratelimit": {"limit": 1, "window_seconds": 3600},
    });
    let key = server.operator().post("/v1/keys", &key).await.expect(201);
    let question = json!({"api": "afdb", "key": key["key"]});
    let guess = json!({"email": "nobody@example.com", "password": "wrong password"});
    for code in ["VALID", "RATE_LIMITED"] {
        assert_eq!(server.operator().post("/v1/keys/verify", &question).await.expect(200)["code"], code);
    }
    let mut waits = 0;
    while waits < 2 {
        waits += u32::from(server.anonymous().post("/v1/auth/login", &guess).await.status == 429);
    }
    // Counts are on disk with the next transaction.
    server.operator().get("/v1/activity").await.expect(200);
    server.kill();
    let server = program.serve::<&str>([]);
    assert_eq!(server.operator().post("/v1/keys/verify", &question).await.expect(200)["code"], "VALID");
    let mut free = 0;
    while server.anonymous().post("/v1/auth/login", &guess).await.status == 401 {
        free += 1;
    }
    assert!(free <= 1, "five would be free after a restart that forgets: {free}");
}

/// An unreadable address in a proxy's header is unknown: it is not the proxy's own.
#[tokio::test]
async fn an_unreadable_hop_is_no_address() {
    let app = behind_proxy().await;
    let key = app.afdb_key(json!({"allowed_ips": ["127.0.0.0/8", "::1/128"]})).await;
    let key = app.bearer(key["key"].as_str().expect("a key")).with("x-forwarded-uri", "/");
    key.get("/v1/forward-auth?api=afdb&scope=queries:read").await.expect(200);
    for hop in [
        "unknown",
        "_hidden",
        "127.0.0.1, nonsense",
        "300.0.0.1",
        "127.0.0.1,",
        "\"127.0.0.1\"",
        "127.0.0.1:x",
    ] {
        let reply =
            key.with("x-forwarded-for", hop).get("/v1/forward-auth?api=afdb&scope=queries:read").await;
        reply.refused(403, "IP_NOT_ALLOWED");
    }
    // Limits count such requests together, apart from the proxy's own.
    let leaked = json!({"key": "afdb_live_invented"});
    let unknown = app.anonymous().with("x-forwarded-for", "unknown");
    for _ in 0..10 {
        unknown.post("/v1/keys/revoke-leaked", &leaked).await.expect(202);
    }
    let other = app.anonymous().with("x-forwarded-for", "_hidden");
    other.post("/v1/keys/revoke-leaked", &leaked).await.refused(429, "RATE_LIMITED");
    app.anonymous().post("/v1/keys/revoke-leaked", &leaked).await.expect(202);
    let (unknown, known): (Vec<_>, Vec<_>) =
        rows(&app, "kind=key.leaked").await.into_iter().partition(|row| row["ip"].is_null());
    assert_eq!((count(&unknown), count(&known)), (10, 1), "{unknown:?} {known:?}");
}

async fn status(app: &TestApp, head: &str) -> String {
    let mut stream = TcpStream::connect(app.address).await.expect("a connection");
    stream.write_all(format!("{head}\r\n").as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer.split(' ').nth(1).expect("a status").to_owned()
}

/// RFC 9112, section 3.2.
#[tokio::test]
async fn a_request_names_its_host_once() {
    let app = TestApp::with_afdb().await;
    let close = "connection: close\r\n";
    for path in ["/healthz", "/v1/forward-auth?api=afdb&scope=queries:read", "/v1/keys", "/", "/nothing"] {
        for host in [
            "",
            "host: a\r\nhost: b\r\n",
            "host: a\r\nHost: a\r\n",
            "host: a b\r\n",
            "host: user@a\r\n",
            "host: a/b\r\n",
        ] {
            assert_eq!(
                status(&app, &format!("GET {path} HTTP/1.1\r\n{host}{close}")).await,
                "400",
                "{path} {host:?}"
            );
        }
    }
    for host in ["host: a\r\n", "host: a:80\r\n", "host: [::1]:80\r\n", "host:\r\n"] {
        assert_eq!(status(&app, &format!("GET /healthz HTTP/1.1\r\n{host}{close}")).await, "200", "{host:?}");
    }
    assert_eq!(status(&app, "GET /healthz HTTP/1.0\r\n").await, "200");
}

/// One address cannot hold all connections.
#[tokio::test]
async fn an_address_holds_a_quarter_of_the_connections() {
    let app = TestApp::with(|config| config.http.max_connections = 64).await;
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(app.address).await.expect("a connection");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sent");
        let mut byte = [0; 1];
        if stream.read(&mut byte).await.is_ok_and(|read| read == 1) {
            held.push(stream);
        }
    }
    assert_eq!(held.len(), 16);
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.2:0".parse().expect("an address")).expect("a free port");
    let mut other = socket.connect(app.address).await.expect("a connection");
    other.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.expect("sent");
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(held);
}

/// With every request refused for the same cause, the process logs little.
#[tokio::test]
async fn a_repeated_error_is_one_line_a_second() {
    let program = Program::new();
    let server = program.serve_after("trap '' XFSZ");
    server.operator().post("/v1/apis", &afdb()).await.expect(201);
    // A file that cannot grow is a full disk to SQLite: every change fails from here on.
    let pid = format!("--pid={}", server.pid());
    let done = std::process::Command::new("prlimit").args([pid.as_str(), "--fsize=4096:"]).status();
    assert!(done.expect("prlimit runs").success());
    let body = json!({"email": "ada@example.com", "role": "member"});
    for _ in 0..300 {
        assert_ne!(server.operator().post("/v1/users", &body).await.status, 201);
    }
    server.says("repeated lines were left out");
    let stderr = server.kill().stderr;
    let lines = stderr.lines().filter(|line| line.contains("request failed")).count();
    assert!(lines < 100, "{lines} lines for 300 requests");
}

/// Networks are served in turn: a full queue of one network does not prevent another from signing in.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_cannot_hold_the_threads_that_hash() {
    let app = std::sync::Arc::new(behind_proxy().await);
    add_ada(&app).await;
    let mut flood = tokio::task::JoinSet::new();
    for n in 0..400 {
        let app = app.clone();
        flood.spawn(async move {
            login(&app, &format!("198.51.100.{}", n % 250), &format!("user{n}@example.com"), "wrong password")
                .await
                .status
        });
    }
    // The queue is full when the first request of the flood is refused.
    let mut statuses = Vec::new();
    while !statuses.contains(&503) {
        statuses.push(flood.join_next().await.expect("one is refused").expect("an answer"));
    }
    for network in 0..3 {
        let reply =
            login(&app, &format!("203.0.{network}.7"), "ada@example.com", "correct horse battery staple")
                .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    assert!(!flood.is_empty(), "the flood is still under way");
    while let Some(status) = flood.join_next().await {
        statuses.push(status.expect("an answer"));
    }
    assert!(statuses.iter().all(|status| [401, 429, 503].contains(status)), "{statuses:?}");
}
