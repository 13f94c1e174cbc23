//! The composition root: opens the data directory, connects the parts, listens, and stops in order: HTTP first, then
//! the buffers, then the checkpoint.

mod data;
mod listeners;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::activity;
use crate::config::{Config, Mail, SmtpSecurity};
use crate::domain::identity::Services;
use crate::domain::identity::login_throttle;
use crate::domain::identity::login_throttle::{Throttle, ThrottleDrain};
use crate::domain::policy::catalog::Catalog;
use crate::domain::{identity, instance, policy};
use crate::env::{Clock, Rng, SystemClock, SystemRng, TrustedClock};
use crate::http::metrics::Metrics;
use crate::http::{self, server};
use crate::model::Bounds;
use crate::model::setting::Settings;
use crate::platform;
use crate::platform::mail;
use crate::platform::queue::Queue;
use crate::store::{Db, Drain, Error as DbError, Options as DbOptions, Tx, migrate};
use crate::worker;

/// Reason why the server did not start: one sentence with the remedy.
#[derive(Debug)]
pub struct Failure(pub String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// What a test replaces: time, randomness and bounds.
#[derive(Clone)]
pub struct Env {
    /// The source of time.
    pub clock: Arc<dyn Clock>,
    /// The source of ids and secrets.
    pub rng: Arc<dyn Rng>,
    /// Bounds of what callers can make the server store.
    pub bounds: Bounds,
}

impl Default for Env {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), rng: Arc::new(SystemRng), bounds: Bounds::default() }
    }
}

/// Listeners besides `control.sock`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// The configured address too.
    Tcp,
    /// None: for a command that uses the rules for a moment.
    ControlOnly,
}

/// A running server. [`Running::stop`] stops it in order; dropping it aborts its tasks at once.
pub struct Running {
    /// Services of every room.
    pub services: Arc<Services>,
    /// Address of the public listener, with the actual port even if 0 was requested.
    pub address: Option<SocketAddr>,
    /// Address of the metrics listener.
    pub metrics_address: Option<SocketAddr>,
    /// Path of `control.sock`.
    pub control: PathBuf,
    /// Set if this process terminates TLS.
    identity: Option<Arc<server::Identity>>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// Held until the end, so that no other process opens the file while this one writes.
    _lock: std::fs::File,
}

/// Opens the data directory and serves requests.
///
/// # Errors
/// When the directory, the file, the key, the certificate or the address cannot be used.
pub async fn start(config: &Config, env: Env, listen: Listen) -> Result<Running, Failure> {
    let data = data::open(config, &env)?;
    let identity = config.http.tls.as_ref().filter(|_| listen == Listen::Tcp);
    let identity = identity.map(listeners::identity).transpose()?;
    let tcp = match listen {
        Listen::ControlOnly => None,
        Listen::Tcp => Some(listeners::tcp("--listen", config.http.listen, identity.as_ref()).await?),
    };
    let metrics_listener = match (listen, config.http.metrics_listen) {
        (Listen::Tcp, Some(address)) => Some(listeners::tcp("--metrics-listen", address, None).await?),
        _ => None,
    };
    let metrics_address = metrics_listener.as_ref().map(|bound| bound.address);
    let address = tcp.as_ref().map(|bound| bound.address);
    let services = compose(config, env, &data, address).await?;
    let control = config.control_socket_path();
    let (control_listener, operator_uid) = listeners::control(&control)?;
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let options = http::Options {
        trust: http::context::Trust { proxies: config.http.trusted_proxies.clone(), operator_uid },
        https: services.settings.public_url.starts_with("https:"),
    };
    let connections = Arc::new(server::Connections::default());
    let metrics = Metrics::new(connections.clone(), identity.clone(), services.now(), migrate::VERSION);
    let metrics = Arc::new(metrics);
    let endpoint = Arc::new(http::endpoint(&services, options, &metrics));
    tasks.spawn(server::serve(
        control_listener,
        endpoint.clone(),
        listeners::control_limits(),
        stopped.clone(),
    ));
    if let Some(public) = tcp {
        let limits = listeners::public_limits(config.http.max_connections, &config.http.trusted_proxies)?;
        let options = server::Options { connections, ..limits };
        tasks.spawn(server::serve(public.listener, endpoint, options, stopped.clone()));
    }
    if let Some(bound) = metrics_listener {
        let endpoint = Arc::new(http::metrics_endpoint(&services, &metrics));
        tasks.spawn(server::serve(bound.listener, endpoint, listeners::control_limits(), stopped.clone()));
    }
    if let Some(identity) = identity.clone() {
        tasks.spawn(listeners::follow(identity, stopped.clone()));
    }
    tasks.spawn(worker::run(services.clone(), stopped));
    Ok(Running { services, address, metrics_address, control, identity, stop, tasks, _lock: data.lock })
}

