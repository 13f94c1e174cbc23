//! How a command ends when it does not end well: one sentence on stderr that says what to do, and an exit code.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Map, Value};

use crate::config::Mistakes;

/// It was understood and did not work.
pub(super) const FAILED: u8 = 1;
/// It was asked for wrongly: arguments or configuration.
pub(super) const USAGE: u8 = 2;

/// Why a command ends early.
#[derive(Debug)]
pub(super) enum Failure {
    /// With a message and an exit code.
    Told { message: String, code: u8 },
    /// Whoever read the output has gone: nobody is left to tell, and nothing is wrong.
    NobodyReads,
}

impl Failure {
    /// It did not work; `message` says why and what to do.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self::Told { message: message.into(), code: FAILED }
    }

    /// It was asked for wrongly.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Told { message: message.into(), code: USAGE }
    }

    /// What the server answered instead of doing it.
    pub(super) fn answered(status: u16, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = &body["error"];
        let Some(text) = error["message"].as_str() else {
            return Self::new(format!("The server answered {status} and did not say why; its log will."));
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

    /// Says it on stderr.
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::NobodyReads => ExitCode::SUCCESS,
            Self::Told { message, code } => {
                // If stderr is closed too, the exit code alone has to do.
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
            Self::Told { message, .. } => f.write_str(message),
            Self::NobodyReads => f.write_str("nobody reads the output"),
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
            io::ErrorKind::BrokenPipe => Self::NobodyReads,
            _ => Self::new(format!("Cannot write the output: {error}.")),
        }
    }
}
