//! Mail to people. Where no mail server is configured, each mail is written to a file in the data directory and named
//! in the log, so that everything can be tried on a laptop.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::{Mailbox, Message, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};
use crate::model::{Email, Secret, Timestamp};
use crate::platform::Services;

/// Mails on their way at once.
const AT_ONCE: usize = 4;
/// Mails that may wait; beyond that they are dropped, and the log says so.
const WAITING: usize = 256;
const TIMEOUT: Duration = Duration::from_secs(30);

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// STARTTLS, and nothing is sent without it.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// None: a server on this machine.
    Loopback,
}

/// A mail server.
#[derive(Debug, Clone)]
pub struct Server {
    /// How the connection is protected.
    pub protection: Protection,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Who we are there.
    pub login: Option<(String, Secret)>,
}

/// Where mail goes.
#[derive(Debug, Clone)]
pub enum Way {
    /// To a mail server, from this address.
    Smtp(Server, String),
    /// Into files of this directory.
    Files(PathBuf),
}

/// Sends mail.
pub struct Mailer {
    way: Sender,
    from: Mailbox,
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Mail may be sent from a commit hook, which runs on the writer's thread.
    runtime: tokio::runtime::Handle,
}

#[derive(Clone)]
enum Sender {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Files(PathBuf),
}

/// A mail of ours: plain text, no pictures, nothing that phones home.
#[derive(Debug, Clone)]
pub struct Mail {
    /// To whom.
    pub to: Email,
    /// About what, in one line.
    pub subject: String,
    /// The text.
    pub text: Secret,
}

impl Mailer {
    /// A mailer; `organization` is the shown name of the sender.
    ///
    /// # Errors
    /// When the sender's address or the server's name is not one, or outside of a runtime.
    pub fn new(way: &Way, organization: &str) -> Result<Self> {
        let (way, from) = match way {
            Way::Files(directory) => (Sender::Files(directory.clone()), "keywright@localhost"),
            Way::Smtp(server, from) => (Sender::Smtp(transport(server)?), from.as_str()),
        };
        let from = Mailbox::new(Some(organization.to_owned()), from.parse().map_err(Error::internal)?);
        let permits = |count| Arc::new(Semaphore::new(count));
        let runtime = tokio::runtime::Handle::try_current().map_err(Error::internal)?;
        Ok(Self { way, from, running: permits(AT_ONCE), waiting: permits(WAITING), runtime })
    }

    /// Sends `mail` in the background; whoever asked does not wait, and cannot tell from the time whether there was
    /// anything to send.
    pub fn send(&self, services: &Services, mail: Mail) {
        let Ok(place) = self.waiting.clone().try_acquire_owned() else {
            tracing::error!(subject = mail.subject, "a mail was dropped: too many wait for the mail server");
            return;
        };
        let name: [u8; 8] = services.random();
        let (way, now, running) = (self.way.clone(), services.now(), self.running.clone());
        let message = match self.message(&mail, now, name) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(%error, subject = mail.subject, "a mail could not be written");
                return;
            }
        };
        self.runtime.spawn(async move {
            let _place = place;
            let _turn = running.acquire().await;
            let sent = match way {
                Sender::Smtp(server) => {
                    server.send(message).await.map(drop).map_err(|error| error.to_string())
                }
                Sender::Files(directory) => {
                    write(&directory, now, name, &message, &mail).map_err(|error| error.to_string())
                }
            };
            if let Err(error) = sent {
                tracing::error!(error, subject = mail.subject, "a mail could not be sent");
            }
        });
    }

    fn message(
        &self,
        mail: &Mail,
        now: Timestamp,
        name: [u8; 8],
    ) -> std::result::Result<Message, lettre::error::Error> {
        let to = Mailbox::new(None, mail.to.as_str().parse().map_err(|_| lettre::error::Error::MissingTo)?);
        let sent_at = UNIX_EPOCH + Duration::from_millis(now.millis().unsigned_abs());
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(mail.subject.clone())
            .date(sent_at)
            .message_id(Some(format!("<{}@{}>", hex(&name), self.from.email.domain())))
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

/// Readable by nobody else: it holds links that act for people.
fn write(
    directory: &std::path::Path,
    now: Timestamp,
    name: [u8; 8],
    message: &Message,
    mail: &Mail,
) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let path = directory.join(format!("{}-{}.eml", now.millis(), hex(&name)));
    let mut file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path)?;
    file.write_all(&message.formatted())?;
    tracing::info!(
        file = %path.display(), to = mail.to.as_str(), subject = mail.subject,
        "no mail server is configured: a mail was written to a file"
    );
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
