//! Sends one mail: over SMTP, or into a file if no mail server is configured, so that every flow works on a laptop.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::{Mailbox, Message, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::{Protection, QueuedMail, Server, Transport};
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::platform::queue::{Failed, Outcome};

/// Time limit of one attempt.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct Sender {
    target: Target,
    from: Mailbox,
}

enum Target {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Files(PathBuf),
}

impl Sender {
    pub(super) fn new(way: &Transport, organization: &str) -> Result<Self> {
        let (target, from) = match way {
            Transport::Files(directory) => (Target::Files(directory.clone()), "keywright@localhost"),
            Transport::Smtp(server, from) => (Target::Smtp(transport(server)?), from.as_str()),
        };
        let from = Mailbox::new(Some(organization.to_owned()), from.parse().map_err(Error::internal)?);
        Ok(Self { target, from })
    }

    /// Sends `mail`. `id` is the same for each attempt, so that receivers drop duplicates.
    pub(super) async fn send(&self, mail: &QueuedMail, id: &str, at: Timestamp) -> Outcome {
        let message = self.message(mail, id, at)?;
        match &self.target {
            Target::Smtp(server) => {
                server.send(message).await?;
            }
            Target::Files(directory) => {
                let (directory, name) = (directory.clone(), format!("{}-{id}.eml", at.millis()));
                let written =
                    tokio::task::spawn_blocking(move || write(&directory, &name, &message.formatted()));
                let path = written.await.map_err(|panic| Failed::from(Error::internal(panic)))??;
                tracing::info!(
                    file = %path.display(), to = mail.to, subject = mail.subject,
                    "no mail server is configured: a mail was written to a file"
                );
            }
        }
        Ok(())
    }

    fn message(
        &self,
        mail: &QueuedMail,
        id: &str,
        at: Timestamp,
    ) -> std::result::Result<Message, lettre::error::Error> {
        let to = mail.to.parse().map_err(|_| lettre::error::Error::MissingTo)?;
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.clone())
            .date(UNIX_EPOCH + Duration::from_millis(at.millis().unsigned_abs()))
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.expose().to_owned())
    }
}

fn transport(server: &Server) -> Result<AsyncSmtpTransport<Tokio1Executor>> {
    let host = server.host.as_str();
    let tls = || TlsParameters::new(host.to_owned()).map_err(Error::internal);
    let tls = match server.protection {
        Protection::StartTls => Tls::Required(tls()?),
        Protection::Tls => Tls::Wrapper(tls()?),
        Protection::Loopback => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(server.port)
        .tls(tls)
        .timeout(Some(TIMEOUT));
    if let Some((user, password)) = &server.login {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    Ok(builder.build())
}

/// Writes the whole file or none, readable by its owner only: it contains one-time links.
fn write(directory: &Path, name: &str, content: &[u8]) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let (path, part) = (directory.join(name), directory.join(format!(".{name}.part")));
    let options = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).clone();
    let mut file = options.open(&part)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&part, &path)?;
    Ok(path)
}
