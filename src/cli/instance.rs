//! The server for a command: the one that has the data directory open, or one in this process.

use std::fs::File;
use std::future::Future;
use std::io::ErrorKind;
use std::time::Duration;

use tokio::net::UnixStream;

use super::failure::Failure;
use super::{CommandResult, Context};
use crate::app::{self, Env, Listen, Running};
use crate::config::Config;

/// Number and interval of attempts to find a server that is starting or stopping.
const TRIES: usize = 40;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

impl From<app::Failure> for Failure {
    fn from(failure: app::Failure) -> Self {
        Self::new(failure.to_string())
    }
}

/// Runs an asynchronous command.
pub(super) fn block_on(command: impl Future<Output = CommandResult>) -> CommandResult {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("Cannot start threads: {error}.")))?
        .block_on(command)
}

/// A connection to the server, and the server itself if it is in this process.
pub(super) async fn connect(context: &Context) -> Result<(UnixStream, Option<Running>), Failure> {
    let config = context.load(Vec::new())?.config;
    if !config.database_path().exists() {
        return Err(Failure::new(format!(
            "There is no Keywright in {}: create one with `keywright init`, or name another directory with --data.",
            config.data_dir.display()
        )));
    }
    super::log::start_quiet();
    let socket = config.control_socket_path();
    for _ in 0..TRIES {
        match UnixStream::connect(&socket).await {
            Ok(stream) => return Ok((stream, None)),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(Failure::new(format!(
                    "You may not open {}: run this as the user that the server runs as.",
                    socket.display()
                )));
            }
            Err(_) if !is_locked(&config) => break,
            // A server is starting or stopping, or another command is running.
            Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
        }
    }
    let running = app::start(&config, Env::default(), Listen::ControlOnly).await?;
    let stream = UnixStream::connect(&running.control).await;
    let stream =
        stream.map_err(|error| Failure::new(format!("Cannot open {}: {error}.", socket.display())))?;
    Ok((stream, Some(running)))
}

fn is_locked(config: &Config) -> bool {
    let lock = File::options().write(true).open(config.lock_path());
    lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
}
