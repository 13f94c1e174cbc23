//! Mail to people: queued in the transaction of its change, and sent by a lane of its own.

mod send;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use self::send::Sender;
use crate::error::Result;
use crate::model::{Email, Secret, Timestamp};
use crate::platform::queue::{Failed, Lane, NewWork, Outcome, Queue, Retry, Work};
use crate::store::Tx;

/// The lane's kind.
const KIND: &str = "mail";
/// Format of a queued mail.
const VERSION: i64 = 1;
/// Mails sent concurrently.
const AT_ONCE: usize = 4;
/// Maximum number of waiting mails, as during an outage of the mail server.
const MOST_WAITING: i64 = 10_000;
/// Time that a stop waits for mails in flight. The others are sent after the next start.
const GRACE: Duration = Duration::from_secs(1);
/// Retries until the mail expires: after seconds at first, then every 15 minutes.
const RETRY: Retry = Retry { waits_seconds: &[5, 10, 30, 60, 120, 300, 600, 900], repeats: true };

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// STARTTLS; a server without it gets no mail.
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
    /// User name and password, if the server requires them.
    pub login: Option<(String, Secret)>,
}

/// Destination of mail.
#[derive(Debug, Clone)]
pub enum Transport {
    /// A mail server, and the sender's address.
    Smtp(Server, String),
    /// Files in this directory.
    Files(PathBuf),
}

/// A mail: plain text, no pictures, no tracking.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The receiver.
    pub to: Email,
    /// The subject, one line.
    pub subject: String,
    /// The text. It may hold a one-time link.
    pub text: Secret,
    /// Time after which the mail is useless and is not sent: the expiry of its link.
    pub expires_at: Timestamp,
}

/// Queues mail and sends it.
pub struct Mailer {
    queue: Arc<Queue>,
    sender: Arc<Sender>,
}

/// Payload of a queued mail.
#[derive(Deserialize)]
struct QueuedMail {
    to: String,
    subject: String,
    text: Secret,
}

impl Mailer {
    /// A mailer; `organization` is the display name of the sender.
    ///
    /// # Errors
    /// When the sender's address or the server's name is not valid.
    pub fn new(queue: Arc<Queue>, way: &Transport, organization: &str) -> Result<Self> {
        Ok(Self { queue, sender: Arc::new(Sender::new(way, organization)?) })
    }

    /// Queues `mail` in the transaction of its change.
    pub fn queue(&self, tx: &mut Tx<'_>, mail: &Mail, now: Timestamp) -> Result<()> {
        let payload = json!({"to": mail.to.as_str(), "subject": mail.subject, "text": mail.text.expose()});
        let payload = Zeroizing::new(payload.to_string());
        let work = NewWork {
            kind: KIND,
            version: VERSION,
            payload: payload.as_bytes(),
            most_waiting: MOST_WAITING,
            now,
            expires_at: mail.expires_at,
        };
        self.queue.push(tx, &work)
    }

    /// The lane that sends queued mail.
    pub fn lane(&self) -> Lane {
        let sender = self.sender.clone();
        Lane::items(KIND, AT_ONCE, RETRY, GRACE, move |work| {
            let sender = sender.clone();
            Box::pin(async move { deliver(&sender, work).await })
        })
    }
}

async fn deliver(sender: &Sender, work: Work) -> Outcome {
    let permanent = |error: String| Failed { error, permanent: true };
    if work.version != VERSION {
        return Err(permanent(format!("a mail has the unknown format {}", work.version)));
    }
    let mail: QueuedMail = serde_json::from_slice(&work.payload)
        .map_err(|error| permanent(format!("a queued mail cannot be read: {:?}", error.classify())))?;
    sender.send(&mail, &work.id, work.created_at).await
}

impl From<lettre::error::Error> for Failed {
    fn from(error: lettre::error::Error) -> Self {
        Self { error: error.to_string(), permanent: true }
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self { error: error.to_string(), permanent: false }
    }
}

impl From<lettre::transport::smtp::Error> for Failed {
    /// A permanent refusal of the receiver or the text (RFC 5321, section 4.2.1: 5yz) is not retried. A refused login
    /// (53z) is retried: an operator can correct it.
    fn from(error: lettre::transport::smtp::Error) -> Self {
        let login = error.status().is_some_and(|code| (530..540).contains(&u16::from(code)));
        Self { error: error.to_string(), permanent: error.is_permanent() && !login }
    }
}
