//! The programs that run the examples: `sh` with curl, Node.js, and Python with requests.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::support::libraries;

/// Time limit of an example.
const LONGEST: Duration = Duration::from_secs(60);

/// Response to an example.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// Runs a program to its end without blocking other tasks.
pub async fn run(mut command: Command) -> Output {
    let name = format!("{command:?}");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
    let id = child.id();
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    match tokio::time::timeout(LONGEST, ended).await {
        Ok(output) => output.expect("no panic").expect("its output"),
        Err(_) => {
            let _ = signal("KILL", id);
            panic!("{name} does not end");
        }
    }
}

/// Sends a signal to a child process; false if it has exited.
pub fn signal(name: &str, id: u32) -> bool {
    let mut shell = Command::new("sh");
    shell.args(["-c", "kill -s $0 $1", name, &id.to_string()]).stderr(Stdio::null());
    shell.status().is_ok_and(|status| status.success())
}

/// Output of a program that succeeded.
#[track_caller]
pub fn printed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// A folder in which examples run, with their tools.
pub struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Keeps a documented curl command unchanged, and still reports the status.
        let curl = "silent\nshow-error\nnoproxy = \"*\"\nwrite-out = \"\\n%{http_code}\\n\"\n";
        std::fs::write(folder.path().join(".curlrc"), curl).expect("written");
        Self { folder }
    }

    /// Runs a script of `sh` with these variables and without the tester's environment.
    pub async fn shell(&self, script: &str, variables: &[(&str, &str)]) -> Output {
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.folder.path()).env("CURL_HOME", self.folder.path());
        command.envs(variables.iter().copied());
        run(command).await
    }

    /// Runs JavaScript as a module, after shell commands that set its variables.
    pub async fn node(&self, exports: &str, code: &str) -> Output {
        std::fs::write(self.folder.path().join("example.mjs"), code).expect("written");
        self.shell(&format!("{exports}\nexec node example.mjs"), &[]).await
    }

    /// Runs Python, after shell commands that set its variables.
    pub async fn python(&self, exports: &str, code: &str) -> Output {
        std::fs::write(self.folder.path().join("example.py"), code).expect("written");
        let python = libraries::python().await;
        self.shell(&format!("{exports}\nexec '{}' example.py", python.display()), &[]).await
    }
}

/// Body and status, from the last lines of an example's output.
#[track_caller]
pub fn answer(output: &Output) -> Answer {
    let text = printed(output);
    let (body, status) = text.trim_end().rsplit_once('\n').unwrap_or(("", text.trim_end()));
    let status = status.parse().unwrap_or_else(|_| panic!("no status: {text}"));
    Answer { status, body: body.to_owned() }
}
