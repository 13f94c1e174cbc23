//! Common OAuth client libraries, unchanged and with all checks enabled, against this server over TLS.

use std::path::PathBuf;

use serde_json::json;

use keywright::model::Timestamp;
use keywright::model::setting::SigningAlg;

use super::flow::{App, PASSWORD, people};
use crate::support::certificates::certify;
use crate::support::{TestApp, libraries};

const GOODBYE: &str = "https://yourapp.example/goodbye";
const AUDIENCE: &str = "https://api.aifordatabase.example";

/// A server with RSA keys, TLS by an authority of its own, and the system's time of day for the libraries.
struct Secure {
    app: TestApp,
    authority: PathBuf,
    _folder: tempfile::TempDir,
}

impl Secure {
    #[expect(clippy::disallowed_methods, reason = "the libraries compare with the machine's own clock")]
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (tls, authority) = certify(folder.path(), &["127.0.0.1"]);
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
        app.services().clock.accept();
        people(&app).await;
        Self { app, authority, _folder: folder }
    }

    /// Runs a library against the server.
    async fn run(&self, script: &str, client: Option<&App>) {
        let mut command = libraries::script(script).await;
        command
            .env("NODE_EXTRA_CA_CERTS", &self.authority)
            .env("REQUESTS_CA_BUNDLE", &self.authority)
            .env("ISSUER", &self.app.services().settings.public_url)
            .env("REDIRECT_URI", super::flow::CALLBACK)
            .env("GOODBYE", GOODBYE)
            .env("AUDIENCE", AUDIENCE)
            .env("EMAIL", "ada@example.com")
            .env("PASSWORD", PASSWORD);
        if let Some(client) = client {
            command.env("CLIENT_ID", &client.id);
            command.env("CLIENT_SECRET", client.secret.as_deref().unwrap_or_default());
        }
        libraries::run(command).await;
    }

    async fn client(&self) -> App {
        App::register(&self.app, json!({"post_logout_redirect_uris": [GOODBYE]})).await
    }
}

#[tokio::test]
async fn openid_client_runs_every_flow() {
    let secure = Secure::start().await;
    let client = secure.client().await;
    secure.run("openid-client.mjs", Some(&client)).await;
}

#[tokio::test]
async fn oauth4webapi_runs_every_flow() {
    let secure = Secure::start().await;
    let client = secure.client().await;
    secure.run("oauth4webapi.mjs", Some(&client)).await;
}

#[tokio::test]
async fn authlib_runs_every_flow() {
    let secure = Secure::start().await;
    let client = secure.client().await;
    secure.run("authlib_client.py", Some(&client)).await;
}

#[tokio::test]
async fn an_agent_finds_registers_and_authorizes_itself() {
    let secure = Secure::start().await;
    secure.run("mcp.mjs", None).await;
}
