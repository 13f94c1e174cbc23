//! `keywright init`: a new data directory with its owner and one management key.

use std::io::Read as _;
use std::path::Path;

use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use super::failure::Failure;
use super::output::{Style, cell, printable};
use super::{CommandResult, Context, log};
use crate::app::{self, Env, Listen};
use crate::domain::setup;
use crate::model::Secret;

/// Longer than any password.
const MAX_INPUT_BYTES: u64 = 64 << 10;

/// Create a data directory with an owner and one management key.
#[derive(Args)]
pub(super) struct Init {
    /// The owner's email address
    #[arg(long)]
    email: String,
    /// Read the owner's password from standard input: 8 to 256 characters
    #[arg(long, required = true)]
    password_stdin: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Init {
    pub(super) async fn run(self, context: &mut Context) -> CommandResult {
        let config = context.load(Vec::new())?.config;
        refuse_used(&config.data_dir)?;
        let password = read_password()?;
        setup::check(&self.email, &password).map_err(|error| Failure::usage(reasons(&error)))?;
        log::start_quiet();
        let running = app::start(&config, Env::default(), Listen::ControlOnly).await?;
        let made = setup::initialise(&running.services, &self.email, password).await;
        running.stop().await;
        let made = made.map_err(|error| Failure::new(reasons(&error)))?;
        if self.json {
            return context.out.json(&json!({
                "owner_id": made.owner_id.to_string(),
                "management_key": made.management_key.expose(),
            }));
        }
        let out = &mut context.out;
        let key = out.style(Style::Strong, made.management_key.expose());
        out.line(format!("{} is ready.", config.data_dir.display()))?;
        out.line("")?;
        out.line(format!("  Owner           {} ({})", printable(&self.email), made.owner_id))?;
        out.line(format!("  Management key  {key}"))?;
        out.line("")?;
        out.line("Store the key now: it is shown once and has every permission.")?;
        out.line(format!(
            "Copy {} to a safe place: backups are of no use without it.",
            config.master_key_path().display()
        ))?;
        out.line(format!("Start with: keywright serve --data {}", config.data_dir.display()))
    }
}

/// Only a directory that is empty, or has only its configuration, is initialised.
fn refuse_used(path: &Path) -> Result<(), Failure> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::new(format!("Cannot use {}: {error}.", path.display()))),
    };
    let used = entries.flatten().any(|entry| entry.file_name() != "keywright.toml");
    if used {
        return Err(Failure::new(format!(
            "{} is not empty: name a new directory with --data, or start what is there with `keywright serve`.",
            path.display()
        )));
    }
    Ok(())
}

/// The first line of standard input.
fn read_password() -> Result<Secret, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = std::io::stdin().take(MAX_INPUT_BYTES).read_to_string(&mut text);
    read.map_err(|error| Failure::usage(format!("Cannot read the password from standard input: {error}.")))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

/// Problems by field, as text.
fn reasons(error: &crate::error::Error) -> String {
    let reasons = error.details.iter().map(|(field, reason)| format!("{field}: {}", cell(reason)));
    match reasons.collect::<Vec<_>>().join("\n  ") {
        none if none.is_empty() => error.cause().map_or_else(|| error.to_string(), str::to_owned),
        reasons => reasons,
    }
}
