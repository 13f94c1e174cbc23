//! Real nginx and real Caddy, each with only the file that `keywright proxy-config` prints.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::programs::{printed, run, signal};
use crate::world::World;

/// How often a proxy is polled until it answers or has exited, [`PAUSE`] apart.
const LOOKS: u32 = 1_000;
const PAUSE: Duration = Duration::from_millis(20);
/// How many ports are tried: another process may take a free port before the proxy does.
pub const PORTS: u32 = 5;

/// A proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Nginx,
    Caddy,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Nginx, Self::Caddy];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "Caddy",
        }
    }

    /// Name of its recipe.
    const fn recipe(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
        }
    }

    fn command(self, folder: &Path, file: &Path) -> Command {
        match self {
            Self::Nginx => {
                let mut command = Command::new("nginx");
                // In the foreground, so that the test can stop it.
                command.args(["-g", "daemon off;"]).arg("-p").arg(folder).arg("-c").arg(file);
                command
            }
            Self::Caddy => {
                let mut command = Command::new("caddy");
                command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
                command
            }
        }
    }
}

/// A running proxy; dropping it stops it.
pub struct Proxy {
    pub kind: Kind,
    pub address: SocketAddr,
    child: Child,
    folder: tempfile::TempDir,
}

impl Proxy {
    /// Starts one in front of the instance's service, and returns when it answers. It asks the instance's Keywright, or
    /// the server at `keywright`.
    pub async fn start(kind: Kind, world: &World, keywright: Option<&str>) -> Self {
        for _ in 0..PORTS {
            if let Some(proxy) = Self::run(kind, world, free_port(), keywright).await {
                return proxy;
            }
        }
        panic!("{} finds no free port", kind.name());
    }

    /// The same on this address; none if the address is in use.
    pub async fn run(
        kind: Kind,
        world: &World,
        address: SocketAddr,
        keywright: Option<&str>,
    ) -> Option<Self> {
        let recipe = recipe(kind, world, address, keywright).await;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("proxy.conf");
        std::fs::write(&file, recipe).expect("written");
        let log = File::create(folder.path().join("said")).expect("a log");
        let mut command = kind.command(folder.path(), &file);
        command.current_dir(folder.path()).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a file")).stderr(log);
        // Debian's path of servers, which is not in every `PATH`.
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
        command.env("PATH", path).env("HOME", folder.path()).env("XDG_CONFIG_HOME", folder.path());
        command.env("XDG_DATA_HOME", folder.path());
        let child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", kind.name()));
        let mut proxy = Self { kind, address, child, folder };
        for _ in 0..LOOKS {
            if proxy.child.try_wait().expect("a child").is_some() {
                let said = proxy.said();
                assert!(said.to_lowercase().contains("address already in use"), "{}: {said}", kind.name());
                return None;
            }
            if TcpStream::connect(address).await.is_ok() {
                return Some(proxy);
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("{} does not answer: {}", kind.name(), proxy.said());
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    /// Whether its output contains this text.
    pub fn wrote(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.folder.path()).expect("its folder").flatten();
        let texts = files.filter_map(|file| std::fs::read(file.path()).ok());
        texts.into_iter().any(|bytes| String::from_utf8_lossy(&bytes).contains(text))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // A proxy that is asked to stop ends its workers too; a killed one does not.
        if !signal("TERM", self.child.id()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Output of the command line for this instance.
async fn recipe(kind: Kind, world: &World, listen: SocketAddr, keywright: Option<&str>) -> String {
    let mut command = world.app.command(["proxy-config", kind.recipe(), "--api", &world.document.api]);
    command.arg("--upstream").arg(format!("http://{}", world.upstream.address));
    command.arg("--listen").arg(listen.to_string());
    command.args(keywright.into_iter().flat_map(|url| ["--keywright", url]));
    printed(&run(command).await)
}

/// A free address.
pub fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}
