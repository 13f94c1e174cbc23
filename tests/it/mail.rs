//! Mail over SMTP to a foreign server: with STARTTLS, with TLS from the first byte, and on this machine without TLS;
//! through outages, kills and stops.

use std::io::{BufRead as _, BufReader, Lines};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use keywright::config::{Mail, SmtpSecurity, SmtpUrl};

use crate::support::certificates::certify;
use crate::support::{Program, Server, TestApp, libraries};

/// A host name of this machine that is not known as loopback, so that TLS is required.
const ELSEWHERE: &str = "0x7f000001";
const LOGIN: &str = "auth%40example.com:pa%20ss%25word";

/// A mail server.
struct Postbox {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u64,
}

impl Postbox {
    async fn open(protection: &str, files: &[&std::path::Path]) -> Self {
        Self::at(0, protection, files).await
    }

    async fn at(port: u16, protection: &str, files: &[&std::path::Path]) -> Self {
        let mut command = libraries::script("smtp_server.py").await;
        command.env("PORT", port.to_string());
        command.arg(protection).args(files).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().expect("its port").unwrap()).unwrap();
        Self { child, lines, port: first["port"].as_u64().unwrap() }
    }

    /// Waits for the next mail.
    fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().expect("a mail").unwrap()).unwrap()
    }
}

impl Drop for Postbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The token of the link in a mail.
fn token(mail: &Value) -> String {
    let text = mail["text"].as_str().unwrap();
    let token = text.split("#token=").nth(1).unwrap_or_else(|| panic!("no link: {text}"));
    token.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
}

fn mailing_by(url: &str) -> Program {
    let mut program = Program::new();
    program.set("KEYWRIGHT_SMTP_URL", url);
    program.set("KEYWRIGHT_SMTP_FROM", "auth@example.com");
    program.set("KEYWRIGHT_ORGANIZATION", "Example GmbH");
    program
}

/// Invites a person, who confirms their address and resets their password: each by the link in a mail.
async fn mails_arrive(server: &Server, inbox: &mut Postbox) -> Vec<Value> {
    let (operator, anyone) = (server.operator(), server.anonymous());
    let invitation = json!({"email": "ada@example.com", "role": "member"});
    operator.post("/v1/invitations", &invitation).await.expect(201);
    let invited = inbox.next();
    let accept = json!({"token": token(&invited), "password": "correct horse battery staple"});
    anyone.post("/v1/auth/invitation/accept", &accept).await.expect(201);

    let user =
        json!({"email": "bob@example.com", "role": "member", "password": "correct horse battery staple"});
    operator.post("/v1/users", &user).await.expect(201);
    let login = json!({"email": "bob@example.com", "password": "correct horse battery staple"});
    let tokens = anyone.post("/v1/auth/login", &login).await.expect(200);
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let bob = anyone.with("authorization", &bearer);
    bob.post("/v1/auth/email/verification", &json!({})).await.expect(202);
    let verification = inbox.next();
    anyone.post("/v1/auth/email/verify", &json!({"token": token(&verification)})).await.expect(204);

    anyone.post("/v1/auth/password/forgot", &json!({"email": "bob@example.com"})).await.expect(202);
    let reset = inbox.next();
    let new = json!({"token": token(&reset), "password": "another excellent passphrase"});
    anyone.post("/v1/auth/password/reset", &new).await.expect(204);
    vec![invited, verification, reset]
}

/// Sends through a server with TLS; a server with an untrusted certificate gets no mail.
async fn with_tls(protection: &str, scheme: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (tls, authority) = certify(folder.path(), &[ELSEWHERE]);
    let mut inbox = Postbox::open(protection, &[&tls.cert, &tls.key]).await;
    let url = format!("{scheme}://{LOGIN}@{ELSEWHERE}:{}", inbox.port);

    let mut program = mailing_by(&url);
    let careful = program.serve::<&str>([]);
    let invitation = json!({"email": "eve@example.com", "role": "member"});
    careful.operator().post("/v1/invitations", &invitation).await.expect(201);
    careful.says("work failed; it will be tried again");
    careful.stop();

    // The queued mail arrives after the certificate is trusted.
    program.set("SSL_CERT_FILE", authority.to_str().unwrap());
    let server = program.serve::<&str>([]);
    assert_eq!(inbox.next()["to"], json!(["eve@example.com"]));
    let mails = mails_arrive(&server, &mut inbox).await;
    for (mail, to) in mails.iter().zip(["ada@example.com", "bob@example.com", "bob@example.com"]) {
        assert_eq!((&mail["tls"], &mail["signed_in"]), (&json!(true), &json!(true)), "{mail}");
        assert_eq!((&mail["from"], &mail["to"]), (&json!("auth@example.com"), &json!([to])));
        assert_eq!(mail["header_from"], "Example GmbH <auth@example.com>");
        assert!(mail["message_id"].as_str().unwrap().ends_with("@example.com>"), "{mail}");
        assert!(mail["text"].as_str().unwrap().contains(&server.url), "{mail}");
    }
    let ended = server.stop();
    for secret in mails.iter().map(token).chain(["pa ss%word".to_owned(), "pa%20ss".to_owned()]) {
        assert!(!ended.stderr.contains(&secret), "{}", ended.stderr);
    }
    assert!(!program.data().join("mail").exists(), "no copy stays");
}

