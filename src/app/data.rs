//! The data directory: its permissions, its lock, its master key and its database file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Env, Failure};
use crate::config::Config;
use crate::platform::vault;
use crate::platform::vault::Vault;
use crate::store::{Error as DbError, migrate};

/// Maximum length of the path of a unix socket on Linux, with its closing NUL.
const SOCKET_PATH_BYTES: usize = 108;

/// An open data directory.
pub(super) struct Data {
    pub(super) database: PathBuf,
    pub(super) master_key: Zeroizing<String>,
    pub(super) lock: File,
}

/// Opens the directory of `config`; creates it if it is missing.
pub(super) fn open(config: &Config, env: &Env) -> Result<Data, Failure> {
    let path = &config.data_dir;
    make_directory(path)?;
    let socket = config.control_socket_path();
    if socket.as_os_str().len() >= SOCKET_PATH_BYTES {
        return Err(Failure(format!(
            "the path {} is {} bytes long and a socket's may have {} at most: choose a shorter --data",
            socket.display(),
            socket.as_os_str().len(),
            SOCKET_PATH_BYTES - 1
        )));
    }
    let lock = lock(path, &config.lock_path())?;
    let database = config.database_path();
    let master_key = master_key(&config.master_key_path(), database.exists(), env)?;
    let data = Data { database, master_key, lock };
    writable(&data.database).map_err(|error| data.explain(&DbError::Full(error.to_string())))?;
    match migrate::prepare(&data.database).map_err(|error| data.explain(&error))? {
        migrate::Outcome::Upgraded { from, backup } => {
            tracing::info!(from, to = migrate::VERSION, backup = %backup.display(), "database upgraded");
        }
        migrate::Outcome::Created | migrate::Outcome::Current => {}
    }
    Ok(data)
}

impl Data {
    /// The error of the database; errors of the store state their remedies.
    pub(super) fn explain(&self, error: &impl std::fmt::Display) -> Failure {
        Failure(format!("{} cannot be used: {error}", self.database.display()))
    }
}

/// The vault under a master key.
pub(super) fn vault(master_key: &str) -> Result<Vault, Failure> {
    Vault::open(master_key).map_err(|error| Failure(format!("master.key cannot be used: {error}")))
}

fn make_directory(path: &Path) -> Result<(), Failure> {
    let fail = |error: std::io::Error| {
        Failure(format!(
            "the data directory {} cannot be used: {error}; choose another with --data",
            path.display()
        ))
    };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fail)
}

/// SQLite opens a read-only file without an error, and leaves its other files beside it.
fn writable(database: &Path) -> std::io::Result<()> {
    match OpenOptions::new().write(true).open(database) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn lock(directory: &Path, name: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(name)
        .map_err(|error| Failure(format!("{} cannot be opened: {error}", name.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure(format!(
            "{} is in use by another keywright: stop that one first, or choose another --data",
            directory.display()
        ))),
        Err(TryLockError::Error(error)) => {
            Err(Failure(format!("{} cannot be locked: {error}", name.display())))
        }
    }
}

/// Reads `master.key`; creates one only together with a new database. A lost key is never replaced: the values sealed
/// under it would be lost without a message.
fn master_key(name: &Path, has_database: bool, env: &Env) -> Result<Zeroizing<String>, Failure> {
    match fs::read_to_string(name) {
        Ok(text) => Ok(Zeroizing::new(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !has_database => {
            let text = vault::generate(&*env.rng);
            write_new(name, &text)
                .map_err(|error| Failure(format!("{} cannot be written: {error}", name.display())))?;
            Ok(text)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure(format!(
            "{} is missing, and keywright.db is sealed under it: restore your copy; a new key cannot \
             decrypt the data",
            name.display()
        ))),
        Err(error) => Err(Failure(format!("{} cannot be read: {error}", name.display()))),
    }
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
