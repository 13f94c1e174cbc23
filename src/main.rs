//! The `keywright` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    keywright::cli::run(std::env::args_os(), std::env::vars_os())
}