#[tokio::test]
async fn mail_goes_by_starttls() {
    with_tls("starttls", "smtp").await;
}

#[tokio::test]
async fn mail_goes_by_tls_from_the_first_byte() {
    with_tls("tls", "smtps").await;
}

#[tokio::test]
async fn without_starttls_nothing_is_sent_elsewhere() {
    let inbox = Postbox::open("none", &[]).await;
    let program = mailing_by(&format!("smtp://{ELSEWHERE}:{}", inbox.port));
    let server = program.serve::<&str>([]);
    let invitation = json!({"email": "ada@example.com", "role": "member"});
    server.operator().post("/v1/invitations", &invitation).await.expect(201);
    server.says("work failed; it will be tried again");
}

#[tokio::test]
async fn a_mail_server_on_this_machine_needs_no_tls() {
    let mut inbox = Postbox::open("none", &[]).await;
    let program = mailing_by(&format!("smtp://127.0.0.1:{}", inbox.port));
    let server = program.serve::<&str>([]);
    let mails = mails_arrive(&server, &mut inbox).await;
    assert!(mails.iter().all(|mail| mail["tls"] == false), "{mails:?}");
}

/// A server in this process that mails to a port of this machine, with a clock that the test advances.
async fn app_mailing_to(port: u16) -> TestApp {
    TestApp::with(|config| {
        let (security, host) = (SmtpSecurity::Loopback, "127.0.0.1".to_owned());
        let server = SmtpUrl { security, host, port, login: None };
        config.mail = Some(Mail { server, from: "auth@example.com".to_owned() });
    })
    .await
}

async fn invite(app: &TestApp, email: &str) {
    let invitation = json!({"email": email, "role": "member"});
    app.operator().post("/v1/invitations", &invitation).await.expect(201);
}

async fn run_due(app: &TestApp) {
    keywright::worker::run_due(app.services()).await;
}

/// A port of a mail server that closes each connection at once, and the number of connections to it.
fn broken_server() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, count) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counter = count.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            drop(connection);
        }
    });
    (port, count)
}

/// A port without a listener.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn receivers(mails: &[Value]) -> Vec<String> {
    let mut receivers: Vec<String> =
        mails.iter().map(|mail| mail["to"][0].as_str().unwrap().to_owned()).collect();
    receivers.sort();
    receivers
}

#[tokio::test]
async fn mail_waits_out_an_outage_and_a_restart_in_it() {
    let port = free_port();
    let mut app = app_mailing_to(port).await;
    let everyone = ["ada@example.com", "bob@example.com", "eve@example.com"];
    for email in everyone {
        invite(&app, email).await;
    }
    run_due(&app).await;
    app.advance(3 * 3_600);
    run_due(&app).await;
    app.restart().await;
    app.advance(3 * 3_600);
    run_due(&app).await;
    let mut inbox = Postbox::at(port, "none", &[]).await;
    // The longest wait is 15 minutes, plus a fifth.
    app.advance(1_080);
    run_due(&app).await;
    let mails: Vec<Value> = everyone.iter().map(|_| inbox.next()).collect();
    assert_eq!(receivers(&mails), everyone);
    // Each once: the mail that is queued next is the next to arrive.
    app.advance(7_200);
    invite(&app, "last@example.com").await;
    run_due(&app).await;
    let last = inbox.next();
    assert_eq!(last["to"], json!(["last@example.com"]));
    let accept = json!({"token": token(&last), "password": "correct horse battery staple"});
    app.anonymous().post("/v1/auth/invitation/accept", &accept).await.expect(201);
}

