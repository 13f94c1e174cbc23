//! Failure of a command: one sentence on stderr with the remedy, and an exit code.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Map, Value};

use crate::config::Mistakes;

/// Exit code of a failed command.
pub(super) const FAILED: u8 = 1;
/// Exit code of wrong arguments or configuration.
pub(super) const USAGE: u8 = 2;

/// The error of a command.
#[derive(Debug)]
pub(super) enum Failure {
    /// A message and an exit code.
    Message { message: String, code: u8 },
    /// The reader of the output closed it, as `head` does; not an error.
    OutputClosed,
}

impl Failure {
    /// A failure; `message` says why and what to do.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self::Message { message: message.into(), code: FAILED }
    }

    /// A usage error.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Message { message: message.into(), code: USAGE }
    }

    /// The error of a refused request.
    pub(super) fn answered(status: u16, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = &body["error"];
        let Some(text) = error["message"].as_str() else {
            return Self::new(format!("The server answered {status} without a reason; see its log."));
        };
        let mut message = text.to_owned();
        if let Some(details) = error["details"].as_object() {
            append_details(&mut message, details);
        }
        if status >= 500 {
            let id = error["request_id"].as_str().unwrap_or("?");
            message.push_str(&format!("\n  request {id}"));
        }
        Self::new(message)
    }

    /// Prints the message on stderr.
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::OutputClosed => ExitCode::SUCCESS,
            Self::Message { message, code } => {
                // If stderr is closed too, only the exit code remains.
                let _ = writeln!(io::stderr(), "keywright: {}", super::output::printable(&message));
                ExitCode::from(code)
            }
        }
    }
}

fn append_details(message: &mut String, details: &Map<String, Value>) {
    for (name, value) in details {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        message.push_str(&format!("\n  {name}: {value}"));
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message { message, .. } => f.write_str(message),
            Self::OutputClosed => f.write_str("the output is closed"),
        }
    }
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        let count = match mistakes.0.len() {
            1 => "There is a mistake".to_owned(),
            many => format!("There are {many} mistakes"),
        };
        let lines: String = mistakes.0.iter().map(|mistake| format!("\n  {mistake}")).collect();
        Self::usage(format!("{count} in the configuration:{lines}"))
    }
}

/// An error while writing to stdout.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::new(format!("Cannot write the output: {error}.")),
        }
    }
}
