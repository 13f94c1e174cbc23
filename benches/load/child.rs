//! The servers under load: child processes that this program starts from itself.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A running server. It ends when this is dropped.
pub(crate) struct Child {
    process: std::process::Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) port: u16,
}

impl Child {
    /// Starts this program as a server of a kind, pinned to cores, and waits until it listens.
    pub(crate) fn start(kind: &str, path: &Path, cores: &str) -> Self {
        Self::of(&std::env::current_exe().expect("this program has a path"), kind, path, cores)
    }

    /// The same with another build of this program.
    pub(crate) fn of(program: &Path, kind: &str, path: &Path, cores: &str) -> Self {
        let mut process = Command::new("taskset")
            .args(["-c", cores])
            .arg(program)
            .args(["serve", kind])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("taskset (util-linux) starts the server");
        let orders = process.stdin.take().expect("it was piped");
        let answers = BufReader::new(process.stdout.take().expect("it was piped"));
        let mut child = Self { process, orders, answers, port: 0 };
        child.port = child.answer().parse().expect("the server tells its port");
        child
    }

    /// Sends an order and waits for the response.
    pub(crate) fn tell(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").expect("the server listens to orders");
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the server answers");
        assert!(!line.is_empty(), "the server has ended");
        line.trim().to_owned()
    }

    /// Pins it to other cores.
    pub(crate) fn pin(&self, cores: &str) {
        pin(self.process.id(), cores);
    }

    /// CPU time of all its threads.
    pub(crate) fn cpu_time(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("it runs");
        let nanos = tasks.flatten().filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Memory that it holds, in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        resident_mib(self.process.id())
    }
}

/// Memory that a process holds, in MiB.
pub(crate) fn resident_mib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(f64::NAN) / 1024.0
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Pins a process to cores.
pub(crate) fn pin(process: u32, cores: &str) {
    let status = Command::new("taskset")
        .args(["-a", "-p", "-c", cores, &process.to_string()])
        .stdout(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "taskset (util-linux) binds processes to cores");
}