#[tokio::test]
async fn attempts_grow_rarer_and_end_when_the_link_does() {
    let (port, attempts) = broken_server();
    let app = app_mailing_to(port).await;
    let user =
        json!({"email": "ada@example.com", "role": "member", "password": "correct horse battery staple"});
    app.operator().post("/v1/users", &user).await.expect(201);
    app.anonymous().post("/v1/auth/password/forgot", &json!({"email": "ada@example.com"})).await.expect(202);
    run_due(&app).await;
    let mut expected = attempts.load(Ordering::SeqCst);
    assert_eq!(expected, 1);
    let mut passed = 0;
    for wait in [5, 10, 30, 60, 120, 300, 600] {
        app.advance(wait - 1);
        run_due(&app).await;
        assert_eq!(attempts.load(Ordering::SeqCst), expected, "before {wait} s");
        app.advance(1 + wait.div_ceil(5));
        run_due(&app).await;
        expected += 1;
        assert_eq!(attempts.load(Ordering::SeqCst), expected, "after {wait} s");
        passed += wait + wait.div_ceil(5);
    }
    // The link expires after an hour: then the mail is given up, and its text is deleted.
    app.advance(3_600 - passed);
    run_due(&app).await;
    app.advance(86_400);
    run_due(&app).await;
    assert!(attempts.load(Ordering::SeqCst) <= expected + 1);
    let states = app.services().queue.states().unwrap();
    let mail = states.iter().find(|state| state.kind == "mail").unwrap();
    assert_eq!((mail.waiting, mail.dead), (0, 1));
}

#[tokio::test]
async fn a_receiver_who_is_refused_for_good_is_not_tried_again_and_delays_no_other() {
    let mut inbox = Postbox::open("none", &[]).await;
    let app = app_mailing_to(u16::try_from(inbox.port).unwrap()).await;
    for email in ["never@example.com", "full@example.com", "ada@example.com"] {
        invite(&app, email).await;
    }
    run_due(&app).await;
    assert_eq!(inbox.next()["to"], json!(["ada@example.com"]));
    let states = app.services().queue.states().unwrap();
    let mail = states.iter().find(|state| state.kind == "mail").unwrap();
    assert_eq!((mail.waiting, mail.dead), (1, 1));
}

#[tokio::test]
async fn a_mail_server_that_hangs_delays_neither_changes_nor_jobs() {
    // Accepts connections and sends nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let app = app_mailing_to(silent.local_addr().unwrap().port()).await;
    for number in 0..8 {
        invite(&app, &format!("user{number}@example.com")).await;
    }
    let states = || app.services().queue.states().unwrap();
    let job =
        |name: &str| states().into_iter().find(|state| state.kind == name).and_then(|job| job.succeeded_at);
    let before = app.now();
    app.advance(3_600);
    // The server's own lanes check once a second.
    while job("idempotency.sweep").is_none_or(|at| at <= before) {
        tokio::task::yield_now().await;
    }
    let mail = states().into_iter().find(|state| state.kind == "mail").unwrap();
    assert_eq!(mail.waiting, 8);
}

#[tokio::test]
async fn a_mail_outlives_a_kill_between_its_commit_and_its_sending() {
    // A mail server that hangs keeps the mail in the queue.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let program = mailing_by(&format!("smtp://127.0.0.1:{port}"));
    let server = program.serve::<&str>([]);
    let invitation = json!({"email": "ada@example.com", "role": "member"});
    server.operator().post("/v1/invitations", &invitation).await.expect(201);
    let _on_its_way = silent.accept().unwrap();
    server.kill();
    drop(silent);
    let mut inbox = Postbox::at(port, "none", &[]).await;
    let server = program.serve::<&str>([]);
    let mail = inbox.next();
    let accept = json!({"token": token(&mail), "password": "correct horse battery staple"});
    server.anonymous().post("/v1/auth/invitation/accept", &accept).await.expect(201);
}

#[tokio::test]
async fn a_stop_is_quick_and_keeps_what_is_queued() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let program = mailing_by(&format!("smtp://127.0.0.1:{port}"));
    let server = program.serve::<&str>([]);
    for number in 0..6 {
        let invitation = json!({"email": format!("user{number}@example.com"), "role": "member"});
        server.operator().post("/v1/invitations", &invitation).await.expect(201);
    }
    let _on_its_way = silent.accept().unwrap();
    // An SMTP attempt would get 30 s.
    let (stopped, has_stopped) = std::sync::mpsc::channel();
    std::thread::spawn(move || stopped.send(server.stop().code));
    assert_eq!(has_stopped.recv_timeout(std::time::Duration::from_secs(15)), Ok(Some(0)));
    drop(silent);
    let mut inbox = Postbox::at(port, "none", &[]).await;
    let _server = program.serve::<&str>([]);
    let mails: Vec<Value> = (0..6).map(|_| inbox.next()).collect();
    assert_eq!(receivers(&mails), (0..6).map(|n| format!("user{n}@example.com")).collect::<Vec<_>>());
}