impl Running {
    /// Uses the current certificate files for new connections. A change of the files is also noticed within a minute.
    pub fn reload(&self) {
        if let Some(identity) = &self.identity {
            listeners::reload(identity);
        }
    }

    /// Stops in order: requests in flight are answered, buffered activity is written, the write-ahead log is merged
    /// into the file.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        if let Err(error) = policy::limits::save(&self.services).await {
            tracing::warn!(?error, "rate limits are not saved: they are full after the next start");
        }
        let db = self.services.db.clone();
        let _ = tokio::task::spawn_blocking(move || db.stop()).await;
        let _ = std::fs::remove_file(&self.control);
    }
}

async fn compose(
    config: &Config,
    env: Env,
    data: &data::Data,
    address: Option<SocketAddr>,
) -> Result<Arc<Services>, Failure> {
    let vault = Arc::new(data::vault(&data.master_key)?);
    let clock = Arc::new(TrustedClock::new(env.clock));
    let retention =
        activity::Retention { days: config.activity.retention_days, max_bytes: config.activity.max_bytes };
    let options = activity::Options { retention, ..activity::Options::default() };
    let (log, appender) = activity::open(&vault, clock.clone(), options);
    let engine = policy::Engine::new(config.cache_bytes, &vault);
    let throttle = Throttle::new(&vault, login_throttle::Options::default());
    let behind = WriteBehind { usage: engine.usage_drain(), throttle: throttle.drain(), activity: appender };
    let db =
        Db::open(&DbOptions::new(&data.database), Box::new(behind)).map_err(|error| data.explain(&error))?;
    let failed = |error| Failure(format!("{error:?}"));
    let queue = Arc::new(Queue::new(db.clone(), clock.clone(), env.rng.clone(), vault.clone()));
    let mailer =
        mail::Mailer::new(queue.clone(), &mail_transport(config), &config.organization).map_err(failed)?;
    let platform = platform::Services { db, clock, rng: env.rng, vault, queue, mailer };
    let activity = activity::Services { platform: Arc::new(platform), log };
    let policy = policy::Services { activity: Arc::new(activity), catalog: Catalog::default(), engine };
    let options =
        identity::Options { bounds: env.bounds, ..identity::Options::new(config.sign_in.signing_alg) };
    let services = identity::Services::start(Arc::new(policy), settings(config, address), throttle, &options);
    let services = Arc::new(services.map_err(failed)?);
    let prepared = instance::prepare(&services).await;
    // The operator gets the cause, which API callers never get.
    let prepared = match prepared {
        Ok(()) => worker::begin(&services).await,
        failed => failed,
    };
    prepared.map_err(|error| data.explain(&error.cause().unwrap_or(&error.message)))?;
    Ok(services)
}

fn settings(config: &Config, address: Option<SocketAddr>) -> Settings {
    let registration_api = config.oauth.registration_api.clone();
    Settings {
        public_url: config.public_url(address),
        local_url: config.local_url(address),
        organization: config.organization.clone(),
        signup: config.sign_in.signup,
        default_api: config.sign_in.default_api.clone(),
        access_token_seconds: config.sign_in.access_token_seconds,
        refresh_grace_seconds: config.sign_in.refresh_grace_seconds,
        refresh_max_seconds: config.sign_in.refresh_max_seconds,
        session_idle_seconds: config.sign_in.session_idle_seconds,
        hsts_subdomains: config.http.hsts_subdomains,
        registration_api: registration_api.filter(|_| config.oauth.dynamic_registration),
    }
}

/// Without a mail server, mail goes into files.
fn mail_transport(config: &Config) -> mail::Transport {
    match &config.mail {
        None => mail::Transport::Files(config.data_dir.join("mail")),
        Some(Mail { server, from }) => {
            let protection = match server.security {
                SmtpSecurity::StartTls => mail::Protection::StartTls,
                SmtpSecurity::Tls => mail::Protection::Tls,
                SmtpSecurity::Loopback => mail::Protection::Loopback,
            };
            let (host, port, login) = (server.host.clone(), server.port, server.login.clone());
            mail::Transport::Smtp(mail::Server { protection, host, port, login }, from.clone())
        }
    }
}

/// Write-behind buffers, flushed by the writer in one transaction.
struct WriteBehind {
    usage: policy::UsageDrain,
    throttle: ThrottleDrain,
    activity: activity::Appender,
}

impl Drain for WriteBehind {
    fn pending(&self) -> bool {
        self.usage.pending() || self.throttle.pending() || self.activity.pending()
    }

    fn append(&mut self, tx: &mut Tx<'_>, last: bool) -> Result<(), DbError> {
        self.usage.append(tx, last)?;
        self.throttle.append(tx, last)?;
        self.activity.append(tx, last)
    }
}
