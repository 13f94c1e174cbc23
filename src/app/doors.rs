//! The listeners: where they are, how many connections they hold, and the certificate that they show.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

use super::Failure;
use crate::config::Tls;
use crate::http::server;

/// Connections of a door for few: `control.sock`, metrics.
const FEW: usize = 64;
/// Files that are no connections of strangers: those of the store, the listeners, the doors for few.
const RESERVED: u64 = 64 + 2 * FEW as u64;
/// The smallest cap that the configuration allows.
const FEWEST: u64 = 16;
/// How often the certificate's files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A bound TCP socket.
pub(super) struct Door {
    pub(super) listener: server::Listener,
    /// The port is the real one even if 0 was asked for.
    pub(super) address: SocketAddr,
}

/// `flag` is what the message names when the address is taken.
pub(super) async fn tcp(
    flag: &str,
    listen: SocketAddr,
    identity: Option<&Arc<server::Identity>>,
) -> Result<Door, Failure> {
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        Failure(format!("cannot listen on {listen}: {error}; choose another address with {flag}"))
    })?;
    let address = listener.local_addr().map_err(|error| Failure(error.to_string()))?;
    let tls = identity.map(server::tls_config).transpose().map_err(Failure)?;
    Ok(Door { listener: server::Listener::Tcp { listener, tls }, address })
}

/// Only under the lock may an old socket be taken away: nobody can be listening on it. The new one belongs to the
/// user that this process runs as, whose number comes with it.
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

/// Bounds of a door that few go through.
pub(super) fn few() -> server::Options {
    server::Options { max_connections: FEW, ..server::Options::default() }
}

/// Bounds of the door for everybody. Each connection is a file, and the store must never be without one: the limit of
/// this process is raised as far as it goes, and fewer connections are held where that is not enough.
pub(super) fn many(wanted: usize) -> Result<server::Options, Failure> {
    let needed = wanted as u64 + RESERVED;
    let limit = getrlimit(Resource::Nofile);
    let mut files = limit.current.unwrap_or(u64::MAX);
    if files < needed {
        let raised = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
        if setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).is_ok() {
            files = raised;
        }
    }
    let room = files.saturating_sub(RESERVED);
    if room < FEWEST {
        return Err(Failure(format!(
            "this process may open {files} files and needs {} at least: raise the limit with ulimit -n, or LimitNOFILE \
             in the service unit",
            RESERVED + FEWEST
        )));
    }
    let max_connections = usize::try_from(room).map_or(wanted, |room| room.min(wanted));
    if max_connections < wanted {
        tracing::warn!(
            wanted,
            max_connections,
            files,
            "max_connections is lowered: each connection is an open file, and this process may have no more"
        );
    }
    Ok(server::Options { max_connections, ..server::Options::default() })
}

/// The certificate and its key, as the files hold them.
pub(super) fn identity(files: &Tls) -> Result<Arc<server::Identity>, Failure> {
    server::Identity::read(&files.cert, &files.key).map(Arc::new).map_err(Failure)
}

/// Looks at the certificate's files now and then, so that a renewed one is shown without a restart.
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

/// Reads the certificate's files if they have changed. One that cannot be used leaves the former one in use.
pub(super) fn reload(identity: &server::Identity) {
    match identity.refresh() {
        Ok(false) => {}
        Ok(true) => tracing::info!("the TLS certificate was read anew"),
        Err(error) => tracing::error!(error, "the former TLS certificate stays in use"),
    }
}
