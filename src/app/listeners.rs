//! The listeners: addresses, connection limits and the TLS certificate.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use super::Failure;
use crate::config::Tls;
use crate::http::server;

/// Connections of a control listener: `control.sock`, metrics.
const CONTROL_CONNECTIONS: usize = 64;
/// File descriptors reserved for the database, listeners and control connections.
const RESERVED: u64 = 64 + 2 * CONTROL_CONNECTIONS as u64;
/// The smallest connection limit that the configuration allows.
const FEWEST: u64 = 16;
/// Interval of the check for a renewed certificate.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A bound TCP socket.
pub(super) struct Bound {
    pub(super) listener: server::Listener,
    /// The actual port, even if 0 was requested.
    pub(super) address: SocketAddr,
}

/// `flag` is named in the message when the address is in use.
pub(super) async fn tcp(
    flag: &str,
    listen: SocketAddr,
    identity: Option<&Arc<server::Identity>>,
) -> Result<Bound, Failure> {
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Failure(format!("cannot listen on {listen}: {error}; choose another address with {flag}"))
    })?;
    let address = listener.local_addr().map_err(|error| Failure(error.to_string()))?;
    let tls = identity.map(server::tls_config).transpose().map_err(Failure)?;
    Ok(Bound { listener: server::Listener::Tcp { listener, tls }, address })
}

/// Binds `control.sock` and returns it with the id of its owner. The caller holds the lock of the data directory, so a
/// socket from an earlier run has no listener and may be removed.
pub(super) fn control(path: &Path) -> Result<(server::Listener, u32), Failure> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let fail = |error: std::io::Error| Failure(format!("cannot listen on {}: {error}", path.display()));
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(fail(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(fail)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
    let uid = std::fs::metadata(path).map_err(fail)?.uid();
    Ok((server::Listener::Unix(listener), uid))
}

/// One address may have a quarter of all connections, and at least this many.
const SHARE_OF_ADDRESS: usize = 4;
const FEWEST_OF_ADDRESS: usize = 16;

/// Limits for control and metrics listeners.
pub(super) fn control_limits() -> server::Options {
    server::Options { max_connections: CONTROL_CONNECTIONS, ..server::Options::default() }
}

/// Limits for the public listener. Each connection is a file descriptor, and the store must never be without one: the
/// limit of this process is raised as far as possible, and max_connections is lowered where that is not enough.
pub(super) fn public_limits(wanted: usize, proxies: &[IpNet]) -> Result<server::Options, Failure> {
    let needed = wanted as u64 + RESERVED;
    let limit = getrlimit(Resource::Nofile);
    let mut files = limit.current.unwrap_or(u64::MAX);
    if files < needed {
        let raised = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
        if setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).is_ok() {
            files = raised;
        }
    }
    let capacity = files.saturating_sub(RESERVED);
    if capacity < FEWEST {
        return Err(Failure(format!(
            "this process may open {files} files and needs {} at least: raise the limit with ulimit -n, or LimitNOFILE \
             in the service unit",
            RESERVED + FEWEST
        )));
    }
    let max_connections = usize::try_from(capacity).map_or(wanted, |capacity| capacity.min(wanted));
    if max_connections < wanted {
        tracing::warn!(
            wanted,
            max_connections,
            files,
            "max_connections is lowered: each connection is an open file, and this process may have no more"
        );
    }
    let max_per_address = max_connections.div_ceil(SHARE_OF_ADDRESS).max(FEWEST_OF_ADDRESS);
    let proxies = proxies.into();
    Ok(server::Options { max_connections, max_per_address, proxies, ..server::Options::default() })
}

/// The certificate and its key, as the files hold them.
pub(super) fn identity(files: &Tls) -> Result<Arc<server::Identity>, Failure> {
    server::Identity::read(&files.cert, &files.key).map(Arc::new).map_err(Failure)
}

/// Checks the files of the certificate at intervals, so that a renewed one is used without a restart.
pub(super) async fn follow(identity: Arc<server::Identity>, mut stop: watch::Receiver<bool>) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            _ = look.tick() => reload(&identity),
        }
    }
}

/// Reads the files of the certificate if they have changed. An unusable certificate leaves the previous one in use.
pub(super) fn reload(identity: &server::Identity) {
    match identity.refresh() {
        Ok(false) => {}
        Ok(true) => tracing::info!("the TLS certificate was reloaded"),
        Err(error) => tracing::error!(error, "the previous TLS certificate stays in use"),
    }
}
