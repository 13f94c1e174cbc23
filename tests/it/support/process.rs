//! The real program in a process of its own, for what only a process can suffer.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::Client;

/// The built program.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_keywright");

/// A `keywright serve` that is killed when it is dropped.
pub struct Process {
    child: Child,
    data: PathBuf,
    address: SocketAddr,
}

impl Process {
    /// Serves `data` on a free port and returns when it answers.
    pub fn serve(data: &Path) -> Self {
        Self::shell(data, "")
    }

    /// The same, after shell commands that set up the process: limits and the like.
    pub fn shell(data: &Path, before: &str) -> Self {
        let script = format!("{before}\nexec \"$0\" serve --data \"$1\" --listen 127.0.0.1:0");
        let mut child = Command::new("sh")
            .args(["-c", &script, PROGRAM])
            .arg(data)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let url = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("serves http://")?.1.trim().to_owned()))
            .expect("it says where it is");
        let address = url.parse().expect("an address");
        Self { child, data: data.to_owned(), address }
    }

    /// Somebody without a credential.
    pub fn anonymous(&self) -> Client {
        Client::tcp(self.address)
    }

    /// Whoever has the data directory.
    pub fn operator(&self) -> Client {
        Client::unix(self.data.join("control.sock"))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().expect("it ran");
        self.child.wait().expect("it has ended");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
