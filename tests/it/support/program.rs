//! The real program, as people run it.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The program with a data directory of its own.
pub struct Program {
    directory: TempDir,
    data: PathBuf,
}

/// How a run of the program ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Program {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        Self { directory, data }
    }

    /// A directory with an owner in it, and its management key.
    pub fn initialised() -> (Self, String) {
        let program = Self::new();
        let made = program.run_with_input(
            ["init", "--email", "owner@example.com", "--password-stdin", "--json"],
            "correct horse battery staple\n",
        );
        let key = made.json()["management_key"].as_str().unwrap().to_owned();
        (program, key)
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A directory beside the data.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The command with this data directory and nothing of the tester's environment.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keywright"));
        command
            .env_clear()
            .current_dir(self.directory.path())
            .env("KEYWRIGHT_DATA", &self.data)
            .args(arguments);
        // A key for RS256 takes a second to make, and no test of the program is about it.
        command.env("KEYWRIGHT_SIGNING_ALG", "ES256");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ended {
        self.command(arguments).output().unwrap().into()
    }

    pub fn run_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Ended {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // A program that does not read its input is no mistake of ours.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }

    /// Serves on a free port, and returns when it answers.
    pub fn serve<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Server {
        let mut command = self.command(["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.args(arguments).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = Vec::new();
        let serving = lines.by_ref().map_while(Result::ok).find(|line| {
            seen.push(line.clone());
            line.contains(" serving ")
        });
        let Some(line) = serving else { panic!("it did not serve: {seen:#?}") };
        let url = line.split("url=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        // Nobody may be left with a full pipe.
        let stderr = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
        Server { child, url, stderr: Some(stderr) }
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ended {
    /// What it printed, after making sure that it ended well and had nothing to complain about.
    #[track_caller]
    pub fn good(&self) -> &str {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        &self.stdout
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(self.good()).unwrap()
    }

    /// What it complained about, after making sure of the exit code and that it printed nothing else.
    #[track_caller]
    pub fn refused(&self, code: i32) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        assert!(self.stderr.starts_with("keywright: "), "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        &self.stderr
    }
}

/// A server in a process of its own; killed when this value goes.
pub struct Server {
    child: Child,
    pub url: String,
    stderr: Option<std::thread::JoinHandle<String>>,
}

impl Server {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop, as a service manager does, and tells how it ended.
    pub fn stop(mut self) -> Ended {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        let code = self.child.wait().unwrap().code();
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let stderr = self.stderr.take().unwrap().join().unwrap();
        Ended { code, stdout, stderr }
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
