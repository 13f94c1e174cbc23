//! `keywright serve`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use clap::Args;
use ipnet::IpNet;
use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use super::output::Style;
use super::settings::SettingFlags;
use super::{CommandResult, Context, demo, log};
use crate::app::{self, Env, Listen, Running};
use crate::config::{Config, Loaded};
use crate::domain::identity::users::account;
use crate::model::Secret;
use crate::model::setting::LogFormat;

/// Run the server.
#[derive(Args)]
pub(super) struct Serve {
    /// Fill an empty data directory with four example APIs, people and keys
    #[arg(long)]
    demo: bool,
    /// Report every mistake in the configuration and exit
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    settings: SettingFlags,
}

impl Serve {
    pub(super) async fn run(self, context: &mut Context) -> CommandResult {
        let Loaded { mut config, warnings } = context.load(self.settings.0)?;
        if self.demo {
            trust_this_machine(&mut config);
        }
        if self.check {
            warnings.iter().try_for_each(|warning| context.out.line(format!("Warning: {warning}.")))?;
            return context.out.line("The configuration is valid.");
        }
        let repeats = log::start(config.log_format, config.log_level);
        tokio::spawn(repeats.report());
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        // Installed first, so that a signal during a slow start is handled.
        let mut asked = Signals::listen()?;
        let running = app::start(&config, Env::default(), Listen::Tcp).await?;
        let greeted = greet(self.demo, context, &config, &running).await;
        if greeted.is_ok() {
            asked.serve_until_stop(&running).await;
            tracing::info!("stopping");
        }
        tokio::select! {
            () = running.stop() => {}
            // A second signal: do not wait for requests in flight. Answered changes are on disk.
            () = asked.wait() => {}
        }
        greeted
    }
}

/// The example APIs have routes; the demo trusts loopback so that a curl command can act as the proxy.
fn trust_this_machine(config: &mut Config) {
    let proxies = &mut config.http.trusted_proxies;
    if proxies.is_empty() {
        let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        proxies.extend(loopback.map(IpNet::from));
    }
}

/// SIGTERM and SIGHUP from the service manager, SIGINT from the keyboard.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|error| Failure::new(format!("Cannot wait for signals: {error}.")));
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Returns when a signal to stop arrives; SIGHUP reloads the certificate files.
    async fn serve_until_stop(&mut self, running: &Running) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => running.reload(),
            }
        }
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Prints the address and the first step.
async fn greet(demo: bool, context: &mut Context, config: &Config, running: &Running) -> CommandResult {
    let url = &running.services.settings.public_url;
    let address = running.address.map(|address| address.to_string()).unwrap_or_default();
    tracing::info!(address, %url, data = %config.data_dir.display(), version = env!("CARGO_PKG_VERSION"), "serving");
    if demo {
        demo::fill(context, config, running).await?;
    } else if config.log_format == LogFormat::Text {
        let heading = context.out.style(Style::Strong, "Keywright");
        context.out.line(format!("{heading} serves {url}"))?;
    }
    if let Some(link) = setup_link(running).await? {
        context.out.line("There is no owner yet. Create one within an hour:")?;
        context.out.line(format!("\n  {}\n", context.out.style(Style::Strong, link.expose())))?;
    }
    context.out.flush()
}

/// The setup link, while there is no owner.
async fn setup_link(running: &Running) -> Result<Option<Secret>, Failure> {
    let services = &running.services;
    let link = account::setup_link(services, services.now()).await;
    link.map_err(|error| Failure::new(format!("The setup link cannot be created: {error:?}")))
}
