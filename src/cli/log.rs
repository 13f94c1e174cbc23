//! Destination of log lines: stderr, so that stdout has only the output of the command.

use std::io;

use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterExt as _, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::repeats::Repeats;
use crate::model::setting::{LogFormat, LogLevel};

/// For a command: errors only.
pub(super) fn start_quiet() {
    let _ = start(LogFormat::Text, LogLevel::Error);
}

/// For the server. Spawn [`Repeats::report`] of the returned value.
pub(super) fn start(format: LogFormat, level: LogLevel) -> Repeats {
    let level = match level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    };
    let ours = Targets::new().with_default(Level::WARN.min(level)).with_target("keywright", level);
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match format {
        LogFormat::Text => {
            lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).with_target(false).boxed()
        }
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    // A second start within one process keeps the first subscriber.
    let repeats = Repeats::default();
    let _ = tracing_subscriber::registry().with(lines.with_filter(ours.and(repeats.clone()))).try_init();
    repeats
}
