//! Mail over SMTP, to a server that is not ours: with STARTTLS, with TLS from the first byte, and on this machine
//! without.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::support::certificates::certify;
use crate::support::{Program, Server, libraries};

/// This machine by a name that does not say so: where it is known to be this machine, TLS is not asked for.
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
        let mut command = libraries::script("smtp_server.py").await;
        command.arg(protection).args(files).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&lines.next().expect("its port").unwrap()).unwrap();
        Self { child, lines, port: first["port"].as_u64().unwrap() }
    }

    /// The next mail; waits for it.
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

/// Invites somebody, has them confirm their address and set their password anew: each by the link in a mail.
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

/// Sends through a server with TLS, after making sure that one whose certificate nobody vouches for gets nothing.
async fn with_tls(protection: &str, scheme: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (tls, authority) = certify(folder.path(), &[ELSEWHERE]);
    let mut inbox = Postbox::open(protection, &[&tls.cert, &tls.key]).await;
    let url = format!("{scheme}://{LOGIN}@{ELSEWHERE}:{}", inbox.port);

    let mut program = mailing_by(&url);
    let careful = program.serve::<&str>([]);
    let invitation = json!({"email": "eve@example.com", "role": "member"});
    careful.operator().post("/v1/invitations", &invitation).await.expect(201);
    careful.says("a mail could not be sent");
    careful.stop();

    program.set("SSL_CERT_FILE", authority.to_str().unwrap());
    let server = program.serve::<&str>([]);
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
    server.says("a mail could not be sent");
}

#[tokio::test]
async fn a_mail_server_on_this_machine_needs_no_tls() {
    let mut inbox = Postbox::open("none", &[]).await;
    let program = mailing_by(&format!("smtp://127.0.0.1:{}", inbox.port));
    let server = program.serve::<&str>([]);
    let mails = mails_arrive(&server, &mut inbox).await;
    assert!(mails.iter().all(|mail| mail["tls"] == false), "{mails:?}");
}
