//! The real program in a process of its own.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::Client;

/// The program; cargo builds it with the tests.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_keywright");

/// The program with a data directory of its own.
pub struct Program {
    directory: TempDir,
    data: PathBuf,
    variables: Vec<(String, String)>,
}

/// Result of a run of the program.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Program {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        Self { directory, data, variables: Vec::new() }
    }

    /// The program with a data directory that stays when this value is dropped.
    pub fn at(data: &Path) -> Self {
        Self { data: data.to_owned(), ..Self::new() }
    }

    /// Creates a directory with an owner; returns its management key.
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

    /// Sets a variable of its environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// The command with this data directory and without the tester's environment.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(PROGRAM);
        self.surround(command.args(arguments));
        command
    }

    fn surround(&self, command: &mut Command) {
        command.env_clear().current_dir(self.directory.path()).env("KEYWRIGHT_DATA", &self.data);
        // An RS256 key takes a second to generate, and no test of the program needs one.
        command.env("KEYWRIGHT_SIGNING_ALG", "ES256");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
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
        // A program that does not read its input is not an error here.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }

    /// Serves on a free port, and returns when it answers.
    pub fn serve<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Server {
        let mut command = self.command(["serve", "--listen", "127.0.0.1:0"]);
        Server::start(command.args(arguments), &self.data)
    }

    /// The same, after shell commands that set up the process, such as limits.
    pub fn serve_after(&self, setup: &str) -> Server {
        Server::start(&mut self.shell(setup), &self.data)
    }

    /// Starts the server, which must fail; returns its error output.
    #[track_caller]
    pub fn refuses_to_serve(&self) -> String {
        self.refuses_to_serve_after("")
    }

    /// The same, after shell commands that set up the process.
    #[track_caller]
    pub fn refuses_to_serve_after(&self, setup: &str) -> String {
        Ended::from(self.shell(setup).output().unwrap()).refused(1).to_owned()
    }

    fn shell(&self, setup: &str) -> Command {
        let script = format!("{setup}\nexec $UNDER \"$0\" serve --listen 127.0.0.1:0");
        let mut command = Command::new("/bin/sh");
        self.surround(command.args(["-c", &script, PROGRAM]));
        command
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ended {
    /// Its output; asserts success and an empty stderr.
    #[track_caller]
    pub fn good(&self) -> &str {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        &self.stdout
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(self.good()).unwrap()
    }

    /// Its stderr; asserts the exit code and an empty stdout.
    #[track_caller]
    pub fn refused(&self, code: i32) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        assert!(self.stderr.starts_with("keywright: "), "{}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        &self.stderr
    }
}

/// A server in a process of its own; dropping it kills the process.
pub struct Server {
    child: Child,
    data: PathBuf,
    pub url: String,
    log: Arc<Log>,
}

/// The stderr of a server so far; the flag is set at its end.
#[derive(Default)]
struct Log {
    text: Mutex<(String, bool)>,
    more: Condvar,
}

impl Log {
    /// Reads to the end on a thread of its own, so that the pipe is never full.
    fn follow(stderr: impl std::io::Read + Send + 'static) -> Arc<Self> {
        let log = Arc::new(Self::default());
        let writer = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                writer.add(|text| text.0.extend([line.as_str(), "\n"]));
            }
            writer.add(|text| text.1 = true);
        });
        log
    }

    fn add(&self, change: impl FnOnce(&mut (String, bool))) {
        change(&mut self.text.lock().unwrap());
        self.more.notify_all();
    }

    /// The text, as soon as `enough` is true for it or it has ended.
    #[track_caller]
    fn wait(&self, enough: impl Fn(&str) -> bool) -> String {
        let text = self.text.lock().unwrap();
        let patience = Duration::from_secs(30);
        let (text, waited) =
            self.more.wait_timeout_while(text, patience, |text| !enough(&text.0) && !text.1).unwrap();
        let said = text.0.clone();
        drop(text);
        assert!(!waited.timed_out(), "{said}");
        said
    }
}

impl Server {
    fn start(command: &mut Command, data: &Path) -> Self {
        let mut child = command.spawn().unwrap();
        let log = Log::follow(child.stderr.take().unwrap());
        let said = log.wait(|text| text.contains(" serving "));
        let line = said.lines().find(|line| line.contains(" serving "));
        let line = line.unwrap_or_else(|| panic!("it did not serve: {said}"));
        let url = line.split("url=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        Self { child, data: data.to_owned(), url, log }
    }

    /// Returns when the server has written `words` to its log.
    #[track_caller]
    pub fn says(&self, words: &str) {
        let said = self.log.wait(|text| text.contains(words));
        assert!(said.contains(words), "{said}");
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn address(&self) -> SocketAddr {
        self.url.split_once("//").unwrap().1.parse().unwrap()
    }

    /// A caller without a credential.
    pub fn anonymous(&self) -> Client {
        Client::tcp(self.address())
    }

    /// The operator.
    pub fn operator(&self) -> Client {
        Client::unix(self.data.join("control.sock"))
    }

    /// Sends SIGTERM, as a service manager does, and returns the result.
    pub fn stop(self) -> Ended {
        self.signal("TERM");
        self.ended()
    }

    pub fn signal(&self, name: &str) {
        let arguments = ["-c", "kill -s $0 $1", name, &self.child.id().to_string()];
        let sent = Command::new("sh").args(arguments).status().unwrap();
        assert!(sent.success());
    }

    /// Kills it, like a power failure.
    pub fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        self.ended()
    }

    fn ended(mut self) -> Ended {
        let code = self.child.wait().unwrap().code();
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        Ended { code, stdout, stderr: self.log.wait(|_| false) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
