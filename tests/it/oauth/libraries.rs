//! Other people's OAuth clients, unchanged and with no check switched off, against this server over TLS. They run in
//! Node.js and Python; what they need is installed under `target` at the first run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;
use tokio::sync::OnceCell;

use keywright::config::Tls;
use keywright::model::Timestamp;
use keywright::model::setting::SigningAlg;

use super::flow::{App, PASSWORD, people};
use crate::support::TestApp;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/libraries");
const GOODBYE: &str = "https://yourapp.example/goodbye";
const AUDIENCE: &str = "https://api.aifordatabase.example";

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("libraries"));

/// A server with RSA keys, TLS by an authority of its own, and the time of day that the libraries see.
struct Secure {
    app: TestApp,
    authority: PathBuf,
    _folder: tempfile::TempDir,
}

impl Secure {
    #[expect(clippy::disallowed_methods, reason = "the libraries compare with the machine's own clock")]
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = folder.path().join("ca.pem");
        let tls = certify(folder.path(), &authority);
        let app = TestApp::with(|config| {
            config.http.tls = Some(tls);
            config.sign_in.signing_alg = SigningAlg::Rs256;
            config.oauth.dynamic_registration = true;
            config.oauth.registration_api = Some("afdb".to_owned());
        })
        .await;
        let since_epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
        app.clock.set_wall(Timestamp::from_seconds(i64::try_from(since_epoch.as_secs()).expect("in range")));
        people(&app).await;
        Self { app, authority, _folder: folder }
    }

    /// Runs a library against the server.
    async fn run(&self, program: &Path, script: &str, client: Option<&App>) {
        let mut command = Command::new(program);
        command
            .arg(FOLDER.join(script))
            .env("NODE_EXTRA_CA_CERTS", &self.authority)
            .env("REQUESTS_CA_BUNDLE", &self.authority)
            .env("ISSUER", &self.app.core().settings.public_url)
            .env("REDIRECT_URI", super::flow::CALLBACK)
            .env("GOODBYE", GOODBYE)
            .env("AUDIENCE", AUDIENCE)
            .env("EMAIL", "ada@example.com")
            .env("PASSWORD", PASSWORD);
        if let Some(client) = client {
            command.env("CLIENT_ID", &client.id);
            command.env("CLIENT_SECRET", client.secret.as_deref().unwrap_or_default());
        }
        let output = output(command).await;
        assert!(output.status.success(), "{script}\n{}", said(&output));
    }

    async fn client(&self) -> App {
        App::register(&self.app, json!({"post_logout_redirect_uris": [GOODBYE]})).await
    }
}

/// Runs a program while the server goes on answering.
async fn output(mut command: Command) -> Output {
    let name = command.get_program().to_owned();
    let run = move || command.output().unwrap_or_else(|error| panic!("{}: {error}", name.display()));
    tokio::task::spawn_blocking(run).await.expect("no panic")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// An authority that nobody knows, and a certificate of it for this machine.
fn certify(folder: &Path, authority: &Path) -> Tls {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    // Without a name of its own, each certificate would look like its own issuer.
    params.distinguished_name.push(DnType::CommonName, "Test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    std::fs::write(authority, params.self_signed(&key).expect("a certificate").pem()).expect("written");
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
    params.distinguished_name.push(DnType::CommonName, "127.0.0.1");
    let leaf = params.signed_by(&key, &issuer).expect("a certificate");
    let tls = Tls { cert: folder.join("server.pem"), key: folder.join("server.key") };
    std::fs::write(&tls.cert, leaf.pem()).expect("written");
    std::fs::write(&tls.key, key.serialize_pem()).expect("written");
    tls
}

/// The libraries, installed once; again when what is wanted has changed.
async fn install(wanted: &[&str], stamp: &str, commands: &[&[&str]]) {
    std::fs::create_dir_all(&*FOLDER).expect("a folder");
    for entry in std::fs::read_dir(SCRIPTS).expect("the scripts") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            std::fs::copy(&path, FOLDER.join(path.file_name().expect("a name"))).expect("copied");
        }
    }
    let read = |name: &&str| std::fs::read_to_string(FOLDER.join(name)).expect("what is wanted");
    let wanted: String = wanted.iter().map(read).collect();
    let stamp = FOLDER.join(stamp);
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return;
    }
    for command in commands {
        let mut installer = Command::new(command[0]);
        installer.args(&command[1..]).current_dir(&*FOLDER);
        let output = output(installer).await;
        assert!(output.status.success(), "{command:?}\n{}", said(&output));
    }
    std::fs::write(stamp, wanted).expect("written");
}

async fn node() -> &'static Path {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED
        .get_or_init(|| async {
            let npm: &[&str] = &["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"];
            install(&["package.json", "package-lock.json"], ".node", &[npm]).await;
        })
        .await;
    Path::new("node")
}

async fn python() -> PathBuf {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let program = FOLDER.join("python/bin/python");
    INSTALLED
        .get_or_init(|| async {
            let make: &[&str] = &["python3", "-m", "venv", "python"];
            let pip: &[&str] = &[
                "python/bin/python",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--requirement",
                "requirements.txt",
            ];
            install(&["requirements.txt"], ".python", &[make, pip]).await;
        })
        .await;
    program
}

#[tokio::test]
async fn openid_client_runs_every_flow() {
    let secure = Secure::start().await;
    let client = secure.client().await;
    secure.run(node().await, "openid-client.mjs", Some(&client)).await;
}

#[tokio::test]
async fn oauth4webapi_runs_every_flow() {
    let secure = Secure::start().await;
    let client = secure.client().await;
    secure.run(node().await, "oauth4webapi.mjs", Some(&client)).await;
}

#[tokio::test]
async fn authlib_runs_every_flow() {
    let secure = Secure::start().await;
    let client = secure.client().await;
    secure.run(&python().await, "authlib_client.py", Some(&client)).await;
}

#[tokio::test]
async fn an_agent_finds_registers_and_authorizes_itself() {
    let secure = Secure::start().await;
    secure.run(node().await, "mcp.mjs", None).await;
}
